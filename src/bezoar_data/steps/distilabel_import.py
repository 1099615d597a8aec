"""Importing distilabel without what its import does to the process."""

from __future__ import annotations

import sys
import warnings

from pydantic.warnings import UnsupportedFieldAttributeWarning


def import_distilabel() -> None:
    """Import distilabel; to be called before anything else does.

    Its import replaces the process's traceback by one that prints local variables, API keys among them, in a notebook
    too (1.5.3); and it warns of its own code and that of its dependencies, where nobody here can act on it. Argilla,
    where it is installed for review, is kept out of it: only steps that pipelines may not use ask for it, and it takes
    a seventh of the import's time.
    """
    if "distilabel" in sys.modules:
        return
    import rich.traceback

    # Of fields that every class made from one of distilabel's has, a person's too.
    warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)

    install = rich.traceback.install
    rich.traceback.install = lambda **_: sys.excepthook
    hidden = "argilla" not in sys.modules
    if hidden:
        sys.modules["argilla"] = None  # type: ignore[assignment]  # as Python marks what cannot be imported
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import distilabel.pipeline
            import distilabel.steps.tasks  # noqa: F401
    finally:
        rich.traceback.install = install
        if hidden:
            del sys.modules["argilla"]
