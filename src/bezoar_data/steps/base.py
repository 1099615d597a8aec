"""The step contract: one `run_row`, one driver.

A step of ours is written once, as `run_row`: it returns `Kept` or `Dropped`, or is a generator without input or output
of its own that yields `Ask` when it wants a model's answer and ends so. `steps.driver.RowRun` drives it; the streaming
engine, `process` for distilabel's own runners and the plan loop over that. A step knows neither its engine nor the
command line.

Three kinds of step see all rows at once: a `GlobalRowStep` gives each its verdict, a `GlobalMakingStep` makes new rows
out of several, and a `GlobalModelStep` asks a model for them, in waves.

Class facts (`use`, `version`, `reads`, `writes`) are declared, not computed, so that the catalogue can hold them and
a pipeline file can be checked without importing distilabel. `reads` and `writes` may name settings in braces:
`"{name}_status"`.
"""

# No `from __future__ import annotations`: distilabel reads the annotations of `process` as objects, not as text.

import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from distilabel.models.llms.base import LLM
from distilabel.steps.base import GeneratorStep, GlobalStep, Step, StepInput
from pydantic import Field, PrivateAttr

from bezoar_data.llms.ask import Ask
from bezoar_data.runs.demo_mark import is_shipped
from bezoar_data.runs.row import SOURCE_SPAN, Columns, Lineage, Row, row_random, seed_id
from bezoar_data.steps.columns import fill_columns
from bezoar_data.steps.distilabel_driver import encode_for, process_batch, process_rows, process_waves
from bezoar_data.steps.driver import apply_verdict
from bezoar_data.steps.placeholders import Words, placeholder
from bezoar_data.steps.verdicts import (
    Child,
    Children,
    Dropped,
    Kept,
    Made,
    StepGenerator,
    Verdict,
    Waves,
)

__all__ = [
    "Child",
    "Children",
    "Dropped",
    "GlobalMakingStep",
    "GlobalModelStep",
    "GlobalRowStep",
    "Kept",
    "Made",
    "ModelStep",
    "RowStep",
    "Source",
    "SourceFacts",
    "StepGenerator",
    "Verdict",
    "Waves",
]


class _Declared:
    """Facts every step declares for the catalogue."""

    use: ClassVar[str] = ""
    """Name in pipeline files, e.g. `orca.explain`. Empty for abstract bases."""
    version: ClassVar[int] = 1
    """Raised when the step's output changes for the same input; recorded in the lock."""
    spelled: ClassVar[dict[str, str]] = {"llm": "model"}
    """How pipeline files spell a field, where not as the class does."""
    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ()
    optional_writes: ClassVar[tuple[str, ...]] = ()
    types: ClassVar[Mapping[str, str]] = {}
    """Of columns it writes, as declared there: text, integer, number, boolean, list, record, or the `{setting}` whose
    value is one of these. A column that it reads and writes keeps its type where none is said here."""
    makes: ClassVar[bool] = False
    """Whether it takes rows in as material and makes new ones, with the columns it writes and no others. Such a step
    counts what it makes: candidates in, candidates kept, candidates dropped. A `RowStep` of the kind ends in
    `Children`; where it ends in `Dropped`, that is one candidate dropped."""
    carries: ClassVar[bool] = False
    """Whether the rows it makes have all columns of the rows they are made from, besides those it writes."""
    extra: ClassVar[str | None] = None
    """The optional dependency group it needs, e.g. `language`."""
    example: ClassVar[str] = ""
    """A YAML fragment that shows its use."""

    def _columns(self, declared: Iterable[str]) -> list[str]:
        return fill_columns(declared, vars(self))

    def keep_rate(self) -> tuple[float, float]:
        """The least and the largest share of its rows (of the candidates it makes) that it may keep, said without
        knowing rows or answers. `plan` assumes it until there is a run to learn from."""
        return 0.6, 1.0

    def placeholder(self, ask: Ask, words: Words) -> str:
        """A text such as a model may answer, which the step can read, for `plan`. See `steps.placeholders`."""
        return placeholder(ask, words)

    def said_to_models(self) -> Mapping[str, str]:
        """Its own words that models are given, prompts and rubrics, by what they are: a card shows them."""
        return {}

    @property
    def inputs(self) -> list[str]:
        return self._columns(self.reads)

    @property
    def outputs(self) -> list[str]:
        return self._columns(self.writes)


