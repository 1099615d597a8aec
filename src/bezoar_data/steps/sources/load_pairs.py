"""`load_pairs`: preference pairs as published sets hold them, whichever way they are laid out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from bezoar_data.runs.conversations.turns import Unread, asked_with, from_json, read_turns
from bezoar_data.runs.conversations.views import Example, read_view
from bezoar_data.runs.row import Columns
from bezoar_data.steps.base import Dropped
from bezoar_data.steps.sources.files import FileSource, SourceRow
from bezoar_data.steps.sources.formats import is_missing

SIDES = ("chosen", "rejected")


class LoadPairs(FileSource):
    """Preference pairs from local files or the Hub, in TRL's conversational format.

    They become `prompt`, `chosen` and `rejected`, lists of messages, and `margin` where the source has one. A prompt
    and its answers may be texts or turns in any common spelling (see `load_conversations`); both sides may hold the
    whole dialogue, with a prompt beside them or without, as UltraFeedback's binarised sets do. The prompt then stands
    once, and each answer is the assistant's last turn. `context` follows the prompt after a blank line, `system` and
    `history` (turns, or Alpaca's pairs) come before it.

    A row is dropped, with its words, as `missing` (it has no two sides), `empty` (no prompt, or a side that says
    nothing), `no_reply` (a side does not end with the assistant), `prompts_differ` (the prompt is not in the sides),
    `history` (the sides differ before their last turn), `identical`, `margin` (it is not a number), or as turns that
    cannot be read: `roles`, `not_text`, `not_turns`, `not_unicode`, `tool_calls`, `tools`, `weight`.
    """

    use: ClassVar[str] = "load_pairs"
    version: ClassVar[int] = 1
    holds: ClassVar[str] = "pair"
    needs: ClassVar[tuple[str, ...]] = SIDES
    named_by: ClassVar[Mapping[str, str]] = {
        name: name for name in ("prompt", *SIDES, "margin", "context", "system", "history", "tools")
    }
    writes: ClassVar[tuple[str, ...]] = ("prompt", *SIDES, "{keep:=}")
    optional_writes: ClassVar[tuple[str, ...]] = ("margin", "tools")
    types: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("prompt", *SIDES), "list"),
        "margin": "number",
        "tools": "text",
    }
    example: ClassVar[str] = "- use: load_pairs\n  with: {path: pairs.jsonl, prompt: question}\n"

    prompt: str = Field(default="prompt", description='Where a row holds what is asked; "" for in both sides alone.')
    chosen: str = Field(default="chosen", min_length=1, description="Where a row holds the better side.")
    rejected: str = Field(default="rejected", min_length=1, description="Where a row holds the worse side.")
    margin: str = Field(default="margin", description='Where a row says how much better; "" for nowhere.')
    context: str = Field(default="input", description='Where a row holds what follows the prompt; "" for nowhere.')
    system: str = Field(default="system", description='Where a row holds its system message; "" for nowhere.')
    history: str = Field(default="history", description='Where a row holds the turns before; "" for nowhere.')
    tools: str = Field(default="tools", description='Where a row holds what may be called; "" for nowhere.')
    roles: dict[str, Literal["system", "user", "assistant", "tool"]] = Field(
        default={},
        description="What the source's own words for roles mean: system, user, assistant or tool.",
        examples=[{"customer": "user", "agent": "assistant"}],
    )

    def take(self, row: SourceRow) -> Columns | Dropped | None:
        if missing := [side for side in SIDES if is_missing(row.values.get(side))]:
            return row.dropped("missing", f"nothing in '{getattr(self, missing[0])}'")
        found = self._read(row.values)
        if isinstance(found, Unread):
            return row.dropped(found.reason, found.detail)
        columns: Columns = {"prompt": found.prompt, "chosen": found.answer, "rejected": found.rejected}
        if found.margin is not None:
            columns["margin"] = found.margin
        return columns if found.tools is None else {**columns, "tools": json.dumps(found.tools, ensure_ascii=False)}

    def _read(self, values: Mapping[str, Any]) -> Example | Unread:
        def part(name: str) -> Any:
            value = values.get(name) if getattr(self, name) else None
            return None if is_missing(value) else value

        prompt = read_turns(asked_with(part("prompt"), part("context")), "user", roles=self.roles)
        history = read_turns(from_json(part("history")), "user", roles=self.roles)
        if isinstance(prompt, Unread):
            return prompt
        if isinstance(history, Unread):
            return history
        parts = {name: part(name) for name in (*SIDES, "margin", "system", "tools")}
        return read_view("preference", {**parts, "prompt": [*history, *prompt]}, roles=self.roles)
