"""The step contract: one generator, two drivers.

A step of ours is written once, as `run_row`: a generator without input or output of its own that yields `Ask` when
it wants a model's answer and ends in `Kept` or `Dropped`. The streaming engine drives it with asyncio; `process`
drives the same generator for distilabel's own runners. A step knows neither its engine nor the command line.

Two kinds of step see all rows at once: a `GlobalRowStep` gives each its verdict, a `GlobalModelStep` asks in waves and
makes new rows out of several.

Class facts (`use`, `version`, `reads`, `writes`) are declared, not computed, so that the catalogue can hold them and
a pipeline file can be checked without importing distilabel. `reads` and `writes` may name settings in braces:
`"{name}_status"`.
"""

# No `from __future__ import annotations`: distilabel reads the annotations of `process` as objects, not as text.

import random
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from distilabel.models.llms.base import LLM
from distilabel.steps.base import GeneratorStep, GlobalStep, Step, StepInput
from pydantic import Field

from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.chat import ask_each
from bezoar_data.runs.row import RESERVED, Columns, Drop, Lineage, Row, row_random, seed_id
from bezoar_data.spec.errors import BezoarError
from bezoar_data.steps.columns import fill_columns


@dataclass(frozen=True, slots=True)
class Kept:
    """The row goes on: as itself with these columns, or (`made=True`) as new rows with this row as parent."""

    rows: Sequence[Columns]
    made: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """The row ends here. `reason` is a code people count by; `detail` explains this one; `raw` is a model's text.

    `failed=True` says that something went wrong, as against a row sorted out on purpose: it counts against `tolerate`.
    """

    reason: str
    detail: str = ""
    raw: str | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Child:
    """A row that a step made from the one it was given, or (`dropped`) a candidate for one that was sorted out.

    `parent` is the place of an earlier child of the same verdict that this one was made from; None: the row itself.
    `asked` holds the questions and answers it came of; None: all that were asked for the row.
    """

    columns: Columns
    parent: int | None = None
    asked: Sequence[tuple[Ask, Answer]] | None = None
    dropped: Dropped | None = None


@dataclass(frozen=True, slots=True)
class Children:
    """The row ends here as material for new ones: at least one, kept or dropped. A child's place is its number among
    its siblings, which with its parent is its identity, so it must not depend on time."""

    rows: Sequence[Child]


Verdict = Kept | Dropped | Children

RUN_ENDED = "run_ended"
"""Reason code that carries an error which ends the whole run out of a child process of distilabel's runners; its
`raw` is the exit code. It never reaches a dataset: the run raises it."""

Turns = Generator[Ask, Answer, Verdict]
"""What `run_row` is: yields questions, is sent answers, returns a verdict."""


@dataclass(frozen=True, slots=True)
class Made:
    """A row made out of several others, or (`dropped`) a candidate for one that was sorted out.

    `parents` are the rows it was made from, `answers` what models said for it. `place` is its number among all that
    the step makes: together with the parents it is the row's identity, so it must not depend on time.
    """

    parents: Sequence[Row]
    place: tuple[int, ...]
    columns: Columns
    answers: Sequence[Answer] = ()
    dropped: Dropped | None = None


Waves = Generator[Sequence[Ask], Sequence[Answer | Refused], Sequence[Made]]
"""What `run_all` is: yields a wave of questions, is sent the answer or refusal of each, returns what it made."""

TAKEN_IN = "taken_in"
"""Reason code of a row that a step which makes rows took in as material. It marks the row under distilabel's runners
only, where no row may vanish, and never reaches a dataset."""


class _Declared:
    """Facts every step declares for the catalogue."""

    use: ClassVar[str] = ""
    """Name in pipeline files, e.g. `orca.explain`. Empty for abstract bases."""
    version: ClassVar[int] = 1
    """Raised when the step's output changes for the same input; stands in the lock."""
    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ()
    optional_writes: ClassVar[tuple[str, ...]] = ()
    makes: ClassVar[bool] = False
    """Whether it takes rows in as material and makes new ones, with the columns it writes and no others. Such a step
    counts what it makes: candidates in, candidates kept, candidates dropped. A `RowStep` of the kind ends in
    `Children`; where it ends in `Dropped`, that is one candidate dropped."""
    extra: ClassVar[str | None] = None
    """The optional dependency group it needs, e.g. `language`."""
    example: ClassVar[str] = ""
    """A YAML fragment that shows its use."""

    def _columns(self, declared: Iterable[str]) -> list[str]:
        settings = {name: getattr(self, name) for name in type(self).model_fields}  # type: ignore[attr-defined]
        return fill_columns(declared, settings)

    @property
    def inputs(self) -> list[str]:
        return self._columns(self.reads)

    @property
    def outputs(self) -> list[str]:
        return self._columns(self.writes)


