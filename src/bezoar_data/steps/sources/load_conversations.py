"""`load_conversations`: conversations that are lists of turns already, as many published sets hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from bezoar_data.runs.messages import turns_of
from bezoar_data.runs.row import Columns
from bezoar_data.steps.base import Dropped, Kept
from bezoar_data.steps.sources.files import FileSource, SourceRow
from bezoar_data.steps.sources.readers import BadRows


class LoadConversations(FileSource):
    """Conversations from local files or the Hub, as `messages`.

    `column` names the list of turns in the source; a turn is a mapping with `role` and `content`, or ShareGPT's `from`
    and `value`. A conversation with a turn that says nothing, or cannot be read, is dropped as `empty`, one without
    turns too. A row without such a list ends the run before it begins. Other columns are left out, unless `keep` names
    them. Whether the turns alternate is for `to_messages` to say.
    """

    use: ClassVar[str] = "load_conversations"
    version: ClassVar[int] = 1
    holds: ClassVar[str] = "conversation"
    writes: ClassVar[tuple[str, ...]] = ("messages", "{keep}")
    example: ClassVar[str] = "- use: load_conversations\n  with: {path: sharegpt.jsonl, column: conversations}\n"

    column: str = Field(default="messages", min_length=1, description="Where a row holds its list of turns.")
    keep: list[str] = Field(default=[], description="Other columns to take along, as they are.")

    def columns_needed(self) -> Sequence[str]:
        return [self.column]

    def take(self, row: SourceRow, bad_rows: BadRows) -> Columns | None:
        values = row.record.values
        turns = values.get(self.column)
        if isinstance(turns, list):
            return {"messages": turns, **{name: values.get(name) for name in self.keep}}
        hint = f"`column` says where it is; the row has {', '.join(values)}"
        message = f"no list of turns in '{self.column}'{row.where}"
        bad_rows.add("missing-column", message, row.file, row.record.line, hint)
        return None

    def decide(self, columns: Columns) -> Kept | Dropped:
        given = columns["messages"]
        turns = turns_of(given, "user")
        if not turns or len(turns) < len(given):
            return Dropped("empty", f"{len(given) - len(turns)} of {len(given)} turns say nothing")
        return Kept({**columns, "messages": turns})
