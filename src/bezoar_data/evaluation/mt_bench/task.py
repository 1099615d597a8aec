"""What a suite asks of models and judges: its judged questions, and a model that answers them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.config.files.suite import LoadedSuite
from bezoar_data.config.problems import Place
from bezoar_data.evaluation.mt_bench.answers import Asking, all_instances, longest_answers
from bezoar_data.evaluation.mt_bench.files import Files, read_files
from bezoar_data.evaluation.mt_bench.judges import pair_asks, single_asks
from bezoar_data.evaluation.mt_bench.reading import Reading
from bezoar_data.evaluation.mt_bench.record import Setting
from bezoar_data.evaluation.targets import Target

if TYPE_CHECKING:
    from bezoar_data.evaluation.gateway_lm import Question as GatewayQuestion
    from bezoar_data.llms.ask import Ask

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Answering:
    """A model that is evaluated: what it is, what decides its answers, and where its results lie."""

    target: Target
    identity: Any
    folder: Path

    @property
    def name(self) -> str:
        return self.target.name


@dataclass(frozen=True)
class JudgedTask:
    """Questions of a suite that a judge reads."""

    name: str
    files: Files
    reading: Reading
    max_tokens: int
    seed: int
    batch_size: int
    place: Place

    def asking(self, model: Answering) -> Asking:
        # The gateway has its own limits of how many are asked at a time.
        together = self.batch_size if model.target.gateway is None else len(self.files.questions)
        return Asking(self.name, model.identity, self.seed, self.max_tokens, together)

    def questions(self) -> list[GatewayQuestion]:
        """What it would ask of a model behind the gateway: its first answers taken for as long as they may be."""
        from bezoar_data.evaluation.gateway_lm import PlanningLM, questions_of

        asking = Asking(self.name, None, self.seed, self.max_tokens, len(self.files.questions))
        found = longest_answers(self.files, asking)
        return questions_of(list(all_instances(PlanningLM(), self.files, asking, found)))

    def verdicts(self, *, pairs: bool) -> list[Ask]:
        """What a judge would be asked of a model, of answers as long as they may be; with `pairs` also beside
        another."""
        answers = longest_answers(self.files, Asking(self.name, None, self.seed, self.max_tokens, 1))
        return single_asks(self.files, answers) + (pair_asks(self.files, answers, answers) if pairs else [])

    @property
    def parts(self) -> list[tuple[str, str | None]]:
        """Its tasks in an evaluation: all questions together, and each category where there are several."""
        categories = list(dict.fromkeys(question.category for question in self.files.questions))
        named = {one: f"{self.name}-{_NOT_IN_A_NAME.sub('-', one)}" for one in categories}
        each = [(named[one], one) for one in categories] if len(categories) > 1 else []
        return [(self.name, None), *each]

    @cached_property
    def setting(self) -> Setting:
        shown = ("questions", "prompts", "references")
        hashes = {name: self.files.hashes[name] for name in shown if name in self.files.hashes}
        return Setting(task=self.name, reading=self.reading, files=hashes, questions=len(self.files.questions))


def judged_tasks(suite: LoadedSuite) -> list[JudgedTask]:
    """The judged tasks of a suite, their files read. Raises `InputError`."""
    return [
        JudgedTask(
            task.task, read_files(suite, i, task, judged), judged.reading, judged.max_tokens, suite.file.seed,
            suite.file.batch_size, suite.document.place(("tasks", i, "task")),
        )
        for i, task, judged in suite.judged_tasks
    ]  # fmt: skip
