"""Rows out of files as people have them: JSON Lines, JSON lists, CSV, TSV, Parquet, packed with gzip or zstd or not.

A text file is read as a stream and by what stands in it: a list in a `.jsonl` file is a list, lines in a `.json` file
are lines. A row that cannot be read comes as a `FileRow` with its fault and its own words, so that whoever reads can
drop that one row; a file that cannot be read at all is an `InputError`.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.value_class import value_class
from bezoar_data.runs.packed import opened
from bezoar_data.runs.values import plain

PACKED = ("", ".gz", ".zst")
EXTENSIONS = (*(f"{kind}{packed}" for kind in (".jsonl", ".json", ".csv", ".tsv") for packed in PACKED), ".parquet")
_MARK = b"\xef\xbb\xbf"
_LISTS = frozenset(f".json{packed}" for packed in PACKED)
_ALIASES = {".ndjson": ".jsonl"}
_LONGEST_LINE = 64 * 1024 * 1024
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS = b"0" * 19
_UNREAD = object()
_A_LINE_EACH = 'write one object to a line, such as {"instruction": "What is rust?"}'
csv.field_size_limit(_LONGEST_LINE)  # else a text of 128 kB is an error


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row cannot be read: a code, a sentence, the remedy, and the row's own words."""

    code: str
    message: str
    words: str
    hint: str = ""


@value_class(frozen=True, slots=True)
class FileRow:
    """One row as read: its number in the file (from 0), its line (from 1, if the format has lines), its values."""

    index: int
    line: int | None
    values: dict[str, Any]
    fault: Fault | None = None


def extension(path: Path) -> str | None:
    """The known extension a file's name ends with."""
    name = path.name.lower()
    for alias, known in _ALIASES.items():
        name = re.sub(rf"{re.escape(alias)}(?=(\.gz|\.zst)?$)", known, name)
    return next((e for e in sorted(EXTENSIONS, key=len, reverse=True) if name.endswith(e)), None)


def stem(path: Path) -> str:
    """The file's name without its known extension."""
    kind = extension(path)
    return path.name.lower().removesuffix(kind) and path.name[: -len(kind)] if kind else path.stem


def read_file(path: Path, *, header: Collection[str] = (), tsv_columns: Sequence[str] = ()) -> Iterator[FileRow]:
    """The rows of one file, in order.

    `tsv_columns` name the columns of a TSV file without a header; one with a header is known by having all of `header`
    in its first line. Without `tsv_columns` the first line is the header. Raises `InputError` for a file that cannot be
    read at all.
    """
    kind = (extension(path) or "").removesuffix(".gz").removesuffix(".zst")
    try:
        if kind == ".parquet":
            yield from _parquet(path)
        elif kind == ".tsv":
            yield from _tsv(path, header, tsv_columns)
        elif kind == ".csv":
            yield from _csv(path)
        else:
            yield from _json(path)
    except (OSError, EOFError, zlib.error) as error:
        raise _not_read(path, error) from None


def lines_of(path: Path) -> Iterator[tuple[int, str, Fault | None]]:
    """The lines of a UTF-8 text file with their numbers, without line ends, and what is wrong with them.

    Lines end at a newline byte and nowhere else: a row may hold U+2028 and its like.
    """
    for number, raw in _raw_lines(path):
        yield number, *_decoded(raw)


def _raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with opened(path) as stream:
        for number, raw in enumerate(iter(partial(stream.readline, _LONGEST_LINE), b""), start=1):
            if number == 1:
                _refuse_utf16(path, raw)
            yield number, raw.removeprefix(_MARK) if number == 1 else raw


def _refuse_utf16(path: Path, head: bytes | None = None) -> None:
    if head is None:
        with opened(path) as stream:
            head = stream.read(2)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        hint = "save it as UTF-8; Excel calls it 'CSV UTF-8'"
        raise InputError(Problem("not-utf8", "the file is UTF-16, not UTF-8", Place(str(path), 1), hint))


def _decoded(raw: bytes) -> tuple[str, Fault | None]:
    try:
        return raw.decode("utf-8").rstrip("\r\n"), None
    except UnicodeDecodeError as error:
        line = raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
        return line, Fault("not_utf8", f"not UTF-8 text: byte 0x{raw[error.start]:02x}", line, "save it as UTF-8")


def _json(path: Path) -> Iterator[FileRow]:
    if _is_one_value(path):
        yield from _rows_of(_whole(path))
    else:
        yield from _json_lines(path)


