"""A row and its story as the page holds them: fields by name, and JSON whose texts refer to these fields."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from bezoar_data.reports.page import plain_text
from bezoar_data.reports.rows.files import FoundRow
from bezoar_data.reports.rows.story import Call, StepStory, Story
from bezoar_data.reports.run_page.packed import LEAST_SHARED, referring
from bezoar_data.runs.row import Drop
from bezoar_data.runs.values import plain

ID, DETAIL, RAW = " id", " detail", " raw"
"""Fields of a row that are not columns: no column's name begins with a space."""
ID_LETTERS = 12
"""Of a row's id, among its fields: letters that nothing packs closer. Its story has all of them."""


def fields_of(row: FoundRow) -> dict[str, str]:
    """What the row says, by column, as a page shows it; what people said of it behind."""
    found = {ID: row.id[:ID_LETTERS]}
    for name, value in (*row.columns.items(), *row.people.items()):
        if value is not None:
            found[plain_text(name).strip() or "?"] = _value(name, value)
    drop = row.lineage.drop
    if drop is not None and drop.detail:
        found[DETAIL] = plain_text(drop.detail)
    if drop is not None and drop.raw:
        found[RAW] = plain_text(drop.raw)
    return found


def _value(name: str, value: Any) -> str:
    return plain_text(value if isinstance(value, str) else json.dumps(plain(name, value), ensure_ascii=False))


def story_json(story: Story, fields: Mapping[str, str], names: Sequence[str]) -> dict[str, Any]:
    """The story. A value of the row's own `fields` stands in its texts as its place in the block's `names`."""
    values = [(names.index(name), value) for name, value in fields.items() if len(value) >= LEAST_SHARED]
    values.sort(key=lambda one: (-len(one[1]), one[0]))
    lineage = story.row.lineage
    prompt, completion = story.tokens
    return _said(
        {
            "id": lineage.id,
            "from": [plain_text(name) for name in story.sources],
            "seeds": [] if lineage.seed_ids == (lineage.id,) else list(lineage.seed_ids),
            "parents": list(lineage.parent_ids),
            "steps": [_step(step, values) for step in story.steps],
            "tokens": [prompt, completion] if prompt or completion else [],
            "cost": story.cost,
        }
    )


_Values = Sequence[tuple[int, str]]


def _step(step: StepStory, values: _Values) -> dict[str, Any]:
    passed = _passed(step.step, step.use, step.ends)
    if not (step.reason or step.detail or step.flags or step.soft_failures or step.calls):
        return passed
    found = [("marked", flag) for flag in step.flags] + [("not done", failure) for failure in step.soft_failures]
    return passed | _said(
        {
            "reason": plain_text(step.reason),
            "detail": plain_text(step.detail),
            "found": [_found(kind, drop) for kind, drop in found],
            "asked": [_call(call, values) for call in step.calls],
        }
    )


@cache
def _passed(step: str, use: str, ends: str) -> dict[str, Any]:
    """All there is of a step that a row only went through: the same for most rows. Not to be changed."""
    return _said({"step": plain_text(step), "use": plain_text(use), "ends": ends})


def _found(kind: str, drop: Drop) -> list[str]:
    return [kind, plain_text(drop.reason), plain_text(drop.detail)]


def _call(call: Call, values: _Values) -> dict[str, Any]:
    def text(said: str | None) -> str | list[str | int] | None:
        return None if said is None else referring(plain_text(said), values)

    return _said(
        {
            "known": call.known,
            "field": plain_text(call.field),
            "model": plain_text(call.model),
            "messages": [
                [plain_text(one.get("role", "")), text(str(one.get("content") or ""))] for one in call.messages or ()
            ],
            "thinking": text(call.thinking),
            "answer": text(call.text),
            "error": plain_text(" ".join(filter(None, [call.error, call.detail]))),
            "tokens": [call.prompt_tokens, call.completion_tokens] if call.completion_tokens is not None else [],
            "cost": call.cost,
            "seconds": call.seconds,
        }
    )


def _said(value: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing: a page of many rows is made of what is said."""
    return {name: one for name, one in value.items() if one not in (None, "", [])}
