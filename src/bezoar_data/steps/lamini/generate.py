"""`lamini.generate`: the teacher invents new instructions, shown a few examples and perhaps a few topics.

The scheme is LaMini-LM's (arXiv 2304.14402). Requests are numbered and asked in waves; what a request shows depends on
its number and the seed alone, and whether there is another wave on whole waves alone. So the instructions are the same
whichever answer comes first, and a run that was stopped finds its answers again.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.runs.row import Row, row_random
from bezoar_data.steps.base import Dropped, GlobalModelStep, Made, Waves
from bezoar_data.steps.lamini.parse import NO_EXAMPLES, ParsedInstruction, Shown, comparable, read_candidates
from bezoar_data.steps.lamini.prompts import PromptsFile, load_prompts
from bezoar_data.steps.lamini.topics import load_topics, topics_from_categories
from bezoar_data.steps.placeholders import Words
from bezoar_data.steps.verdicts import OVER_TARGET, refused

_log = logging.getLogger(__name__)

EXAMPLE_GUIDED = "example_guided"
TOPIC_GUIDED = "topic_guided"

_LIST = "instructions"
"""The key of a structured answer's list."""
_SPARE = 4
"""Without `max_requests`, the requests made are at most so many times those that would do if nothing were dropped."""
_TYPICAL = 25
"""Tokens of a typical instruction that a model invents. Our assumption."""


@dataclass
class _Request:
    """One numbered request: what it shows, and what came of it."""

    number: int
    seeds: Sequence[Row]
    shown: Sequence[str]
    topics: Sequence[str]
    outcome: Answer | Refused | None = None
    answers: list[Answer] = field(default_factory=list)
    candidates: list[ParsedInstruction] = field(default_factory=list)
    why: str = ""

    @property
    def source(self) -> str:
        return TOPIC_GUIDED if self.topics else EXAMPLE_GUIDED


