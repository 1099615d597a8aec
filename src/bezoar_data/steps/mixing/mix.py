"""`mix`: how much of each dataset a mixture holds, written so that a number cannot be taken for another thing.

Mixtures are often written as a name and an amount, where `1` means one row, `1.0` the whole set and `3.0` three copies
of it (open-instruct's mixer). Here an amount says which it is: `rows`, `fraction` or `repeat`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.runs.row import Row, group_of
from bezoar_data.steps.base import Dropped, GlobalMakingStep, Made
from bezoar_data.steps.curation.sample import draw

_log = logging.getLogger(__name__)

_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
    "properties": {
        "rows": {"type": "integer", "minimum": 1, "description": "At most this many rows, each once."},
        "fraction": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": "This share of the rows."},
        "repeat": {"type": "number", "minimum": 1, "description": "Every row this many times; 1 is all of them once."},
    },
}


class Amount(BaseModel):
    """How much to take of a dataset: exactly one of the three."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int | None = Field(default=None, ge=1)
    fraction: float | None = Field(default=None, gt=0, le=1)
    repeat: float | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one(self) -> Amount:
        if sum(value is not None for value in (self.rows, self.fraction, self.repeat)) != 1:
            raise ValueError("write exactly one of rows, fraction and repeat")
        return self

    def taken(self, there: int) -> int:
        """How many rows that is of `there` rows, copies counted."""
        if self.rows is not None:
            return min(self.rows, there)
        return round((self.repeat or self.fraction or 0) * there)


class Mix(GlobalMakingStep):
    """Take a stated amount of each dataset: some rows, a share of them, or all of them several times.

    `by` is the column that says which dataset a row belongs to, and `amounts` has an entry for each of its values:
    `{rows: 1000}` takes at most that many rows and never one twice, `{fraction: 0.5}` that share of them, `{repeat: 3}`
    each of them three times, `{repeat: 1.5}` each once and half of them a second time. Whatever is drawn at random
    depends on the seed and the rows' ids alone, not on their order. The rows it gives are copies, with all columns;
    rows that are not taken are dropped as `not_in_mix`. A row without an amount ends the run.

    Copies of a row are alike: a step that looks for duplicates belongs before this one.
    """

    use: ClassVar[str] = "mix"
    version: ClassVar[int] = 1
    carries: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("{by}",)
    example: ClassVar[str] = "- use: mix\n  with: {amounts: {flan: {rows: 50000}, dolly: {repeat: 2}}}\n"

    amounts: Annotated[dict[str, Annotated[Amount, WithJsonSchema(dict(_SCHEMA))]], Field(min_length=1)] = Field(
        description="For each dataset one of rows, fraction and repeat."
    )
    by: str = Field(default="dataset", min_length=1, description="The column that says which dataset a row is of.")

    def run_all(self, rows: Sequence[Row]) -> Sequence[Made]:
        there = Counter(map(self._dataset, rows))
        self._check(there)
        copies = self._copies(rows, there)
        return [made for place, row in enumerate(rows) for made in _copied(row, place, copies[place])]

    def _dataset(self, row: Row) -> str:
        value = row.get(self.by)
        return value if isinstance(value, str) else group_of(value)

    def _check(self, there: Mapping[str, int]) -> None:
        """Raise for rows without an amount; warn where an amount asks for more than there is."""
        unknown = sorted(there.keys() - self.amounts.keys())
        if unknown:
            hint = did_you_mean(unknown[0], list(self.amounts))
            message = f"{self.name}: no amount for the rows whose `{self.by}` is {', '.join(map(repr, unknown))}"
            raise InputError(Problem("no-amount", message, hint=hint))
        for dataset, amount in self.amounts.items():
            if there.get(dataset, 0) < (amount.rows or 1):
                found = there.get(dataset, 0)
                _log.warning("%s: %s has %d rows, fewer than the mixture asks for", self.name, dataset, found)

    def _copies(self, rows: Sequence[Row], there: Mapping[str, int]) -> list[int]:
        """How often each row is taken: all of its dataset equally often, and the first drawn once more."""
        left = {dataset: amount.taken(there.get(dataset, 0)) for dataset, amount in self.amounts.items()}
        whole = {dataset: left[dataset] // there[dataset] for dataset in there}
        more = {dataset: left[dataset] % there[dataset] for dataset in there}
        copies = [0] * len(rows)
        for i in draw(rows, self.seed):
            dataset = self._dataset(rows[i])
            copies[i] = whole[dataset] + (more[dataset] > 0)
            more[dataset] -= 1
        return copies


def _copied(row: Row, place: int, copies: int) -> Iterator[Made]:
    for k in range(max(copies, 1)):
        yield Made([row], (place, k), row.columns, dropped=None if copies else Dropped("not_in_mix"))
