"""The texts of a preview that the terminal and the page share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bezoar_data.config.words import the_judge
from bezoar_data.engine.preview.preview import Preview, PreviewedRow
from bezoar_data.engine.preview.recorder import ModelCall, StepTrace
from bezoar_data.reports.texts import Part, as_text

_STATUS = "_status"
"""How the column of a judge's verdict ends."""

_SHORT = 40
"""A column of no more characters is shown though it holds what was answered."""


ENDS = {"made": "material"}
"""What is said of a row that was made into others."""


def rejected_by(steps: Sequence[StepTrace]) -> str | None:
    """The judge that came last, by the name of its columns, if it rejected the row, which stays all the same."""
    said = [
        (name.removesuffix(_STATUS), value)
        for step in steps
        for name, value in step.columns.items()
        if name.endswith(_STATUS) and value in ("Accept", "Reject")
    ]
    return said[-1][0] if said and said[-1][1] == "Reject" else None


def ending(row: PreviewedRow) -> tuple[str, str]:
    """How a row ends, in words and as what it is shown: `kept`, `rejected`, `dropped` or `made`."""
    judge = rejected_by(row.steps) if row.ends == "kept" else None
    return (
        (ENDS.get(row.ends, row.ends), row.ends) if judge is None else (f"rejected by {the_judge(judge)}", "rejected")
    )


def shown_as(step: StepTrace) -> str:
    """The same of a step."""
    return "rejected" if step.verdict == "kept" and rejected_by([step]) is not None else step.verdict


def headline(preview: Preview) -> str:
    rows = len(preview.rows)
    ends = Counter(ENDS.get(row.ends, row.ends) for row in preview.rows)
    counts = ", ".join(f"{ends[end]} {end}" for end in ("material", "kept", "dropped") if ends[end]) or "none left"
    if rejected := sum(ending(row)[1] == "rejected" for row in preview.rows):
        counts += f" ({rejected} of them rejected)"
    return f"{preview.pipeline}: a preview of {rows} row{'' if rows == 1 else 's'}: {counts}"


def spent(preview: Preview) -> str:
    """What the preview took."""
    asked = preview.asked
    if not asked["asks"]:
        return "no LLM calls"
    tokens = asked["prompt_tokens"] + asked["completion_tokens"]
    cost = "cost unknown (no price given)" if asked["unpriced"] else f"${asked['cost']:,.4f}"
    return (
        f"LLM calls: {asked['requests']:,}, cached answers: {asked['hits']:,}; {tokens:,} tokens, {cost}; "
        "a run finds these answers in the journal"
    )


def title(preview: Preview, row: PreviewedRow) -> str:
    """Which row it is, where it came from and what became of it."""
    number = next((i for i, r in enumerate(preview.rows, start=1) if r is row), None)
    numbers = {r.id: i for i, r in enumerate(preview.rows, start=1)}
    parts = [f"row {number}" if number else "a row that reached no model", row.source.replace("\n", ", ")]
    if row.made_by:
        of = [f"row {numbers[p]}" for p in row.parents if p in numbers]
        many = len(row.parents)
        others = "another row" if many == 1 else f"{many} other rows"
        parts.append(f"made by {row.made_by} of {', '.join(of) or others}")
    return " · ".join([*(p for p in parts if p), row.id[:8]])


def calls(step: StepTrace) -> list[tuple[list[Part], list[Part]]]:
    """What was asked, message by message, beside what came back, as it came: a pair for each question."""
    return [(_asked(call), _answered(call)) for call in step.calls]


def _asked(call: ModelCall) -> list[Part]:
    again = f" · attempt {call.attempt + 1}" if call.attempt else ""
    return [(f"{call.role} · {message['role']}{again}", message["content"]) for message in call.messages]


def _answered(call: ModelCall) -> list[Part]:
    if call.refused is not None:
        return [("refused", call.refused)]
    return [
        (call.model if reason == "stop" else f"{call.model} · ended by {reason or 'nothing said'}", text)
        for text, reason in zip(call.answers, call.finish_reasons, strict=True)
    ]


def columns(step: StepTrace) -> list[Part]:
    """What the step wrote, and what it removed. A column that holds nothing but a raw answer says so."""
    said = {
        text.strip(): "the raw answer" if len(step.calls) == 1 else f"the raw answer to question {number}"
        for number, call in enumerate(step.calls, start=1)
        for text in call.answers
    }
    parts = [(name, as_text(value)) for name, value in step.columns.items()]
    parts = [
        (name, said[text.strip()] if len(text) > _SHORT and text.strip() in said else text) for name, text in parts
    ]
    return [*parts, ("removed", ", ".join(step.gone))] if step.gone else parts


def verdict(step: StepTrace) -> str:
    said = ": ".join(x for x in (step.reason, step.detail) if x)
    ends = ENDS.get(step.verdict, step.verdict) + (" · rejected" if shown_as(step) == "rejected" else "")
    return f"{ends} · {said}" if said else ends


def counts(preview: Preview) -> Iterator[Sequence[str]]:
    """A line for each step: its name, whom it asks, rows in and out, what it dropped."""
    for step in preview.steps:
        dropped = ", ".join(f"{n:,} {reason}" for reason, n in step.dropped.items())
        yield step.id, ", ".join(step.roles), f"{step.rows_in:,}", f"{step.rows_out:,}", dropped
