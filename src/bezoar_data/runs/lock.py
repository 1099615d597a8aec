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
from bezoar_data.measures.bias import Repeated
from bezoar_data.measures.calibration import Cut
from bezoar_data.measures.intervals import Estimate
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.lengths import ColumnLengths
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
class AlikeVerdicts:
    """How alike a judge's verdicts are: one that says the same of everything says nothing of anything."""

    LEAST: ClassVar[int] = 10
    """Verdicts from which it tells something."""

    verdicts: int
    reasons: int
    """Different ones."""
    commonest_reason: int
    """Verdicts that give it, as in the next but one."""
    reason: str | None
    """Its words, where more than half of the verdicts give it."""
    commonest_rating: int
    rating: str | None

    @property
    def one_reason(self) -> bool:
        """Whether most verdicts give one reason."""
        return self.verdicts >= self.LEAST and self.reason is not None

    @property
    def one_rating(self) -> bool:
        """Whether most verdicts give one rating, one preference or the same scores."""
        return self.verdicts >= self.LEAST and self.rating is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCounts:
    """A judge by the name that its columns begin with, and the rows that stayed without a verdict, by reason.

    Counted where the judge stands, whatever later steps did with the rows."""

    name: str
    step: str
    unjudged: Mapping[str, int]
    alike: AlikeVerdicts | None = None
    """None for a panel, which puts the verdicts of others together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptCounts(JudgeCounts):
    """Verdicts of a judge that accepts and rejects, or of a panel."""

    kind: Literal["accept", "panel"]
    accepted: int
    rejected: int
    ratings: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeScores(JudgeCounts):
    """Mean scores of a judge of attributes. Its name may be empty."""

    rows: int
    means: Mapping[str, float]
    unsafe: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonCounts(JudgeCounts):
    """Preferences of a judge that compared two answers in both orders, and whether the order moved it."""

    a: int
    b: int
    tie: int
    inconsistent: int
    rows: int
    consistent: Estimate
    leaned_to_first: int
    leaned_to_second: int
    towards_first: Estimate
    biased: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedVerdicts:
    """A judge that was asked several times about each row."""

    name: str
    step: str
    status: Repeated
    rating: Repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterAgreement:
    """How far two raters' labels agree."""

    rows: int
    agreement: Estimate
    kappa: Estimate
    labels: tuple[str, ...] = ()
    table: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingAgreement(RaterAgreement):
    """The same of labels that may be ratings: where they are none, the last two are None."""

    weighted_kappa: Estimate | None = None
    difference: Estimate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnAgreement(RatingAgreement):
    """The same of two columns of labels."""

    columns: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementSlice(RatingAgreement):
    """The same of the rows that have a value in a column."""

    column: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleAgreement(ColumnAgreement):
    """A judge's column against people's, of the rows for which `where` is true."""

    where: str | None
    slices: tuple[AgreementSlice, ...] = ()
    even: RaterAgreement | None = None
    """Of the rows that were drawn for review evenly from all."""
    length: Mapping[str, Any] | None = None
    """What the length of answers does to the judge (`measures.bias`)."""
    labelled_by: Mapping[str, str] | None = None
    """The file of labels, with its hash, where people's column came from one."""
    missing: Mapping[str, int] | None = None
    strangers: int | None = None
    interval: Mapping[str, Any] | None = None

    @property
    def by_draw(self) -> list[tuple[str, RaterAgreement]]:
        """The figures with the rows that they are of; first of those drawn evenly, as they hold for the dataset."""
        if not self.columns[1].startswith("review_"):
            return [("", self)]
        even: list[tuple[str, RaterAgreement]] = [("drawn evenly", self.even)] if self.even else []
        every = self.even is not None and self.even.rows == self.rows
        return even if every else [*even, ("all reviewed, unsure ones drawn more often", self)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingCalibration:
    """The rating from which a share `wanted` of the rows is good, as people see them; `chosen` is None if there is
    none. See `measures.calibration`."""

    rating: str
    good_if: str
    where: str | None
    wanted: float
    level: float
    rows: int
    good: int
    cuts: tuple[Cut, ...]
    chosen: Cut | None
    needed: int | None
    labelled_by: Mapping[str, str] | None = None
    rows_sharing_seeds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleMeasures:
    """What was measured of the judges against labels that people gave."""

    agreement: tuple[PeopleAgreement, ...] = ()
    calibration: tuple[RatingCalibration, ...] = ()

    def of_judge(self, name: str) -> list[PeopleAgreement]:
        """How far the judge of that name agrees with people."""
        prefix = f"{name}_" if name else ""
        columns = [prefix + ending for ending in ("status", "rating", "preference")]
        return [one for one in self.agreement if one.columns[0] in columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedJudging:
    """What judges said beside accepting and rejecting, and how far they can be relied on."""

    attributes: tuple[AttributeScores, ...] = ()
    comparisons: tuple[ComparisonCounts, ...] = ()
    repeated: tuple[RepeatedVerdicts, ...] = ()
    agreement: tuple[ColumnAgreement, ...] = ()
    people: PeopleMeasures = PeopleMeasures()


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
class PeopleKappa:
    """Quadratic-weighted kappa between two people's ratings of one response."""

    pairs: int
    kappa: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleAgreement:
    """How far people agree on one scale: in all that they said, and in what the protocol kept of it."""

    scale: str
    before: PeopleKappa
    after: PeopleKappa


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolReview:
    """What people rated by a protocol. Of the `responses`, `settled` were rated by enough people, of these `labelled`
    have labels, and more people than usual were asked about `more_asked`; `dropped` of the `prompts` are those on which
    people are too far apart."""

    name: str
    responses: int
    settled: int
    labelled: int
    more_asked: int
    prompts: int
    dropped: int
    scales: tuple[ScaleAgreement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanReview:
    """What people said in review. `even` of the rows were drawn evenly from all; on `divided` people were.
    `answers_sha256` is the hash of what stands in `review.parquet`."""

    answers_sha256: str
    rows: int
    even: int
    people: int
    answers: int
    discarded: int
    drafts: int
    status: Mapping[str, int]
    preference: Mapping[str, int]
    divided: int
    corrected: int
    licences: Mapping[str, int]
    """The corrected rows by the licence that their correctors were told; `unknown` where they were told none."""
    between_people: RaterAgreement | None
    protocol: ProtocolReview | None = None


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

    FORMAT: ClassVar[int] = 5
    KIND: ClassVar[str] = "lock"
    IF_MISSING: ClassVar[str] = "name a run's folder (runs/orca), or its dataset folder"
    IF_OLDER: ClassVar[str] = (
        "run the same pipeline again with this version: answers come from the journal, and the lock is written anew"
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
