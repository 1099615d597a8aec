"""What every judging step does: show the material under a rubric, and ask until a verdict can be read.

A row is worth more than its verdict: where a judge never says anything readable, or its provider refuses the request,
the row goes on without a verdict, and its lineage keeps the reason and the judge's words. Such rows count as failed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

from pydantic import Field, NonNegativeInt

from bezoar_data.llms.ask import Answer, Ask, Message, Refused
from bezoar_data.runs.row import Row
from bezoar_data.runs.values import texts_in
from bezoar_data.steps.base import Dropped, Kept, ModelStep
from bezoar_data.steps.judges.blocks import blocks
from bezoar_data.steps.judges.own_words import OwnWords
from bezoar_data.steps.judges.reading import Parroted, Unreadable
from bezoar_data.steps.judges.rubric import HOW_LONG, MATERIAL, AnyRubric, load_rubric, with_short_reason
from bezoar_data.steps.verdicts import refused


class Reasoned(Protocol):
    """What a judge said: a verdict of any kind, with its reason."""

    @property
    def reason(self) -> str: ...


T = TypeVar("T")
V = TypeVar("V", bound=Reasoned)
Asks = Generator[Ask, Answer, T]
Read = Callable[[str, str], V]
"""Reads a verdict out of (what a judge said, what it was shown). Raises `Unreadable`."""

UNREADABLE = "unparsable_verdict"
"""Reason code of a row whose judge never said anything readable."""
PARROTED = "parroted_verdict"
"""Reason code of a row whose judge said again what it was shown, to the last."""

_LONGEST_QUOTE = 2000


class JudgingStep(ModelStep):
    """A step whose model judges. The columns it writes are empty where there is no verdict."""

    judges: ClassVar[Literal["accept", "attributes", "compare"]]
    """What kind of verdict it gives: what is counted of it stands in the lock by kind."""
    rubrics: ClassVar[type[AnyRubric]]
    """What kind of rubric its field `rubric` names."""
    request: ClassVar[str]
    """What it asks for, below the material."""
    if TYPE_CHECKING:
        rubric: str

    retries: NonNegativeInt = Field(default=2, description="How often an unreadable verdict is asked for again.")

    def load(self) -> None:
        super().load()
        _ = self.guide

    @cached_property
    def guide(self) -> tuple[Any, str]:
        """The rubric, and the instructions it makes."""
        rubric = load_rubric(self.rubric, self.rubrics)
        return rubric, rubric.instructions()

    @cached_property
    def _own_words(self) -> OwnWords:
        return OwnWords([*texts_in(self.guide[0].model_dump()), MATERIAL, HOW_LONG])

    def keep_rate(self) -> tuple[float, float]:
        return 1.0, 1.0

    def said_to_models(self) -> dict[str, str]:
        return {"rubric": self.guide[1]}

    def messages(self, row: Row, **columns: str) -> tuple[Message, ...]:
        """The rubric, and the row's columns between tags. `columns` names them by tag; "" is none."""
        material = blocks({tag: row.get(column) for tag, column in columns.items() if column})
        return (
            {"role": "system", "content": self.guide[1]},
            {"role": "user", "content": f"{material}\n\n{self.request}"},
        )

    def _ask(self, messages: tuple[Message, ...], *, n: int = 1, attempt: int = 0) -> Ask:
        schema = self.guide[0].verdict_schema()
        return Ask(messages, schema=schema, n=n, attempt=attempt, narrower=with_short_reason(schema))

    def verdict(self, messages: tuple[Message, ...], read: Read[V]) -> Asks[V | Dropped]:
        """One verdict as `read` gives it, or why there is none."""
        (one,) = yield from self.verdicts(messages, read, samples=1)
        return one

    def verdicts(self, messages: tuple[Message, ...], read: Read[V], *, samples: int) -> Asks[list[V | Dropped]]:
        """So many verdicts on the same question, each asked for again by itself while it cannot be read."""
        try:
            answer = yield self._ask(messages, n=samples)
        except Refused as error:
            return [refused(error)] * samples
        found: list[V | Dropped] = []
        for i, sample in enumerate(answer.samples):
            if sample.refusal:
                found.append(Dropped(sample.refusal, failed=True))
                continue
            # Two samples may be unreadable in the same words: without an attempt of their own they would share one
            # journalled answer, and agree for no reason.
            attempts = (k * samples + i + 1 for k in range(self.retries))
            found.append((yield from self._until_read(sample.text, messages, read, attempts)))
        return found

    def unjudged(self, row: Row, why: Dropped) -> Kept:
        """The row without a verdict: its columns are there and empty."""
        return Kept(row.with_columns(**dict.fromkeys(self.outputs)), soft_failure=why)

    def _until_read(
        self, said: str, messages: tuple[Message, ...], read: Read[V], attempts: Iterator[int]
    ) -> Asks[V | Dropped]:
        shown = "\n\n".join(message["content"] for message in messages)
        material = messages[-1]["content"].removesuffix(self.request)
        why = ""
        while True:
            try:
                verdict = read(said, shown)
                self._own_words.check(verdict.reason, correction=why and _refusal(why), material=material)
                return verdict
            except Unreadable as unreadable:
                why = str(unreadable)
                lost = Dropped(PARROTED if isinstance(unreadable, Parroted) else UNREADABLE, why, said, failed=True)
            attempt = next(attempts, None)
            if attempt is None:
                return lost
            correction = _correction(said, why, self.request)
            try:
                answer = yield self._ask((*messages, *correction), attempt=attempt)
            except Refused as error:
                return Dropped(error.reason, error.detail, raw=said, failed=True)
            if answer.text.strip() == said.strip() != "":
                return replace(lost, detail=f"asked again, it said the same: {why}")
            said = answer.text


def _correction(said: str, why: str, request: str) -> tuple[Message, ...]:
    if not said.strip():
        # Some providers refuse an empty assistant turn.
        return ()
    again = {"role": "user", "content": f"{_refusal(why)} {request}"}
    return ({"role": "assistant", "content": said[:_LONGEST_QUOTE]}, again)


def _refusal(why: str) -> str:
    return f"That verdict cannot be used: {why}."
