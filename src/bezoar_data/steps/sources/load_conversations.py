"""`load_conversations`: conversations that are lists of turns already, as many published sets hold them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from bezoar_data.measures.words import is_blank
from bezoar_data.runs.conversations.turns import Turns, Unread, asked_with, from_json, read_tools, read_turns
from bezoar_data.runs.row import Columns
from bezoar_data.steps.base import Dropped, Kept
from bezoar_data.steps.sources.files import FileSource, SourceRow
from bezoar_data.steps.sources.formats import is_missing

Role = Literal["system", "user", "assistant", "tool"]


class LoadConversations(FileSource):
    """Conversations from local files or the Hub, as `messages`: OpenAI's, calls of tools included.

    `column` names the list of turns in the source, or its JSON text. A turn is a mapping with `role` and `content`, or
    ShareGPT's `from` and `value`; its roles may be spelled as is usual (`human`, `gpt`, `observation`, in any case),
    and `roles` says what others mean. A row without such a list is read as Alpaca's, by `instruction`, `input`,
    `output` and `history`. The text in `system` comes first, as the system's turn; `tools` become a column, as JSON
    text. Other columns are left out, unless `keep` names them.

    No turn is cut out, and no key of one: a row is dropped as `missing` or `not_turns` (no such list), `empty` (a turn
    says nothing), `roles` (a turn has no role, or none that is known), `not_text` (a turn holds pictures or the like),
    `not_unicode`, `tool_calls`, `tools`, `weight` (they cannot be read). Whether the turns alternate is for
    `to_messages` to say.
    """

    use: ClassVar[str] = "load_conversations"
    version: ClassVar[int] = 1
    holds: ClassVar[str] = "conversation"
    needs: ClassVar[tuple[str, ...]] = ("messages",)
    instead: ClassVar[tuple[str, ...]] = ("instruction", "output")
    named_by: ClassVar[Mapping[str, str]] = {"messages": "column", "system": "system", "tools": "tools"}
    writes: ClassVar[tuple[str, ...]] = ("messages", "{keep:=}")
    optional_writes: ClassVar[tuple[str, ...]] = ("tools",)
    types: ClassVar[Mapping[str, str]] = {"messages": "list", "tools": "text"}
    example: ClassVar[str] = "- use: load_conversations\n  with: {path: sharegpt.jsonl, column: conversations}\n"

    column: str = Field(default="messages", min_length=1, description="Where a row holds its list of turns.")
    system: str = Field(default="system", description='Where a row holds its system message; "" for nowhere.')
    tools: str = Field(default="tools", description='Where a row holds what may be called; "" for nowhere.')
    roles: dict[str, Role] = Field(
        default={},
        description="What the source's own words for roles mean: system, user, assistant or tool.",
        examples=[{"customer": "user", "agent": "assistant"}],
    )

    def take(self, row: SourceRow) -> Columns | Dropped | None:
        turns = from_json(row.values.get("messages"))
        if is_missing(turns):
            turns = _alpaca(row.values)
        if turns is None:
            return row.dropped("missing", f"no list of turns in '{self.column}'")
        if not isinstance(turns, list):
            return row.dropped("not_turns", f"'{self.column}' is not a list of turns but {type(turns).__name__}")
        tools = read_tools(row.values.get("tools")) if self.tools else None
        if isinstance(tools, Unread):
            return row.dropped(tools.reason, tools.detail)
        columns: Columns = {"messages": self._with_system(row, turns)}
        return columns if tools is None else {**columns, "tools": json.dumps(tools, ensure_ascii=False)}

    def _with_system(self, row: SourceRow, turns: list[Any]) -> list[Any]:
        said = row.values.get("system") if self.system else None
        if is_missing(said) or (isinstance(said, str) and is_blank(said)):
            return turns
        first = read_turns(turns[:1], "user", roles=self.roles)
        there = not isinstance(first, Unread) and first == [{"role": "system", "content": said}]
        return turns if there else [{"role": "system", "content": said}, *turns]

    def decide(self, columns: Columns) -> Kept | Dropped:
        turns = read_turns(columns["messages"], "user", roles=self.roles)
        if isinstance(turns, Unread):
            return Dropped(turns.reason, turns.detail)
        return Kept({**columns, "messages": turns}) if turns else Dropped("empty", "it has no turns")


def _alpaca(values: Mapping[str, Any]) -> Turns | list[Any] | None:
    """The turns of a row in Alpaca's columns; None where it has none."""
    asked, said = values.get("instruction"), values.get("output")
    if not isinstance(asked, str) or not isinstance(said, str):
        return None
    history = values.get("history")
    before = [] if is_missing(history) else read_turns(from_json(history), "user")
    asked = asked_with(asked, values.get("input"))
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    return [history, *turns] if isinstance(before, Unread) else [*before, *turns]
