"""Answers written by hand to the questions of a pipeline, made into entries of a journal under today's keys.

An entry of the hand-written file names a step, a row and, in their order, what the row's questions are answered. So a
changed prompt needs no new answer: the pipeline is walked, each question it asks is looked up there, and the answer is
written down under the key that the question has now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import Field

from bezoar_data.config.base import Strict
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.config.validation import load_checked
from bezoar_data.config.yaml.document import Document
from bezoar_data.llms.ask import Answer, Ask, Refused, Sample
from bezoar_data.llms.journal.entry import Entry
from bezoar_data.llms.journal.request_key import KeyMaker
from bezoar_data.llms.providers.placeholder import Placeholder
from bezoar_data.pipeline.compile import Compiled, Node, compile_pipeline
from bezoar_data.pipeline.load import load
from bezoar_data.pipeline.modules import Unrun
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import GlobalMakingStep, GlobalRowStep
from bezoar_data.steps.driver import Outcome, RowRun, WaveRun, outcome_of

Turn = Mapping[str, str | Sequence[str]]
"""The role asked, and its answer: several for a question that wants several samples."""


class RowAnswers(Strict):
    """What one row's questions at one step are answered."""

    row: str = Field(
        default="", description="A piece of the row's text that no other row has; none at a step that asks for all."
    )
    asks: list[dict[str, str | list[str]]] = Field(min_length=1, description="Role and answer of each question.")


class AnswersByHand(Strict):
    """A file of answers written by hand."""

    version: int = Field(ge=1, le=1)
    pipeline: str = Field(description="The pipeline file, from this file's folder.")
    answers: dict[str, list[RowAnswers]] = Field(description="For each step, what its rows' questions are answered.")


@dataclass
class _Written:
    """The answers of one step, and which of them were asked for."""

    path: Path
    step: str
    rows: Sequence[RowAnswers]
    used: set[int] = field(default_factory=set)

    def of_row(self, row: Row, columns: Sequence[str]) -> list[Turn]:
        texts = [value for name in columns if isinstance(value := row.get(name), str)]
        return self._one([i for i, r in enumerate(self.rows) if any(r.row in text for text in texts)], str(texts)[:80])

    def of_all(self) -> list[Turn]:
        return self._one(list(range(len(self.rows))), "all rows")

    def _one(self, found: Sequence[int], what: str) -> list[Turn]:
        if len(found) != 1 or found[0] in self.used:
            raise self.problem(f"{len(found)} entries answer {what}: there should be one, and it for nothing else")
        self.used.add(found[0])
        return list(self.rows[found[0]].asks)

    def problem(self, message: str) -> InputError:
        return InputError(Problem("answers-by-hand", f"{self.path.name}: step '{self.step}': {message}"))


def entries_by_hand(path: Path, models: Path) -> Iterator[Entry]:
    """The entries of a file of answers written by hand, for the models of the file `models`, in the pipeline's order.

    Raises `InputError` for a question without an answer and for an answer that nobody asked for.
    """
    file = load_checked(path, AnswersByHand, _no_more)
    checked = load(path.parent / file.pipeline, models=models)
    compiled = compile_pipeline(checked, path.with_suffix(".none"), to_run=False)
    steps = {node.id for node in compiled.nodes}
    if unknown := [name for name in file.answers if name not in steps]:
        raise InputError(Problem("answers-by-hand", f"{path.name}: the pipeline has no step '{unknown[0]}'"))
    return _Walk(compiled, {name: _Written(path, name, rows) for name, rows in file.answers.items()}).entries()


