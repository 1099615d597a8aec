"""`split_long`: conversations cut into parts that a model can read whole.

ShareGPT's were prepared so for Vicuna and for Tülu 1: parts of at most 2,048 tokens, cut between an answer and the next
question (FastChat's `split_long_conversation.py`, which counts 6 tokens a turn beside its text).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from pydantic import Field, NonNegativeInt, PositiveInt

from bezoar_data.runs.conversations.turns import Turn, Turns, Unread, from_json, read_turns, said_in
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Child, Children, Dropped, RowStep, Verdict
from bezoar_data.steps.curation.tokenizer import load_tokenizer


class SplitLong(RowStep):
    """Cut conversations at a turn border into parts of at most so many tokens.

    An exchange is a turn of the user with all that follows up to the user's next one; a part holds as many whole
    exchanges as fit. What the system says before the first stands at the head of each part and counts in each. A turn
    costs the tokens of its text, and `per_turn` for what a chat template sets around it. A conversation that fits stays
    one; the parts of one that does not are flagged as `cut`. All other columns go with each part.

    What comes into no part is dropped for itself: `too_long` (an exchange that is alone too long), `no_question` (turns
    before the user's first), `no_answer` (the user's last turn, where nobody replied).
    """

    use: ClassVar[str] = "split_long"
    version: ClassVar[int] = 1
    makes: ClassVar[bool] = True
    carries: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("{column}",)
    writes: ClassVar[tuple[str, ...]] = ("{column}",)
    types: ClassVar[Mapping[str, str]] = {"{column}": "list"}
    example: ClassVar[str] = "- use: split_long\n  with: {max_tokens: 2048, tokenizer: tokenizer.json}\n"

    column: str = Field(default="messages", min_length=1, description="The column of conversations.")
    max_tokens: PositiveInt = Field(description="The most tokens of a part.", examples=[2048])
    tokenizer: str = Field(
        min_length=1,
        description="Whose tokens: a tokenizer.json file, a folder that holds one, or a model on the Hub.",
        examples=["openlm-research/open_llama_3b_v2"],
    )
    per_turn: NonNegativeInt = Field(default=6, description="Tokens that a turn costs beside its text.")

    def load(self) -> None:
        super().load()
        _ = self._encoder

    def run_row(self, row: Row) -> Verdict:
        turns = read_turns(from_json(row.get(self.column)), "user")
        if isinstance(turns, Unread):
            return Dropped(turns.reason, turns.detail)
        head, before, exchanges = _exchanges(turns)
        unanswered = exchanges.pop() if exchanges and len(exchanges[-1]) == 1 else []
        parts, too_long = self._parts(head, exchanges)
        flags = [Dropped("cut", f"part {i + 1} of {len(parts)}") if len(parts) > 1 else None for i in range(len(parts))]
        children = [
            Child({**row.columns, self.column: [*head, *part]}, flag=flag)
            for part, flag in zip(parts, flags, strict=True)
        ]
        left = [(before, Dropped("no_question", f"{len(before)} turns before the user's first"))] if before else []
        left += [
            (turns, Dropped("too_long", f"{n} tokens, at most {self.max_tokens} allowed")) for turns, n in too_long
        ]
        left += [(unanswered, Dropped("no_answer", "nobody replied to the last turn"))] if unanswered else []
        children += [Child({**row.columns, self.column: turns}, dropped=why) for turns, why in left]
        return Children(children) if children else Dropped("empty", "it has no turns of a user or an assistant")

    def _parts(self, head: Turns, exchanges: Sequence[Turns]) -> tuple[list[Turns], list[tuple[Turns, int]]]:
        """Runs of exchanges that fit, and those exchanges that do not fit alone, with their tokens."""
        always = self._tokens(head)
        parts: list[Turns] = []
        too_long: list[tuple[Turns, int]] = []
        room = -1  # of the part that is being filled; none is
        for exchange in exchanges:
            tokens = self._tokens(exchange)
            if always + tokens > self.max_tokens:
                too_long.append((exchange, always + tokens))
                room = -1  # what follows it does not go on from what stands before it
            elif tokens <= room:
                parts[-1] += exchange
                room -= tokens
            else:
                parts.append(list(exchange))
                room = self.max_tokens - always - tokens
        return parts, too_long

    def _tokens(self, turns: Sequence[Turn]) -> int:
        return sum(len(self._encoder.encode(said_in(t), add_special_tokens=False).ids) + self.per_turn for t in turns)

    @cached_property
    def _encoder(self) -> Any:
        return load_tokenizer(self.tokenizer)


def _exchanges(turns: Turns) -> tuple[Turns, Turns, list[Turns]]:
    """What the system says first, the turns after it that no user's comes before, and the exchanges."""
    start = next((i for i, turn in enumerate(turns) if turn["role"] != "system"), len(turns))
    asked = [i for i in range(start, len(turns)) if turns[i]["role"] == "user"]
    borders = [*asked, len(turns)]
    exchanges = [turns[a:b] for a, b in zip(asked, borders[1:], strict=True)]
    return turns[:start], turns[start : borders[0]], exchanges