def _is_one_value(path: Path) -> bool:
    """Whether a JSON file is one value, and no lines."""
    with opened(path) as stream:
        head = stream.read(4096).removeprefix(_MARK).lstrip()
    first, newline, rest = head.partition(b"\n")
    if head.startswith(b"["):
        return not (_is_whole(first) and bool(rest.strip()))
    return extension(path) in _LISTS and bool(newline) and not _is_whole(first)


def _is_whole(line: bytes) -> bool:
    try:
        load_json(line)
    except ValueError:
        return False
    return True


def _whole(path: Path) -> Any:
    """The one value of a file."""
    with opened(path) as stream:
        raw = stream.read().removeprefix(_MARK)
    try:
        return load_json(raw)
    except ValueError as error:
        hint = "a list begins with [ and ends with ]; JSON Lines has one object on each line, without commas"
        raise _unreadable(path, f"this is not a complete JSON list: {error}", hint) from None


def reads_as_a_whole(path: Path) -> bool:
    """Whether a file's first row is known when all of it is read. Raises `InputError` for one that cannot be read."""
    kind = (extension(path) or "").removesuffix(".gz").removesuffix(".zst")
    try:
        return kind in (".json", ".jsonl") and _is_one_value(path)
    except (OSError, EOFError, zlib.error) as error:
        raise _not_read(path, error) from None


def _rows_of(value: Any) -> Iterator[FileRow]:
    """The rows of a list; those of the one list in a mapping, as some sets are packed; else the mapping as one row."""
    if isinstance(value, dict):
        lists = [v for v in value.values() if isinstance(v, list) and v and all(isinstance(x, dict) for x in v)]
        value = lists[0] if len(lists) == 1 else [value]
    for index, one in enumerate(value):
        yield _row(index, None, one)


def _json_lines(path: Path) -> Iterator[FileRow]:
    index = 0
    for number, raw in _raw_lines(path):
        value = _quickly(raw)
        if value is not _UNREAD:
            yield _row(index, number, value, raw)
        else:
            line, fault = _decoded(raw)
            if not line.strip():
                continue
            if fault is not None:
                yield FileRow(index, number, {}, fault)
            else:
                try:
                    yield _row(index, number, load_json(line), raw)
                except ValueError as error:
                    yield FileRow(index, number, {}, Fault("not_json", f"not JSON: {error}", line, _A_LINE_EACH))
        index += 1


def _row(index: int, line: int | None, value: Any, raw: bytes | None = None) -> FileRow:
    if isinstance(value, dict):
        return FileRow(index, line, value)
    kind = {list: "list", str: "text", type(None): "null"}.get(type(value), "number")
    words = json.dumps(value, ensure_ascii=False) if raw is None else _decoded(raw)[0]
    return FileRow(index, line, {}, Fault("not_a_row", f"a JSON {kind} where an object is needed", words, _A_LINE_EACH))


def load_json(text: str | bytes) -> Any:
    """A JSON value, exactly: integers of any size stay whole, and NaN and infinities, which some programs write and
    JSON does not have, are read as the floats they mean. Raises `ValueError` with the column."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    value = _quickly(raw)
    if value is not _UNREAD:
        return value
    try:
        return json.loads(raw.decode("utf-8", "surrogatepass"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _quickly(raw: bytes) -> Any:
    """The value as orjson reads it, a fifth of the time; `_UNREAD` where Python's reader must look: orjson makes floats
    of long integers, and takes neither NaN nor lone surrogates."""
    if _MANY_DIGITS in raw.translate(_DIGITS_ALIKE):
        return _UNREAD
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _UNREAD


def is_missing(value: Any) -> bool:
    """Whether a value says that there is none: null, or the NaN that pandas writes for it."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _csv(path: Path) -> Iterator[FileRow]:
    _refuse_utf16(path)
    with io.TextIOWrapper(opened(path), "utf-8-sig", errors="surrogateescape", newline="") as stream:
        head = stream.readline()
        delimiter = max(",;\t|", key=head.count)
        rows = csv.reader(chain([head], stream), delimiter=delimiter)
        index = 0
        try:
            names = [name.strip() for name in next(rows, [])]
            _check_names(path, names)
            for fields in rows:
                if not fields:
                    continue
                if len(fields) == len(names):
                    yield FileRow(index, rows.line_num, dict(zip(names, fields, strict=True)))
                else:
                    yield FileRow(index, rows.line_num, {}, _fields_fault(fields, names, delimiter))
                index += 1
        except csv.Error as error:
            hint = "put a field that holds quotes, line ends or delimiters into quotes"
            raise _unreadable(path, f"line {rows.line_num} is not CSV: {error}", hint) from None


