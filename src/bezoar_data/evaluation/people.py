"""People compare two models, blind (Wang et al. 2023, arXiv 2306.04751, section 4.3): is each answer acceptable, and
which is better, in five levels.

    evaluated/people/base-dpo/
      pairs.json         both answers to each prompt, and which stands first: drawn, and shown nowhere
      review.parquet     every answer that people gave, as review keeps it
      people.json        the submitted ones by model, with the figures
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.evaluation.record import EVALUATION, EvaluatedModel, Evaluation
from bezoar_data.measures.agreement import Agreement, agreement, pairs_of_people
from bezoar_data.measures.bias import LongerChosen, longer_chosen
from bezoar_data.measures.intervals import Estimate, exact_share, grouped_share
from bezoar_data.measures.paired import Difference, Word, difference, mcnemar, word
from bezoar_data.measures.preferences import PREFERENCE, TURNED, Choice, WinRate, win_rate
from bezoar_data.runs.folder import write_json
from bezoar_data.runs.record import Record
from bezoar_data.runs.row import digest

PAIRS, PEOPLE = "pairs.json", "people.json"
LEVELS = (-2, -1, 0, 1, 2)
"""How much better the second model's answer is: clearly worse, slightly worse, equal, slightly better, clearly
better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two that are compared."""

    name: str
    model: EvaluatedModel | None
    """None where the answers were read from a file."""
    answers: str | None
    """The SHA-256 of that file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A prompt with both answers."""

    id: str
    """Says nothing of which model gave which answer."""
    prompt: str
    first: str
    second: str
    swapped: bool
    """The second model's answer is shown first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs(Record):
    """`pairs.json`: what people are shown, and what they are not told."""

    FORMAT: ClassVar[int] = 1
    KIND: ClassVar[str] = "blind-pairs"
    IF_MISSING: ClassVar[str] = "make them: bezoar-data people push A B --prompts FILE"
    IF_OLDER: ClassVar[str] = "push the comparison again with this version, into another folder"

    comparison: str
    """Hash of models and seed, by which Argilla's dataset is known again."""
    sides: tuple[Side, Side]
    prompts: Mapping[str, str]
    """Name and SHA-256 of the file."""
    settings: Mapping[str, Any]
    dataset: str
    """Its name in Argilla, with that of its workspace."""
    workspace: str
    overlap: int
    """How many people answer each pair."""
    pairs: tuple[Pair, ...]
    judge: Mapping[str, Choice]
    """What a model that judged them finds better, by the pair's id; empty where none did."""

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / PAIRS, self.as_json())


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """What one person said of one pair, by model."""

    pair: str
    person: str
    acceptable: tuple[bool, bool]
    level: int
    """One of `LEVELS`."""

    @property
    def choice(self) -> Choice:
        return "tie" if self.level == 0 else "b" if self.level > 0 else "a"


@dataclass(frozen=True, slots=True, kw_only=True)
class People(Record):
    """`people.json`: what people said, and what it comes to."""

    FORMAT: ClassVar[int] = 1
    KIND: ClassVar[str] = "people"
    IF_MISSING: ClassVar[str] = "fetch it: bezoar-data people pull FOLDER"
    IF_OLDER: ClassVar[str] = "fetch it again with this version: bezoar-data people pull FOLDER"

    comparison: str
    names: tuple[str, str]
    judgments: tuple[Judgment, ...]
    figures: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        write_json(folder / PEOPLE, self.as_json())


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """How far a model that judged the same pairs agrees with people's majority."""

    agreement: Agreement
    longer: LongerChosen | None
    """How often each of the two chooses the longer answer."""

    def as_json(self) -> dict[str, Any]:
        longer = self.longer.as_json() if self.longer is not None else None
        return {**self.agreement.as_json(), "longer_chosen": longer}


