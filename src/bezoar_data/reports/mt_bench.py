"""Ratings and comparisons by judges, for people: every table says whose they are, of which day and which files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bezoar_data.reports.table import Table, rendered

if TYPE_CHECKING:
    from bezoar_data.evaluation.annotations import Annotated
    from bezoar_data.evaluation.mt_bench.record import Figure, Grades, Pairs, Preferences, Setting
    from bezoar_data.measures.intervals import Estimate
    from bezoar_data.measures.preferences import WinRate

MANY = 0.05
"""From this share of unreadable verdicts on, a judge is said to fail. Ours: FastChat's GPT-4 fails on far fewer."""
BESIDE = (
    "win rate (95 %)", "error", "won", "tied", "lost", "characters", "different words", "with length", "with words",
)  # fmt: skip
MEANS = """\
Ties count half; error is the standard error. Lengths are its own / the other's; "with length" and "with words" are
Spearman's correlation of the preference with how many more characters and different words its answer has."""
_READ = {"published": "as FastChat reads them", "strict": "strictly"}


def judged_texts(grades: Sequence[Grades], pairs: Sequence[Pairs], *, markdown: bool = False) -> Iterator[str]:
    """A text for each task: a table for each judge, each judge's readability in its first line."""
    for setting in _settings(grades):
        rated = [one for one in grades if one.setting == setting]
        compared = [one for one in pairs if one.setting == setting]
        judges = list(dict.fromkeys(rates.judge for one in rated for rates in one.judges))
        parts = [_rates_text(setting, judge, rated, markdown) for judge in judges]
        parts += [_pairs_text(setting, judge, compared, markdown) for judge in judges if compared]
        yield "\n\n".join([*parts, *_answers(rated), *_agreements(rated, compared)])


def annotated_text(found: Sequence[Annotated], *, markdown: bool = False) -> str:
    """Win rates from annotations: how many had no preference in the first line, lengths beside every rate."""
    unreadable = {one.model: (one.unreadable, one.unreadable + (one.found.items if one.found else 0)) for one in found}
    table: Table = [["", *BESIDE]]
    for one in found:
        table.append(
            [f"{one.model} against {one.baseline}", *(beside(one.found) if one.found else ["-"] * len(BESIDE))]
        )
    return "\n".join(
        [f"Win rates from annotations: {_unreadable(unreadable)}", "", *rendered(table, markdown), "", MEANS]
    )


def _settings(grades: Sequence[Grades]) -> list[Setting]:
    settings: list[Setting] = []
    for one in grades:
        if one.setting not in settings:
            settings.append(one.setting)
    return settings


def _rates_text(setting: Setting, judge: str, rated: Sequence[Grades], markdown: bool) -> str:
    models = {one.model: rates for one in rated for rates in one.judges if rates.judge == judge}
    counts = {name: (rates.unreadable[setting.reading], rates.turns) for name, rates in models.items()}
    first = f"{setting.task}, rated 1 to 10 by {judge}: {_unreadable(counts)}"
    parts = list(dict.fromkeys(part for rates in models.values() for part in rates.figures[setting.reading]))
    table: Table = [["", *models]]
    for part in parts:
        figures = (rates.figures[setting.reading].get(part) for rates in models.values())
        table.append([part, *(_rating(figure) for figure in figures)])
    date = max(rates.date for rates in models.values())
    return "\n".join([first, _source(setting, judge, date), "", *rendered(table, markdown)])


def _pairs_text(setting: Setting, judge: str, pairs: Sequence[Pairs], markdown: bool) -> str:
    found = {
        (one.first, one.second): told for one in pairs for told in one.judges if told.judge == judge
    }  # fmt: skip
    counts = {f"{b} against {a}": (told.unreadable[setting.reading], told.turns) for (a, b), told in found.items()}
    first = f"{setting.task}, compared in both orders by {judge}: {_unreadable(counts)}"
    table: Table = [["", "", *BESIDE]]
    for (a, b), told in found.items():
        for part, rate in told.win_rates[setting.reading].items():
            table.append([f"{b} against {a}", part, *beside(rate)])
    date = max(told.date for told in found.values())
    remarks = ["One wins only where it does in both orders.", MEANS]
    remarks += [line for (a, b), told in found.items() for line in _order(f"{b} against {a}", told)]
    return "\n".join([first, _source(setting, judge, date), "", *rendered(table, markdown), "", *remarks])


