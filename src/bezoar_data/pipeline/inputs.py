"""The files that a pipeline's steps read, one by one, under the names by which its published form knows them."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path, PurePath
from typing import Any

from bezoar_data.pipeline.load import Checked


def shareable(value: Any) -> Any:
    """A file's name for the lock and the card: an absolute path is of this machine, and only its last part is told."""
    if isinstance(value, list | tuple):
        return [shareable(one) for one in value]
    return PurePath(value).name if isinstance(value, str) and PurePath(value).is_absolute() else value


def input_file_names(checked: Checked) -> Mapping[str, Path]:
    """Every file that a step reads, by its path from the folder of the published pipeline file."""
    return {name: path for written, at in _written(checked) for name, path in _files(written, at)}


def _written(checked: Checked) -> Iterator[tuple[str, Path]]:
    loaded = checked.loaded
    for use, entry in zip(loaded.file.steps, checked.entries, strict=True):
        for name in entry.input_paths:
            value: Any = use.settings.get(name)
            for one in value if isinstance(value, list | tuple) else (value,):
                if isinstance(one, str) and entry.is_path(name, one):
                    yield shareable(one), loaded.resolve(one, loaded.setting_path(use.id, name)).absolute()


def _files(written: str, path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_dir():
        yield from ((str(PurePath(written, file.name)), file) for file in sorted(path.iterdir()) if file.is_file())
    elif path.is_file():
        yield written, path
    elif glob.has_magic(str(path)):
        base, name = _fixed(path), _fixed(PurePath(written))
        matches = map(Path, sorted(glob.glob(str(path), recursive=True)))  # noqa: PTH207
        yield from ((str(name / file.relative_to(base)), file) for file in matches if file.is_file())


def _fixed(path: PurePath) -> PurePath:
    """The part of a pattern before its first part with a wildcard."""
    return PurePath(*takewhile(lambda part: not glob.has_magic(part), path.parts))
