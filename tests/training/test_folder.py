"""The folder of a training belongs to one recipe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.training.folder import TrainingFolder


def test_another_recipes_stages_are_not_trained_over(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "trained")
    folder.refuse_another("tiny")
    stage = folder.stage("sft")
    stage.mkdir(parents=True)
    (stage / "stage.json").write_text(json.dumps({"format": 1, "recipe": {"name": "tiny"}}))
    (folder.stage("half")).mkdir()
    (folder.stage("half") / "stage.json").write_text("{")
    folder.refuse_another("tiny")
    with pytest.raises(InputError, match="this folder has stages of another recipe, 'tiny'"):
        folder.refuse_another("large")
