"""The first section of a card, what a reader looks for before anything else: what it is, how large, whether they may
use it, who judged it and how far that can be relied on.
"""

from __future__ import annotations

from collections.abc import Iterator

from bezoar_data.cards.sections import markdown as md
from bezoar_data.cards.sections.context import CardContext
from bezoar_data.config.files.licence_terms import Permission
from bezoar_data.runs.judged import AcceptCounts, PeopleAgreement
from bezoar_data.runs.lock import Lock, LockedModel

_MAY: dict[Permission, str] = {
    "yes": "yes",
    "no": "no, a part of the data forbids it",
    "unknown": "unknown, so not before you have settled it",
}


def summary(context: CardContext) -> str:
    lock = context.lock
    points = [*_size(lock), *_licence(context), *_answers(lock), *_judged(lock), _people(lock)]
    points.append(
        f"**Build:** {md.code(lock.hash)}, by version {lock.pipeline.version} of the pipeline "
        f"{md.code(lock.pipeline.name)}. Every figure here comes from `lock.json` beside this card."
    )
    listed = "\n".join(f"- {point}" for point in points)
    return f"{md.text(lock.pipeline.description)}\n\n{listed}" if lock.pipeline.description else listed


def _size(lock: Lock) -> Iterator[str]:
    counts, by_split = lock.counts, dict[str, int]()
    for file in lock.data:
        by_split[file.split] = by_split.get(file.split, 0) + file.rows
    splits = ", ".join(f"{md.number(n)} {md.code(split)}" for split, n in by_split.items())
    parted = f" ({splits})" if len(by_split) > 1 else ""
    of = "1 source row" if counts.source == 1 else f"{md.number(counts.source)} source rows"
    dropped = f"; {md.number(counts.dropped)} dropped on the way, each for a reason given below"
    yield (
        f"**Size:** {md.rows(counts.kept)}{parted}, {md.size(sum(file.bytes for file in lock.data))} of Parquet, made "
        f"from {of}{dropped if counts.dropped else ''}."
    )


def _licence(context: CardContext) -> Iterator[str]:
    found = context.licence
    named = " Name its makers, see the section on the licence." if found.attribution else ""
    why = f" There is a conflict: {md.text(found.conflicts[0])}." if found.conflicts else ""
    yield f"**Licence:** {md.text(found.result)}. **Commercial use:** {_MAY[found.commercial]}.{why}{named}"


def _answers(lock: Lock) -> Iterator[str]:
    judging = {one.step for one in (*lock.judges, *lock.judging.attributes, *lock.judging.comparisons)}
    makers = [m for m in lock.models if m.steps and not judging.issuperset(m.steps)]
    if makers:
        yield f"**Written by:** {', '.join(dict.fromkeys(map(_name, makers)))}."
    else:
        yield "**Written by:** the authors of the sources; no model wrote any of it."


def _name(model: LockedModel) -> str:
    if model.demo:
        return f"{md.code(model.model)} (a demonstration)"
    return f"{md.code(model.model)} (rules)" if model.rules else md.code(model.model)


def _judged(lock: Lock) -> Iterator[str]:
    for one in lock.judges:
        counted = f"**Judge** {md.code(one.name)}{_kind(one, lock)}: {_counted(one, lock)}."
        yield f"{counted} {against_people(lock, one.name)}"
    others = [(one, one.rows) for one in lock.judging.comparisons]
    for other, rows in (*others, *((one, one.rows) for one in lock.judging.attributes)):
        counted = f"**Judge** {md.code(other.name or other.step)}: judged {md.rows(rows)}."
        yield f"{counted} {against_people(lock, other.name)}"
    if not (lock.judges or lock.judging.comparisons or lock.judging.attributes):
        yield "**Judge:** none."


def _kind(judge: AcceptCounts, lock: Lock) -> str:
    if judge.kind == "panel":
        return ", of several"
    return ", rules and no model" if lock.by_rules(judge.step) else ", a model"


def _counted(judge: AcceptCounts, lock: Lock) -> str:
    judged = judge.accepted + judge.rejected
    if not judged:
        return "it judged no row"
    stay = "; rejected rows are part of the data" if judge.rejected and lock.kept_all_of(judge.step) else ""
    accepted = f"accepted {md.number(judge.accepted)} of {md.rows(judged)}"
    return f"{accepted} ({md.share(judge.accepted, judged)}){stay}"


def against_people(lock: Lock, name: str) -> str:
    """A sentence on how far a judge agrees with people: by the rows that were drawn evenly, where there are any."""
    measured = lock.judging.people.of_judge(name)
    if not measured:
        return "How often it agrees with people has not been measured."
    first = measured[0]
    return f"It agrees with people on {_agreed(first)}."


def _agreed(one: PeopleAgreement) -> str:
    if one.even is not None and one.even.rows:
        drawn = f"{md.rows(one.even.rows)} drawn evenly"
        return f"{md.percent(one.even.agreement)} of {drawn}, kappa {md.estimate(one.even.kappa)}"
    return f"{md.percent(one.agreement)} of {md.rows(one.rows)}, kappa {md.estimate(one.kappa)}"


def _people(lock: Lock) -> str:
    if not lock.review:
        return "**Reviewed by people:** no row."
    people = "1 person" if lock.review.people == 1 else f"{md.number(lock.review.people)} people"
    return f"**Reviewed by people:** {md.number(lock.review.rows)} of {md.rows(lock.counts.kept)}, by {people}."
