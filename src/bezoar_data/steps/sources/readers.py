"""Files of rows: which ones are meant, their rows, and every bad row at its place.

How each format is read is in `formats`. Readers never leave a bad row out in silence: it comes with its fault, for a
source to drop, or becomes a `Problem` in `BadRows`, for who cannot do without any row.
"""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import similar_file_hint
from bezoar_data.config.problems import Place, Problem
from bezoar_data.steps.sources.formats import EXTENSIONS, Fault, FileRow, extension, lines_of, read_file

__all__ = ["BadRows", "SourceFile", "extension", "find_files", "read_lines", "read_records"]

SHOWN = 20


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of rows. `name` is its part of the rows' identity, so it holds nothing of the machine's folders."""

    path: Path
    name: str


class BadRows:
    """Bad rows found so far: the first few in full, all of them counted. With `at_once`, the first one is raised."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.problems: list[Problem] = []
        self.count = 0
        self._at_once = at_once

    def add(self, code: str, message: str, file: Path, line: int | None = None, hint: str = "") -> None:
        self.count += 1
        if len(self.problems) < SHOWN:
            self.problems.append(Problem(code, message, Place(str(file), line), hint))
        if self._at_once:
            self.raise_if_any()

    def add_fault(self, fault: Fault, file: Path, line: int | None) -> None:
        self.add(fault.code.replace("_", "-"), fault.message, file, line, fault.hint)

    def raise_if_any(self) -> None:
        if not self.count:
            return
        more = self.count - len(self.problems)
        rest = [Problem("more-bad-rows", f"and {more:,} more like these")] if more else []
        raise InputError([*self.problems, *rest])


def find_files(paths: str | Sequence[str]) -> list[SourceFile]:
    """The files meant by a path, a glob, a folder or a list of these, in a stable order.

    Raises `InputError` with one problem for each path that leads to nothing readable.
    """
    problems: list[Problem] = []
    files: list[SourceFile] = []
    for text in [paths] if isinstance(paths, str) else paths:
        try:
            files += _files_at(text)
        except InputError as error:
            problems += error.problems
    seen: set[str] = set()
    for file in files:
        if file.name in seen:
            message = f"two files are called '{file.name}', or one is given twice; their rows would get the same ids"
            hint = "give the folder above both as a pattern, e.g. data/**/*.jsonl"
            problems.append(_problem("same-name", message, file.path, hint))
        seen.add(file.name)
    if problems:
        raise InputError(problems)
    return files


def _files_at(text: str) -> list[SourceFile]:
    path = Path(text)
    if path.is_dir():
        found = [SourceFile(p, p.name) for p in sorted(path.iterdir()) if p.is_file() and extension(p)]
        if not found:
            raise InputError(_problem("empty-source", f"no data file in the folder '{path.name}'", path, _KNOWN))
    elif path.is_file():
        found = [SourceFile(path, path.name)]
        if extension(path) is None:
            raise InputError(_problem("wrong-extension", f"cannot tell what '{path.name}' holds", path, _as_rows(path)))
    elif glob.has_magic(text):
        base = _fixed_part(path)
        matches = sorted(Path(m) for m in glob.glob(text, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)
        found = [SourceFile(m, m.relative_to(base).as_posix()) for m in matches if m.is_file() and extension(m)]
        if not found:
            raise InputError(_problem("missing-file", "no data file matches this pattern", path, _KNOWN))
    else:
        raise InputError(_problem("missing-file", "there is no such file or folder", path, _neighbours(path)))
    return found


_KNOWN = f"known: {', '.join(EXTENSIONS)}"


def read_records(
    path: Path, bad_rows: BadRows, *, header: Collection[str] = (), tsv_columns: Sequence[str] = ()
) -> Iterator[FileRow]:
    """The rows of one file as `formats.read_file` gives them; those that cannot be read, and a file that cannot, go to
    `bad_rows`."""
    try:
        for row in read_file(path, header=header, tsv_columns=tsv_columns):
            if row.fault is None:
                yield row
            else:
                bad_rows.add_fault(row.fault, path, row.line)
    except InputError as error:
        for problem in error.problems:
            line = problem.place.line if problem.place else None
            bad_rows.add(problem.code, problem.message, path, line, problem.hint)


def read_lines(path: Path, bad_rows: BadRows) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 text file with their numbers, without line ends. A line that is not UTF-8 is a bad row."""
    for number, line, fault in lines_of(path):
        if fault is None:
            yield number, line
        else:
            bad_rows.add_fault(fault, path, number)


def _as_rows(path: Path) -> str:
    """How a file of another kind becomes one of rows."""
    if path.suffix.lower() in (".xlsx", ".xls", ".ods"):
        return "save its sheet as CSV (UTF-8), with the columns' names in the first line"
    return _KNOWN


def _problem(code: str, message: str, path: Path, hint: str) -> Problem:
    return Problem(code, message, Place(str(path)), hint)


def _fixed_part(pattern: Path) -> Path:
    fixed = Path(*[p for i, p in enumerate(pattern.parts) if not any(map(glob.has_magic, pattern.parts[: i + 1]))])
    return fixed if fixed.parts != pattern.parts else fixed.parent


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder '{path.parent}' either"
    return similar_file_hint(path) or "a path is relative to the folder you are in"