class RowStep(_Declared, Step):
    """A step that decides row by row. Subclasses write `run_row` and nothing else."""

    seed: int = Field(default=0, description="Seed of this step's random choices; the pipeline's by default.")

    _packed: bool = PrivateAttr(default=False)

    def run_row(self, row: Row) -> StepGenerator | Verdict:
        """Decide one row: return its verdict, or yield questions first. Must not change `row`. An exception is a bug of
        the step and drops only this row."""
        raise NotImplementedError

    @property
    def aside(self) -> bool:
        """Whether its turns may take long: the streaming engine then takes them in a thread beside its loop."""
        return False

    def random(self, row: Row) -> random.Random:
        """This row's own random generator in this step: seeded by (seed, step, row id)."""
        return row_random(self.seed, str(self.name), row.id)

    def process(self, inputs: StepInput) -> Iterator[list[dict[str, Any]]]:
        """Drive `run_row` for distilabel's own runners. Never raises for one row; no row ever vanishes."""
        yield process_batch(self, inputs)


class AsksModel:
    """What a step that asks a model does with it. No pydantic class, as pydantic would then pass over what distilabel's
    steps do when they are made; each step declares the field `llm` itself."""

    if TYPE_CHECKING:
        llm: LLM

    def load(self) -> None:
        super().load()  # type: ignore[misc]
        self.llm.load()

    def unload(self) -> None:
        self.llm.unload()
        super().unload()  # type: ignore[misc]


class ModelStep(AsksModel, RowStep):
    """A row step that asks a model: its own `LLM` from a models file, or any distilabel `LLM` in a script."""

    llm: LLM = Field(description="The model: the name of a role in the models file.")

    def keep_rate(self) -> tuple[float, float]:
        return 0.96, 1.0


