"""What a recipe's stage leaves: its folder, and `stage.json`, which says what it was made from and what it measured.

`stage.json` is a model's lock: the model card is made from it alone, and `publish` compares the folder with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import relative_to_cwd
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.record import Record

STAGE_FILE = "stage.json"
CARD = "README.md"
ADAPTER = "adapter_config.json"

SAMPLES = "samples.jsonl"
"""What the model said while it was trained. It stays here: it holds whole prompts of rows that are held out."""

_BESIDE = (CARD, STAGE_FILE, "loss.svg", "loss.png")
"""What stands beside the files that `stage.json` names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageData:
    """The dataset that a stage was trained on, and what became of its rows."""

    card: str
    lock: str
    """The hash of its lock."""
    demo: bool
    licence: Mapping[str, Any]
    """`result`, `commercial`, `conflicts` and `attribution`, as the card has them."""
    terms: Mapping[str, Any] | None
    where: str | None
    """Which rows were taken: what the stage says, else which are accepted; None: all."""
    split: Any
    view: str | None
    passed_over: int
    """Rows of the split that `where` or `rows` left out."""
    rows: Mapping[str, Mapping[str, Any]]
    """Of `train` and `validation`: rows, examples, tokens, and what was cut or left out."""
    train_on: tuple[str, ...] = ("assistant",)
    """The roles whose turns are learnt."""
    reasoning: str = "keep"
    """Whether the reasoning before replies is learnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSummary:
    """What the records of later stages keep of a stage."""

    key: str
    """The hash of all that decides its weights."""
    stage: str
    use: str
    start: Annotated[str, Field(alias="from")]
    """The stage it goes on from, or `base`."""
    data: StageData | None
    settings: Mapping[str, Any] | None
    notes: tuple[str, ...]
    adapter: Mapping[str, Any] | None
    quantisation: Mapping[str, Any] | None
    metrics: Mapping[str, Any]

    def summary(self) -> StageSummary:
        return StageSummary(**{field.name: getattr(self, field.name) for field in fields(StageSummary)})


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord(Record, StageSummary):
    """`stage.json`."""

    FORMAT: ClassVar[int] = 2
    KIND: ClassVar[str] = "stage"
    IF_MISSING: ClassVar[str] = "train it: bezoar-data train RECIPE"
    IF_OLDER: ClassVar[str] = "train it again with this version"

    recipe: Mapping[str, str]
    """Its name, description and SHA-256."""
    policy: Mapping[str, Any]
    base: Mapping[str, Any]
    """As the recipe has it; a folder by its name alone."""
    base_lineage: Annotated[Mapping[str, Any] | None, Field(alias="stands_on")]
    """The weights that its adapter is for: the base, or a stage; None where the result stands alone."""
    template: Mapping[str, str]
    kernels: Annotated[Mapping[str, Any] | None, Field(alias="speed")] = None
    """None, as the next two, of a stage that does not train."""
    machine: Mapping[str, Any] | None = None
    estimate: Mapping[str, Any] | None = None
    software: Mapping[str, str]
    times: Mapping[str, Any]
    files: Mapping[str, str]
    """The SHA-256 of each file it left."""
    lineage: tuple[StageSummary, ...]
    """The stages before it, the first one first."""

    @property
    def stages(self) -> tuple[StageSummary, ...]:
        """The stages before it and itself."""
        return (*self.lineage, self)

    @property
    def demo(self) -> bool:
        """Whether it, or what it goes on from, has random weights for its base or learnt from demo rows."""
        return "make" in self.base or any(one.data is not None and one.data.demo for one in self.stages)


@dataclass(frozen=True, slots=True)
class TrainedStage:
    """A finished stage on disk."""

    path: Path
    record: StageRecord

    @property
    def card(self) -> Path:
        return self.path / CARD

    def files(self) -> dict[str, Path]:
        """What is published, by name: what the stage left, and nothing that somebody has put there since."""
        names = {*_BESIDE, *(name for name in self.record.files if Path(name).name == name)} - {SAMPLES}
        return {name: self.path / name for name in sorted(names) if (self.path / name).is_file()}


def is_trained(path: Path) -> bool:
    """Whether a folder is that of a stage, or of a recipe's stages."""
    return (path / STAGE_FILE).is_file() or any(path.glob(f"*/{STAGE_FILE}"))


def stages_of(path: Path) -> list[TrainedStage]:
    """The finished stages in a recipe's folder, each behind those that it was made from. Raises `InputError`."""
    stages = [TrainedStage(file.parent, StageRecord.read(file)) for file in sorted(path.glob(f"*/{STAGE_FILE}"))]
    return sorted(stages, key=lambda one: (len(one.record.lineage), one.path.name))


def last_of(stages: Sequence[TrainedStage]) -> list[TrainedStage]:
    """Those from which no other goes on."""
    gone_on_from = {stage.record.start for stage in stages}
    return [stage for stage in stages if stage.record.stage not in gone_on_from]


def trained_stage(path: Path) -> TrainedStage:
    """The stage in a folder; in a recipe's folder, the last one. Raises `InputError`."""
    if (path / STAGE_FILE).is_file():
        return TrainedStage(path, StageRecord.read(path / STAGE_FILE))
    last = last_of(stages_of(path))
    if len(last) != 1:
        names = ", ".join(relative_to_cwd(stage.path) for stage in last)
        message = "several stages here are last ones" if last else "there is no finished stage here"
        raise InputError(Problem("which-stage", message, Place(str(path)), f"name one: {names}" if last else ""))
    return last[0]