class _Walk:
    """All rows through all steps. What asks a model that has no answers here lets its rows through as they came."""

    def __init__(self, compiled: Compiled, written: Mapping[str, _Written]) -> None:
        self._compiled = compiled
        self._written = written
        self._said: dict[str, Entry] = {}

    def entries(self) -> Iterator[Entry]:
        waiting: dict[str, list[Row]] = defaultdict(list)
        for node in self._compiled.nodes:
            for row in self._through(node, waiting.pop(node.id, [])):
                for name in node.following:
                    waiting[name].append(row)
        for written in self._written.values():
            if idle := [r.row for i, r in enumerate(written.rows) if i not in written.used]:
                raise written.problem(f"nothing asks for the answer to '{idle[0]}'")
        yield from self._said.values()

    def _through(self, node: Node, rows: Sequence[Row]) -> Sequence[Row]:
        step, written = node.step, self._written.get(node.id)
        if node.is_source:
            return [row for row in step.rows() if row.lineage.drop is None]
        if isinstance(step, Unrun) or (node.roles and written is None):
            return rows
        if isinstance(step, GlobalMakingStep):
            return self._make(node, written, rows)
        if isinstance(step, GlobalRowStep):
            step.load()
            decided = zip(rows, step.run_rows(rows), strict=True)
            return [kept for row, verdict in decided for kept in outcome_of(step, row, verdict).kept]
        if node.kind not in ("row", "model"):
            raise InputError(Problem("answers-by-hand", f"answers by hand know no step of the kind '{node.kind}'"))
        return [kept for row in rows for kept in self._decide(node, written, row)]

    def _decide(self, node: Node, written: _Written | None, row: Row) -> Sequence[Row]:
        run = RowRun(node.step, row)
        said = run.next()
        turns = written.of_row(row, node.step.inputs) if written and isinstance(said, Ask) else []
        while isinstance(said, Ask):
            assert written is not None  # noqa: S101
            said = run.next(self._answer(node, written, said, turns))
        if written and turns:
            raise written.problem(f"{len(turns)} answers too many: {turns[0]}")
        return said.kept

    def _make(self, node: Node, written: _Written | None, rows: Sequence[Row]) -> Sequence[Row]:
        run = WaveRun(node.step, rows)
        turns = written.of_all() if written else []
        said = run.next()
        while not isinstance(said, Outcome):
            assert written is not None  # noqa: S101
            replies: list[Answer | Refused] = [self._answer(node, written, ask, turns) for ask in said]
            said = run.next(replies)
        if written and turns:
            raise written.problem(f"{len(turns)} answers too many")
        return said.kept

    def _answer(self, node: Node, written: _Written, ask: Ask, turns: list[Turn]) -> Answer:
        """The next of the answers, written down as the entries of this question."""
        role = node.roles[ask.to]
        turn = turns.pop(0) if turns else {}
        texts = turn.get(role, ())
        texts = [texts] if isinstance(texts, str) else texts
        if len(texts) != ask.n:
            asked = ask.messages[-1]["content"][-200:]
            raise written.problem(f"'{role}' is asked for {ask.n} answers, and the file has {len(texts)}: …{asked}")
        model = self._compiled.roles[role]
        by_hand = next((m for m in model.fallback_chain() if m.provider == Placeholder.kind), None)
        if by_hand is None:
            raise written.problem(f"no model of the role '{role}' has the provider '{Placeholder.kind}'")
        samples = []
        for key, text in zip(KeyMaker(by_hand).keys(ask), texts, strict=True):
            entry = Entry(key, text, "stop", provider=by_hand.provider, model=by_hand.model, step=node.id)
            self._note(written, replace(entry, prompt_tokens=0, completion_tokens=0, cost=0.0))
            samples.append(Sample(text, "stop", key))
        return Answer(tuple(samples), by_hand.model, demo=True)

    def _note(self, written: _Written, entry: Entry) -> None:
        before = self._said.setdefault(entry.key, entry)
        if before.text != entry.text:
            raise written.problem(f"one question has two answers: {entry.text!r:.100}")


def _no_more(file: AnswersByHand, document: Document) -> Iterator[Problem]:
    yield from (
        document.problem("bad-value", "one role and its answer", ("answers", step, i, "asks", n))
        for step, rows in file.answers.items()
        for i, row in enumerate(rows)
        for n, turn in enumerate(row.asks)
        if len(turn) != 1
    )
