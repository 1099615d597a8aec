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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from distilabel.models.llms.base import LLM
from distilabel.steps.base import GeneratorStep, GlobalStep, Step, StepInput
from pydantic import Field

from bezoar_data.llms.chat import ask_each
from bezoar_data.runs.row import RESERVED, Columns, Drop, Lineage, Row, row_random, seed_id
from bezoar_data.spec.errors import BezoarError
from bezoar_data.steps.columns import fill_columns
from bezoar_data.steps.stock import adopt, encode_for, process_batch
from bezoar_data.steps.verdicts import (
    RUN_ENDED,
    TAKEN_IN,
    Child,
    Children,
    Dropped,
    Kept,
    Made,
    Turns,
    Verdict,
    Waves,
    next_wave,
    replace_lineage,
    settle,
    settle_made,
)

__all__ = [
    "Child",
    "Children",
    "Dropped",
    "GlobalModelStep",
    "GlobalRowStep",
    "Kept",
    "Made",
    "ModelStep",
    "RowStep",
    "Source",
    "SourceFacts",
    "Turns",
    "Verdict",
    "Waves",
]


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
        rows = [Row.decode(r) if RESERVED in r else adopt(r, i) for i, r in enumerate(inputs)]
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
