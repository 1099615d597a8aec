"""`pairs.candidates`: several answers of a model to each prompt, to choose among."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pydantic import Field, PositiveInt

from bezoar_data.llms.ask import Answer, Ask, Message, Refused, Sample
from bezoar_data.runs.conversations.turns import Turns, Unread, asked_with, read_turns
from bezoar_data.runs.row import Columns, Row
from bezoar_data.steps.answering import AnsweringStep, cut_flag
from bezoar_data.steps.base import Child, Children, Dropped, StepGenerator


@dataclass(frozen=True, slots=True)
class _SampledAnswer:
    """One sample of an answer, and why it cannot be used (empty if it can)."""

    ask: Ask
    answer: Answer
    sample: Sample
    reason: str


class Candidates(AnsweringStep):
    """Ask a model for `n` answers to each prompt, and make a row of each.

    The new rows hold as `prompt` what was asked, one answer as `response`, its number as `candidate`, and the columns
    to `keep`; a judge scores each, and `pairs.best_worst` brings them together again. Answers of several models stand
    side by side where two of these steps come after one source and meet in a union. How much the answers differ is up
    to the model's temperature in the models file.

    What is empty or was cut by the token limit is asked for again; a candidate that is never usable is dropped as
    `empty_answer` or `truncated`. What is refused (`content_filter`, `refused`, `only_thinking`) is dropped at once.
    """

    use: ClassVar[str] = "pairs.candidates"
    version: ClassVar[int] = 1
    makes: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("{prompt}", "{context}", "{system}", "{keep}")
    writes: ClassVar[tuple[str, ...]] = ("prompt", "response", "candidate", "{system}", "{keep}")
    types: ClassVar[Mapping[str, str]] = {"response": "text", "candidate": "integer"}
    example: ClassVar[str] = "- use: pairs.candidates\n  with: {model: teacher, prompt: instruction, n: 4}\n"

    n: PositiveInt = Field(default=4, description="How many answers to each prompt.")
    prompt: str = Field(default="prompt", min_length=1, description="The column of prompts: text or messages.")
    context: str = Field(default="", description='The column of texts that follow the prompt; "" for none.')
    system: str = Field(default="", description='The column of system messages; "" for none.')
    keep: list[str] = Field(default=[], description="Other columns to take along.")

    def run_row(self, row: Row) -> StepGenerator:
        prompt = asked_with(row.get(self.prompt), row.get(self.context) if self.context else None)
        asked = read_turns(prompt, "user")
        system = read_turns(row.get(self.system) if self.system else None, "system")
        if isinstance(asked, Unread):
            return Dropped(asked.reason, asked.detail, failed=True)
        if isinstance(system, Unread):
            return Dropped(system.reason, system.detail, failed=True)
        if not asked:
            return Dropped("empty_prompt", f"there is nothing to answer in `{self.prompt}`", failed=True)
        if any(turn["role"] == "tool" or "tool_calls" in turn for turn in asked):
            return Dropped("tool_calls", f"`{self.prompt}` holds calls of tools, which no model is asked to go on with")
        found = yield from self._candidates(_as_asked([*system, *asked]))
        return Children([self._child(row, prompt, i, candidate) for i, candidate in enumerate(found)])

    def _candidates(self, messages: Sequence[Message]) -> Generator[Ask, Answer, list[_SampledAnswer]]:
        """So many candidates as are wanted, the usable ones first."""
        usable: list[_SampledAnswer] = []
        refused: list[_SampledAnswer] = []
        unusable: list[_SampledAnswer] = []
        for attempt in range(self.retries + 1):
            ask = Ask(messages, n=self.n - len(usable) - len(refused), attempt=attempt)
            try:
                answer = yield ask
            except Refused:
                if not usable:
                    raise
                break  # what came before is worth keeping
            given = [_SampledAnswer(ask, answer, s, self.unusable_reason(s)) for s in answer.samples]
            usable += [c for c in given if not c.reason]
            refused += [c for c in given if c.sample.refusal]
            before, unusable = _texts(unusable), [c for c in given if c.reason and not c.sample.refusal]
            if not unusable or (_texts(unusable) == before and any(before)):
                break
        return [*usable, *refused, *unusable]

    def _child(self, row: Row, prompt: Any, number: int, candidate: _SampledAnswer) -> Child:
        text = candidate.sample.text.strip() or None
        columns: Columns = {"prompt": prompt, "response": text, "candidate": number}
        columns |= {column: row.get(column) for column in ([self.system] if self.system else []) + self.keep}
        detail = "" if candidate.sample.refusal else f"asked {candidate.ask.attempt + 1} times"
        dropped = Dropped(candidate.reason, detail, text, failed=True) if candidate.reason else None
        one = replace(candidate.answer, samples=(candidate.sample,))
        return Child(columns, asked=[(candidate.ask, one)], dropped=dropped, flag=cut_flag(candidate.sample))


def _as_asked(turns: Turns) -> list[Message]:
    """What a provider is sent of turns: their weights and thoughts are for those who train."""
    return [{"role": turn["role"], "content": turn["content"]} for turn in turns]


def _texts(candidates: Sequence[_SampledAnswer]) -> list[str]:
    return [c.sample.text for c in candidates]
