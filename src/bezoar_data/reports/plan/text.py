"""A plan for people: the DAG as a picture with its numbers, what it all comes to, and what would be written."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from bezoar_data.config.sanitize import clean_text
from bezoar_data.plan.interval import Interval
from bezoar_data.plan.result import ModelUse, Plan, PlannedStep
from bezoar_data.reports.plan.dag_ascii import Line, draw

_VERDICTS = {
    "enough": "enough",
    "perhaps": "may not be enough",
    "not_enough": "not enough",
    "unknown": "unknown whether that is enough",
}


def plan_text(plan: Plan, width: int = 120) -> str:
    """The plan in lines of at most `width` characters, as far as names allow."""
    lines = [f"{plan.name}{f': {plan.description}' if plan.description else ''}", f"{plan.file} → {plan.out}", ""]
    lines += _picture(plan, width)
    lines.append("")
    lines += _totals(plan)
    lines += _files(plan)
    for mark, texts in (("note", plan.notes), ("before it can run", plan.warnings)):
        for text in texts:
            lines += _wrapped(f"{mark}: {text}", width, "  ")
    return "\n".join(clean_text(line) for line in lines)


def number(interval: Interval | None, what: str = "") -> str:
    """`72`, `69-72`, `5.2k-7.5k`, or `unknown`, with the unit behind it."""
    unit = f" {what}" if what else ""
    if interval is None:
        return f"unknown{unit}"
    low, high = _short(interval.low), _short(interval.high)
    return f"{low if low == high else f'{low}-{high}'}{unit}"


def money(interval: Interval) -> str:
    """`$0.056-0.11`, with as many digits as tell the ends apart."""
    if not interval.high:
        return "$0"
    digits = 2 if interval.high >= 10 else 3 if interval.high >= 0.1 else 4
    low, high = f"{interval.low:,.{digits}f}", f"{interval.high:,.{digits}f}"
    return f"${low}" if low == high else f"${low}-{high}"


def clock(seconds: float) -> str:
    """`45 s`, `3 min`, `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def times(interval: Interval) -> str:
    low, high = clock(interval.low), clock(interval.high)
    return low if low == high else f"{low} to {high}"


def rows(step: PlannedStep) -> str:
    """What a step does to rows: `72 rows`, or `160-199 → 91-180 rows, assumed`."""
    if step.rows_in is None or step.rows_out is None:
        return "rows unknown"
    said = "" if step.basis == "exact" else f", {step.basis}"
    if step.rows_in == step.rows_out:
        return number(step.rows_out, "rows")
    return f"{number(step.rows_in)} → {number(step.rows_out, 'rows')}{said}"


def use(one: ModelUse) -> str:
    """One step's use of one model, in a line."""
    if one.requests is None:
        return f"{one.role} ({one.model}): requests unknown"
    parts = []
    if one.requests.high:
        assert one.prompt_tokens is not None  # noqa: S101
        assert one.completion_tokens is not None  # noqa: S101
        parts.append(number(one.requests, "requests"))
        parts.append(f"{number(one.prompt_tokens)} tokens in, {number(one.completion_tokens)} out")
        parts.append("no price" if one.cost is None else money(one.cost))
        parts.append(f"answers of about {one.answer_tokens:,.0f} tokens, {_learned(one)}")
    if one.from_journal:
        parts.append(f"{one.from_journal:,} cached answers")
    return f"{one.role} ({one.model}): {' · '.join(parts) or 'no LLM calls'}"


def _learned(one: ModelUse) -> str:
    return f"learned from {one.learned_from:,}" if one.basis == "learned" else one.basis


def _picture(plan: Plan, width: int) -> Iterator[str]:
    by_id = {step.id: step for step in plan.steps}
    edge = max(len(name) for name in by_id)
    lines = list(draw(tuple(by_id), plan.edges, lambda name: "■" if by_id[name].waits else "●"))[:-1]
    margin = max(len(line.lanes) for line in lines)
    for i, line in enumerate(lines):
        if not line.step:
            yield f"  {line.lanes}".rstrip()
            continue
        step = by_id[line.step]
        waits = " · waits for all rows" if step.waits else ""
        yield f"  {line.lanes:<{margin}}  {step.id:<{edge}}  {rows(step)}{waits}"
        below = _below(lines, i)
        for text in (*map(use, step.models), *step.notes):
            for part in _wrapped(text, width - margin - 6, ""):
                yield f"  {below:<{margin}}    {part}"


def _below(lines: list[Line], i: int) -> str:
    """The lanes that go on under a step's line: none under the last."""
    going = next((line.lanes for line in lines[i + 1 :] if not line.step), "")
    return "".join("│" if c in "├┤┼│" else " " for c in going)


def _totals(plan: Plan) -> Iterator[str]:
    held = f", {plan.from_journal:,} cached answers" if plan.from_journal else ""
    yield f"  requests  {number(plan.requests, 'to send')}{held}"
    prompts = f"{number(plan.prompt_tokens)} in, {number(plan.completion_tokens)} out"
    yield f"  tokens    {prompts}; prompts counted {plan.counted_by}"
    if plan.cost is not None:
        paid = f"; ${plan.paid:,.4f} paid already" if plan.paid else ""
        likely = "" if plan.cost.is_exact else f", likely {money(Interval.exactly(plan.cost.likely))}"
        yield f"  cost      {money(plan.cost)} to pay{likely}{paid}"
    else:
        why = f"no price for {', '.join(plan.unpriced)}" if plan.unpriced else "see the notes above"
        yield f"  cost      unknown: {why}"
    yield f"  time      {'unknown' if plan.seconds is None else f'{times(plan.seconds)} at the given limits'}"
    yield f"  rows      {number(plan.rows, 'in the dataset')}"
    asking = [step for step in plan.steps if step.models and not step.waits]
    if phases := sorted({step.phase for step in asking}):
        named = "; ".join(f"{n} {', '.join(s.id for s in asking if s.phase == n)}" for n in phases)
        yield f"  shards    phase {named}"
    if plan.budget is not None:
        needed = f" (${plan.budget.needed:,.4g} covers it)" if plan.budget.needed is not None else ""
        yield f"  budget    ${plan.budget.cap:,.4g}: {_VERDICTS[plan.budget.verdict]}{needed}"


def _files(plan: Plan) -> Iterator[str]:
    for i, file in enumerate(plan.files):
        head = "written" if i == 0 else ""
        yield f"  {head:<8}  {file.path}{' (replaced)' if file.replaces and file.path != plan.journal else ''}"


def _short(value: float) -> str:
    if value < 10_000:
        return f"{value:,.0f}"
    for size, mark in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{mark}"
    return f"{value:,.0f}"


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text, max(40, width), initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False
    )
