"""Where branches of a pipeline come together: `join: union` takes all rows, `join: join` puts equal rows together.

The compiler puts one of these before a step that comes after several others. Rows are matched by id, never by
position. The streaming engine and the plan call `union` and `join` themselves (a union needs no waiting, a join reads
the spool); `process` does so for distilabel's own runners, which hand over the branches batch by batch.
"""

# No `from __future__ import annotations`: distilabel reads the annotations of `process` as objects, not as text.

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from distilabel.steps.base import Step, StepInput
from pydantic import Field, PrivateAttr

from bezoar_data.runs.row import Drop, Lineage, Row, made_id
from bezoar_data.steps.distilabel_driver import encode_for

UNMATCHED = "unmatched_in_join"
"""Reason of a row that did not come to a join from every side, and was not dropped on the others either: it was made
anew there, so no row of that side is equal to it."""


class _Merge(Step):
    shared: bool = Field(default=False, description="Whether the branches start from the same rows.")

    _packed: bool = PrivateAttr(default=False)

    @property
    def inputs(self) -> list[str]:
        return []

    @property
    def outputs(self) -> list[str]:
        return []

    def said_to_models(self) -> dict[str, str]:
        return {}


class Union(_Merge):
    """All rows of all branches, in the source's order, the first branch's row before the second's."""

    def process(self, *inputs: StepInput) -> Iterator[list[dict[str, Any]]]:
        yield [
            encode_for(self, union(Row.decode(columns), str(self.name), branch, shared=self.shared))
            for branch, rows in enumerate(inputs)
            for columns in rows
        ]


class Join(_Merge):
    """Rows that came through every branch, with the columns of all."""

    def process(self, *inputs: StepInput) -> Iterator[list[dict[str, Any]]]:
        groups: dict[str, list[Row]] = {}
        for columns in (columns for rows in inputs for columns in rows):
            row = Row.decode(columns)
            groups.setdefault(row.id, []).append(row)
        yield [encode_for(self, join(rows, str(self.name), len(inputs))) for rows in groups.values()]


def union(row: Row, step: str, branch: int, *, shared: bool) -> Row:
    """A row as it leaves a union. Where the branches start from the same rows, those of the second branch on become
    rows of their own, or two rows would have one id."""
    lineage = replace(row.lineage, order=(*row.lineage.order, branch))
    if shared and branch:
        lineage = replace(lineage, id=made_id((row.id,), step, branch), parent_ids=(row.id,))
    return Row(row.columns, lineage)


def join(rows: Sequence[Row], step: str, branches: int) -> Row:
    """One row from the equal rows of several branches: columns and lineage of all, in the branches' order. A drop
    mark on one marks the whole; so does a branch that the row did not come through."""
    columns: dict[str, Any] = {}
    models: dict[str, str] = {}
    keys: dict[str, tuple[str, ...]] = {}
    for row in rows:
        columns |= row.columns
        models |= row.lineage.models
        keys |= row.lineage.keys
    first: Lineage = rows[0].lineage
    unmatched = Drop(step, UNMATCHED, failed=True) if len(rows) < branches else None
    drop = next((r.lineage.drop for r in rows if r.lineage.drop is not None), unmatched)
    demo = any(r.lineage.demo for r in rows)
    failures = tuple(dict.fromkeys(failure for r in rows for failure in r.lineage.soft_failures))
    flags: list[Drop] = []
    for row in rows:
        flags += [flag for flag in row.lineage.flags if flag not in flags]
    together = replace(
        first, models=models, keys=keys, demo=demo, drop=drop, soft_failures=failures, flags=tuple(flags)
    )
    return Row(columns, together)
