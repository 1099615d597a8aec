"""What a replay counts: rows on their way, what each step lets through, and what each of its models is to be asked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from bezoar_data.plan.kinds import Kind
from bezoar_data.plan.priors import Factor, Share
from bezoar_data.runs.row import Row

STAND_IN = "stand-in"
"""The key of an answer nobody has got."""

Key = tuple[str, str]
"""A channel: a step's id, and its field that holds the model."""

Path = tuple[str, ...]
"""The steps whose keeping of a row was assumed or learned, not seen."""


@dataclass(frozen=True, slots=True)
class Walker:
    """A row on its way, standing for `base` rows. `unknown` are the columns that came of stand-ins."""

    row: Row
    base: float
    path: Path = ()
    unknown: frozenset[str] = frozenset()


@dataclass(slots=True)
class Amount:
    """What is to be asked of one model, for rows of one path."""

    asks: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    """The asks, by the letters of their kind."""
    samples: float = 0.0
    """The answers wanted: some questions want several."""
    known: float = 0.0
    """Prompt tokens of text that is known."""
    filling: Counter[str] = field(default_factory=Counter)
    """Prompt tokens of answers still to come, by the letter of the model that gives them."""
    answers: Counter[str] = field(default_factory=Counter)
    """Tokens of the stand-ins, by the letters of their kind."""


@dataclass(slots=True)
class Channel:
    """One step's use of one model: what is to be asked, and what the journal's answers say."""

    node: str
    to: str
    role: str
    kinds: dict[str, Kind] = field(default_factory=dict)
    ahead: dict[Path, Amount] = field(default_factory=lambda: defaultdict(Amount))
    open_asks: float = 0.0
    """All asks of rows that are open here, those found in the journal among them."""
    lucky: float = 0.0
    """Questions of open rows that need not be asked, because an equal one was."""
    hits: float = 0.0
    seen_asks: float = 0.0
    """Asks of rows whose fate the journal tells."""
    paid: float = 0.0
    estimated: float = 0.0
    billed: float = 0.0
    """Prompt tokens of the answers found: as counted here, and as the endpoint counted them."""
    worst: float = 0.0
    """What one request can cost at most."""

    def guessed(self, factors: Mapping[str, Factor] | None = None) -> float:
        """The mean length of an answer to come, each kind's stand-ins multiplied with its factor."""
        samples = sum(amount.samples for amount in self.ahead.values())
        sums = sum((amount.answers for amount in self.ahead.values()), Counter[str]())
        tokens = sum(n * factors[kind].mid if factors else n for kind, n in sums.items())
        return tokens / samples if samples else 0.0

    def share_of(self, kind: Kind) -> float:
        """The share of the questions to come that are of this kind."""
        asks = sum(amount.asks for amount in self.ahead.values())
        return sum(amount.kinds[kind.letter] for amount in self.ahead.values()) / asks if asks else 0.0


@dataclass(slots=True)
class Traffic:
    """What happened to rows at one step. For a step that makes rows these are its candidates."""

    came: dict[Path, float] = field(default_factory=lambda: defaultdict(float))
    went: dict[Path, float] = field(default_factory=lambda: defaultdict(float))
    seen_in: float = 0.0
    seen_kept: float = 0.0
    open_in: float = 0.0
    stood_out: float = 0.0
    """Of the open ones, those that a stand-in spoke against."""
    share: Share | None = None
    """Of the open rows: how many it keeps. None where none is open."""
    longest: int = 0
    """The most asks that follow each other for one row."""
    unknown: bool = False
    """Nobody can say what comes here."""
    hidden: bool = False
    """Nobody can say what leaves from here."""
    notes: dict[str, None] = field(default_factory=dict)

    draws: set[object] = field(default_factory=set)
    """The draws that rows made here share."""
    group: float = 1.0
    """How many of the rows that leave share a draw."""
    alike: float = 1.0
    """How many of the rows that leave tell as much as one on its own."""

    @property
    def opaque(self) -> bool:
        return self.unknown or self.hidden
