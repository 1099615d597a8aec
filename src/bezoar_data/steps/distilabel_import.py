"""Importing distilabel without what its import does to the process."""

from __future__ import annotations

import sys
import warnings

from pydantic.warnings import UnsupportedFieldAttributeWarning


def import_distilabel() -> None:
    """Import distilabel; to be called before anything else does.

    Its import replaces the process's traceback by one that prints local variables, API keys among them, in a notebook
    too (1.5.3); and it warns of its own code and that of its dependencies, where nobody here can act on it. Two
    packages are kept out of it: argilla, as only steps ask for it that pipelines may not use, and which takes a seventh
    of the import's time; and chardet, which requests does without, and which takes a twentieth.
    """
    if "distilabel" in sys.modules:
        return
    import rich.traceback

    # Of fields that every class made from one of distilabel's has, a person's too.
    warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)

    install = rich.traceback.install
    rich.traceback.install = lambda **_: sys.excepthook
    hidden = [name for name in ("argilla", "chardet") if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # as Python marks what cannot be imported
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import distilabel.pipeline
            import distilabel.steps.tasks  # noqa: F401
    finally:
        rich.traceback.install = install
        for name in hidden:
            del sys.modules[name]