def _tsv(path: Path, header: Collection[str], columns: Sequence[str]) -> Iterator[FileRow]:
    names = list(columns)
    index = 0
    blank: list[int] = []
    for number, line, fault in lines_of(path):
        if not line:
            blank.append(number)
            continue
        # Blank lines at the end of a file hold nothing; one between rows is a row that lost its text.
        for empty in blank:
            yield FileRow(index, empty, {}, Fault("bad_row", "an empty line between rows", ""))
            index += 1
        blank = []
        fields = line.split("\t")
        if number == 1 and (not names or (header and set(header) <= set(fields))):
            _check_names(path, fields)
            names = fields
            continue
        if fault is not None:
            yield FileRow(index, number, {}, fault)
        elif len(fields) != len(names):
            yield FileRow(index, number, {}, _fields_fault(fields, names, "\t"))
        else:
            yield FileRow(index, number, dict(zip(names, map(_unescape, fields), strict=True)))
        index += 1


def _unescape(field: str) -> str:
    # FLAN's own files write a newline inside a field as the two characters backslash and n, and escape nothing else.
    return field.replace("\\n", "\n")


def _check_names(path: Path, names: Sequence[str]) -> None:
    twice = {name for name in names if names.count(name) > 1}
    if not names or twice or not all(names):
        said = f"two columns are called '{min(twice)}'" if twice and all(names) else "a column has no name"
        problem = Problem("bad-header", f"{said} in the first line", Place(str(path), 1), "name the columns there")
        raise InputError(problem)


def _fields_fault(fields: Sequence[str], names: Sequence[str], delimiter: str) -> Fault:
    what = "tab-separated field" if delimiter == "\t" else "field"
    message = f"{len(fields)} {what}{'s' * (len(fields) != 1)} where {len(names)} are needed"
    words = delimiter.join(fields).encode("utf-8", "backslashreplace").decode()
    return Fault("bad_row", message, words, f"columns: {', '.join(names)}")


def _parquet(path: Path) -> Iterator[FileRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bezoar_data.steps.sources.arrow_types import is_plain

    try:
        with pq.ParquetFile(path) as file:
            index = 0
            for batch in file.iter_batches(batch_size=1024):
                exact = all(is_plain(kind) for kind in batch.schema.types)
                for values in batch.to_pylist():
                    yield FileRow(index, None, values if exact else {k: as_text(v) for k, v in values.items()})
                    index += 1
    except pa.ArrowException as error:
        raise _not_read(path, error, "not a readable Parquet file") from None


def schema_of(path: Path) -> tuple[dict[str, str | None], int]:
    """The columns of a Parquet file with the types of their values as rows get them (`config.where.tree.KINDS`), and
    the number of its rows. Raises `InputError`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bezoar_data.steps.sources.arrow_types import type_of

    try:
        with pq.ParquetFile(path) as file:
            return {field.name: type_of(field.type) for field in file.schema_arrow}, file.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise _not_read(path, error, "not a readable Parquet file") from None


def columns_as_text(path: Path) -> tuple[str, ...]:
    """The columns of a Parquet file whose dates, times, decimals or bytes rows get as text; none of other files, which
    hold no such values. Raises `InputError`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bezoar_data.steps.sources.arrow_types import is_plain

    if extension(path) != ".parquet":
        return ()
    try:
        with pq.ParquetFile(path) as file:
            return tuple(field.name for field in file.schema_arrow if not is_plain(field.type))
    except (pa.ArrowException, OSError) as error:
        raise _not_read(path, error, "not a readable Parquet file") from None


def as_text(value: Any) -> Any:
    """A value with its dates, times and decimals as their text, and bytes as base64. Raises `InputError` for what no
    row can hold."""
    if isinstance(value, dict):
        return {k: as_text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [as_text(v) for v in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if value is None or isinstance(value, str | int | float) else plain("", value)


def _not_read(path: Path, error: Exception, message: str = "cannot be read") -> InputError:
    said = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return _unreadable(path, f"{message}: {said}", "is it whole, and what its name says?")


def _unreadable(path: Path, message: str, hint: str) -> InputError:
    return InputError(Problem("unreadable-file", message, Place(str(path)), hint))
