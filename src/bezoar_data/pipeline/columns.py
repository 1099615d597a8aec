"""What is known of the columns that rows have along a pipeline: their names, who wrote them, their types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bezoar_data.steps.catalogue import StepEntry
from bezoar_data.steps.external import ExternalEntry


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the id of the step that wrote it last, and its type (`config.where.tree.KINDS`), None where that is
    not known. `why` says what gave it its type, where a setting did."""

    by: str
    type: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class RowColumns:
    """The columns of the rows that leave a step. With `more`, rows may have others too."""

    known: Mapping[str, Column] = field(default_factory=dict)
    more: bool = False

    @property
    def names(self) -> frozenset[str] | None:
        """All columns; None where that is not known."""
        return None if self.more else frozenset(self.known)

    @property
    def types(self) -> dict[str, str | None]:
        return {name: column.type for name, column in self.known.items()}

    @property
    def why(self) -> dict[str, str]:
        return {name: column.why for name, column in self.known.items() if column.why}


def together(branches: Sequence[RowColumns]) -> RowColumns:
    """The columns of rows that come from several branches. A type is known where all branches that have the column
    agree."""
    known: dict[str, Column] = {}
    for branch in branches:
        for name, column in branch.known.items():
            before = known.get(name, column)
            agreed = before.type if before.type == column.type else None
            known[name] = replace(column, type=agreed, why=column.why if agreed else "")
    return RowColumns(known, any(branch.more for branch in branches))


def in_all(branches: Sequence[RowColumns], join: Literal["union", "join"] | None, name: str) -> bool:
    """Whether every row has the column, as far as that is known: a row of a union comes from one branch, a joined one
    has the columns of all."""
    has = (name in branch.known or branch.more for branch in branches)
    return all(has) if join == "union" else any(has)


def after(
    step: str, entry: StepEntry, settings: Mapping[str, Any], before: RowColumns, read: RowColumns | None = None
) -> RowColumns:
    """The columns of the rows that leave a step, whose rows had those `before`. `read` are columns that a source takes
    along from its files."""
    reads, writes = entry.columns(settings)
    said = entry.column_types(settings)
    carries = not isinstance(entry, ExternalEntry)
    carried = {} if entry.makes and not entry.carries else dict(before.known)
    if isinstance(entry, ExternalEntry):
        removed = entry.removed(settings, set(carried))
        carried = {name: column for name, column in carried.items() if name not in removed}
    for name in (*writes, *entry.optional_columns(settings)):
        kind, setting = said.get(name, (None, ""))
        same = before.known.get(name)
        if name not in said and carries and name in reads and same is not None:
            carried[name] = replace(same, by=step)
        else:
            why = f"`{setting}: {settings[setting]}` of '{step}' makes it {kind}" if settings.get(setting) else ""
            carried[name] = Column(step, kind, why)
    more = before.more and not (entry.makes and not entry.carries)
    # What a source of a person's module takes along from its files, a run alone knows.
    more = more or (isinstance(entry, ExternalEntry) and entry.read is not None and entry.kind == "source")
    if read is not None:
        carried = {**read.known, **carried, **{n: c for n, c in read.known.items() if c.type and n not in said}}
        more = more or read.more
    return RowColumns(carried, more)
