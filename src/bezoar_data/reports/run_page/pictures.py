"""What the pictures of a run's page show. Everything is of the lock, and of the rows and their stories while they
pass.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from bezoar_data.cards.truth import true_licence
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import load_card
from bezoar_data.reports.charts.picture import Cell, Picture, shown
from bezoar_data.reports.page import plain_text
from bezoar_data.reports.rows.story import Call, Story
from bezoar_data.runs.lock import Lock

_COPY_OF = re.compile(r"of ([0-9a-f]{32})\b")
_DATASET = "the dataset"


class Tally:
    """What is counted while rows pass."""

    def __init__(self) -> None:
        self.lengths: dict[str, Counter[int]] = defaultdict(Counter)
        self.seconds: dict[str, Counter[int]] = defaultdict(Counter)
        self.failures: Counter[tuple[str, str]] = Counter()
        self.copies: Counter[str] = Counter()
        self._seen: set[str] = set()

    def see(self, story: Story) -> None:
        row, drop = story.row, story.row.lineage.drop
        if drop is None:
            for name, value in row.columns.items():
                if isinstance(value, str):
                    self.lengths[name][len(value).bit_length()] += 1
        elif drop.failed:
            self.failures[drop.step, drop.reason] += 1
        elif found := _COPY_OF.match(drop.detail):
            self.copies[found.group(1)] += 1
        for one in row.lineage.soft_failures:
            self.failures[one.step, one.reason] += 1
        for call in story.calls:
            self._see_call(call)

    def _see_call(self, call: Call) -> None:
        # Rows share answers: each counts once.
        if call.seconds is not None and call.known == "answered" and call.key not in self._seen:
            self._seen.add(call.key)
            self.seconds[call.model][int(call.seconds * 10).bit_length()] += 1


def pictures_of(lock: Lock, dataset: Path, tally: Tally) -> list[Picture]:
    """Those that show anything."""
    made = (
        _flow(lock),
        *_ratings(lock),
        _lengths(lock, tally),
        *_agreement(lock),
        _copies(tally),
        *_spent(lock),
        _latency(lock, tally),
        _failures(tally),
        _licences(lock, dataset),
        _contamination(lock),
    )
    return [one for one in made if one.rows]


def _flow(lock: Lock) -> Picture:
    rows: list[tuple[Cell, ...]] = []
    by_id = {step.id: step for step in lock.steps}
    followed = {name for step in lock.steps for name in step.after}
    for step in lock.steps:
        rows += [(name, step.id, by_id[name].rows_out) for name in step.after if name in by_id]
        rows += [(step.id, f"{step.id}: {reason}", n) for reason, n in step.dropped.items()]
        if step.id not in followed:
            rows.append((step.id, "kept", step.rows_out))
    return Picture("How rows flowed", "flow", ("from", "to", "rows"), shown(rows), chooses="reason")


def _ratings(lock: Lock) -> Iterator[Picture]:
    for judge in lock.judges:
        rows = sorted(judge.ratings.items(), key=lambda one: (_number(one[0]), one[0]))
        said = f"{judge.accepted:,} accepted, {judge.rejected:,} rejected"
        if unjudged := sum(judge.unjudged.values()):
            said += f", {unjudged:,} without verdict"
        column = f"{judge.name}_rating"
        yield Picture(f"Ratings of {judge.name}", "bars", ("rating", "rows"), shown(rows), said, chooses=column)


def _number(label: str) -> float:
    try:
        return float(label)
    except ValueError:
        return float("inf")


def _lengths(lock: Lock, tally: Tally) -> Picture:
    names = [name for name in longest_texts(lock) if tally.lengths.get(name)][:_MOST_SERIES]
    found = [tally.lengths[name] for name in names]
    low, high = min((min(one) for one in found), default=0), max((max(one) for one in found), default=-1)
    rows: list[tuple[Cell, ...]] = [(_range(bits), *(one[bits] for one in found)) for bits in range(low, high + 1)]
    return Picture("Lengths of the kept rows' texts", "bars", ("characters", *map(plain_text, names)), shown(rows))


_MOST_SERIES = 4


def longest_texts(lock: Lock) -> list[str]:
    """The columns of texts, the longest first, but for those of few values and judges' reasons."""
    names = [name for name in lock.lengths if name not in lock.values and not name.endswith("_reason")]
    return sorted(names, key=lambda name: (-lock.lengths[name].characters.median, name))


