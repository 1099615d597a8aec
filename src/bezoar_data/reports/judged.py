"""What a run says of its judges at its end: who judged, what they said, and when that is to be looked at."""

from __future__ import annotations

from collections.abc import Iterator

from bezoar_data.config.sanitize import clean_text
from bezoar_data.runs.judged import AcceptCounts, JudgeCounts
from bezoar_data.runs.lock import Lock

_LONGEST = 120
"""Characters of a reason that are shown."""


def judged_lines(lock: Lock) -> Iterator[str]:
    """In plain lines for a terminal."""
    for judge in lock.judges:
        yield f"judged by {_who(judge, lock)}: {_verdicts(judge)}"
    every: tuple[JudgeCounts, ...] = (*lock.judges, *lock.judging.attributes, *lock.judging.comparisons)
    for one in every:
        if not lock.by_rules(one.step):
            yield from _alike(one)
    asked = [one for one in every if any(one.step in model.steps for model in lock.models)]
    if asked and all(lock.by_rules(one.step) for one in asked):
        yield (
            "no model judged: the verdicts are those of rules, which see form and reference, not truth; "
            "--judge PROVIDER:MODEL has a model judge"
        )


def _who(judge: AcceptCounts, lock: Lock) -> str:
    """The judge's name, and whose verdicts they are."""
    models = dict.fromkeys(m.model for m in lock.models if judge.step in m.steps)
    who = "rules, no model" if lock.by_rules(judge.step) else " or ".join(models)
    return f"{judge.name} ({who})" if who else judge.name


def _verdicts(judge: AcceptCounts) -> str:
    total = judge.accepted + judge.rejected
    share = f" ({judge.accepted / total:.0%})" if total else ""
    return f"{judge.accepted:,} accepted{share}, {judge.rejected:,} rejected"


def _alike(judge: JudgeCounts) -> Iterator[str]:
    alike, name = judge.alike, judge.name or judge.step
    if alike is not None and alike.one_reason:
        said = clean_text(alike.reason or "", one_line=True)
        said = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
        yield (
            f"{name} gives one reason in {alike.commonest_reason:,} of {alike.verdicts:,} verdicts, “{said}”: look at "
            "them before you rely on it"
        )
    if alike is not None and alike.one_rating:
        rating = clean_text(alike.rating or "", one_line=True)
        yield f"{name} gives {rating} in {alike.commonest_rating:,} of {alike.verdicts:,} verdicts"
