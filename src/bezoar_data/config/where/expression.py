"""The `where` language: one small way to choose rows, in pipelines, recipes and on the command line.

    judge_status == "Accept" and judge_rating >= 4
    length(response) < 2000 and not contains(response, "TODO")
    category in ["qa", "summary"] and reviewer is not null

Comparisons (`== != < <= > >=`), `and`, `or`, `not`, `in [...]`, `not in [...]`, `length(column)` of a text (characters)
or list, `contains(column, "text")` (case counts), `is null`, `is not null`, parentheses; texts in single or double
quotes, numbers, `true`, `false`. A column whose name is not a plain word, or is a word of the language, stands in
backticks. There is no other function, no attribute and no arithmetic: an expression can do nothing but look at a row.

Nulls follow SQL. What is compared with a null, measured on a null or looked for in it is neither true nor false but
unknown; `not` of unknown is unknown; `and` is false if one side is false, `or` true if one side is true, whatever the
other is. Only rows for which the whole is *true* are chosen. A column a row does not have is null.

Text, numbers and truth values are compared with their like only. Other kinds (lists, records, dates) know `is null`,
lists `length` too. A comparison of unlike kinds is a mistake of whoever wrote it: an error, never just untrue.

An expression runs on a row (`matches`) and as a pyarrow expression (`arrow`) with the same result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem, did_you_mean, source_line
from bezoar_data.config.where.parse import ParseError, parse
from bezoar_data.config.where.tree import Mismatch, Node, check_kinds, columns_of, root_truth

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class Where:
    """A parsed expression."""

    text: str
    tree: Node
    place: Place | None = None

    @classmethod
    def parse(cls, text: str, place: Place | None = None) -> Where:
        """Parse a text written at `place`, if in a file. Raises `InputError` at the first mistake."""
        try:
            return cls(text, parse(text), place)
        except ParseError as error:
            raise InputError(problem(error.message, text, error.at, place, error.hint)) from None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at, each once, in the order they are written."""
        return tuple(dict.fromkeys(c.name for c in columns_of(self.tree)))

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether the expression is true of this row. Raises `InputError` for a comparison of unlike kinds."""
        return self.value(row) is True

    def value(self, row: Mapping[str, Any]) -> bool | None:
        """True, false, or None for unknown."""
        try:
            return root_truth(self.tree, row)
        except Mismatch as error:
            raise InputError(self._unlike(error)) from None

    def check(
        self,
        columns: Collection[str] | None,
        types: Mapping[str, str | None] | None = None,
        why: Mapping[str, str] | None = None,
    ) -> list[Problem]:
        """What is wrong whatever the rows hold: a problem for each column named that is not one of these (None: the
        columns are not known), and for the first comparison of unlike kinds.

        `types` are those of columns, as far as they are known (`tree.KINDS`); `columns` that map names to types say
        both. `why` tells of a column what gave it its type.
        """
        if types is None:
            types = columns if isinstance(columns, Mapping) else {}
        try:
            check_kinds(self.tree, types)
            unlike = []
        except Mismatch as error:
            unlike = [self._unlike(error, (why or {}).get(error.column or "", ""))]
        return [*self._unknown(columns), *unlike] if columns is not None else unlike

    def _unlike(self, error: Mismatch, why: str = "") -> Problem:
        hint = "; ".join(part for part in (error.hint, why) if part)
        return problem(error.message, self.text, error.at, self.place, hint)

    def _unknown(self, columns: Collection[str]) -> list[Problem]:
        known = list(columns)
        missing = {c.name: c for c in reversed(list(columns_of(self.tree))) if c.name not in known}
        return [
            problem(f"there is no column '{c.name}'", self.text, c.at, self.place, did_you_mean(c.name, known))
            for c in sorted(missing.values(), key=lambda c: c.at)
        ]

    def arrow(self, schema: pa.Schema) -> pc.Expression:
        """The same as a pyarrow expression for tables and datasets of this schema.

        Raises `InputError` for columns the schema lacks and for comparisons of unlike kinds.
        """
        from bezoar_data.config.where.arrow import compile_arrow

        problems = self._unknown(schema.names)
        if problems:
            raise InputError(problems)
        try:
            return compile_arrow(self.tree, schema)
        except Mismatch as error:
            raise InputError(self._unlike(error)) from None


def problem(message: str, text: str, at: int, place: Place | None, hint: str = "") -> Problem:
    """A mistake at a character of an expression: at its place in the file where the expression stands there as
    written, and always with the text around it and a mark."""
    line = " ".join(text[max(0, at - 30) : at].split("\n")), " ".join(text[at : at + 30].split("\n"))
    before, after = ("…" if at > 30 else "") + line[0], line[1] + ("…" if len(text) > at + 30 else "")
    return Problem(
        "bad-where", f"{message}, here: {before}▸{after} (character {at + 1})", _within(place, text, at), hint
    )


def _within(place: Place | None, text: str, at: int) -> Place | None:
    """The place of a character of an expression that starts at `place`: there itself, if it is written with escapes.

    YAML may fold lines and take away indentation, but leaves every other character as it is, so these are counted.
    """
    wanted = deque(c for c in text[: at + 1] if not c.isspace())
    if place is None or place.line is None or place.column is None or not wanted:
        return place
    number, start = place.line, place.column - 1
    line = source_line(place) or ""
    if (mark := line[start : start + 1]) and mark in "|>":
        number, start = number + 1, 0
    elif mark and mark in "'\"":
        start += 1
    while (found := source_line(Place(place.file, number))) is not None:
        for column in range(start, len(found)):
            if found[column].isspace():
                continue
            if found[column] != wanted[0]:
                return place
            wanted.popleft()
            if not wanted:
                return Place(place.file, number, column + 1 + (at == len(text)))
        number, start = number + 1, 0
    return place