def _unreadable(counts: Mapping[str, tuple[int, int]]) -> str:
    """The end of the first line: how often the judge kept to the format."""
    some = {name: (failed, of) for name, (failed, of) in counts.items() if failed}
    if not some:
        return "every verdict could be read."
    told = ", ".join(f"{failed:,} of {of:,} for {name} ({failed / of:.0%})" for name, (failed, of) in some.items())
    if all(failed / of < MANY for failed, of in some.values()):
        return f"verdicts that could not be read and are left out: {told}."
    return f"THE JUDGE OFTEN FAILS THE FORMAT. Verdicts that could not be read and are left out: {told}."


def _source(setting: Setting, judge: str, date: str) -> str:
    files = [f"{name} {sha[:12]}" for name, sha in setting.files.items()]
    if "references" not in setting.files:
        files.append("no references")
    return f"Judge {judge}, {date}, verdicts read {_READ[setting.reading]}; {', '.join(files)}."


def _answers(rated: Sequence[Grades]) -> Iterator[str]:
    lines = [
        f"{one.model}: answers of {one.characters:,.0f} characters and {one.unique_words:,.0f} different words."
        + (f" {one.empty_answers:,} are empty." if one.empty_answers else "")
        + (f" Its context left {one.short_of_room:,} of them less room than wanted." if one.short_of_room else "")
        + (f" Its context did not hold the beginning of {one.cut_prompts:,} prompts." if one.cut_prompts else "")
        for one in rated
    ]
    yield "\n".join(lines)


def _agreements(rated: Sequence[Grades], pairs: Sequence[Pairs]) -> Iterator[str]:
    told = [(one.model, one.judges, one.agreement) for one in rated]
    told += [(f"{one.second} against {one.first}", one.judges, one.agreement) for one in pairs]  # type: ignore[misc]
    lines = [_agreement(name, judges[0].judge, judges[1].judge, found) for name, judges, found in told if found]
    if lines:
        yield "\n".join(lines)


def _agreement(name: str, first: str, second: str, found: Mapping[str, Any]) -> str:
    kappa = found.get("weighted_kappa") or found["kappa"]
    kind = "quadratic-weighted kappa" if "weighted_kappa" in found else "kappa"
    value = f"{kappa['value']:.2f}" if kappa["value"] is not None else "not defined"
    same = found["agreement"]["value"]
    return f"{name}: {first} and {second} say the same of {same:.0%} of {found['rows']:,} turns; {kind} {value}."


def _order(name: str, told: Preferences) -> Iterator[str]:
    if told.swapped is not None and told.swapped.consistent.value is not None:
        found = told.swapped
        yield (
            f"{name}: {found.consistent.value:.0%} of the verdicts stay the same in the other order; "
            f"{found.first:,} lean to what stands first, {found.second:,} to what stands second."
        )


def _rating(figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return "-"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def beside(rate: WinRate) -> list[str]:
    """The cells of a win rate, under `BESIDE`."""
    unique = f"{rate.unique[1]:,.0f} / {rate.unique[0]:,.0f}" if rate.unique is not None else "-"
    error = f"{100 * rate.error:.2f}" if rate.error is not None else "-"
    return [
        _percent(rate.rate), error, f"{rate.wins:,}", f"{rate.ties:,}", f"{rate.losses:,}",
        f"{rate.characters[1]:,.0f} / {rate.characters[0]:,.0f}", unique, _correlation(rate.with_length),
        _correlation(rate.with_unique),
    ]  # fmt: skip


def _percent(rate: Estimate) -> str:
    if rate.value is None or rate.low is None or rate.high is None:
        return "-"
    return f"{100 * rate.value:.2f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _correlation(found: Estimate) -> str:
    if found.value is None or found.low is None or found.high is None:
        return "not defined"
    return f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
