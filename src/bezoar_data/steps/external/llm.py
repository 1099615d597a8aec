"""The LLM that distilabel's tasks are given: it turns what they generate into questions of the step contract."""

# No `from __future__ import annotations`: distilabel reads the annotations of `generate` as objects, not as text.

from collections import Counter
from collections.abc import Sequence
from typing import Any

from distilabel.models.llms.base import LLM
from distilabel.models.mixins.magpie import MagpieChatTemplateMixin
from pydantic import Field, PrivateAttr

from bezoar_data.config.errors import InputError
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.gateway.distilabel_llm import ask_each, structure_schema
from bezoar_data.steps.external.threads import current_call, numbered


class AskingLLM(LLM, MagpieChatTemplateMixin):
    """Asks through the call that its thread runs; in a step that has all rows, through that step's own LLM.

    A refused request has None as text, as distilabel's tasks know it. Token counts are not given here: they are in
    the journal.
    """

    answers_as: str = Field(description="The model's name.")
    structured_output: Any = Field(default=None, description="A JSON schema for every answer: {format: json, schema}.")

    _direct: "Direct | None" = PrivateAttr(default=None)

    @property
    def model_name(self) -> str:
        return self.answers_as

    def ask_through(self, direct: "Direct | None") -> None:
        self._direct = direct

    def generate(self, inputs: list[Any], num_generations: int = 1) -> list[Any]:
        asks = [self.question(i, num_generations) for i in inputs]
        if self._direct is not None:
            answers: Sequence[Answer | Refused] = self._direct.ask_all(asks)
        else:
            call = current_call()
            if call is None:
                raise RuntimeError("a model can be asked in the step's own thread only, and not before its rows come")
            answers = [call.ask(ask) for ask in asks]
        return [_output(answer, num_generations) for answer in answers]

    def generate_outputs(self, inputs: list[Any], num_generations: int = 1) -> list[Any]:
        return self.generate(inputs, num_generations)

    async def agenerate(self, input: Any, num_generations: int = 1) -> Any:
        """For tasks that await each answer in a loop of their own."""
        return self.generate([input], num_generations)[0]

    def question(self, formatted: Any, n: int) -> Ask:
        """A distilabel input, messages or (messages, structured output), as a question. Raises `ValueError` for
        messages that are not plain text and for structures that are not a JSON schema."""
        messages, structure = formatted if isinstance(formatted, tuple) else (formatted, None)
        if not all(isinstance(message.get("content"), str) for message in messages):
            raise ValueError("only messages of plain text can be asked")
        try:
            schema = structure_schema(structure or self.structured_output)
        except InputError as error:
            raise ValueError(str(error)) from None
        # A copy: some tasks go on writing into the messages they asked with.
        return Ask([dict(message) for message in messages], schema, n)


class Direct:
    """The way to the model for a step that has all rows: all questions of one call are asked at once."""

    def __init__(self, llm: LLM, step: str) -> None:
        self._llm, self._step = llm, step
        self._asked: Counter[str] = Counter()
        self.calls: list[list[Answer | Refused]] = []

    def ask_all(self, asks: list[Ask]) -> list[Answer | Refused]:
        answers = ask_each(self._llm, [numbered(ask, self._asked) for ask in asks], step=self._step)
        self.calls.append(answers)
        return answers


def _output(answer: Answer | Refused, n: int) -> dict[str, Any]:
    texts = [None] * n if isinstance(answer, Refused) else [None if s.refusal else s.text for s in answer.samples]
    nothing = [0] * len(texts)
    return {"generations": texts, "statistics": {"input_tokens": nothing, "output_tokens": list(nothing)}}
