"""What a plan says: plain values that the command line, a notebook or a program read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bezoar_data.plan.interval import Interval

Basis = Literal["exact", "learned", "assumed", "unknown"]
"""Where a number comes from: counted; past answers and runs; ranges that docs/plan.md states; nothing."""


@dataclass(frozen=True, slots=True)
class ModelUse:
    """One step's use of one model. What is left to send, unless it says otherwise.

    `requests` leaves out tries after a failure; `cost` is US dollars, None where the model has no price.
    """

    role: str
    model: str
    provider: str
    requests: Interval | None
    """None: unknown, see the step's notes."""
    prompt_tokens: Interval | None
    completion_tokens: Interval | None
    cost: Interval | None
    priced: bool
    from_journal: int
    """Answers that the journal holds: they are not paid again."""
    paid: float
    """What those took, in US dollars, as far as they had a price."""
    answer_tokens: float
    """The mean length of an answer still to come."""
    basis: Basis
    """What the length of answers stands on."""
    learned_from: int
    """How many past answers it was learned from."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of the DAG. Rows are those of the whole run; a step that makes rows counts its candidates as rows in."""

    id: str
    use: str
    kind: str
    after: tuple[str, ...]
    rows_in: Interval | None
    rows_out: Interval | None
    basis: Basis
    """What the share of rows kept stands on."""
    waits: bool
    """Whether it needs all rows before it can decide any."""
    models: tuple[ModelUse, ...]
    notes: tuple[str, ...]
    phase: int
    """Where it is done in a run of shards (`pipeline.phases`)."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file the run would write. `replaces`: there is one already."""

    path: str
    what: str
    replaces: bool


@dataclass(frozen=True, slots=True)
class BudgetCheck:
    """Whether a budget is enough for what is left to pay. `needed` is what covers the high end, with room for the last
    request's worst case; None where a model has no price or a number is unknown."""

    cap: float
    verdict: Literal["enough", "perhaps", "not_enough", "unknown"]
    needed: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What running a pipeline would ask, cost and write. Made without a request; nothing is written.

    `cost`, `requests` and tokens are what is left to be sent and paid; `from_journal` and `paid` what is there
    already. None means unknown, never nothing. `seconds` counts from the start of the run.
    """

    name: str
    description: str
    file: str
    out: str
    journal: str
    steps: tuple[PlannedStep, ...]
    requests: Interval | None
    prompt_tokens: Interval | None
    completion_tokens: Interval | None
    cost: Interval | None
    unpriced: tuple[str, ...]
    """Models to be asked that have no price: `cost` is then None."""
    from_journal: int
    paid: float
    seconds: Interval | None
    rows: Interval | None
    """Rows that leave the pipeline."""
    counted_by: str
    """How prompts were counted: a tokenizer's name, or the rule of thumb in words."""
    budget: BudgetCheck | None
    files: tuple[PlannedFile, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    """What keeps the pipeline from running as it is, such as a missing key."""

    def __iter__(self) -> Iterator[PlannedStep]:
        return iter(self.steps)

    def step(self, name: str) -> PlannedStep:
        """The step with this id. Raises `KeyError`."""
        for step in self.steps:
            if step.id == name:
                return step
        raise KeyError(name)

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """The DAG's edges, as (before, after)."""
        return tuple((before, step.id) for step in self.steps for before in step.after)

    def as_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        plain: dict[str, Any] = _rounded(asdict(self))
        return plain


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return round(value, 6) if isinstance(value, float) else value
