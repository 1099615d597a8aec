"""`to_messages`: rows of any columns as conversations, the one format in which a mixture holds them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from bezoar_data.runs.conversations.turns import Turns, Unread, asked_with, from_json, read_turns
from bezoar_data.runs.conversations.views import read_view
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Child, Children, Dropped, RowStep, Verdict
from bezoar_data.steps.sources.dialogues import check_dialogue


class ToMessages(RowStep):
    """Make a conversation of each row: `messages`, and as `dataset` the name under which a mixture knows it.

    `prompt` and `response` are columns of text or of messages (the history of a dialogue and its last answer); a text
    in `context` follows the prompt after a blank line, one in `system` comes first as the system's turn, earlier turns
    in `history` (messages, or Alpaca's pairs) after it. `messages` names a column that holds whole conversations
    instead, in any common spelling; `roles` says what other words for roles mean. The columns named in `keep` are taken
    along, all others are left behind.

    A conversation has the user and the assistant in turn, the user first and the assistant last, whatever tools say in
    between. Rows that give none are dropped, with their columns as they were: as `empty` (no prompt, or no answer),
    `odd` (the last turn is not the assistant's), `roles`, `not_text`, `not_turns`, `not_unicode`, `tool_calls`,
    `weight`, or `prompts_differ` (the answer is a dialogue about something else).
    """

    use: ClassVar[str] = "to_messages"
    version: ClassVar[int] = 1
    makes: ClassVar[bool] = True
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("prompt", "messages"),)
    reads: ClassVar[tuple[str, ...]] = (
        "{prompt}",
        "{context}",
        "{response}",
        "{system}",
        "{history}",
        "{messages}",
        "{keep}",
    )
    writes: ClassVar[tuple[str, ...]] = ("messages", "dataset", "{keep}")
    types: ClassVar[Mapping[str, str]] = {"messages": "list", "dataset": "text"}
    example: ClassVar[str] = (
        "- use: to_messages\n  with: {dataset: dolly, prompt: instruction, context: context, response: response}\n"
    )

    dataset: str = Field(min_length=1, description="What a mixture calls the rows that come this way.")
    prompt: str | None = Field(default=None, min_length=1, description="The column of prompts: text or messages.")
    context: str = Field(default="", description='The column of texts that follow the prompt; "" for none.')
    response: str = Field(default="", description="The column of answers: text or messages.")
    system: str = Field(default="", description='The column of system messages; "" for none.')
    history: str = Field(default="", description='The column of turns before the prompt; "" for none.')
    messages: str | None = Field(
        default=None, min_length=1, description="The column of whole conversations.", examples=["messages"]
    )
    roles: dict[str, Literal["system", "user", "assistant", "tool"]] = Field(
        default={},
        description="What the rows' own words for roles mean: system, user, assistant or tool.",
        examples=[{"customer": "user", "agent": "assistant"}],
    )
    keep: list[str] = Field(default=[], description="Other columns to take along.")

    def run_row(self, row: Row) -> Verdict:
        turns = self._turns(row)
        dropped = Dropped(turns.reason, turns.detail) if isinstance(turns, Unread) else _check(turns)
        if dropped or isinstance(turns, Unread):
            return Children([Child(dict(row.columns), dropped=dropped)])
        kept = {column: row.get(column) for column in self.keep}
        return Children([Child({"messages": turns, "dataset": self.dataset, **kept})])

    def _turns(self, row: Row) -> Turns | Unread:
        if self.messages:
            return read_turns(from_json(row.get(self.messages)), "user", roles=self.roles)
        context = row.get(self.context) if self.context else None
        prompt = read_turns(asked_with(row.get(self.prompt or ""), context), "user", roles=self.roles)
        history = read_turns(row.get(self.history) if self.history else None, "user", roles=self.roles)
        if isinstance(prompt, Unread) or isinstance(history, Unread) or not prompt:
            return next((u for u in (prompt, history) if isinstance(u, Unread)), Unread("empty", "nothing in prompt"))
        system = row.get(self.system) if self.system else None
        parts = {"system": system, "prompt": [*history, *prompt], "response": row.get(self.response)}
        found = read_view("sft", parts, roles=self.roles)
        return found if isinstance(found, Unread) else found.messages


def _check(turns: Turns) -> Dropped | None:
    """Why turns are not a conversation, the system's before them aside."""
    start = next((i for i, turn in enumerate(turns) if turn["role"] != "system"), len(turns))
    return check_dialogue(turns[start:]) if turns[start:] else Dropped("empty", "no prompt, or no answer to it")
