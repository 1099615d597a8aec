"""Whose answers are preferred: by judges that compared stages with each other, and by people who were told no names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bezoar_data.evaluation.mt_bench.record import OVERALL, Pairs
from bezoar_data.evaluation.people import Compared
from bezoar_data.measures.preferences import WinRate
from bezoar_data.reports.chain_page.stages import wide
from bezoar_data.reports.charts.picture import Cell, Picture, Pictures
from bezoar_data.reports.mt_bench import BESIDE, MEANS, beside
from bezoar_data.reports.page import Html, element, table
from bezoar_data.reports.people import LEVELS
from bezoar_data.reports.scores.figures import NONE, with_interval
from bezoar_data.reports.scores.preferred import agreed
from bezoar_data.reports.table import apart

_RATES, _LENGTHS = BESIDE[:5], BESIDE[5:]
"""In two tables: one is too wide for paper."""


def by_judges(pairs: Sequence[Pairs], pictures: Pictures) -> Iterator[Html]:
    """Of a suite's models with each other; nothing where they were not compared."""
    if not pairs:
        return
    yield element("h4", "Preferred by judges")
    if ranges := [row for pair in pairs for row in _by_part(pair)]:
        head = ("part", "models", "preferred", "from", "to")
        yield pictures.place(Picture("preferred, with its 95 % interval", "ranges", head, tuple(ranges)), "h5")
    lines, rates = [], []
    for pair in pairs:
        for told in pair.judges:
            rate = told.win_rates[pair.setting.reading].get(OVERALL)
            models = f"{pair.second} against {pair.first}"
            failed = f"{told.unreadable[pair.setting.reading]:,} of {told.turns:,}"
            lines.append([pair.setting.task, models, told.judge, told.date, failed, *_cells(rate)[: len(_RATES)]])
            rates.append((f"{models}, {told.judge}", rate))
    columns = ["task", "models", "judge", "judged on", "unreadable", *_RATES]
    yield _table("Preferred by judges", columns, lines, 4)
    yield from _lengths(rates)
    yield element("p", f"Judges saw both orders, and one wins only where it does in both. {MEANS}", classes="dim")


def _by_part(pair: Pairs) -> Iterator[tuple[Cell, ...]]:
    """Overall, by turn and by category. Judges stand apart: their figures do not compare."""
    for told in pair.judges:
        models = f"{pair.second} against {pair.first}, {told.judge}"
        for part, found in told.win_rates[pair.setting.reading].items():
            if found.rate.value is not None:
                yield f"{pair.setting.task}, {part}", models, found.rate.value, found.rate.low, found.rate.high


def by_people(compared: Sequence[Compared], pictures: Pictures) -> Iterator[Html]:
    """What people said who read two models' answers side by side; nothing where nobody did."""
    if not compared:
        return
    yield element("h3", "Preferred by people")
    yield element("p", "People read the answers of two models side by side, and were told neither name.")
    models = [f"{one.names[1]} against {one.names[0]}" for one in compared]
    levels: list[tuple[Cell, ...]] = [(name, *one.levels.values()) for name, one in zip(models, compared, strict=True)]
    head = ("models", *(LEVELS[level] for level in compared[0].levels))
    yield pictures.place(Picture("which answer is better", "bars", head, tuple(levels), stacked=True), "h4")
    better, acceptable = [], []
    for name, one in zip(models, compared, strict=True):
        counts = [name, *(f"{count:,}" for count in (one.people, one.judged, one.judgments))]
        better.append([*counts, *_cells(one.win)[: len(_RATES)], one.word, agreed(one.on_choice)])
        figures = [*map(with_interval, one.acceptable), apart(one.more_acceptable)]
        acceptable.append([*counts, *figures, one.acceptance_word, agreed(one.on_acceptance)])
    columns = ["models", "people", "prompts", "judgments"]
    yield _table("Which answer is better", [*columns, *_RATES, "verdict", "two agree"], better, 1)
    yield from _lengths(list(zip(models, (one.win for one in compared), strict=True)))
    yield element("h4", "is the answer acceptable")
    columns += ["the other's", "its own", "difference", "verdict", "two agree"]
    yield _table("Is the answer acceptable", columns, acceptable, 1)
    said = "The last column is how often two people say the same, with Cohen's kappa in brackets."
    yield element("p", f"{MEANS} {said}", classes="dim")


def _lengths(rates: Sequence[tuple[str, WinRate | None]]) -> Iterator[Html]:
    lines = [[models, *_cells(rate)[len(_RATES) :]] for models, rate in rates]
    yield _table("How long the answers are", ["models", *_LENGTHS], lines, 1)


def _cells(rate: WinRate | None) -> list[str]:
    return beside(rate) if rate is not None else [NONE] * len(BESIDE)


def _table(name: str, head: Sequence[str], lines: Sequence[Sequence[str]], numbers_from: int) -> Html:
    return wide(name, table(head, lines, frozenset(range(numbers_from, len(head)))))
