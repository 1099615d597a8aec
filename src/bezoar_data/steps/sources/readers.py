"""Reading rows from JSONL, TSV and Parquet files, one at a time, with every bad row reported at its place.

Sources share these readers. They never hold a whole text file in memory and never leave a bad row out in silence:
what cannot be read becomes a `Problem` in `BadRows`, which the source raises when it has seen everything.
"""

from __future__ import annotations

import glob
import gzip
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem, did_you_mean

EXTENSIONS = (".jsonl", ".jsonl.gz", ".parquet", ".tsv", ".tsv.gz")
SHOWN = 20
_LONGEST_LINE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of rows. `name` is its part of the rows' identity, so it holds nothing of the machine's folders."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row as read: its number in the file (from 0), its line (from 1, if the format has lines), its values."""

    index: int
    line: int | None
    values: dict[str, Any]


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
            raise InputError(_problem("wrong-extension", f"cannot tell what '{path.name}' holds", path, _KNOWN))
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


def extension(path: Path) -> str | None:
    """The known extension a file's name ends with."""
    name = path.name.lower()
    return next((e for e in sorted(EXTENSIONS, key=len, reverse=True) if name.endswith(e)), None)


def stem(path: Path) -> str:
    """The file's name without its known extension."""
    return path.name[: -len(extension(path) or "")] if extension(path) else path.stem


def read_records(
    path: Path, bad_rows: BadRows, *, need: Collection[str] = (), tsv_columns: Sequence[str] = ()
) -> Iterator[FileRow]:
    """The rows of one file, in order. `need` are columns a table must have; `tsv_columns` name the columns of a TSV
    file without a header (one with a header is known by having all of `need` in its first line)."""
    kind = extension(path)
    try:
        if kind == ".parquet":
            yield from _read_parquet(path, bad_rows, need)
        elif kind in (".tsv", ".tsv.gz"):
            yield from _read_tsv(path, bad_rows, need, tsv_columns)
        else:
            yield from _read_jsonl(path, bad_rows)
    except (OSError, EOFError, zlib.error) as error:
        bad_rows.add("unreadable-file", f"cannot be read: {getattr(error, 'strerror', None) or error}", path)


def read_lines(path: Path, bad_rows: BadRows) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 text file with their numbers, without line ends. A line that is not UTF-8 is a bad row.

    Lines end at a newline byte and nowhere else: a row may hold U+2028 and its like.
    """
    with _open(path) as stream:
        for number, raw in enumerate(iter(lambda: stream.readline(_LONGEST_LINE), b""), start=1):
            if number == 1 and raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
                bad_rows.add("not-utf8", "the file is UTF-16, not UTF-8", path, 1, "save it as UTF-8")
                return
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                hint = "save the file as UTF-8"
                bad_rows.add("not-utf8", f"not UTF-8 text: byte 0x{raw[error.start]:02x}", path, number, hint)
                continue
            yield number, (line.removeprefix("\ufeff") if number == 1 else line).rstrip("\r\n")


def _read_jsonl(path: Path, bad_rows: BadRows) -> Iterator[FileRow]:
    index = 0
    for number, line in read_lines(path, bad_rows):
        if not line.strip():
            continue
        try:
            values = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            bad_rows.add("bad-row", f"not JSON: {error.msg} at column {error.colno}", path, number)
        else:
            if isinstance(values, dict):
                yield FileRow(index, number, values)
            else:
                bad_rows.add("bad-row", f"a JSON {type(values).__name__} where an object is needed", path, number)
        index += 1


def _read_tsv(path: Path, bad_rows: BadRows, need: Collection[str], columns: Sequence[str]) -> Iterator[FileRow]:
    names = list(columns)
    index = 0
    blank: list[int] = []
    for number, line in read_lines(path, bad_rows):
        if not line:
            blank.append(number)
            continue
        # Blank lines at the end of a file hold nothing; one between rows is a row that lost its text.
        for empty in blank:
            bad_rows.add("bad-row", "an empty line between rows", path, empty)
        index += len(blank)
        blank = []
        fields = line.split("\t")
        if number == 1 and need and set(need) <= set(fields):
            names = fields
            continue
        if len(fields) != len(names):
            what = f"{len(fields)} tab-separated field{'s' * (len(fields) != 1)} where {len(names)} are needed"
            bad_rows.add("bad-row", what, path, number, f"columns: {', '.join(names)}")
        else:
            yield FileRow(index, number, dict(zip(names, (_unescape(f) for f in fields), strict=True)))
        index += 1


def _unescape(field: str) -> str:
    # FLAN's own files write a newline inside a field as the two characters backslash and n, and escape nothing else.
    return field.replace("\\n", "\n")


def _read_parquet(path: Path, bad_rows: BadRows, need: Collection[str]) -> Iterator[FileRow]:
    try:
        with pq.ParquetFile(path) as file:
            missing = [c for c in need if c not in file.schema_arrow.names]
            if missing:
                bad_rows.add(
                    "missing-column", f"no column {_quoted(missing)}", path, hint=_has(file.schema_arrow.names)
                )
                return
            index = 0
            for batch in file.iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    yield FileRow(index, None, values)
                    index += 1
    except pa.ArrowException as error:
        bad_rows.add("unreadable-file", f"not a readable Parquet file: {str(error).splitlines()[0]}", path)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{n}'" for n in names)


def _has(names: Sequence[str]) -> str:
    return f"the file has: {', '.join(names)}"


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb"))


def _problem(code: str, message: str, path: Path, hint: str) -> Problem:
    return Problem(code, message, Place(str(path)), hint)


def _fixed_part(pattern: Path) -> Path:
    fixed = Path(*[p for i, p in enumerate(pattern.parts) if not any(map(glob.has_magic, pattern.parts[: i + 1]))])
    return fixed if fixed.parts != pattern.parts else fixed.parent


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder '{path.parent}' either"
    hint = did_you_mean(path.name, [p.name for p in path.parent.iterdir()])
    return hint if hint.startswith("did you mean") else ""
