"""`to_messages`: rows of any columns as conversations, the one format in which a mixture holds them all."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from bezoar_data.runs.messages import Turns, asked_with, turns_of
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Child, Children, Dropped, RowStep, Verdict
from bezoar_data.steps.sources.dialogues import check_dialogue


class ToMessages(RowStep):
    """Make a conversation of each row: `messages`, and as `dataset` the name under which a mixture knows it.

    `prompt` and `response` are columns of text or of messages (the history of a dialogue and its last answer); a text
    in `context` follows the prompt after a blank line, one in `system` comes first as the system's turn. `messages`
    names a column that holds whole conversations instead, in either common spelling. The columns named in `keep` are
    taken along, all others are left behind.

    A conversation has the user and the assistant in turn, the user first and the assistant last. Rows that give none
    are dropped as `empty` (no prompt, or no answer), `odd` or `roles`.
    """

    use: ClassVar[str] = "to_messages"
    version: ClassVar[int] = 1
    makes: ClassVar[bool] = True
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("prompt", "messages"),)
    reads: ClassVar[tuple[str, ...]] = ("{prompt}", "{context}", "{response}", "{system}", "{messages}", "{keep}")
    writes: ClassVar[tuple[str, ...]] = ("messages", "dataset", "{keep}")
    example: ClassVar[str] = (
        "- use: to_messages\n  with: {dataset: dolly, prompt: instruction, context: context, response: response}\n"
    )

    dataset: str = Field(min_length=1, description="What a mixture calls the rows that come this way.")
    prompt: str | None = Field(default=None, min_length=1, description="The column of prompts: text or messages.")
    context: str = Field(default="", description='The column of texts that follow the prompt; "" for none.')
    response: str = Field(default="", description="The column of answers: text or messages.")
    system: str = Field(default="", description='The column of system messages; "" for none.')
    messages: str | None = Field(
        default=None, min_length=1, description="The column of whole conversations.", examples=["messages"]
    )
    keep: list[str] = Field(default=[], description="Other columns to take along.")

    def run_row(self, row: Row) -> Verdict:
        system, talk = self._turns(row)
        columns = {"messages": [*system, *talk], "dataset": self.dataset, **{c: row.get(c) for c in self.keep}}
        dropped = check_dialogue(talk) if talk else Dropped("empty", "no prompt, or no answer to it")
        return Children([Child(columns, dropped=dropped)])

    def _turns(self, row: Row) -> tuple[Turns, Turns]:
        """The system's turns, and the others."""
        if self.messages:
            turns = turns_of(row.get(self.messages), "user")
            start = next((i for i, turn in enumerate(turns) if turn["role"] != "system"), len(turns))
            return turns[:start], turns[start:]
        context = row.get(self.context) if self.context else None
        prompt = turns_of(asked_with(row.get(self.prompt or ""), context), "user")
        answer = turns_of(row.get(self.response), "assistant")
        system = turns_of(row.get(self.system), "system") if self.system else []
        return system, [*prompt, *answer] if prompt and answer else []
