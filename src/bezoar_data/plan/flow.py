"""What a replay counts: rows on their way, what each step lets through, and what each of its models is to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bezoar_data.config.files.models import Model
from bezoar_data.llms.journal.history import PastAnswer
from bezoar_data.plan.interval import NOTHING, ONE, Interval
from bezoar_data.runs.row import Row

PLACEHOLDER = "placeholder"
"""The key of an answer nobody has got."""

Key = tuple[str, str]
"""A step's id, and its field that holds the model."""


@dataclass(frozen=True, slots=True)
class SampledRow:
    """A row that stands for `weight` rows of the run. `unknown` are the columns that came of placeholders."""

    row: Row
    weight: Interval
    unknown: frozenset[str] = frozenset()


@dataclass(slots=True)
class ModelDemand:
    """One step's use of one model: what is to be asked, as the replay found it, and what the journal holds."""

    step: str
    to: str
    role: str
    model: Model
    """As its answers are journalled and priced."""
    past: Sequence[PastAnswer]
    """Answers of this model in this step, the newest first; none if the step was another then."""
    lengths: Sequence[int] = ()
    """Tokens of those."""
    asks: Interval = NOTHING
    samples: Interval = NOTHING
    """The answers wanted: some questions want several."""
    known: Interval = NOTHING
    """Prompt tokens of text that is known."""
    filling: Interval = NOTHING
    """Prompt tokens of filler words."""
    guessed: float = 0.0
    """Tokens of placeholders."""
    wanted: float = 0.0
    """All answers wanted, equal ones and those that the journal holds among them."""
    hits: float = 0.0
    paid: float = 0.0
    estimated: float = 0.0
    billed: float = 0.0
    """Prompt tokens of the answers found: as counted here, and as the endpoint counted them."""
    worst: float = 0.0
    """What one request can cost at most."""

    def __post_init__(self) -> None:
        self.lengths = [answer.completion_tokens for answer in self.past if answer.completion_tokens]

    @property
    def key(self) -> Key:
        return self.step, self.to

    @property
    def guess(self) -> float:
        """The mean tokens of a placeholder."""
        return self.guessed / self.samples.likely if self.samples.likely else 0.0


@dataclass(slots=True)
class StepFlow:
    """What happened to rows at one step. For a step that makes rows these are its candidates.

    A row is seen where its fate is known, open where it hangs on a placeholder. `keep` is the share of open rows that
    the step is taken to keep, None where none is open.
    """

    rows_in: Interval = NOTHING
    rows_out: Interval = NOTHING
    seen_in: float = 0.0
    seen_kept: float = 0.0
    open_in: float = 0.0
    keep: Interval | None = None
    learned_from: float = 0.0
    """Rows that `keep` is learned from; 0: it is assumed."""
    partly_found: float = 0.0
    partly_open: float = 0.0
    """Rows that placeholders answer, and of these the ones that the journal answers in part."""
    found_later: Interval = ONE
    """The share of questions to come that is not in the journal once their texts are known."""
    enough: Interval = ONE
    """The share that it makes of what it is to make, if it may not ask as often as it must."""
    longest: int = 0
    """The most questions that follow each other for one row."""
    unknown: bool = False
    """What comes here is unknown."""
    hidden: bool = False
    """What leaves from here is unknown."""
    notes: dict[str, None] = field(default_factory=dict)
    seen: list[SampledRow] = field(default_factory=list)
    open: list[SampledRow] = field(default_factory=list)
    """Rows that leave, until they are handed on."""

    @property
    def opaque(self) -> bool:
        return self.unknown or self.hidden