@dataclass(frozen=True, slots=True)
class Compared:
    """Two models, as people see them."""

    names: tuple[str, str]
    pairs: int
    judged: int
    """Pairs that somebody answered; all else is of these."""
    judgments: int
    people: int
    acceptable: tuple[Estimate, Estimate]
    more_acceptable: Difference
    levels: Mapping[int, int]
    """Judgments by level."""
    win: WinRate
    """Of the second model; a pair's preference is the mean of what people said of it."""
    p: float
    """That neither is better: a sign test over the pairs, its mid-p value; ties say nothing."""
    first_chosen: Estimate
    """How often people who chose one took the answer that stood first: half where the place does not matter."""
    on_levels: Agreement | None
    on_choice: Agreement | None
    on_acceptance: Agreement | None
    """How far two people agree on a pair; None where no pair has two."""
    judge: JudgeAgreement | None

    @property
    def word(self) -> Word:
        """What the second model is against the first."""
        return word(self.win.wins - self.win.losses, self.p)

    @property
    def acceptance_word(self) -> Word:
        return word(self.more_acceptable.value, self.more_acceptable.p)

    def as_json(self) -> dict[str, Any]:
        between = {"levels": self.on_levels, "choice": self.on_choice, "acceptance": self.on_acceptance}
        return {
            "first": self.names[0], "second": self.names[1], "pairs": self.pairs, "judged": self.judged,
            "judgments": self.judgments, "people": self.people,
            "acceptable": [one.as_json() for one in self.acceptable],
            "acceptable_difference": {**self.more_acceptable.as_json(), "verdict": self.acceptance_word},
            "levels": {str(level): count for level, count in self.levels.items()},
            "preference": {**self.win.as_json(), "p": self.p, "verdict": self.word},
            "first_chosen": self.first_chosen.as_json(),
            "agreement": {name: found.as_json() for name, found in between.items() if found is not None},
            "judge": self.judge.as_json() if self.judge is not None else None,
        }  # fmt: skip


def make_pairs(
    prompts: Sequence[tuple[str, Any]], first: Sequence[str], second: Sequence[str], seed: int
) -> list[Pair]:
    """The pairs of answers to the prompts (as people read them, and as they were asked). Which stands first is drawn
    for each pair, so that no place is favoured."""
    made = []
    for (text, turns), one, other in zip(prompts, first, second, strict=True):
        # Sorted: whose answer is whose shall not be told by the id.
        identity = digest("pair", turns, sorted([one, other]))
        drawn = int(digest("pair-order", seed, identity, length=2), 16) % 2 == 1
        made.append(Pair(id=identity, prompt=text, first=one, second=other, swapped=drawn))
    return made


def by_model(pair: Pair, person: str, acceptable: tuple[bool, bool], level: int) -> Judgment:
    """What a person said of the answers as they stood: `level` is how much better the second one there is."""
    if pair.swapped:
        return Judgment(pair=pair.id, person=person, acceptable=(acceptable[1], acceptable[0]), level=-level)
    return Judgment(pair=pair.id, person=person, acceptable=acceptable, level=level)


def compare_people(pairs: Pairs, judgments: Sequence[Judgment]) -> Compared | None:
    """What people's judgments come to; None where there are none."""
    said: dict[str, list[Judgment]] = {pair.id: [] for pair in pairs.pairs}
    for one in judgments:
        said[one.pair].append(one)
    judged = [pair for pair in pairs.pairs if said[pair.id]]
    if not judged:
        return None
    given = [(pair, one) for pair in judged for one in said[pair.id]]
    groups = [pair.id for pair, _ in given]
    preferences = [_mean([PREFERENCE[one.choice] for one in said[pair.id]]) for pair in judged]
    accepted = [[_mean([one.acceptable[side] for one in said[pair.id]]) for pair in judged] for side in (0, 1)]
    chosen = [(one.level > 0) == pair.swapped for pair, one in given if one.level]
    levels = [one.level for _, one in given]
    win = win_rate(preferences, [pair.first for pair in judged], [pair.second for pair in judged])
    return Compared(
        names=(pairs.sides[0].name, pairs.sides[1].name),
        pairs=len(pairs.pairs),
        judged=len(judged),
        judgments=len(given),
        people=len({one.person for _, one in given}),
        acceptable=(_acceptable(given, groups, 0), _acceptable(given, groups, 1)),
        more_acceptable=difference(*accepted),
        levels={level: levels.count(level) for level in LEVELS},
        win=win,
        p=mcnemar(win.losses, win.wins),
        first_chosen=exact_share(sum(chosen), len(chosen)),
        on_levels=_between(said, lambda one: [str(one.level)], [str(level) for level in LEVELS]),
        on_choice=_between(said, lambda one: [one.choice], ["a", "tie", "b"]),
        on_acceptance=_between(said, lambda one: [_YES[ok] for ok in one.acceptable], ["yes", "no"]),
        judge=_judge(judged, said, pairs.judge),
    )