class GlobalRowStep(_Declared, GlobalStep):
    """A step that must see all rows before it can decide any. Subclasses write `run_rows`."""

    holds_rows: ClassVar[bool] = False
    """Whether it must have all rows in memory: it notes in them who answered. Others get a sequence that is read from
    disk while they look at it, as often as they like."""

    seed: int = Field(default=0, description="Seed of this step's random choices; the pipeline's by default.")

    _packed: bool = PrivateAttr(default=False)

    def run_rows(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """One verdict for each row, in the rows' order."""
        raise NotImplementedError

    def process(self, inputs: StepInput) -> Iterator[list[dict[str, Any]]]:
        yield process_rows(self, inputs)


class GlobalMakingStep(GlobalRowStep):
    """A step that makes new rows out of all rows. Subclasses write `run_all`.

    The rows that come to it are its material and end there, neither kept nor dropped; what it counts are the candidates
    it makes, so that those in are those kept and those dropped.
    """

    makes: ClassVar[bool] = True

    def at_most(self, rows: int) -> None:
        """Make about so many rows and no more, by the same first questions as before: for the preview of a few rows.
        A step with a field `target` needs nothing more than that."""
        if (target := getattr(self, "target", None)) is not None:
            self.target = min(target, rows)

    def run_all(self, rows: Sequence[Row]) -> Waves | Sequence[Made]:
        """Make rows from `rows`, which come in the sources' order: return them, or yield waves of questions first.
        Raises `InputError` for rows it cannot work with."""
        raise NotImplementedError

    def process(self, inputs: StepInput) -> Iterator[list[dict[str, Any]]]:
        yield process_waves(self, inputs)


class GlobalModelStep(AsksModel, GlobalMakingStep):
    """A step that asks a model to make new rows out of all rows.

    It asks in waves: all questions of a wave are answered before it sees any, hence the result cannot depend on which
    answer came first.
    """

    llm: LLM = Field(description="The model: the name of a role in the models file.")

    @property
    def most_requests(self) -> int | None:
        """The most questions it asks until it has enough, repeated ones aside, for `plan`. None: there is no limit."""
        return None

    def keep_rate(self) -> tuple[float, float]:
        return 0.7, 1.0


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What a source is, for lineage, lock and card. `licence` is an SPDX id, or None where nobody said."""

    name: str
    revision: str = ""
    path: str | None = None
    sha256: str | None = None
    url: str | None = None
    licence: str | None = None
    demo: bool = False
    """Its rows only show the flow: what is made of them is marked, and not published by default."""
    as_text: tuple[str, ...] = ()
    """Columns whose dates, times, decimals or bytes rows have as text."""


class Source(_Declared, GeneratorStep):
    """A step that starts rows. Subclasses write `read`, which yields the same rows in the same order each time, and
    `decide` if not every row that is read can be used."""

    seed: int = Field(default=0, description="Seed of this step's random choices; the pipeline's by default.")
    limit: int | None = Field(
        default=None, description="At most this many rows of the source, the first ones.", examples=[1000]
    )

    _packed: bool = PrivateAttr(default=False)
    _rank: int = PrivateAttr(default=0)
    _more: tuple[str, ...] = PrivateAttr(default=())

    @property
    def outputs(self) -> list[str]:
        return list(dict.fromkeys((*super().outputs, *self._more)))

    def writes_too(self, columns: Iterable[str]) -> None:
        """Say which columns its rows turned out to have besides those it is known to write."""
        self._more = tuple(columns)

    def stand(self, rank: int) -> None:
        """Say which of the pipeline's sources it is, from 0: its rows come after those of the ones before it."""
        self._rank = rank

    @property
    def expected(self) -> int | None:
        """How many rows `read` gives, as soon as that is known: progress then shows the time left."""
        return None

    def facts(self) -> Sequence[SourceFacts]:
        """The sources the rows come from, as `read` names them."""
        raise NotImplementedError

    def names(self) -> Sequence[str]:
        """The names of these sources: a row is known by its source's name and its place there."""
        return [fact.name for fact in self.facts()]

    def demo_names(self) -> Collection[str]:
        """The names of those whose rows only show the flow."""
        return ()

    def read(self) -> Iterator[tuple[str, str, int, Columns | Dropped]]:
        """Yield (source name, revision, index in the source, columns, or why the row cannot be used). Raises
        `InputError` for a source that cannot be read."""
        raise NotImplementedError

    def decide(self, columns: Columns) -> Kept | Dropped:
        """What becomes of a row as it was read: by default it is kept as it is. A row has the same columns before and
        after, or some of those the step writes."""
        return Kept(columns)

    def rows(self) -> Iterator[Row]:
        """The source's rows with their lineage, in order, cut to `limit`; those it cannot use carry a drop mark, and
        the columns they were read with. All of them count against the limit, so it cuts the source where a person
        who counts its rows would."""
        first, demo = self._rank * SOURCE_SPAN, self.demo_names()
        for position, (name, revision, index, found) in enumerate(self.read()):
            if self.limit is not None and position >= self.limit:
                return
            identity = seed_id(name, revision, index)
            order = (first + position,)
            columns = {} if isinstance(found, Dropped) else found
            is_demo = name in demo or is_shipped(columns)
            lineage = Lineage(identity, order, seed_ids=(identity,), source=name, demo=is_demo)
            row = Row(columns, lineage)
            outcome = apply_verdict(row, found if isinstance(found, Dropped) else self.decide(found), self.name)
            yield (outcome.kept or outcome.dropped)[0]

    def process(self, offset: int = 0) -> Iterator[tuple[list[dict[str, Any]], bool]]:
        batch: list[dict[str, Any]] = []
        previous: list[dict[str, Any]] = []
        for position, row in enumerate(self.rows()):
            if position < offset:
                continue
            batch.append(encode_for(self, row))
            if len(batch) == self.batch_size:
                if previous:
                    yield previous, False
                previous, batch = batch, []
        if batch and previous:
            yield previous, False
        yield (batch or previous), True