class LaminiGenerate(GlobalModelStep):
    """Have the teacher invent new instructions from examples, and in part from topics.

    Each request shows three random instructions of the rows that come in, a share of the requests three random topics
    as well, and asks for twenty new instructions. Requests go out in waves until `target` instructions are there or
    `max_requests` were made. Those rows are material: what leaves are the new instructions, with the shown rows as
    parents and `source` saying how each came about (`example_guided` or `topic_guided`).

    Of an answer, everything is accounted for. It drops candidates that are `unclosed`, `unopened`, `unclear`,
    `empty`, `too_long`, that hold an answer (`holds_answer`), repeat the prompt (`placeholder`), an example shown
    (`copied_example`), the same answer (`duplicate`) or any seed or instruction of an earlier request (`seen_before`),
    and those of the last wave beyond the target (`over_target`). A request that gives nothing to read is asked again,
    then dropped as `no_examples`; one that the provider refuses, under the provider's reason.
    """

    use: ClassVar[str] = "lamini.generate"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("instruction",)
    writes: ClassVar[tuple[str, ...]] = ("instruction", "source")
    types: ClassVar[Mapping[str, str]] = {"instruction": "text", "source": "text"}
    example: ClassVar[str] = "- use: lamini.generate\n  with: {model: teacher, target: 1500, topic_share: 0.5}\n"

    target: PositiveInt = Field(description="How many instructions to make.")
    max_requests: PositiveInt | None = Field(
        default=None,
        description="The most requests to make; by default four times what the target needs if nothing is dropped.",
        examples=[400],
    )
    topic_share: float = Field(default=0.5, ge=0, le=1, description="The share of requests that give topics.")
    examples: PositiveInt = Field(default=3, description="How many examples a request shows.")
    topics_shown: PositiveInt = Field(default=3, description="How many topics a request gives, if it gives any.")
    count: PositiveInt = Field(default=20, description="How many new instructions a request asks for.")
    wave: PositiveInt = Field(default=64, description="The most requests that go out before their answers are read.")
    retries: NonNegativeInt = Field(default=1, description="How often a request without a readable answer is repeated.")
    structured: bool = Field(
        default=False,
        description="Ask for JSON by a schema instead of tags: small models then keep to the form.",
    )
    max_words: PositiveInt = Field(default=200, description="The most words an instruction may have.")
    context: Literal["skip", "show"] = Field(
        default="skip",
        description="Seeds with a `context` beside the instruction: never shown, or shown with it below.",
    )
    topics: str | None = Field(
        default=None,
        description="A file of topics, one a line, in place of the shipped list.",
        examples=["topics.txt"],
        json_schema_extra={"path": "input"},
    )
    categories: str | None = Field(
        default=None,
        description="Choose the topics from this file of Wikipedia's categories instead (see docs/lamini.md).",
        examples=["categories.tsv"],
        json_schema_extra={"path": "input"},
    )
    prompts: str | None = Field(
        default=None, description="A file of prompts in place of the shipped one.", examples=["lamini_prompts.yaml"],
        json_schema_extra={"path": "input", "form": "bezoar_data.steps.lamini.prompts:load_prompts"},
    )  # fmt: skip

    def load(self) -> None:
        super().load()
        _ = self._prompts, self._topics

    def run_all(self, rows: Sequence[Row]) -> Waves:
        pool = self._pool(rows)
        most = self.most_requests
        known = {comparable(text) for _, text in pool}
        made: list[Made] = []
        kept = asked = 0
        while kept < self.target and asked < most:
            wanted = math.ceil((self.target - kept) / self.count)
            size = min(self.wave, wanted, most - asked)
            requests = [self._request(number, pool) for number in range(asked, asked + size)]
            asked += size
            open_requests = requests
            for attempt in range(self.retries + 1):
                answers = yield [self._ask(request, attempt) for request in open_requests]
                for request, answer in zip(open_requests, answers, strict=True):
                    self._read(request, answer)
                open_requests = [r for r in open_requests if isinstance(r.outcome, Answer) and not r.candidates]
                if not open_requests:
                    break
            for request in requests:
                for candidate in self._settled(request, known, self.target - kept):
                    kept += candidate.dropped is None
                    made.append(candidate)
        if kept < self.target:
            _log.warning(
                "%s: %d of %d instructions after %d requests, the most allowed", self.name, kept, self.target, asked
            )
        return made

    def placeholder(self, ask: Ask, words: Words) -> str:
        if ask.schema is not None:
            return json.dumps({_LIST: [words(_TYPICAL) for _ in range(self.count)]})
        return "\n".join(f"<example>{words(_TYPICAL)}</example>" for _ in range(self.count))

    @property
    def most_requests(self) -> int:
        """The most requests it makes, re-askings aside."""
        return self.max_requests or _SPARE * math.ceil(self.target / self.count)

    def _pool(self, rows: Sequence[Row]) -> list[tuple[Row, str]]:
        """The rows that can serve as examples, each with its text. Raises `InputError` for fewer than are shown."""
        pool = []
        for row in rows:
            text, context = row["instruction"], row.get("context")
            if not isinstance(text, str) or not text.strip():
                continue
            if isinstance(context, str) and context.strip():
                if self.context == "skip":
                    continue
                text = f"{text.strip()}\n\n{context.strip()}"
            if len(text.split()) <= self.max_words:
                pool.append((row, text.strip()))
        if len(pool) < self.examples:
            message = (
                f"{self.name} shows {self.examples} examples, but only {len(pool)} of {len(rows)} rows can be shown"
            )
            hint = f"not shown: rows over {self.max_words} words (max_words)"
            hint += ", rows with a context (context: show would show them)" if self.context == "skip" else ""
            raise InputError(Problem("too-few-rows", message, hint=hint))
        return pool

    def _request(self, number: int, pool: Sequence[tuple[Row, str]]) -> _Request:
        """What the request with this number shows."""
        draw = row_random(self.seed, str(self.name), f"request {number}")
        chosen = draw.sample(pool, self.examples)
        # Spread evenly over the numbers: of any run of requests, the share is right to within one.
        guided = math.floor((number + 1) * self.topic_share) > math.floor(number * self.topic_share)
        topics = self._topics
        named = draw.sample(topics, min(self.topics_shown, len(topics))) if guided else []
        return _Request(number, [row for row, _ in chosen], [text for _, text in chosen], named)

    def _ask(self, request: _Request, attempt: int) -> Ask:
        return Ask([{"role": "user", "content": self._prompt(request)}], self._schema, attempt=attempt)

    def _prompt(self, request: _Request) -> str:
        prompts = self._prompts
        return prompts.ask_for_instructions(request.shown, request.topics, self.count, structured=self.structured)

    def _read(self, request: _Request, answer: Answer | Refused) -> None:
        request.outcome = answer
        if isinstance(answer, Answer):
            request.answers.append(answer)
            shown = Shown(request.shown, self._prompt(request))
            reading = read_candidates(answer.text, shown, self.max_words, cut=answer.finish_reason == "length")
            request.candidates, request.why = reading.candidates, reading.why

    def _settled(self, request: _Request, known: set[str], room: int) -> list[Made]:
        """What a request made. `known` is what was said before, and grows; `room` is what the target leaves."""

        def made(position: int, text: str, dropped: Dropped | None) -> Made:
            columns = {"instruction": text, "source": request.source}
            return Made(request.seeds, (request.number, position), columns, request.answers, dropped)

        if isinstance(request.outcome, Refused):
            return [made(0, "", refused(request.outcome))]
        if not request.candidates:
            assert request.outcome is not None  # noqa: S101 (every request is answered)
            detail = f"asked {len(request.answers)} times: {request.why}"
            return [made(0, "", Dropped(NO_EXAMPLES, detail, request.outcome.text or None, failed=True))]
        found = []
        for position, candidate in enumerate(request.candidates):
            key = comparable(candidate.text)
            reason = candidate.reason or ("seen_before" if key in known else "")
            if not reason and room <= 0:
                reason = OVER_TARGET
            if not reason:
                known.add(key)
                room -= 1
            found.append(made(position, candidate.text, Dropped(reason) if reason else None))
        return found

    @cached_property
    def _schema(self) -> dict[str, Any] | None:
        """The answer's form, an object as OpenAI's strict schemas must be one."""
        if not self.structured:
            return None
        texts = {"type": "array", "items": {"type": "string"}, "minItems": self.count, "maxItems": self.count}
        return {
            "type": "object",
            "properties": {_LIST: texts},
            "required": [_LIST],
            "additionalProperties": False,
        }

    @cached_property
    def _topics(self) -> tuple[str, ...]:
        if self.topics and self.categories:
            message = f"{self.name}: `topics` and `categories` both say what the topics are"
            raise InputError(Problem("bad-value", message, hint="give one of them"))
        if self.categories:
            return topics_from_categories(Path(self.categories))
        return load_topics(Path(self.topics)) if self.topics else load_topics()

    def said_to_models(self) -> dict[str, str]:
        prompts = self._prompts.generate
        return {"prompt by examples": prompts.example_guided, "prompt by topics": prompts.topic_guided}

    @cached_property
    def _prompts(self) -> PromptsFile:
        return load_prompts(self.prompts)
