"""What a pipeline that was pulled from the Hub may not do unless its reader says that they trust it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bezoar_data.config.files.pipeline import LoadedPipeline
from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.pipeline.check import input_files
from bezoar_data.runs.folder import PULLED
from bezoar_data.steps.catalogue import StepEntry
from bezoar_data.steps.external.entry import PREFIX

_HINT = "read the pipeline, and say --trust-code if it is yours to trust"


def code_of_this_machine(loaded: LoadedPipeline) -> Iterator[Problem]:
    """Steps of modules, which a pipeline of somebody else's would import."""
    for i, use in enumerate(loaded.file.steps):
        if ":" in use.use and not use.use.startswith(PREFIX):
            said = f"this pipeline was pulled, and its step '{printable(use.use)}' runs code of this machine"
            yield loaded.document.problem("untrusted-code", said, ("steps", i, "use"), hint=_HINT)


def check_pulled(loaded: LoadedPipeline, entries: Sequence[StepEntry | None]) -> Iterator[Problem]:
    """Steps of modules that a pulled pipeline would import, and files outside its folder that it would read.

    Files that were given by `--set` are the reader's own.
    """
    folder = loaded.path.parent.absolute()
    if not (folder / PULLED).exists():
        return
    yield from code_of_this_machine(loaded)
    for i, path in enumerate(loaded.answers):
        if ("answers",) not in loaded.overridden and not path.resolve().is_relative_to(folder.resolve()):
            yield loaded.document.problem("untrusted-file", _outside(path), ("answers", i), hint=_HINT)
    for i, (use, entry) in enumerate(zip(loaded.file.steps, entries, strict=True)):
        for name, path in input_files(loaded, i, entry) if entry is not None else ():
            at = loaded.setting_path(use.id, name)
            own = any(at[: len(o)] == o for o in loaded.overridden)
            if not own and not path.resolve().is_relative_to(folder.resolve()):
                yield loaded.document.problem("untrusted-file", _outside(path), at, hint=_HINT)


def _outside(path: Path) -> str:
    return f"this pipeline was pulled, and reads a file outside of its folder: {printable(str(path), 200)}"
