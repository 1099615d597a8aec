"""What is said of rows and their stories, as labels and texts: for a terminal and for a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bezoar_data.reports.rows.files import FoundRow
from bezoar_data.reports.rows.story import Call, Story
from bezoar_data.reports.texts import Part, as_text
from bezoar_data.runs.row import Drop

_SAME = 40
"""A raw answer of more characters than this is not shown again where a column holds just it."""


def verdicts(row: FoundRow) -> list[tuple[str, str]]:
    """What judges and people said of a row, by column."""
    said = {**row.columns, **row.people}
    return [(name, str(said[name])) for name in said if name.endswith(("_status", "_preference")) and said[name]]


def identity(story: Story) -> Iterator[Part]:
    lineage = story.row.lineage
    yield "id", story.row.id
    if story.sources:
        yield "from", ", ".join(story.sources)
    if lineage.parent_ids:
        yield "made by", f"{story.made_by or 'a step'} of {', '.join(i[:8] for i in lineage.parent_ids)}"
    if lineage.seed_ids and lineage.seed_ids != (story.row.id,):
        yield "seeds", ", ".join(i[:8] for i in lineage.seed_ids)
    if lineage.demo:
        yield "demo", "it only shows the flow"
    yield "took", took(story)


def took(story: Story) -> str:
    """What a row took, in a line."""
    calls = story.calls
    if not calls:
        return "no answer of a model"
    cost = story.cost
    money = "cost unknown (no price given)" if cost is None else f"${cost:,.6f}"
    answers = f"{len(calls)} answer{'' if len(calls) == 1 else 's'}, {sum(story.tokens):,} tokens, {money}"
    missing = f"; {story.missing} of them in no journal here" if story.missing else ""
    return answers + missing


def columns_of(columns: Mapping[str, Any]) -> Iterator[Part]:
    """A part for each column; for each turn of a conversation."""
    for name, value in columns.items():
        turns = value if isinstance(value, list) else []
        if turns and all(isinstance(turn, Mapping) and isinstance(turn.get("content"), str) for turn in turns):
            for turn in turns:
                more = {k: v for k, v in turn.items() if k not in ("role", "content") and v not in (None, [], "")}
                yield f"{name} · {turn.get('role', '')}", turn["content"] + (f"\n{as_text(more)}" if more else "")
        else:
            yield name, as_text(value)


def call_parts(call: Call, row: FoundRow) -> Iterator[Part]:
    """What was asked, and what came of it."""
    yield from ((f"asked · {message.get('role', '')}", message.get("content", "")) for message in call.messages or ())
    yield from _answered(call, row)


def _answered(call: Call, row: FoundRow) -> Iterator[Part]:
    who = " · ".join(part for part in (call.field, call.model) if part)
    if call.known == "missing":
        yield f"answered · {who}", f"no journal here holds this answer ({call.key[:12]})"
        return
    if call.known == "redacted":
        yield f"answered · {who}", call.detail or "redacted"
        return
    if call.thinking:
        yield f"thought · {who}", call.thinking
    if call.known == "refused":
        yield f"refused · {who}", ": ".join(part for part in (call.error, call.detail) if part)
    text = call.text or ""
    column = next((name for name, value in row.columns.items() if value == text and len(text) > _SAME), None)
    ended = "" if call.finish_reason in ("stop", "") else f" · ended by {call.finish_reason}"
    if text or call.known == "answered":
        yield f"answered · {who}{ended} · {_figures(call)}", f"as the column {column}" if column else text


def _figures(call: Call) -> str:
    tokens = f"{call.prompt_tokens or 0:,} + {call.completion_tokens or 0:,} tokens"
    cost = "" if call.cost is None else f", ${call.cost:,.6f}"
    seconds = "" if call.seconds is None else f", {call.seconds:,.1f} s"
    return tokens + cost + seconds


def mark(what: str, mark: Drop) -> Part:
    return f"{what} · {mark.reason}", mark.detail or mark.raw or ""
