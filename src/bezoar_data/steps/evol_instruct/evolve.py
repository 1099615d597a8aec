"""`evol_instruct.evolve`: instructions made harder or rarer over several epochs, and answered.

As the authors of OpenBezoar did it (their published code), which follows WizardLM (arXiv 2304.12244): an evolution that
fails is put back as it was and tried anew in the next epoch, one that succeeds takes the place of what it came from.

In the authors' code an epoch ends for all rows before the next begins. That is not needed: what is drawn for a category
in an epoch depends on the seed, the category and the epoch, and what becomes of an instruction on itself. So each row
goes through its epochs on its own, with the same result.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

from distilabel.models.llms.base import LLM
from pydantic import Field, PositiveInt

from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.runs.row import Columns, Row
from bezoar_data.steps.answering import CUT, TRUNCATED, cut_flag
from bezoar_data.steps.base import Child, Children, Dropped, ModelStep, StepGenerator
from bezoar_data.steps.evol_instruct.draw import IN_DEPTH, Draw, Scope, draw_for_category, draw_for_row
from bezoar_data.steps.evol_instruct.eliminate import (
    ANSWERED,
    COMPARISON,
    NO_GAIN,
    UNCLEAR,
    Apologies,
    check_evolution,
    read_comparison,
)
from bezoar_data.steps.evol_instruct.prompts import COMPLICATE, OPERATIONS, SHIPPED, PromptsFile, load_prompts
from bezoar_data.steps.evol_instruct.reading import is_answer, read_evolved
from bezoar_data.steps.placeholders import Words, placeholder
from bezoar_data.steps.verdicts import refused

Elimination = Generator[Ask, Answer, Dropped | None]
Asked = Generator[Ask, Answer, Answer]

_ADDED = 20
"""Tokens that an evolution in depth typically adds; its prompt asks for 10 to 20 words."""
_SCHEMA = {
    "type": "object",
    "properties": {"instruction": {"type": "string"}},
    "required": ["instruction"],
    "additionalProperties": False,
}
"""What a structured evolution is."""


@dataclass(slots=True)
class _Evolution:
    """One evolution while it is made: the instruction it starts from, what came of it, and who was asked what."""

    start: str
    draw: Draw
    tries: Counter[tuple[str, str]]
    """How often the row asked each model each question so far. One asked before is a new attempt: the journal would
    give the same failure again."""
    instruction: str = ""
    response: str = ""
    asked: list[tuple[Ask, Answer]] = field(default_factory=list)

    def ask(
        self,
        text: str,
        *,
        to: str = "llm",
        schema: Mapping[str, Any] | None = None,
        narrower: Mapping[str, Any] | None = None,
    ) -> Asked:
        attempt = self.tries[to, text]
        self.tries[to, text] += 1
        question = Ask(({"role": "user", "content": text},), schema, attempt=attempt, to=to, narrower=narrower)
        answer = yield question
        self.asked.append((question, answer))
        return answer


class EvolInstructEvolve(ModelStep):
    """Evolve each instruction over several epochs, and answer what it evolved into.

    Each epoch draws a strategy, in-depth (one of four operations, or five with `complicate_input`) or in-breadth, asks
    the model for the evolved instruction, and for a response to that alone. The evolution is eliminated, and the
    instruction goes into the next epoch as it was, to be tried again, if the model answered it instead of evolving
    it (`answered_instruction`), if the response is a short apology (`difficult_response`) or says nothing
    (`only_stop_words`), if the instruction holds words of our own prompt (`label_phrase`), or if the evaluator finds
    both instructions equal (`no_information_gain`) or says nothing clear in all its attempts (`unclear_comparison`). An
    answer that is empty or cut off by the token limit, or a refused request, ends the
    evolution likewise.

    The rows it gives are the evolutions that succeeded, one for each epoch; their parent is the row they evolved from,
    a seed or an earlier evolution. Eliminated ones are dropped rows with their reason. So rows in are evolutions tried.
    """

    use: ClassVar[str] = "evol_instruct.evolve"
    version: ClassVar[int] = 2
    makes: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("{instruction}", "{category}")
    writes: ClassVar[tuple[str, ...]] = (
        "instruction",
        "response",
        "category",
        "evolution_strategy",
        "in-depth-evolving_operation",
        "epoch",
    )
    types: ClassVar[Mapping[str, str]] = {
        "instruction": "text",
        "response": "text",
        "evolution_strategy": "text",
        "in-depth-evolving_operation": "text",
        "epoch": "integer",
    }
    example: ClassVar[str] = "- use: evol_instruct.evolve\n  with: {model: teacher, evaluator: evaluator, epochs: 3}\n"

    evaluator: LLM = Field(
        description="The model that says whether an evolution gained anything: the name of a role in the models file.",
        json_schema_extra={"role": True},
    )
    epochs: PositiveInt | dict[str, Annotated[int, Field(ge=0)]] = Field(
        default=3, description="How many epochs, for all or by category; a category that is not named gets none."
    )
    draw: Scope = Field(
        default="per_epoch",
        description="Draw once an epoch for a whole category, as OpenBezoar's authors did (per_epoch), or for each "
        "instruction, as WizardLM did (per_instruction).",
    )
    complicate_input: bool = Field(
        default=False, description="Also draw the operation that adds data to work on; neither code used it."
    )
    instruction: str = Field(default="instruction", min_length=1, description="The column of instructions to evolve.")
    category: str = Field(default="category", description='The column of categories; "" if all rows are one.')
    prompts: str | None = Field(
        default=None,
        description="A file of prompts, label phrases and stop words in place of the shipped one.",
        examples=["evol_prompts.yaml"],
        json_schema_extra={"path": "input", "form": "bezoar_data.steps.evol_instruct.prompts:load_prompts"},
    )
    comparisons: PositiveInt = Field(default=6, description="How often the evaluator is asked until it is clear.")
    drop_answers: bool = Field(
        default=True,
        description="Eliminate an evolved instruction that states something and asks for nothing: the model answered. "
        "A rule of ours, not of the authors.",
    )
    apologies: Apologies = Field(
        default="any_case",
        description='In which case "sorry" counts as an apology; the authors look for it in lower case.',
    )
    structured: bool = Field(
        default=False,
        description="Ask for the evolved instruction as JSON by a schema: small models then give it alone.",
    )
    keep_truncated: bool = Field(
        default=False,
        description="Go on with an answer that was cut by the token limit, as the authors did; its row is flagged as "
        "`truncated`.",
    )

    def load(self) -> None:
        super().load()
        self.evaluator.load()
        _ = self._file

    def unload(self) -> None:
        self.evaluator.unload()
        super().unload()

    def run_row(self, row: Row) -> StepGenerator:
        text = row[self.instruction]
        if not isinstance(text, str) or not text.strip():
            return Dropped("empty_instruction", f"there is nothing to evolve in `{self.instruction}`", failed=True)
        category = row.get(self.category) if self.category else None
        epochs = self._epochs(category)
        if not epochs:
            return Dropped("no_epochs", f"`epochs` gives none to the category {category!r}")
        tries: Counter[tuple[str, str]] = Counter()
        children: list[Child] = []
        parent: int | None = None
        for epoch in range(1, epochs + 1):
            evolution = _Evolution(text, self._draw(row, category, epoch), tries)
            try:
                dropped = yield from self._evolve(evolution)
            except Refused as error:
                dropped = refused(error)
            columns = self._columns_of(evolution, category, epoch)
            flag = cut_flag(*(answer.samples[0] for ask, answer in evolution.asked if ask.to == "llm"))
            children.append(Child(columns, parent, tuple(evolution.asked), dropped, flag))
            if dropped is None:
                text, parent = evolution.instruction, epoch - 1
        return Children(children)

    def keep_rate(self) -> tuple[float, float]:
        return 0.7, 1.0

    def placeholder(self, ask: Ask, words: Words) -> str:
        if ask.to == "evaluator":
            return "Not Equal"
        file, text = self._file, ask.messages[-1]["content"]
        if (given := file.to_deepen(text)) is not None:
            evolved = f"{given} {words(_ADDED)}"
        elif (given := file.to_broaden(text)) is not None:
            evolved = words(len(given.split()) * 4 // 3 or 1)
        else:
            return placeholder(ask, words)
        return evolved if ask.schema is None else json.dumps({"instruction": evolved})

    def _evolve(self, evolution: _Evolution) -> Elimination:
        """One evolution from its prompt to its elimination; gives back what speaks against it."""
        file = self._file
        answer = yield from evolution.ask(self._prompt(evolution), schema=_SCHEMA if self.structured else None)
        evolution.instruction = read_evolved(answer.text, file.output_labels, file.headings)
        if not evolution.instruction:
            return Dropped("empty_evolution", "the model gave no instruction", raw=answer.text or None, failed=True)
        if self._is_cut(answer):
            return Dropped(TRUNCATED, f"the instruction was {CUT}", raw=answer.text, failed=True)
        if self.drop_answers and self._is_answer(evolution):
            return Dropped(ANSWERED, "the model answered the instruction or declined", raw=answer.text)
        answer = yield from evolution.ask(evolution.instruction)
        evolution.response = answer.text.strip()
        if self._is_cut(answer):
            return Dropped(TRUNCATED, f"the response was {CUT}", raw=answer.text, failed=True)
        dropped = check_evolution(
            evolution.instruction, evolution.response, file.label_phrases, file.stop_words, self.apologies
        )
        return dropped or (yield from self._compare(evolution))

    def _compare(self, evolution: _Evolution) -> Elimination:
        """Ask the evaluator whether both instructions are equal, again with the next attempt until it is clear."""
        prompt = self._file.compared(evolution.start, evolution.instruction)
        said = ""
        times = 0
        while times < self.comparisons:
            times += 1
            answer = yield from evolution.ask(prompt, to="evaluator", narrower=COMPARISON)
            before, said = said, answer.text
            found = read_comparison(said)
            if found == "not equal":
                return None
            if found == "equal":
                return Dropped(NO_GAIN, "the evaluator finds both instructions equal", raw=said)
            if said and said == before:
                break
        return Dropped(UNCLEAR, f"asked {times} times", raw=said or None)

    def _prompt(self, evolution: _Evolution) -> str:
        file, draw = self._file, evolution.draw
        if draw.strategy == IN_DEPTH:
            assert draw.operation is not None  # noqa: S101
            return file.deeper(evolution.start, draw.operation)
        return file.broader(evolution.start)

    def _draw(self, row: Row, category: Any, epoch: int) -> Draw:
        operations = (*OPERATIONS, COMPLICATE) if self.complicate_input else OPERATIONS
        if self.draw == "per_epoch":
            return draw_for_category(self.seed, str(self.name), str(category), epoch, operations)
        return draw_for_row(self.seed, str(self.name), row.id, epoch, operations)

    def _epochs(self, category: Any) -> int:
        return self.epochs.get(str(category), 0) if isinstance(self.epochs, Mapping) else self.epochs

    def _is_cut(self, answer: Answer) -> bool:
        return answer.finish_reason == "length" and not self.keep_truncated

    def _is_answer(self, evolution: _Evolution) -> bool:
        # Where the seed itself does not look like a request, the rule cannot tell what is one.
        verbs = self._file.verbs
        return bool(verbs) and is_answer(evolution.instruction, verbs) and not is_answer(evolution.start, verbs)

    def _columns_of(self, evolution: _Evolution, category: Any, epoch: int) -> Columns:
        return {
            "instruction": evolution.instruction or evolution.start,
            "response": evolution.response,
            "category": category,
            "evolution_strategy": evolution.draw.strategy,
            "in-depth-evolving_operation": evolution.draw.operation,
            "epoch": epoch,
        }

    def said_to_models(self) -> dict[str, str]:
        file = self._file
        operations = {f"operation {name}": text for name, text in file.in_depth.operations.items()}
        prompts = {"prompt in depth": file.in_depth.prompt, **operations, "prompt in breadth": file.in_breadth}
        return {**prompts, "prompt to compare": file.comparison}

    @cached_property
    def _file(self) -> PromptsFile:
        return load_prompts(Path(self.prompts) if self.prompts else SHIPPED)
