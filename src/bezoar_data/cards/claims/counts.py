"""Claims on counts: rows and steps, sources and models, answers and money, what judges said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from bezoar_data.cards.claims.evidence import Evidence
from bezoar_data.cards.claims.rows import ATTRIBUTES, Verdicts, grouped
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.llms.providers.base import builtin_class
from bezoar_data.measures.agreement import agreement
from bezoar_data.runs.judged import AcceptCounts, AlikeVerdicts, AttributeScores, ComparisonCounts
from bezoar_data.runs.lock import Lock

_JUDGES = ("judge.accept", "judge.panel", "judge.attributes", "judge.compare")


def counts(seen: Evidence) -> Iterator[Problem]:
    """Rows, and what became of them at each step."""
    lock, kept, place = seen.lock, seen.rows.rows, seen.lock_place
    if lock.counts.kept != kept:
        yield Problem("counts-differ", f"the lock says {lock.counts.kept} rows were kept; there are {kept}", place)
    of_sources = sum(step.rows_in for step in lock.steps if not step.after)
    if lock.counts.source != of_sources:
        message = f"the lock says {lock.counts.source} rows of sources; its steps say {of_sources}"
        yield Problem("counts-differ", message, place)
    limit = lock.pipeline.limit
    for step in lock.steps:
        if limit is not None and not step.after and step.rows_in > limit:
            message = f"the lock says that sources were cut to {limit} rows; {step.id} gave {step.rows_in}"
            yield Problem("counts-differ", message, place)
        if step.rows_in != step.rows_out + sum(step.dropped.values()):
            yield Problem("counts-differ", f"the rows of the step {step.id} do not add up", place)
        for what, told in (("missed", step.missed), ("noted", step.noted)):
            there = {reason: n for (kind, of, reason), n in seen.rows.found.items() if (kind, of) == (what, step.id)}
            exact = lock.kept_all_of(step.id)
            if _refuted(told, there, exact=exact):
                message = (
                    f"the step {step.id}: the lock says that it {what} {_listed(told)}; the rows say {_listed(there)}"
                )
                yield Problem("counts-differ", message, place)
    known = {step.id for step in lock.steps}
    named = {of.partition(".")[0] for of, _ in seen.rows.models} | {of for _, of, _ in seen.rows.found}
    for of in sorted(named - known):
        yield Problem("steps-differ", f"rows name a step that the lock does not: {of}", place)


def dropped(seen: Evidence) -> Iterator[Problem]:
    """What was dropped, by step and reason."""
    lock, facts, place = seen.lock, seen.dropped, seen.lock_place
    told = Counter({(step.id, reason): n for step in lock.steps for reason, n in step.dropped.items()})
    # A row that was dropped in two branches is one row.
    if told.total() < lock.counts.dropped:
        message = f"the lock says {lock.counts.dropped} rows were dropped; its steps say {told.total()}"
        yield Problem("counts-differ", message, place)
    if facts is None:
        return
    there = facts.marks.total()
    if there != lock.counts.dropped:
        message = f"the lock says {lock.counts.dropped} rows were dropped; there are {there}"
        yield Problem("counts-differ", message, place)
    exact = told.total() == there
    for key in sorted({*told, *facts.marks}):
        if facts.marks[key] > told[key] or (exact and facts.marks[key] != told[key]):
            message = f"the lock says that {key[0]} dropped {told[key]} rows as {key[1]}; there are {facts.marks[key]}"
            yield Problem("drops-differ", message, place)
    if facts.wrong:
        message = f"dropped rows name another step or reason than their lineage: {', '.join(facts.wrong[:5])}"
        yield Problem("drops-differ", message, place)


def sources(seen: Evidence) -> Iterator[Problem]:
    lock, rows, place = seen.lock, seen.rows, seen.lock_place
    told = {source.name for source in lock.sources}
    for name in sorted(set(rows.sources) - told - {""}):
        yield Problem("sources-differ", f"rows come from a source that the lock does not name: {name}", place)
    for source in lock.sources:
        if source.kept != rows.sources[source.name]:
            message = f"the lock says that {source.kept} rows of {source.name} were kept; there are "
            yield Problem("sources-differ", f"{message}{rows.sources[source.name]}", place)
        gone = seen.dropped.sources[source.name] if seen.dropped else 0
        if source.rows < source.kept + gone or (seen.dropped and source.rows != source.kept + gone):
            message = f"the lock says {source.rows} rows came of {source.name}; kept and dropped ones are "
            yield Problem("sources-differ", f"{message}{source.kept + gone}", place)


def models(seen: Evidence) -> Iterator[Problem]:
    """Every model that a row names is one of the lock's, at that step: its terms bind there."""
    lock, rows, place = seen.lock, seen.rows, seen.lock_place
    for (answering, model), row in sorted(rows.models.items()):
        step = answering.partition(".")[0]
        of_name = [one for one in lock.models if one.model == model]
        if not of_name:
            message = f"rows name a model that the lock does not: {model}, at the step {step} (row {row})"
            yield Problem("models-differ", message, place)
        elif not any(step in one.steps for one in of_name):
            message = f"rows were answered by {model} at the step {step}, and the lock does not say so (row {row})"
            yield Problem("models-differ", message, place)
    yield from _kinds(seen)
    answered = {model for _, model in rows.models}
    asked = {use.model for use in lock.usage}
    for one in lock.models:
        if one.fallback and one.model not in answered | asked:
            message = f"the lock names the fallback {one.model}, and no answer is of it"
            yield Problem("models-differ", message, place)
    for use in lock.usage:
        step = use.step.partition(".")[0]
        if not any(one.model == use.model and step in one.steps for one in lock.models):
            message = f"the lock counts answers of {use.model} at the step {step}, and names no such model there"
            yield Problem("models-differ", message, place)


