"""Keys of stages: what decides their weights, and nothing else; what stands there is told, kept or refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.runs.record import NewerFormat
from bezoar_data.runs.stage_record import STAGE_FILE
from bezoar_data.training.keys import deciding
from bezoar_data.training.stages.registry import load_recipe
from bezoar_data.training.train import not_pinned
from support.tiny_model import save_tiny_model
from training.conftest import HEAD, Recipe, card, prepared, trained

STAGES: list[dict[str, Any]] = [
    {"use": "sft", "id": "one", "card": card("lamini"), "split": {"rows": 8}},
    {"use": "sft", "id": "two", "card": card("lamini"), "split": {"rows": 8}},
    {"use": "merge"},
]
TRAINING: dict[str, Any] = {**HEAD["training"], "max_steps": 2, "max_length": 256, "save_strategy": "no"}
TRAINING |= {"eval_strategy": "no", "load_best_model_at_end": False}


@pytest.mark.parametrize(
    "changed",
    [
        {"logging_steps": 7}, {"report_to": "tensorboard"}, {"per_device_eval_batch_size": 1}, {"eval_steps": 2},
        {"dataloader_num_workers": 2}, {"save_total_limit": 3}, {"save_steps": 3}, {"gradient_checkpointing": True},
        {"weight_decay": 0.0, "max_grad_norm": 1.0},
    ],
    ids=str,
)  # fmt: skip
def test_what_leaves_the_weights_as_they_are_is_not_in_the_key(changed: dict[str, Any]):
    written = {"learning_rate": 1e-3, "optim": "adamw_torch"}
    assert deciding("SFTConfig", {**written, **changed}) == deciding("SFTConfig", written) == written


@pytest.mark.parametrize(
    "changed",
    [
        {"learning_rate": 2e-3}, {"seed": 1}, {"max_steps": 5}, {"per_device_train_batch_size": 2}, {"optim": "sgd"},
        {"bf16": False}, {"dataloader_drop_last": True}, {"load_best_model_at_end": True}, {"neftune_noise_alpha": 5.0},
    ],
    ids=str,
)  # fmt: skip
def test_what_decides_the_weights_is_in_the_key(changed: dict[str, Any]):
    written = {"learning_rate": 1e-3}
    assert deciding("SFTConfig", {**written, **changed}) != deciding("SFTConfig", written)


def test_evaluation_decides_where_the_best_step_is_kept():
    best = {"load_best_model_at_end": True, "eval_strategy": "steps"}
    assert deciding("SFTConfig", {**best, "eval_steps": 2}) != deciding("SFTConfig", {**best, "eval_steps": 4})


EIGHT: list[dict[str, Any]] = [
    *({"use": "sft", "id": name, "card": card("lamini"), "split": {"rows": 8}} for name in ("a", "b", "c")),
    {"use": "merge", "id": "abc"},
    {"use": "sft", "id": "hh-sft", "card": card("lamini"), "split": {"rows": 8}},
    {"use": "merge", "id": "sft"},
    {"use": "dpo", "id": "hh-dpo", "card": card("hh-rlhf-dpo"), "split": {"rows": 8}},
    {"use": "merge", "id": "dpo"},
]
"""The chain of `openbezoar.yaml`."""


def test_a_change_of_stage_five_of_eight_gives_stages_five_on_other_keys(
    recipe: Recipe, two_runs: Path, tmp_path: Path
):
    def keys(**fifth: Any) -> list[str]:
        stages = [*EIGHT[:4], {**EIGHT[4], "training": fifth}, *EIGHT[5:]]
        path = recipe(stages, training=TRAINING, quantisation=None)
        return [planned.key for planned in prepared(path, two_runs, tmp_path / "out").stages]

    as_written = keys()
    assert len(set(as_written)) == 8
    assert keys(logging_steps=3) == as_written
    faster = keys(learning_rate=1e-4)
    assert [i for i in range(8) if faster[i] != as_written[i]] == [4, 5, 6, 7]


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ({"model": "nobody/nothing"}, "the base is not pinned"),
        ({"model": "nobody/nothing", "revision": "main"}, "say 'revision:' with the hash of a commit"),
        ({"model": "nobody/nothing", "revision": "0123456789abcdef0123456789abcdef01234567"}, None),
        ({"make": {"vocab_size": 400}}, None),
    ],
)
def test_a_base_that_may_be_another_tomorrow_is_told(recipe: Recipe, base: dict[str, Any], told: str | None):
    said = list(not_pinned(load_recipe(recipe(STAGES, base=base, quantisation=None))))
    assert [told in one for one in said] == [True] * (told is not None)


@pytest.fixture
def out(recipe: Recipe, two_runs: Path, tmp_path: Path) -> tuple[Path, Callable[..., Any]]:
    """Three stages on a base in a folder, trained; and a function that prepares them again, with changes."""
    base = save_tiny_model(tmp_path / "base")

    def again(stages: list[dict[str, Any]] = STAGES, keep: tuple[str, ...] = (), **training: Any) -> Any:
        path = recipe(stages, base={"model": "./base"}, training={**TRAINING, **training}, quantisation=None)
        return prepared(path, two_runs, tmp_path / "out", keep=keep)

    path = recipe(STAGES, base={"model": str(base)}, training=TRAINING, quantisation=None)
    trained(path, two_runs, tmp_path / "out")
    return tmp_path / "out", again


def left(ready: Any) -> list[str]:
    return [planned.stage.id for planned in ready.stages if ready.finished(planned) is None]


def test_stages_that_stand_are_trained_again_for_a_reason_that_is_told(out: tuple[Path, Callable[..., Any]]):
    folder, again = out
    for file in (folder.parent / "base").iterdir():
        os.utime(file, (1, 1))
    assert left(again(logging_steps=9, per_device_eval_batch_size=2, report_to="tensorboard")) == []
    slower = [STAGES[0], {**STAGES[1], "training": {"learning_rate": 1e-4}}, STAGES[2]]
    ready = again(slower)
    assert left(ready) == ["two", "merge"]
    assert ready.stages[1].again == ("learning_rate: 0.0001, not 0.005",)
    assert ready.stages[2].again == ("'two', which it goes on from, is another",)
    both = again([{**STAGES[0], "train_on": ["assistant", "user"]}, *STAGES[1:]])
    assert both.stages[0].again == ("train_on: assistant, user, not assistant",)

    # Kept: the stage, and what it goes on from; the others go on from what stands.
    assert left(again(learning_rate=1e-4, keep=("two",))) == []
    assert left(again(learning_rate=1e-4, keep=("one",))) == ["two", "merge"]
    with pytest.raises(InputError, match="no stage 'three'"):
        again(keep=("three",))

    # Releases: of what decides by major and minor alone; what differs is told.
    stage = folder / "one" / STAGE_FILE
    record = json.loads(stage.read_text())
    record["software"] |= {"torch": "1.0.0", "accelerate": "0.1"}
    stage.write_text(json.dumps(record))
    ready = again()
    assert left(ready) == []
    assert any("one: done with torch 1.0.0 (now " in warning for warning in ready.warnings)

    # A stage that cannot be read is trained again; one of a newer version is left alone.
    stage.write_text("{")
    assert left(again()) == ["one"]
    with pytest.raises(InputError, match="no finished stage 'one'"):
        again(keep=("two",))
    stage.write_text(json.dumps({**record, "format": 99}))
    with pytest.raises(NewerFormat, match="format 99"):
        again()
