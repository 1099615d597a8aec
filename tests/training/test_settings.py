"""Settings of a stage: passed through, fitted to the rows there are, refused where they would do nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch

from bezoar_data.config.errors import InputError
from bezoar_data.training.curves import save_curves
from bezoar_data.training.folder import TrainingFolder, last_checkpoint
from bezoar_data.training.settings import fit, written_settings
from bezoar_data.training.stages.registry import load_recipe
from training.conftest import HEAD, Recipe, card

STAGE = {"use": "sft", "card": card("lamini")}


def test_a_stages_settings_stand_over_the_recipes(recipe: Recipe):
    stages = [{**STAGE, "training": {"learning_rate": 1e-4, "seed": 7}}, {**STAGE, "id": "two"}]
    loaded = load_recipe(recipe(stages))
    first, second = (written_settings(loaded, stage) for stage in loaded.file.stages)
    assert first["learning_rate"] == 1e-4
    assert (first["seed"], second["seed"]) == (7, 42)
    assert second["max_length"] == HEAD["training"]["max_length"]


@pytest.mark.parametrize(
    ("given", "steps"),
    [
        ({"max_steps": 9}, 9),
        ({"num_train_epochs": 3, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 8}, 12),
        ({"num_train_epochs": 1, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 100}, 1),
        ({"num_train_epochs": 2, "per_device_train_batch_size": 3, "dataloader_drop_last": True}, 66),
    ],
)
def test_the_warm_up_is_no_longer_than_the_stage(given: dict[str, float], steps: int):
    settings = fit("SFTConfig", {"warmup_steps": 100, **given}, 100, 10)
    assert settings.steps == steps
    assert settings["warmup_steps"] == steps
    assert "warm-up" in settings.notes[0]


def test_the_loss_is_not_watched_without_rows_held_out():
    written = {"eval_strategy": "steps", "eval_steps": 5, "load_best_model_at_end": True, "max_steps": 9}
    settings = fit("SFTConfig", written, 100, 0)
    assert dict(settings.given) == {"max_steps": 9}
    assert "held out" in settings.notes[0]
    assert dict(fit("SFTConfig", written, 100, 1).given) == written


def test_a_checkpoint_that_was_being_written_is_passed_over(tmp_path: Path):
    for step, state in ((4, json.dumps({"global_step": 4})), (12, '{"global_st'), (8, json.dumps({"global_step": 8}))):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-16").mkdir()
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-8"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-4", "checkpoint-8"]


def test_a_checkpoint_that_one_of_two_processes_was_writing_is_passed_over(tmp_path: Path):
    state = io.BytesIO()
    torch.save({"python": 1}, state)
    whole = state.getvalue()
    second = {4: whole, 8: whole[: len(whole) // 2], 12: b"", 16: None}
    for step, left in second.items():
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
        (folder / "rng_state_0.pth").write_bytes(whole)
        if left is not None:
            (folder / "rng_state_1.pth").write_bytes(left)
    assert last_checkpoint(tmp_path, 2) == tmp_path / "checkpoint-4"
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint-4"]


def test_checkpoints_of_another_stage_are_not_gone_on_from(tmp_path: Path):
    folder = TrainingFolder(tmp_path)
    work = folder.open_work("sft", "one")
    (work / "checkpoint-4").mkdir()
    assert (folder.open_work("sft", "one") / "checkpoint-4").exists()
    assert not (folder.open_work("sft", "two") / "checkpoint-4").exists()


def test_a_folder_is_trained_into_by_one(tmp_path: Path):
    folder = TrainingFolder(tmp_path)
    with folder.held(), pytest.raises(InputError, match="another training"), folder.held():
        pass


def test_the_curves_of_a_stage_are_drawn_and_name_it_safely(tmp_path: Path):
    from xml.etree import ElementTree

    lines = [{"step": 1, "loss": 2.0, "rewards/margins": 0}, {"step": 2, "loss": 1.0}, {"step": 2, "eval_loss": 3}]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    save_curves(tmp_path, "<b>&$x$")
    text = "".join(ElementTree.fromstring((tmp_path / "loss.svg").read_text()).itertext())  # noqa: S314
    for words in ("<b>&$x$", "training", "held out", "margin of the rewards"):
        assert words in text
    picture = (tmp_path / "loss.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    save_curves(tmp_path, "<b>&$x$")
    assert (tmp_path / "loss.png").read_bytes() == picture


def test_a_stage_without_a_log_has_no_curves(tmp_path: Path):
    save_curves(tmp_path, "merge")
    assert not list(tmp_path.iterdir())
