"""The folder of a trained stage: `stage.json`, which is its lock, and the files it names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import relative_to_cwd
from bezoar_data.config.problems import Place, Problem

STAGE_FILE = "stage.json"
CARD = "README.md"
ADAPTER = "adapter_config.json"
FORMAT = 2

_BESIDE = (CARD, STAGE_FILE, "loss.svg", "loss.png")
"""What stands beside the files that `stage.json` names."""


@dataclass(frozen=True, slots=True)
class TrainedStage:
    """A finished stage on disk."""

    path: Path
    told: Mapping[str, Any]
    """Its `stage.json`."""

    @property
    def card(self) -> Path:
        return self.path / CARD

    def files(self) -> dict[str, Path]:
        """What is published, by name: what the stage left, and nothing that somebody has put there since."""
        names = {*_BESIDE, *(name for name in self.told["files"] if Path(name).name == name)}
        return {name: self.path / name for name in sorted(names) if (self.path / name).is_file()}


def is_trained(path: Path) -> bool:
    """Whether a folder is that of a stage, or of a recipe's stages."""
    return (path / STAGE_FILE).is_file() or any(path.glob(f"*/{STAGE_FILE}"))


def trained_stage(path: Path) -> TrainedStage:
    """The stage in a folder; in a recipe's folder, the last one. Raises `InputError`."""
    if (path / STAGE_FILE).is_file():
        return _read(path)
    stages = [_read(file.parent) for file in sorted(path.glob(f"*/{STAGE_FILE}"))]
    gone_on_from = {stage.told["from"] for stage in stages}
    last = [stage for stage in stages if stage.told["stage"] not in gone_on_from]
    if len(last) != 1:
        names = ", ".join(relative_to_cwd(stage.path) for stage in last)
        message = "several stages here are last ones" if last else "there is no finished stage here"
        raise InputError(Problem("which-stage", message, Place(str(path)), f"name one: {names}" if last else ""))
    return last[0]


def _read(path: Path) -> TrainedStage:
    file = path / STAGE_FILE
    try:
        told = json.loads(file.read_text("utf-8"))
        known = isinstance(told, dict) and told["format"] == FORMAT
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            Problem("no-stage", f"{relative_to_cwd(file)} cannot be read: {error!r}", Place(str(file)))
        ) from None
    if not known:
        hint = "train it again with this version"
        message = f"{relative_to_cwd(file)} is of another format"
        raise InputError(Problem("no-stage", message, Place(str(file)), hint))
    return TrainedStage(path, told)
