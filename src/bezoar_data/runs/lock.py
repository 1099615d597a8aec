"""`dataset/lock.json`: everything a dataset depends on and everything that was counted, without times or paths.

The dataset folder is a pure function of the lock, the journal and what people said in review; the lock's hash names the
build on the Hub. The card is rendered from it, and checked against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from bezoar_data.config.files.models import Carbon, OutputLicence
from bezoar_data.config.files.pipeline import ReviewGate
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.judged import AcceptCounts, HumanReview, LockedJudging
from bezoar_data.runs.lengths import ColumnLengths
from bezoar_data.runs.outline import LOCK_FORMAT, step_of
from bezoar_data.runs.record import Record
from bezoar_data.runs.row import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPipeline:
    """The pipeline as it was run. `limit` is None where all rows of its sources were taken."""

    name: str
    version: int
    description: str
    sha256: str
    seed: int
    splits: Mapping[str, float]
    tolerate: float
    limit: int | None
    review: ReviewGate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """A file that a step read."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedStep:
    """A step with its settings and what became of the rows that came to it."""

    id: str
    use: str
    version: int
    after: tuple[str, ...]
    settings: Mapping[str, Any]
    files: Mapping[str, tuple[LockedFile, ...]]
    """By the setting that names them."""
    role: str | None
    rows_in: int
    rows_out: int
    dropped: Mapping[str, int]
    """Rows by reason, as in the next two."""
    missed: Mapping[str, int]
    """Rows that went on although the step failed at them."""
    noted: Mapping[str, int]
    """Rows that went on although the step found something in them."""
    texts: Mapping[str, str]
    """What a model is given of the step's own words, rubrics and prompts, by what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedSource:
    """A source; `rows` came of it, `kept` of them are in the dataset."""

    step: str
    name: str
    revision: str | None
    sha256: str | None
    url: str | None
    licence: str | None
    demo: bool
    """Whether its rows only show the flow."""
    as_text: tuple[str, ...]
    """Columns whose dates, times, decimals or bytes (as base64) were read as text."""
    rows: int
    kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedModel:
    """A model, with the steps that ask it. A fallback stands here only if it answered."""

    role: str
    fallback: bool
    provider: str
    model: str
    revision: str | None
    sampling: Mapping[str, Any]
    extra_body: Mapping[str, Any]
    output_licence: OutputLicence
    carbon: Carbon | None
    demo: bool
    rules: bool
    """Whether fixed rules answered, and no model."""
    thinking: Literal["split", "keep"]
    """Whether its thinking stands before its answers."""
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """Rows that the sources gave, and what became of them and of those made from them."""

    source: int
    kept: int
    dropped: int


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """What the distinct answers behind the rows took, by step and model. Cost is None where no price was known.

    `sent_without` names what was wanted of some requests and not sent, as the endpoint does not take it. `prices` are
    those at which they were paid, US dollars for a million prompt and completion tokens.
    """

    step: str
    model: str
    answers: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    sent_without: tuple[str, ...] = ()
    prices: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """An evaluation set that rows were compared with."""

    name: str
    revision: str | None
    sha256: str | None
    url: str | None
    items: int
    texts: int
    rows_found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContaminationSearch:
    """One step's search for items of evaluation sets, and what became of the rows that held some."""

    step: str
    columns: tuple[str, ...]
    ngram: int
    coverage: float
    shortest: int
    sets: tuple[EvaluationSet, ...]
    rows: int
    flagged: int
    dropped: int
    marked: int
    kept_on_appeal: int
    every_row: bool
    changed_after: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """The file beside the card that lists each row found."""

    path: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """All searches. No report where nothing was found."""

    steps: tuple[ContaminationSearch, ...]
    report: ReportFile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One Parquet file of the dataset, by its path inside the dataset folder."""

    path: str
    split: str
    rows: int
    bytes: int
    memory: int
    """Bytes of its rows in Arrow, without compression: what `datasets` calls `num_bytes`."""
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock(Record):
    """A finished dataset's lock."""

    FORMAT: ClassVar[int] = LOCK_FORMAT
    KIND: ClassVar[str] = "lock"
    IF_MISSING: ClassVar[str] = "name a run's folder (runs/orca), or its dataset folder"
    IF_OLDER: ClassVar[str] = (
        "run the same pipeline again with this version: answers come from the journal, and the lock is rewritten"
    )

    pipeline: LockedPipeline
    software: Mapping[str, str | None]
    steps: tuple[LockedStep, ...]
    sources: tuple[LockedSource, ...]
    models: tuple[LockedModel, ...]
    counts: RowCounts
    usage: tuple[ModelUsage, ...]
    cost: float | None
    judges: tuple[AcceptCounts, ...]
    judging: LockedJudging
    contamination: Contamination | None
    columns: Mapping[str, str]
    """The dataset's columns with their types as Arrow names them."""
    mixed_columns: tuple[str, ...]
    """Columns whose values had no common type and were written as JSON text."""
    values: Mapping[str, Mapping[str, int]]
    """For columns with few values, such as verdicts and categories, the rows that hold each."""
    lengths: Mapping[str, ColumnLengths]
    data: tuple[DataFile, ...]
    demo: bool
    review: HumanReview | None

    @property
    def hash(self) -> str:
        """The build's name."""
        return digest("lock", self.as_json(), length=16)

    def kept_all_of(self, step: str) -> bool:
        """Whether every row that left the step is in the dataset, itself and no others."""
        return any(one.id == step and one.rows_out == self.counts.kept for one in self.steps)

    def step_of(self, name: str) -> str:
        """The step that answers of this name belong to."""
        return step_of(name, [step.id for step in self.steps])

    def by_rules(self, step: str) -> bool:
        """Whether rules gave the answers of a step, and no model."""
        asked = [model for model in self.models if step in model.steps]
        return bool(asked) and all(model.rules for model in asked)

    def changed_files(self, dataset: Path) -> list[str]:
        """The data files in the dataset folder that are not those of the lock, or not there."""
        paths = ((file, dataset / file.path) for file in self.data)
        return [file.path for file, path in paths if not path.is_file() or sha256_of(path) != file.sha256]


RenderCard = Callable[[Lock, Mapping[str, Any] | None, str | None], Mapping[str, str]]
"""Makes the files that describe a dataset, by their names, from (lock, an example row, the card as it stood). The
engine is given it: it knows nothing of cards."""
