"""The files of an export: where they stand, and how they come to stand there all together or not at all."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable

_LONGEST = 64 << 20
_TURNS = {"messages", "conversations"}
"""Columns that say by themselves that rows are those of an export."""
LINES, LIST = ".jsonl", ".json"
"""JSON Lines, and one JSON list."""


def targets(
    out: Path | None, name: str, form: str, splits: Sequence[str], *, folder: bool
) -> tuple[dict[str, Path], Path | None]:
    """The file of each split, and the folder that is made for them, if any. One split is `NAME-FORMAT.jsonl`, several
    are `NAME-FORMAT.SPLIT.jsonl`.

    `out` is a file, of which several are told apart in the same way, or a folder, where each has its split's name. A
    format that is written as a `folder` has them under the dataset's name. Raises `InputError`.
    """
    several = len(splits) > 1
    is_file = out is not None and not out.is_dir() and out.suffix.lower() in (LINES, LIST)
    if folder:
        if is_file:
            hint = "name a folder with --out; the files in it are JSON Lines"
            raise InputError(Problem("bad-out", f"'{form}' is written as a folder", Place(str(out)), hint))
        base = out or Path(f"{name}-{form}")
        return {split: base / (f"{name}.{split}{LINES}" if several else f"{name}{LINES}") for split in splits}, base
    if out is not None and not is_file:
        if out.suffix and not out.is_dir():
            hint = f"name a file in {LINES} (a row to a line) or {LIST} (one list), or a folder"
            raise InputError(Problem("bad-out", f"what is '{out.suffix}' to be?", Place(str(out)), hint))
        return {split: out / f"{split or name}{LINES}" for split in splits}, out
    file = out or Path(f"{name}-{form}{LINES}")
    files = {split: file.with_name(f"{file.stem}.{split}{file.suffix}") if several else file for split in splits}
    return files, None


class Rows:
    """A file of rows that is being written, as JSON Lines or one list."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._listed = path.suffix.lower() == LIST
        self.count = 0
        self.columns: frozenset[str] = frozenset()
        """Those of the first row."""
        self._file.write(b"[\n" if self._listed else b"")

    def add(self, value: Mapping[str, Any]) -> None:
        try:
            line = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
        except TypeError:  # integers beyond 64 bits
            line = json.dumps(value, ensure_ascii=False, default=str, separators=(",", ":")).encode()
        self.columns = self.columns or frozenset(map(str, value))
        self._file.write((b",\n" if self.count else b"") + line if self._listed else line + b"\n")
        self.count += 1

    def end(self) -> None:
        self._file.write(b"\n]\n" if self._listed else b"")


AddText = Callable[[Path, str], None]


@contextmanager
def written_together(
    paths: Mapping[str, Path], folder: Path | None, source: Path
) -> Iterator[tuple[dict[str, Rows], AddText]]:
    """Files beside their places, which take them when all are whole; if anything fails, nothing has changed. `folder`
    is made for them. Also gives a function that adds a text file. Raises `InputError`."""
    for path in paths.values():
        _check_place(path, source)
        _clear_away_killed(path)
    beside: dict[Path, Path] = {}

    def reserve(path: Path) -> Path:
        return beside.setdefault(path, path.with_name(f".{path.name}.{os.getpid()}.new"))

    def add_text(path: Path, text: str) -> None:
        reserve(path).write_text(text, encoding="utf-8")

    made = folder is not None and not folder.exists()
    try:
        if folder is not None:
            folder.mkdir(exist_ok=True)
        with ExitStack() as stack:
            files = {split: stack.enter_context(reserve(path).open("wb")) for split, path in paths.items()}
            rows = {split: Rows(file, paths[split]) for split, file in files.items()}
            yield rows, add_text
            for split, one in rows.items():
                one.end()
                _refuse_other_rows(paths[split], one.columns)
        for path, new in beside.items():
            new.replace(path)
        made = False
    except OSError as error:
        place = Place(str(folder or next(iter(paths.values()))))
        raise InputError(Problem("bad-out", f"cannot be written: {error.strerror or error}", place)) from None
    finally:
        for new in beside.values():
            new.unlink(missing_ok=True)
        if made and folder is not None and folder.is_dir():
            folder.rmdir()


def _clear_away_killed(path: Path) -> None:
    """Remove what exports that were killed have left beside their place."""
    for new in path.parent.glob(f".{glob.escape(path.name)}.*.new"):
        pid = new.name.removesuffix(".new").rpartition(".")[2]
        try:
            os.kill(int(pid), 0)
        except (ValueError, PermissionError):
            continue  # not ours, or somebody else's that is at it
        except ProcessLookupError:
            new.unlink(missing_ok=True)


def _refuse_other_rows(path: Path, columns: frozenset[str]) -> None:
    """Refuse to write over rows that no export like this one has written: a person may have them nowhere else."""
    there = _first_columns(path)
    shared = columns.intersection(there or ())
    if there is not None and columns and not ({*there} == columns or len(shared) > 1 or shared & _TURNS):
        said = "this file has other rows" if there else "this file does not have the rows of an export"
        message = f"{said}, with {', '.join(map(printable, there))}" if there else said
        raise InputError(
            Problem("bad-out", message, Place(str(path)), "name another file with --out, or remove this one")
        )


def _first_columns(path: Path) -> list[str] | None:
    """The columns of the first row of a file; none where it holds no rows, None where nothing would be lost."""
    try:
        with path.open("rb") as file:
            lines = [file.readline(_LONGEST).strip() for _ in range(2)]
    except FileNotFoundError:
        return None
    if not any(lines):
        return None
    try:
        first = orjson.loads((lines[1] if lines[0] == b"[" else lines[0]).rstrip(b","))
    except orjson.JSONDecodeError:
        return None if lines == [b"[", b"]"] else []
    return list(first) if isinstance(first, dict) else []


def _check_place(path: Path, source: Path) -> None:
    """Refuse a place where something stands that no export writes, or that this one reads."""
    place = Place(str(path))
    if path.is_dir():
        raise InputError(Problem("bad-out", "this is a folder, not a file", place, "name a file with --out"))
    if path.resolve().is_relative_to(source.resolve()):
        said = "this is inside the dataset that is exported, whose card vouches for every file"
        raise InputError(Problem("bad-out", said, place, "name a file outside of it with --out"))
