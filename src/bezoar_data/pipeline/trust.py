"""What a pipeline that was pulled from the Hub may not do unless its reader says that they trust it: run code of this
machine, and read files outside of its folder, be it through a link or a pattern."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import has_magic
from itertools import takewhile
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import raise_errors
from bezoar_data.config.files.models import LoadedModels
from bezoar_data.config.files.pipeline import LoadedPipeline, read_pipeline_file
from bezoar_data.config.paths import expand_home
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.config.yaml.document import Document, YamlPath
from bezoar_data.pipeline.check import input_files
from bezoar_data.pipeline.resolve import entry_of
from bezoar_data.runs.previous import PULLED
from bezoar_data.steps.catalogue import StepEntry
from bezoar_data.steps.catalogue.registry import load_catalogue
from bezoar_data.steps.external.entry import PREFIX

_HINT = "read the pipeline, and say --trust-code if it is yours to trust"


def code_of_this_machine(loaded: LoadedPipeline) -> Iterator[Problem]:
    """Steps of modules, which a pipeline of somebody else's would import."""
    for i, use in enumerate(loaded.file.steps):
        if ":" in use.use and not use.use.startswith(PREFIX):
            said = f"this pipeline was pulled, and its step '{printable(use.use)}' runs code of this machine"
            yield loaded.document.problem("untrusted-code", said, ("steps", i, "use"), hint=_HINT)


@dataclass(frozen=True, slots=True)
class PulledFolder:
    """The folder that was pulled, in which a pipeline lies: all that it may read. What the reader gave, by `--set` or
    as a file, is their own."""

    root: Path | None

    @classmethod
    def around(cls, path: Path, *, trusted: bool = False) -> PulledFolder:
        """The pulled folder around a pipeline file. A file that lies in none, or is trusted, may read everything."""
        folders = () if trusted else path.absolute().parents
        return next((cls(folder.resolve()) for folder in folders if (folder / PULLED).exists()), cls(None))

    def may_read(self, path: Path) -> bool:
        """Whether a path, or all that a pattern means, lies in the folder. Its links are looked at by `links`."""
        if self.root is None:
            return True
        fixed = Path(*takewhile(lambda part: not has_magic(part), path.parts))
        rest = path.parts[len(fixed.parts) :]
        return ".." not in rest and fixed.resolve().is_relative_to(self.root)

    def links(self) -> Iterator[Problem]:
        """Links in the folder that lead out of it: a pattern or a folder would be read through them."""
        for folder, folders, files in os.walk(self.root) if self.root is not None else ():
            for path in (Path(folder, name) for name in (*folders, *files)):
                if path.is_symlink() and not self.may_read(path):
                    said = "this link leads out of a folder that was pulled"
                    yield Problem("untrusted-file", said, Place(str(path)), "remove it, or pass --trust-code")

    def named(self, loaded: LoadedPipeline, *, own_models: bool) -> Iterator[Problem]:
        """Files that the pipeline names beside those of steps: models, card, recorded answers. `own_models`: the reader
        gave a models file instead."""
        yield from self.links()
        for name in ("card",) if own_models else ("models", "card"):
            written = getattr(loaded.file, name)
            if written is not None and (name,) not in loaded.overridden:
                yield from self._outside(loaded.resolve(written, (name,)), loaded.document, (name,))
        for i, path in enumerate(loaded.answers):
            if ("answers",) not in loaded.overridden:
                yield from self._outside(path, loaded.document, ("answers", i))

    def read_by_steps(self, loaded: LoadedPipeline, entries: Sequence[StepEntry | None]) -> Iterator[Problem]:
        """Files that steps read, and what in their settings leads to a file or folder outside that is there."""
        for i, (use, entry) in enumerate(zip(loaded.file.steps, entries, strict=True)):
            known = set()
            for name, path in input_files(loaded, i, entry) if entry is not None else ():
                known.add(name)
                at = loaded.setting_path(use.id, name)
                if not any(at[: len(o)] == o for o in loaded.overridden):
                    yield from self._outside(path, loaded.document, at)
            rest = {name: value for name, value in use.settings.items() if name not in known}
            for at, path in self._there(rest, ("steps", i, "with"), loaded.path.parent):
                if not any(at[: len(o)] == o for o in loaded.overridden):
                    yield loaded.document.problem("untrusted-file", _said(path), at, hint=_HINT)

    def read_by_models(self, models: LoadedModels) -> Iterator[Problem]:
        """Files that a models file in the folder names: weights, templates, recorded answers."""
        if self.root is None or models.path is None or not models.path.resolve().is_relative_to(self.root):
            return
        for i, path in enumerate(models.answers):
            yield from self._outside(path, models.document, ("answers", i))
        roles = models.document.value.get("roles") if isinstance(models.document.value, dict) else None
        for at, path in self._there(roles, ("roles",), Path()):
            yield models.document.problem("untrusted-file", _said(path), at, hint=_HINT)

    def all_of(
        self, loaded: LoadedPipeline, entries: Sequence[StepEntry | None], models: LoadedModels | None
    ) -> Iterator[Problem]:
        """What steps take of this machine, and a models file that the pipeline names."""
        if self.root is None:
            return
        yield from code_of_this_machine(loaded)
        yield from self.read_by_steps(loaded, entries)
        if models is not None:
            yield from self.read_by_models(models)

    def _outside(self, path: Path, document: Document, at: YamlPath) -> Iterator[Problem]:
        if not self.may_read(path.absolute()):
            yield document.problem("untrusted-file", _said(path), at, hint=_HINT)

    def _there(self, value: Any, at: YamlPath, base: Path) -> Iterator[tuple[YamlPath, Path]]:
        """Texts in a value that are paths of something outside of the folder."""
        if isinstance(value, Mapping | list | tuple):
            for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
                yield from self._there(inner, (*at, key), base)
        elif isinstance(value, str) and ("/" in value or value.startswith("~")) and len(value) < 4096:
            path = (base / expand_home(value.removeprefix("file://"))).absolute()
            try:
                if not self.may_read(path) and (path.exists() or has_magic(value)):
                    yield at, path
            except (OSError, ValueError):
                return  # a text that no path can be


def refuse_outside(path: Path) -> None:
    """Raise `InputError` where the pipeline file at `path` lies in a pulled folder, and steps read anything outside."""
    pulled = PulledFolder.around(path)
    if pulled.root is None or (read := read_pipeline_file(path)).file is None:
        return
    loaded, catalogue = LoadedPipeline(read.file, read.document, path, read.overridden), load_catalogue()
    entries = [entry_of(catalogue, loaded.file, i) for i in range(len(loaded.file.steps))]
    raise_errors([*pulled.links(), *pulled.read_by_steps(loaded, entries)])


def _said(path: Path) -> str:
    return f"this pipeline was pulled, and reads a file outside of its folder: {printable(str(path), 200)}"