def _range(bits: int, unit: float = 1) -> str:
    """The numbers that have so many bits, in units."""
    if bits == 0:
        return "0" if unit == 1 else f"under {unit:g}"
    low, high = (1 << (bits - 1)) * unit, (1 << bits) * unit
    return f"{low:g}" if high - low == unit == 1 else f"{low:,.10g}–{high - (unit if unit == 1 else 0):,.10g}"


def _agreement(lock: Lock) -> Iterator[Picture]:
    """Judges against people, each other and a reference, as confusion tables."""
    for one in (*lock.judging.people.agreement, *lock.judging.agreement):
        if not one.labels or not one.table:
            continue
        first, second = one.columns
        rows = [
            (mine, theirs, one.table[i][j]) for i, mine in enumerate(one.labels) for j, theirs in enumerate(one.labels)
        ]
        kappa = "not defined" if one.kappa.value is None else f"{one.kappa.value:.2f}"
        note = f"{one.rows:,} rows, kappa {kappa}"
        yield Picture(f"{first} against {second}", "grid", (first, second, "rows"), shown(rows), note)


def _copies(tally: Tally) -> Picture:
    sizes = Counter(copies + 1 for copies in tally.copies.values())
    rows = [(str(size), n) for size, n in sorted(sizes.items())]
    note = f"{sum(tally.copies.values()):,} rows dropped as copies of {len(tally.copies):,} others"
    return Picture("Rows that say the same", "bars", ("rows in a cluster", "clusters"), shown(rows), note)


def _spent(lock: Lock) -> Iterator[Picture]:
    used = [(f"{use.step}: {use.model}", use) for use in lock.usage]
    tokens = [(name, use.prompt_tokens, use.completion_tokens) for name, use in used if use.completion_tokens]
    note = "of the distinct answers behind the rows"
    yield Picture("Tokens", "bars", ("step and model", "sent", "answered"), shown(tokens), note, stacked=True)
    money = [(name, use.cost) for name, use in used if use.cost]
    yield Picture("Money", "bars", ("step and model", "US dollars"), shown(money), note)


def _latency(lock: Lock, tally: Tally) -> Picture:
    rules = {model.model for model in lock.models if model.rules}
    names = [name for name in sorted(tally.seconds) if name not in rules][:_MOST_SERIES]
    found = [tally.seconds[name] for name in names]
    low, high = min((min(one) for one in found), default=0), max((max(one) for one in found), default=-1)
    rows: list[tuple[Cell, ...]] = [(_range(bits, 0.1), *(one[bits] for one in found)) for bits in range(low, high + 1)]
    note = "from asking to answer, standing in line included"
    return Picture("How long answers took", "bars", ("seconds", *map(plain_text, names)), shown(rows), note)


def _failures(tally: Tally) -> Picture:
    rows = [
        (f"{step}: {reason}", n) for (step, reason), n in sorted(tally.failures.items(), key=lambda o: (-o[1], o[0]))
    ]
    return Picture("What failed", "bars", ("step and cause", "rows"), shown(rows))


def _licences(lock: Lock, dataset: Path) -> Picture:
    try:
        licence = true_licence(load_card(dataset / "README.md"), lock)
        ends = f"{_DATASET}: {licence.result}, commercial use: {licence.commercial}"
    except InputError:
        ends = f"{_DATASET}: its card cannot be read"
    rows: list[tuple[Cell, ...]] = [
        (f"{source.name}: {source.licence or 'unknown'}", ends, source.kept) for source in lock.sources if source.kept
    ]
    answers: Counter[str] = Counter()
    for use in lock.usage:
        answers[use.model] += use.answers
    for name, terms in {model.model: model.output_licence for model in lock.models if model.steps}.items():
        rows.append((f"{name}: {terms.id}", ends, answers[name] or 1))
    note = "rows of sources, answers of models"
    return Picture("What the licence follows from", "flow", ("from", "to", "rows or answers"), shown(rows), note)


def _contamination(lock: Lock) -> Picture:
    found = [
        (one.name, one.rows_found)
        for step in (lock.contamination.steps if lock.contamination else ())
        for one in step.sets
    ]
    return Picture("Rows that hold items of evaluation sets", "bars", ("evaluation set", "rows"), shown(found))