def _kinds(seen: Evidence) -> Iterator[Problem]:
    """Whether rules answered, or a model that only shows the flow, is said by the kind of provider."""
    for one in seen.lock.models:
        try:
            kind = builtin_class(one.provider)  # of another package no code is run for a file that came from elsewhere
        except InputError:
            continue
        if kind is None:
            continue
        for what, told, is_so in (("rules", one.rules, kind.rules), ("a demo", one.demo, kind.demo)):
            if told != is_so:
                message = f"the lock says that {one.model} is {'' if told else 'not '}{what}; its provider "
                yield Problem("models-differ", f"{message}'{one.provider}' says otherwise", seen.lock_place)


def cost(seen: Evidence) -> Iterator[Problem]:
    """Answers, tokens and money."""
    lock, place = seen.lock, seen.lock_place
    answers = sum(use.answers for use in lock.usage)
    if answers < len(seen.rows.keys):
        message = f"the lock counts {answers} answers; the rows name {len(seen.rows.keys)}"
        yield Problem("usage-differs", message, place)
    costs = [use.cost for use in lock.usage]
    total = None if None in costs else round(sum((c or 0.0 for c in costs), 0.0), 6)
    if lock.cost != total:
        yield Problem("cost-differs", f"the lock says the cost is {lock.cost}; what it counts comes to {total}", place)
    for use in lock.usage:
        if use.cost is None or not use.prices:
            continue
        paid = sorted((use.prompt_tokens * i + use.completion_tokens * o) * 1e-6 for i, o in _corners(use.prices))
        if not paid[0] * (1 - 1e-6) - 1e-9 <= use.cost <= paid[-1] * (1 + 1e-6) + 1e-9:
            message = f"the lock says that {use.model} cost {use.cost} at the step {use.step}; tokens times price is "
            span = f"{paid[0]:.6g}" if len(use.prices) == 1 else f"between {paid[0]:.6g} and {paid[-1]:.6g}"
            yield Problem("cost-differs", message + span, place)


