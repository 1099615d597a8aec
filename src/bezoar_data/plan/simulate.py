"""From a replay to intervals: what is not known is drawn many times over, and what comes out is counted.

Drawn are, for each step, the share of rows it keeps; for each of its models, the length of answers, re-askings, and how
far the count of tokens is off. Lengths that are assumed go up and down together: a model that talks much does so in
every step. All else is drawn apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from bezoar_data.config.files.models import Price
from bezoar_data.plan.flow import Key, Path
from bezoar_data.plan.priors import Factor
from bezoar_data.plan.replay import Replay
from bezoar_data.plan.result import Interval

DRAWS = 800
OUTSIDE = 0.05
"""Share of the draws that lie below an interval, and above it."""

_TAKEN = ("requests", "prompt", "completion", "cost")


@dataclass(frozen=True, slots=True)
class Unknowns:
    """The factors of each channel, those of lengths by the letters of each kind of answers. `most_asks` bounds the
    questions of a step that asks until it has enough."""

    lengths: Mapping[str, Factor]
    asks: Mapping[Key, Factor]
    saved: Mapping[Key, float]
    """The questions that need not be asked because an equal one was, for each that must; how many they will be is known
    to within the standard deviation `doubt` over that number."""
    doubt: float
    counting: Mapping[Key, Factor]
    prices: Mapping[Key, Price | None]
    most_asks: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one channel, or all, would take."""

    requests: Interval
    prompt_tokens: Interval
    completion_tokens: Interval
    cost: Interval


@dataclass(frozen=True, slots=True)
class Outcome:
    """The intervals of a whole plan. `total.cost` is of the models that have a price."""

    channels: Mapping[Key, Numbers]
    total: Numbers
    rows_in: Mapping[str, Interval]
    rows_out: Mapping[str, Interval]


class Chances:
    """Draws what may come. The same replay and factors give the same intervals."""

    def __init__(self, replay: Replay, unknowns: Unknowns) -> None:
        self._replay = replay
        self._unknowns = unknowns

    def outcome(self) -> Outcome:
        likely = self._once(None)
        chance = Random(0)
        drawn = [self._once(chance) for _ in range(DRAWS)]
        found = {name: _interval(likely[name], [one[name] for one in drawn]) for name in likely}

        def numbers(*key: str) -> Numbers:
            return Numbers(*(found[*key, what] for what in _TAKEN))

        return Outcome(
            {key: numbers("channel", *key) for key in self._replay.channels},
            numbers("total"),
            {name: found["came", name] for name in self._replay.traffic},
            {name: found["went", name] for name in self._replay.traffic},
        )

    def _once(self, chance: Random | None) -> dict[tuple[str, ...], float]:
        """One way it may come out; without chance, the likeliest."""
        unknowns, replay = self._unknowns, self._replay
        talk = chance.gauss(0, 1) if chance else 0.0
        equal = chance.gammavariate(unknowns.doubt**-2, unknowns.doubt**2) if chance and unknowns.doubt else 1.0

        def value(factor: Factor, *, together: bool = False) -> float:
            if chance is None:
                return max(factor.least, factor.mid)
            return factor.draw(talk if together and not factor.learned_from else chance.gauss(0, 1))

        length = {kind: value(factor, together=True) for kind, factor in unknowns.lengths.items()}
        asks = {
            key: value(factor) * max(0.0, 1 + unknowns.saved[key] * (1 - equal))
            for key, factor in unknowns.asks.items()
        }
        kept = self._kept(chance, asks)
        out: dict[tuple[str, ...], float] = defaultdict(float)
        for key, channel in replay.channels.items():
            more, off, price = asks[key], value(unknowns.counting[key]), unknowns.prices[key]
            requests = prompt = completion = 0.0
            for path, amount in channel.ahead.items():
                times = more * _share(kept, path)
                filling = sum(n * length.get(kind, 1.0) for kind, n in amount.filling.items())
                requests += times * amount.asks
                prompt += times * (amount.known * off + filling)
                completion += times * sum(n * length[kind] for kind, n in amount.answers.items())
            cost = (prompt * price.input + completion * price.output) / 1e6 if price else 0.0
            for what, much in zip(_TAKEN, (requests, prompt, completion, cost), strict=True):
                out["channel", *key, what] = much
                out["total", what] += much
        if not replay.channels:
            out.update({("total", what): 0.0 for what in _TAKEN})
        for name, traffic in replay.traffic.items():
            out["came", name] = sum(base * _share(kept, path) for path, base in traffic.came.items())
            out["went", name] = sum(base * _share(kept, path) for path, base in traffic.went.items())
        return dict(out)

    def _kept(self, chance: Random | None, asks: Mapping[Key, float]) -> dict[str, float]:
        kept: dict[str, float] = {}
        for name, traffic in self._replay.traffic.items():
            if name in self._unknowns.most_asks:
                # It asks until it has enough, or may ask no more.
                wanted = self._replay.channels[name, "llm"].open_asks * asks[name, "llm"]
                kept[name] = min(1.0, self._unknowns.most_asks[name] / wanted) if wanted else 1.0
            elif traffic.share is not None:
                kept[name] = traffic.share.draw(chance, traffic.open_in, traffic.alike) if chance else traffic.share.mid
        return kept


def _share(kept: Mapping[str, float], path: Path) -> float:
    share = 1.0
    for name in path:
        share *= kept.get(name, 1.0)
    return share


def _interval(likely: float, drawn: list[float]) -> Interval:
    drawn.sort()
    cut = int(len(drawn) * OUTSIDE)
    low, high = drawn[cut], drawn[-1 - cut]
    return Interval(min(low, likely), likely, max(high, likely))
