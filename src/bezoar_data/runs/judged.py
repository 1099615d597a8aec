"""What the lock says of judges and of people who reviewed: counts, agreement, calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from bezoar_data.measures.bias import Repeated
from bezoar_data.measures.calibration import Cut
from bezoar_data.measures.intervals import Estimate


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
