"""Rows of sources as they were read: what a source wants of them, and what is said of those that it cannot use.

It is apart from the sources, so that a file's first rows can be looked at without importing distilabel.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import relative_to_cwd
from bezoar_data.config.problems import Place, Problem
from bezoar_data.measures.words import is_blank
from bezoar_data.runs.conversations.turns import is_unicode
from bezoar_data.runs.row import Columns
from bezoar_data.steps.columns import fill_columns
from bezoar_data.steps.sources.formats import FileRow, is_missing
from bezoar_data.steps.sources.readers import BadRows
from bezoar_data.steps.verdicts import Dropped


@dataclass(slots=True)
class SourceRow:
    """A row as read, with the name and revision of its source and, for messages, the file it stands in. `values` are
    its columns under the names that the step knows them by."""

    source: str
    revision: str
    file: Path
    record: FileRow
    values: Mapping[str, Any]

    def dropped(self, reason: str, detail: str) -> Dropped:
        """The verdict that it cannot be used, with its words."""
        words = json.dumps(self.record.values, ensure_ascii=False, default=str)
        return Dropped(reason, detail, raw=words.encode("utf-8", "backslashreplace").decode())


@dataclass(frozen=True, slots=True)
class FileShape:
    """What a source says of its files' rows: what one holds, for the message that there is none; the columns that each
    must have (`needs`, or `instead` of them others), as the step calls them; which setting says what the source calls a
    column (`named_by`), besides `columns`; and the columns of a TSV file without a header, where such are known."""

    holds: str = "row"
    needs: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    named_by: Mapping[str, str] = field(default_factory=dict)
    tsv_columns: tuple[str, ...] = ()

    def under(self, settings: Mapping[str, Any]) -> FileShape:
        """The same with the columns that settings name filled in."""
        return replace(self, needs=tuple(fill_columns(self.needs, settings)))

    def named(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        """What the source calls a column, by what the step calls it; columns of one name need not be among them."""
        named = {ours: settings.get(setting) for ours, setting in self.named_by.items()}
        return {**{ours: theirs for ours, theirs in named.items() if theirs}, **(settings.get("columns") or {})}

    def header(self, named: Mapping[str, str]) -> list[str]:
        """What the source calls the columns that each row must have."""
        return [named.get(name, name).partition(".")[0] for name in self.needs]

    def how_to_name(self, ours: str, theirs: str) -> str:
        """The setting that says what the source calls a column."""
        return f"{self.named_by[ours]}: {theirs}" if ours in self.named_by else f"columns: {{{ours}: {theirs}}}"

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FileShape:
        lists = {name: tuple(value[name]) for name in ("needs", "instead", "tsv_columns")}
        return cls(value["holds"], named_by=value["named_by"], **lists)


def source_row(source: str, revision: str, file: Path, record: FileRow, named: Mapping[str, str]) -> SourceRow:
    """A row as read, its columns also under the names that the step knows them by."""
    values = record.values
    if named:
        values = {**values, **{ours: at(values, theirs) for ours, theirs in named.items()}}
    return SourceRow(source, revision, file, record, values)


class Faults:
    """Rows of a source that cannot be used: the first few at their places, all of them counted."""

    def __init__(
        self, shape: FileShape, where: str, *, read: Collection[str], stop: bool, nothing: tuple[str, str] | None = None
    ) -> None:
        self._shape = shape
        self._where = where
        self._read = set(read)
        self._stop = stop
        self._nothing = nothing or (f"there is no {shape.holds} in it", "is it the right file?")
        self._bad = BadRows()
        self._reasons: Counter[str] = Counter()
        self.rows = 0
        self.last = ""
        """What is wrong with the last one."""

    @property
    def bad(self) -> int:
        return self._bad.count

    def see(self, row: SourceRow, found: Columns | Dropped, *, at_once: bool = False, times: int = 1) -> None:
        self.rows += times
        if isinstance(found, Dropped) and times:
            self._reasons[found.reason] += times
            self._bad.count += times - 1
            self.last = found.detail
            where = "" if row.record.line else f" in row {row.record.index + 1}"
            file = Path(relative_to_cwd(row.file))
            self._bad.add(found.reason, f"{found.detail}{where}", file, row.record.line, self._hint(row, found))
            if at_once:
                self.raise_if_stopping()

    def raise_if_stopping(self) -> None:
        if self._stop:
            self._bad.raise_if_any()

    def raise_if_empty(self) -> None:
        """Raises `InputError` where no row can be used."""
        if self.rows > self.bad:
            return
        if not self.rows:
            message, hint = self._nothing
            raise InputError(Problem("empty-source", f"no rows: {message}", Place(self._where), hint))
        if self._stop:
            self._bad.raise_if_any()
        first = self._bad.problems[0]
        counted = ", ".join(f"{n:,} {reason}" for reason, n in self._reasons.most_common())
        which = "the only row cannot" if self.rows == 1 else f"none of the {self.rows:,} rows can"
        message = f"{which} be used ({counted}); the first: {first.message}"
        raise InputError(replace(first, code="empty-source", message=message))

    def _hint(self, row: SourceRow, found: Dropped) -> str:
        """What to write where a column is called otherwise."""
        if row.record.fault is not None:
            return row.record.fault.hint
        names = [name for name, value in row.record.values.items() if isinstance(value, str) and name not in self._read]
        missing = next((n for n in self._shape.needs if is_missing(row.values.get(n))), None)
        if missing is None or not row.record.values:
            return _REMEDIES.get(found.reason, "")
        likely = next((n for n in (*LIKELY, *names) if n in names), "NAME")
        return f"write {self._shape.how_to_name(missing, likely)}; the row has {', '.join(row.record.values)}"


_REMEDIES = {
    "not_text": "write it in quotes, as text",
    "not_unicode": "save the file as UTF-8",
    "empty": "fill it in, or name another column under `columns:`",
    "missing": "fill it in, or name another column under `columns:`",
}
"""What to do about a row, by the reason it is dropped for."""

LIKELY = ("instruction", "question", "prompt", "inputs", "input", "query", "problem", "text")
"""What the column with the question is usually called."""


def texts_of(
    row: SourceRow, names: Sequence[str], *, empty: Collection[str] = (), optional: Collection[str] = ()
) -> dict[str, str] | Dropped:
    """The texts in these columns of a row, or why there is none in one of them: `missing`, `not_text`, `not_unicode`
    (half a surrogate pair, which no file of text can hold), or `empty` where that is not among those allowed to be.
    What is `optional` may be missing: it is then an empty text."""
    texts: dict[str, str] = {}
    values = row.values
    for name in names:
        value = values.get(name)
        if not isinstance(value, str):
            if not is_missing(value):
                return row.dropped("not_text", f"'{name}' is not text but {type(value).__name__}")
            if name not in optional:
                return row.dropped("missing", f"no text in '{name}'")
            value = ""
        if name not in empty and is_blank(value):
            return row.dropped("empty", f"'{name}' is empty")
        if not value.isascii() and not is_unicode(value):
            return row.dropped("not_unicode", f"'{name}' holds half a surrogate pair")
        texts[name] = value
    return texts


def at(values: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None where the path leads nowhere. A column of that very name comes first."""
    if path in values:
        return values[path]
    found: Any = values
    for part in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list | tuple) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found