class RowStep(_Declared, Step):
    """A step that decides row by row. Subclasses write `run_row` and nothing else."""

    seed: int = Field(default=0, description="Seed of this step's random choices; the pipeline's by default.")

    def run_row(self, row: Row) -> Turns:
        """Decide one row. Must not change `row`. An exception is a bug of the step and drops only this row."""
        raise NotImplementedError

    def random(self, row: Row) -> random.Random:
        """This row's own random generator in this step: seeded by (seed, step, row id)."""
        return row_random(self.seed, str(self.name), row.id)

    def process(self, inputs: StepInput) -> Iterator[list[dict[str, Any]]]:  # type: ignore[override]
        """Drive `run_row` for distilabel's own runners. Never raises for one row; no row ever vanishes."""
        yield process_batch(self, inputs, getattr(self, "llm", None))


class ModelStep(RowStep):
    """A row step that asks a model: its own `LLM` from a models file, or any distilabel `LLM` in a script."""

    llm: LLM = Field(description="Who answers: the name of a role in the models file.")

    def load(self) -> None:
        super().load()
        self.llm.load()

    def unload(self) -> None:
        self.llm.unload()
        super().unload()


class GlobalRowStep(_Declared, GlobalStep):
    """A step that must see all rows before it can decide any. Subclasses write `run_rows`."""

    seed: int = Field(default=0, description="Seed of this step's random choices; the pipeline's by default.")

    def run_rows(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """One verdict for each row, in the rows' order."""
        raise NotImplementedError

    def process(self, inputs: StepInput) -> Iterator[list[dict[str, Any]]]:  # type: ignore[override]
        rows = [Row.decode(r) for r in inputs]
        live = [r for r in rows if r.lineage.drop is None]
        live.sort(key=lambda r: r.lineage.order)
        decided = {id(r): settle(r, v, str(self.name)) for r, v in zip(live, self.run_rows(live), strict=True)}
        yield [encode_for(self.outputs, out) for r in rows for out in decided.get(id(r), [r])]


class GlobalModelStep(GlobalRowStep):
    """A step that makes new rows out of all rows by asking a model. Subclasses write `run_all`.

    The rows that come to it are its material and end there, neither kept nor dropped; what it counts are the candidates
    it makes, so that those in are those kept and those dropped. It asks in waves: all questions of a wave are answered
    before it sees any, hence the result cannot depend on which answer came first.
    """

    makes: ClassVar[bool] = True

    llm: LLM = Field(description="Who answers: the name of a role in the models file.")

    def load(self) -> None:
        super().load()
        self.llm.load()

    def unload(self) -> None:
        self.llm.unload()
        super().unload()

    def run_all(self, rows: Sequence[Row]) -> Waves:
        """Make rows from `rows`, which come in the sources' order. Raises `InputError` for rows it cannot work with."""
        raise NotImplementedError

    def process(self, inputs: StepInput) -> Iterator[list[dict[str, Any]]]:  # type: ignore[override]
        name = str(self.name)
        rows = [Row.decode(r) if RESERVED in r else _adopt(r, i) for i, r in enumerate(inputs)]
        live = sorted((r for r in rows if r.lineage.drop is None), key=lambda r: r.lineage.order)
        mark = Drop(name, TAKEN_IN)
        made: list[Row] = []
        try:
            waves = self.run_all(live)
            asks, done = next_wave(waves, None)
            while done is None:
                asks, done = next_wave(waves, ask_each(self.llm, list(asks), step=name))
            made = [settle_made(m, name) for m in done]
        except BezoarError as error:
            mark = Drop(name, RUN_ENDED, str(error), str(error.exit_code), failed=True)
        marked = [r if r.lineage.drop else replace_lineage(r, r.lineage.dropped(mark)) for r in rows]
        yield [encode_for(self.outputs, r) for r in (*marked, *made)]


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What a source is, for lineage, lock and card. `licence` is an SPDX id, or None where nobody said."""

    name: str
    revision: str = ""
    path: str | None = None
    sha256: str | None = None
    url: str | None = None
    licence: str | None = None


class Source(_Declared, GeneratorStep):
    """A step that starts rows. Subclasses write `read`, which yields the same rows in the same order each time."""

    seed: int = Field(default=0, description="Seed of this step's random choices; the pipeline's by default.")
    limit: int | None = Field(default=None, description="At most this many rows.")

    @property
    def expected(self) -> int | None:
        """How many rows `read` gives, as soon as that is known: progress then tells the time left."""
        return None

    def facts(self) -> Sequence[SourceFacts]:
        """The sources the rows come from, as `read` names them."""
        raise NotImplementedError

    def read(self) -> Iterator[tuple[str, str, int, Columns]]:
        """Yield (source name, revision, index in the source, columns). Raises `InputError` for a bad source."""
        raise NotImplementedError

    def rows(self) -> Iterator[Row]:
        """The source's rows with their lineage, in order, cut to `limit`."""
        for position, (name, revision, index, columns) in enumerate(self.read()):
            if self.limit is not None and position >= self.limit:
                return
            identity = seed_id(name, revision, index)
            lineage = Lineage(id=identity, order=(position,), seed_ids=(identity,), source=name)
            yield Row(columns=columns, lineage=lineage)

    def process(self, offset: int = 0) -> Iterator[tuple[list[dict[str, Any]], bool]]:  # type: ignore[override]
        batch: list[dict[str, Any]] = []
        previous: list[dict[str, Any]] = []
        for position, row in enumerate(self.rows()):
            if position < offset:
                continue
            batch.append(row.encode())
            if len(batch) == self.batch_size:
                if previous:
                    yield previous, False
                previous, batch = batch, []
        if batch and previous:
            yield previous, False
        yield (batch or previous), True


def settle(row: Row, verdict: Verdict, step: str) -> list[Row]:
    """The rows that come of a verdict: the row itself, its children, or itself with the drop mark."""
    if isinstance(verdict, Children):
        return _settle_children(row, verdict.rows, step)
    if isinstance(verdict, Dropped):
        drop = Drop(step, verdict.reason, verdict.detail, verdict.raw, verdict.failed)
        return [Row(row.columns, row.lineage.dropped(drop))]
    if verdict.made:
        return [Row(dict(c), row.lineage.child(step, k)) for k, c in enumerate(verdict.rows)]
    if len(verdict.rows) != 1:
        raise ValueError(f"step '{step}' kept a row as {len(verdict.rows)} rows: say made=True for new rows")
    return [Row(dict(verdict.rows[0]), row.lineage)]


def _settle_children(row: Row, children: Sequence[Child], step: str) -> list[Row]:
    before = row.lineage.without(step)
    settled: list[Row] = []
    for k, child in enumerate(children):
        parent = row.id if child.parent is None else settled[child.parent].id
        lineage = (row.lineage if child.asked is None else before).child(step, k, parent)
        for ask, answer in child.asked or ():
            lineage = lineage.answered(asked_as(step, ask), answer.model, answer.keys, demo=answer.demo)
        made = Row(dict(child.columns), lineage)
        settled += settle(made, child.dropped, step) if child.dropped else [made]
    return settled


def as_made(step: Any, row: Row, verdict: Verdict) -> Verdict:
    """The verdict as a step that makes rows counts it: whatever it could not decide is one candidate dropped."""
    if getattr(step, "makes", False) and not (isinstance(verdict, Children) and verdict.rows):
        dropped = verdict if isinstance(verdict, Dropped) else broken(TypeError(f"made no row: {verdict!r:.200}"))
        return Children([Child({c: row.columns.get(c) for c in step.outputs}, dropped=dropped)])
    return verdict


def asked_as(step: str, ask: Ask) -> str:
    """The name a step's answers stand under in the lineage: its own; for another model than its main one, with that
    model's field behind it."""
    return step if ask.to == "llm" else f"{step}.{ask.to}"


def settle_made(made: Made, step: str) -> Row:
    """The row that a `GlobalModelStep` made, with its lineage, and with the drop mark if it was sorted out."""
    lineage = Lineage.made_from([p.lineage for p in made.parents], step, made.place)
    for answer in made.answers:
        lineage = lineage.answered(step, answer.model, answer.keys, demo=answer.demo)
    row = Row(dict(made.columns), lineage)
    return settle(row, made.dropped, step)[0] if made.dropped else row


def next_wave(waves: Waves, answers: Sequence[Answer | Refused] | None) -> tuple[Sequence[Ask], Sequence[Made] | None]:
    """The next wave's questions, given the answers to the last one (None to begin), or in the end what was made."""
    try:
        return (next(waves) if answers is None else waves.send(answers)), None
    except StopIteration as end:
        return (), end.value


def refused(error: Refused) -> Dropped:
    """The verdict on a row whose request the provider refused and whose step did not handle it."""
    return Dropped(reason=error.reason, detail=error.detail, failed=True)


def broken(error: Exception) -> Dropped:
    """The verdict on a row that made its step raise: a bug in the step, or a column it did not expect."""
    return Dropped(reason="step_error", detail=f"{type(error).__name__}: {error}", failed=True)


def encode_for(outputs: Iterable[str], row: Row) -> dict[str, Any]:
    """The row as distilabel carries it; a dropped one gets the step's output columns empty, as later steps expect."""
    missing = {c: None for c in outputs if c not in row.columns} if row.lineage.drop else {}
    return {**row.encode(), **missing}


def process_batch(step: RowStep, batch: Iterable[dict[str, Any]], llm: LLM | None) -> list[dict[str, Any]]:
    """One batch through `run_row` without an event loop of ours: all open questions of the batch are asked together,
    round after round, until every row has its verdict. Rows without lineage (a plain distilabel script) get one."""
    name = str(step.name)
    rows = [Row.decode(r) if RESERVED in r else _adopt(r, i) for i, r in enumerate(batch)]
    turns: dict[int, Turns] = {}
    verdicts: dict[int, Verdict] = {}
    asks: dict[int, Ask] = {}

    def advance(i: int, answer: Answer | Refused | None) -> None:
        try:
            if isinstance(answer, Refused):
                asks[i] = turns[i].throw(answer)
            else:
                asks[i] = next(turns[i]) if answer is None else turns[i].send(answer)
        except StopIteration as end:
            verdicts[i] = end.value
        except Refused as error:
            verdicts[i] = refused(error)
        except Exception as error:
            verdicts[i] = broken(error)

    for i, row in enumerate(rows):
        if row.lineage.drop is None:
            turns[i] = step.run_row(row)
            advance(i, None)
    while asks:
        open_asks, asks = asks, {}
        try:
            answers = _ask_round(step, llm, list(open_asks.values()))
        except BezoarError as error:
            ended = Dropped(RUN_ENDED, detail=str(error), raw=str(error.exit_code), failed=True)
            verdicts.update(dict.fromkeys(open_asks, ended))
            break
        for (i, ask), answer in zip(open_asks.items(), answers, strict=True):
            if isinstance(answer, Answer):
                row, asked = rows[i], asked_as(name, ask)
                rows[i] = replace_lineage(row, row.lineage.answered(asked, answer.model, answer.keys, demo=answer.demo))
            advance(i, answer)
    return [
        encode_for(step.outputs, out)
        for i, row in enumerate(rows)
        for out in (_carried(row, as_made(step, row, verdicts[i]), name) if i in verdicts else [row])
    ]


def _carried(row: Row, verdict: Verdict, step: str) -> list[Row]:
    """What goes on under distilabel's runners: with a row's children also the row itself, marked as taken in."""
    outs = settle(row, verdict, step)
    if isinstance(verdict, Children):
        outs.insert(0, replace_lineage(row, row.lineage.dropped(Drop(step, TAKEN_IN))))
    return outs


def _ask_round(step: RowStep, llm: LLM | None, asks: Sequence[Ask]) -> list[Answer | Refused]:
    """The answers to one round's questions, in order: each model of the step's gets its own together."""
    answers: dict[int, Answer | Refused] = {}
    for to in dict.fromkeys(ask.to for ask in asks):
        model = llm if to == "llm" else getattr(step, to)
        if model is None:
            raise TypeError(f"step '{step.name}' asked a model but has no llm")
        mine = [i for i, ask in enumerate(asks) if ask.to == to]
        name = asked_as(str(step.name), asks[mine[0]])
        answers.update(zip(mine, ask_each(model, [asks[i] for i in mine], step=name), strict=True))
    return [answers[i] for i in range(len(asks))]


def replace_lineage(row: Row, lineage: Lineage) -> Row:
    return replace(row, lineage=lineage)


def _adopt(columns: dict[str, Any], position: int) -> Row:
    identity = seed_id("script", "", position)
    return Row(dict(columns), Lineage(id=identity, order=(position,), seed_ids=(identity,), source="script"))
