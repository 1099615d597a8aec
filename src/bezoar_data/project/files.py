"""Putting new files into a person's folder: all of them or none, and nothing of theirs is written over unasked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to write, at a path relative to the folder. A `companion` is one that others may use too (models, seeds):
    where one of its name stands already, that one is kept."""

    path: Path
    content: bytes
    companion: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What became of new files: those written, and the companions that stood there with another content."""

    written: tuple[Path, ...]
    kept: tuple[Path, ...]


def write_files(folder: Path, files: Iterable[NewFile], *, force: bool = False, hint: str = "") -> Written:
    """Write the files under `folder`, made if need be.

    Raises `InputError`, before anything is written, for each file that stands there with another content and is no
    companion; with `force` all are written over. A file that is the same already is left alone.
    """
    files = [f for f in files if _read(folder / f.path) != f.content]
    stand = [f for f in files if (folder / f.path).exists() and not force]
    problems = [
        Problem("file-exists", "there is another file of this name", Place(str(folder / f.path)), hint)
        for f in stand
        if not f.companion
    ]
    problems += [p for f in files if (p := _blocked(folder, folder / f.path)) is not None]
    if problems:
        raise InputError(problems)
    new = [f for f in files if f not in stand]
    try:
        for file in new:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name}.new")
            beside.write_bytes(file.content)
            beside.replace(path)
    except OSError as error:
        message = f"cannot write here: {error.strerror}"
        raise InputError(Problem("cannot-write", message, Place(str(error.filename or folder)))) from None
    return Written(tuple(folder / f.path for f in new), tuple(folder / f.path for f in stand))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _blocked(folder: Path, path: Path) -> Problem | None:
    """A file where a folder is wanted, or a folder where the file would stand."""
    if path.is_dir():
        return Problem("file-exists", "there is a folder of this name", Place(str(path)), "name another folder")
    for parent in path.parents:
        if parent.exists() and not parent.is_dir():
            return Problem("file-exists", "this is a file, not a folder", Place(str(parent)), "name another folder")
        if parent == folder:
            return None
    return None