def _corners(prices: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """The lowest and the highest of both prices: what was paid lies between."""
    both = list(zip(*prices, strict=True))
    return [(min(both[0]), min(both[1])), (max(both[0]), max(both[1]))]


def demo(seen: Evidence) -> Iterator[Problem]:
    lock, place = seen.lock, seen.lock_place
    if seen.rows.demo and not lock.demo:
        message = "rows of demo models or demo seeds are in it, and the lock denies it"
        yield Problem("demo-hidden", message, place)
    of_parts = any(model.demo for model in lock.models) or any(source.demo for source in lock.sources)
    if seen.rows.demo and not of_parts:
        yield Problem("demo-hidden", "rows are of demo models or seeds, and the lock names none as such", place)
    if lock.demo != of_parts:
        yield Problem("demo-hidden", "the lock contradicts itself about its models and sources", place)


def verdicts(seen: Evidence) -> Iterator[Problem]:
    """What each judge said. It is counted where the judge stands: later steps may have taken rows out, added none."""
    lock, place = seen.lock, seen.lock_place
    told: list[AcceptCounts | AttributeScores | ComparisonCounts] = [
        *lock.judges, *lock.judging.attributes, *lock.judging.comparisons,
    ]  # fmt: skip
    for step in lock.steps:
        if step.use in _JUDGES and not any(one.step == step.id for one in told):
            yield Problem("verdicts-differ", f"the step {step.id} judges, and the lock counts no verdict of it", place)
    for judge, one in zip(seen.rows.said, told, strict=True):
        exact, said = lock.kept_all_of(judge.step), seen.rows.said[judge]
        for what, counted, there in _compared(one, judge, seen):
            if _refuted(counted, there, exact=exact):
                message = f"judge {judge.name}: the lock says {what} {_listed(counted)}; the rows say {_listed(there)}"
                yield Problem("verdicts-differ", message, place)
        if one.alike is not None:
            yield from _alike(one.alike, judge, seen, exact=exact)
        if isinstance(one, AcceptCounts) and sum(one.ratings.values()) != one.accepted + one.rejected:
            message = (
                f"judge {judge.name}: {sum(one.ratings.values())} ratings of {one.accepted + one.rejected} verdicts"
            )
            yield Problem("verdicts-differ", message, place)
        if isinstance(one, AttributeScores) and exact and (rows := said["rows", ""]):
            means = {name: round(seen.rows.sums[judge][name] / rows, 4) for name in ATTRIBUTES}
            if dict(one.means) != means:
                message = f"judge {judge.name}: the lock says mean scores {dict(one.means)}; the rows say {means}"
                yield Problem("verdicts-differ", message, place)
        yield from _as_many(one, judge, lock, place)
    yield from _between_judges(seen)


def _compared(
    one: AcceptCounts | AttributeScores | ComparisonCounts, judge: Verdicts, seen: Evidence
) -> Iterator[tuple[str, Mapping[str, int], Mapping[str, int]]]:
    """What the lock counted, and the same of the rows."""
    said = seen.rows.said[judge]
    missed = {
        reason: n for (kind, step, reason), n in seen.rows.found.items() if (kind, step) == ("missed", judge.step)
    }
    yield "unjudged", one.unjudged, missed
    if isinstance(one, AcceptCounts):
        status = grouped(said, "status")
        yield "verdicts", {"Accept": one.accepted, "Reject": one.rejected}, status
        yield "ratings", one.ratings, grouped(said, "rating")
    elif isinstance(one, AttributeScores):
        yield "scored", {"rows": one.rows, "unsafe": one.unsafe}, {
            "rows": said["rows", ""], "unsafe": said["safety", "fail"]
        }  # fmt: skip
    else:
        preferred = {name: getattr(one, name) for name in ("a", "b", "tie", "inconsistent")}
        yield "preferences", preferred, grouped(said, "preference")


def _alike(told: AlikeVerdicts, judge: Verdicts, seen: Evidence, *, exact: bool) -> Iterator[Problem]:
    reasons, ratings = seen.rows.reasons[judge], grouped(seen.rows.said[judge], "alike")
    there = {
        "verdicts": reasons.total(), "reasons": len(reasons),
        "commonest_reason": max(reasons.values(), default=0), "commonest_rating": max(ratings.values(), default=0),
    }  # fmt: skip
    counted = {name: getattr(told, name) for name in there}
    if _refuted(counted, there, exact=exact):
        message = f"judge {judge.name}: the lock says {_listed(counted)}; the rows say {_listed(there)}"
        yield Problem("verdicts-differ", message, seen.lock_place)


def _between_judges(seen: Evidence) -> Iterator[Problem]:
    """How far judges agree with each other, counted anew."""
    for told in seen.lock.judging.agreement:
        pairs = seen.rows.pairs[told.columns]
        labels = list(pairs.elements())
        found = agreement([x for x, _ in labels], [y for _, y in labels], resamples=1) if labels else None
        there = (found.table, round(found.kappa.value or 0.0, 3)) if found else ((), 0.0)
        if (told.table, round(told.kappa.value or 0.0, 3)) != there and not (found is None and told.rows == 0):
            message = f"the lock says that {' and '.join(told.columns)} agree with kappa {told.kappa.value}"
            message += f" on {told.rows} rows; the rows say {there[1]} on {len(labels)}"
            yield Problem("verdicts-differ", message, seen.lock_place)


def _as_many(
    one: AcceptCounts | AttributeScores | ComparisonCounts, judge: Verdicts, lock: Lock, place: Place
) -> Iterator[Problem]:
    """A judge gives no more verdicts than rows left its step."""
    given = one.rows if isinstance(one, AttributeScores) else (
        one.accepted + one.rejected if isinstance(one, AcceptCounts) else one.a + one.b + one.tie + one.inconsistent
    )  # fmt: skip
    if all(step.id != judge.step for step in lock.steps):
        yield Problem("verdicts-differ", f"judge {judge.name} is of the step {judge.step}, which is not there", place)
    for step in lock.steps:
        if step.id == judge.step and isinstance(one, AcceptCounts) and (one.kind == "panel") != (step.role is None):
            message = f"judge {judge.name}: the lock calls it '{one.kind}', which its step is not"
            yield Problem("verdicts-differ", message, place)
        if step.id == judge.step and given > step.rows_out:
            message = f"judge {judge.name}: {given} verdicts, and {step.rows_out} rows left its step"
            yield Problem("verdicts-differ", message, place)


def _refuted(told: Mapping[str, int], there: Mapping[str, int], *, exact: bool) -> bool:
    """Whether the rows refute what was counted: all of it must be found where all rows are here, else no more."""
    names = {*told, *there}
    if exact:
        return any(told.get(name, 0) != there.get(name, 0) for name in names)
    return any(told.get(name, 0) < there.get(name, 0) for name in names)


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counted.items())) or "none"