def people_on(folder: Path, first: Path, second: Path) -> Compared | None:
    """What people said of two evaluated models, by the folders of their evaluations. Raises `InputError`."""
    pairs, judgments = _read(folder)
    if _is(pairs.sides[0], second) and _is(pairs.sides[1], first):
        pairs, judgments = _turned(pairs, judgments)
    elif not (_is(pairs.sides[0], first) and _is(pairs.sides[1], second)):
        names = " and ".join(side.name for side in pairs.sides)
        message = f"people compared {names}, which are not the models of {first} and {second}"
        hint = "name the folders of the evaluations of these two"
        raise InputError(Problem("other-models", message, Place(str(folder)), hint))
    return compare_people(pairs, judgments)


def people_of(stages: Sequence[str], folders: Iterable[Path]) -> Iterator[Compared]:
    """What people said of stages, by their keys, against others or each other: every comparison in these folders that
    was pulled. The one that stands later in `stages` is the second model."""
    places = {key: place for place, key in enumerate(stages)}
    for file in sorted({file for folder in folders for file in folder.glob(f"**/{PEOPLE}")}):
        try:
            pairs, judgments = _read(file.parent)
        except InputError:
            continue
        first, second = (places.get((side.model and side.model.stage) or "", -1) for side in pairs.sides)
        if first > second:
            pairs, judgments = _turned(pairs, judgments)
        if max(first, second) >= 0 and (found := compare_people(pairs, judgments)) is not None:
            yield found


def _read(folder: Path) -> tuple[Pairs, tuple[Judgment, ...]]:
    return Pairs.read(folder / PAIRS), People.read(folder / PEOPLE).judgments


def _is(side: Side, folder: Path) -> bool:
    """Whether the evaluation in the folder is of this model: by name and weights, or by its name alone where no more is
    known. `generate` calls a stage RECIPE:STAGE."""
    if side.model is None or not (folder / EVALUATION).is_file():
        return side.name.rpartition(":")[2] == folder.name
    found = Evaluation.read(folder / EVALUATION).model
    return replace(side.model, trained_on=()) == replace(found, trained_on=())


def _turned(pairs: Pairs, judgments: Sequence[Judgment]) -> tuple[Pairs, tuple[Judgment, ...]]:
    """The same with the models the other way round."""
    made = (replace(one, first=one.second, second=one.first, swapped=not one.swapped) for one in pairs.pairs)
    judge: dict[str, Choice] = {pair: TURNED[choice] for pair, choice in pairs.judge.items()}
    said = (replace(one, acceptable=(one.acceptable[1], one.acceptable[0]), level=-one.level) for one in judgments)
    return replace(pairs, sides=(pairs.sides[1], pairs.sides[0]), pairs=tuple(made), judge=judge), tuple(said)


_YES = {True: "yes", False: "no"}


def _acceptable(given: Sequence[tuple[Pair, Judgment]], groups: Sequence[str], side: int) -> Estimate:
    return grouped_share([one.acceptable[side] for _, one in given], groups)


def _between(said: Mapping[str, Sequence[Judgment]], labels_of: Any, scale: Sequence[str]) -> Agreement | None:
    """How far every two people agree on what they both said of a pair, one label or several."""
    first: list[str] = []
    second: list[str] = []
    groups: list[str] = []
    for pair, judgments in said.items():
        labels = {one.person: labels_of(one) for one in judgments}
        for place in range(len(next(iter(labels.values()), ()))):
            left, right, _ = pairs_of_people([{person: given[place] for person, given in labels.items()}])
            first, second, groups = first + left, second + right, groups + [pair] * len(left)
    return agreement(first, second, groups=groups, labels=scale) if first else None


def _judge(
    judged: Sequence[Pair], said: Mapping[str, Sequence[Judgment]], judge: Mapping[str, Choice]
) -> JudgeAgreement | None:
    """Against what most people chose; a pair on which they are evenly divided says nothing."""
    rows = [
        (judge[pair.id], choice, (len(pair.first), len(pair.second)))
        for pair in judged
        if pair.id in judge and (choice := _most([one.choice for one in said[pair.id]])) is not None
    ]
    if not rows:
        return None
    verdicts, choices, lengths = (list(column) for column in zip(*rows, strict=True))
    found = agreement(verdicts, choices, labels=["a", "tie", "b"])
    return JudgeAgreement(found, longer_chosen(verdicts, choices, lengths))


def _most(choices: Sequence[Choice]) -> Choice | None:
    counts = {choice: choices.count(choice) for choice in choices}
    most = [choice for choice, count in counts.items() if count == max(counts.values())]
    return most[0] if len(most) == 1 else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
