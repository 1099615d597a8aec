"""`columns:` of a pipeline file: a step's names of columns, and the row's names of the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED, Columns

MODEL_NAME = "model_name"
UNKEPT = (MODEL_NAME, "distilabel_metadata")
"""Columns that each distilabel task writes over the last one's. What they hold is in the lineage and the journal;
the first is kept where `columns:` gives it a name of its own."""


class Renaming:
    """Translates rows on their way into a step and back."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._ours = dict(columns)
        self._theirs = {ours: theirs for theirs, ours in columns.items()}

    def given(self, columns: Mapping[str, Any]) -> Columns:
        """The row under the step's names. A column that bears a name meant for another is not shown."""
        named = ((self._theirs.get(name, name), name, value) for name, value in columns.items())
        return {theirs: value for theirs, name, value in named if name in self._theirs or theirs not in self._ours}

    def taken(self, before: Mapping[str, Any], out: Mapping[str, Any]) -> Columns:
        """The row as it leaves the step: what it gave back, under the row's names and in the row's order, with what
        it was not shown. Raises `ValueError` for a column that is kept for lineage."""
        out = {k: v for k, v in out.items() if k not in UNKEPT or k in self._ours}
        out |= {k: before[k] for k in UNKEPT if k in before and k not in (*self._ours, *self._theirs)}
        columns: Columns = {}
        for name, value in before.items():
            theirs = self._theirs.get(name, name)
            if name not in self._theirs and theirs in self._ours:
                columns[name] = value
            elif theirs in out:
                columns[name] = out[theirs]
        for theirs, value in out.items():
            name = self._ours.get(theirs, theirs)
            if name in (*LINEAGE_COLUMNS, RESERVED) and name not in before:
                raise ValueError(f"the column '{name}' is kept for lineage: give it another name under 'columns:'")
            columns.setdefault(name, value)
        return columns
