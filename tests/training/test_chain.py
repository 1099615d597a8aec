"""Whole chains on a tiny model: losses fall, adapters are handed on, merges are exact, DPO starts at its reference."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.runs.lock import Lock
from support.command import BEZOAR
from training.conftest import ROOT, Recipe, card, prepared, trained

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


LEARNT = ("lamini", "orca", "evol-instruct", "hh-rlhf-sft", "hh-rlhf-dpo")
"""The stages of the tiny recipe that train."""


def bezoar(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*BEZOAR, *arguments], cwd=cwd, capture_output=True, text=True, timeout=2500)


@pytest.fixture(scope="module")
def tiny(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the shipped recipe leaves, trained by the real command."""
    folder = tmp_path_factory.mktemp("tiny")
    done = bezoar(
        "train", str(ROOT / "recipes" / "tiny.yaml"), "--runs", str(runs), "--json", "--events", "e.jsonl", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["ok"], said["page"]) == (True, "trained/tiny/report.html")
    assert "8 stages on a tiny model with random weights" in (folder / said["page"]).read_text("latin-1")
    return folder / "trained" / "tiny"


def test_its_events_tell_the_steps_of_every_stage(tiny: Path):
    lines = [json.loads(line) for line in (tiny.parents[1] / "e.jsonl").read_text().splitlines()]
    last = {line["part"]: (line["done"], line["expected"]) for line in lines if line["event"] == "progress"}
    assert last == dict.fromkeys(LEARNT, (20, 20))
    end = lines[-1]
    assert (lines[0]["event"], end["event"], end["outcome"]) == ("start", "end", "done")
    assert set(LEARNT) < set(end["result"]["stages"])


def stage(tiny: Path, name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((tiny / name / "stage.json").read_text())
    return value


def log(tiny: Path, name: str, key: str) -> list[float]:
    lines = [json.loads(line) for line in (tiny / name / "log.jsonl").read_text().splitlines()]
    return [float(line[key]) for line in lines if key in line]


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return {k: v for file in sorted(folder.glob("*.safetensors")) for k, v in load_file(file).items()}


@pytest.mark.parametrize(
    ("name", "margin"), [("lamini", 0.05), ("orca", 0.1), ("evol-instruct", 0.2), ("hh-rlhf-sft", 0.05)]
)
def test_the_loss_falls_in_every_sft_stage(tiny: Path, name: str, margin: float):
    losses = log(tiny, name, "loss")
    assert len(losses) == 20
    assert sum(losses[:5]) / 5 - sum(losses[-5:]) / 5 > margin


def test_dpo_starts_at_its_reference_and_its_margins_grow(tiny: Path):
    losses, margins = log(tiny, "hh-rlhf-dpo", "loss"), log(tiny, "hh-rlhf-dpo", "rewards/margins")
    assert abs(losses[0] - math.log(2)) < 1e-3
    assert margins[0] == 0
    assert sum(margins[-5:]) / 5 > sum(margins[:5]) / 5 + 0.1


@pytest.mark.parametrize(
    ("merged", "adapter", "base"),
    [
        ("sft-merged", "evol-instruct", "base"),
        ("hh-rlhf-sft-merged", "hh-rlhf-sft", "sft-merged"),
        ("dpo-merged", "hh-rlhf-dpo", "hh-rlhf-sft-merged"),
    ],
)
def test_a_merged_model_says_what_the_unquantised_base_with_the_adapter_says(
    tiny: Path, merged: str, adapter: str, base: str
):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    ids = torch.arange(2, 130)[None]
    plain = AutoModelForCausalLM.from_pretrained(tiny / base, dtype=torch.float32)
    with torch.no_grad():
        without = plain(ids).logits
        both = PeftModel.from_pretrained(plain, str(tiny / adapter)).eval()(ids).logits
        alone = AutoModelForCausalLM.from_pretrained(tiny / merged, dtype=torch.float32).eval()(ids).logits
    torch.testing.assert_close(alone, both, atol=1e-3, rtol=1e-3)
    assert (both - without).abs().max() > 0.05, "the adapter does nothing; the test shows nothing"


def test_stages_say_what_they_were_made_from(tiny: Path, runs: Path):
    orca = stage(tiny, "orca")
    lock = Lock.read(runs / "orca" / "dataset" / "lock.json")
    assert orca["data"]["lock"] == lock.hash
    assert (orca["use"], orca["from"]) == ("sft", "lamini")
    assert orca["settings"]["max_steps"] == 20
    assert {"torch", "trl", "peft"} <= set(orca["software"])
    assert [s["stage"] for s in orca["lineage"]] == ["lamini"]
    card_text = (tiny / "orca" / "README.md").read_text()
    assert orca["data"]["lock"] in card_text
    assert orca["lineage"][0]["data"]["lock"] in card_text
    assert "</svg>" in (tiny / "orca" / "loss.svg").read_text()
    assert (tiny / "orca" / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert (tiny / "orca" / "chat_template.jinja").is_file()


def test_a_second_run_trains_nothing(tiny: Path, runs: Path):
    before = {p: p.stat().st_mtime_ns for p in tiny.rglob("*.safetensors")}
    recipe = str(ROOT / "recipes" / "tiny.yaml")
    done = bezoar("train", recipe, "--runs", str(runs), cwd=tiny.parents[1])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("done already") == 8
    assert before == {p: p.stat().st_mtime_ns for p in tiny.rglob("*.safetensors")}
    plan = bezoar("train", recipe, "--runs", str(runs), "--plan", "--json", cwd=tiny.parents[1])
    assert all(s["done"] for s in json.loads(plan.stdout)["stages"])


def test_the_adapter_is_handed_on_by_its_weights(recipe: Recipe, runs: Path, tmp_path: Path):
    """A stage that learns nothing leaves the adapter it was given; a new one would be another."""
    import torch

    still = {"learning_rate": 0.0, "eval_strategy": "no", "load_best_model_at_end": False}
    stages = [
        {"use": "sft", "id": "first", "card": card("lamini"), "split": {"rows": 16}},
        {"use": "sft", "id": "still", "card": card("lamini"), "split": {"rows": 8}, "training": still},
    ]
    trained(recipe(stages), runs, tmp_path / "out")
    first, second = weights(tmp_path / "out" / "first"), weights(tmp_path / "out" / "still")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[k].float(), second[k].float()) for k in first)
    assert any(first[k].abs().max() > 0 for k in first if "lora_B" in k)


@pytest.mark.parametrize("merged", [True, False], ids=["after a merge", "on the adapter itself"])
def test_the_reference_of_dpo_is_the_sft_policy(recipe: Recipe, runs: Path, tmp_path: Path, merged: bool):
    """Its log-probabilities are those of what the stage before left, loaded by itself; the bare base's differ."""
    import torch
    from peft import PeftModel
    from trl.trainer.dpo_trainer import DataCollatorForPreference

    from bezoar_data.training.bases import base_start
    from bezoar_data.training.chain import leaves
    from bezoar_data.training.models import load_weights, quantisation_of
    from bezoar_data.training.progress import Progress
    from bezoar_data.training.stages.base import TrainingJob
    from bezoar_data.training.stages.dpo import make_trainer

    stages: list[dict[str, Any]] = [{"use": "sft", "card": card("lamini"), "split": {"rows": 16}}]
    stages += [{"use": "merge", "dtype": "float32"}] if merged else []
    before = recipe(stages)
    out = tmp_path / "out"
    trained(before, runs, out)
    ready = prepared(recipe([*stages, {"use": "dpo", "card": card("hh-rlhf-dpo")}]), runs, out)
    base = start = base_start(ready.recipe, out / "base")
    for planned in ready.stages[:-1]:
        start = leaves(ready.folder, planned, start)
    last = ready.stages[-1]
    work, place = (tmp_path / "w", tmp_path / "r"), ready.recipe.document.place(())
    more = (last.training.examples, last.training.settings, last.training.adapter, last.training.estimate.kernels)
    trainer = make_trainer(
        TrainingJob(ready.recipe, last.stage, place, start, ready.template, *work, Progress(), *more)
    )
    batch = DataCollatorForPreference(pad_token_id=0)(last.training.examples.train[:4])
    with torch.no_grad():
        found = torch.cat(trainer.compute_ref_log_probs(trainer.model, batch))

    def log_probs(model: Any) -> Any:
        with torch.no_grad():
            logits = model.eval()(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        picked = logits[:, :-1].log_softmax(-1).gather(-1, batch["input_ids"][:, 1:, None])[..., 0]
        return (picked * batch["completion_mask"][:, 1:]).sum(1)

    quantisation = quantisation_of(ready.recipe)
    policy = load_weights(start, place, dtype="float32", quantisation=quantisation)
    if start.adapter is not None:
        policy = PeftModel.from_pretrained(policy, str(start.adapter))
    bare = log_probs(load_weights(base, place, dtype="float32", quantisation=quantisation))
    expected = log_probs(policy)
    # An adapter on quantised weights is trained in bfloat16.
    torch.testing.assert_close(found, expected, atol=0.05 if start.adapter else 1e-3, rtol=1e-4)
    assert (bare - expected).abs().max() > 1


DYING = """
import os, signal
from transformers import Trainer
from bezoar_data.runs.lock import Lock
from bezoar_data.cli.main import main

save = Trainer._save_checkpoint

def save_and_die(trainer, *arguments, **more):
    save(trainer, *arguments, **more)
    if trainer.state.global_step == 4 and "two" in trainer.args.output_dir:
        os.kill(os.getpid(), signal.SIGKILL)

Trainer._save_checkpoint = save_and_die
main()
"""
"""The command, killed when a checkpoint of the second stage has just been written: a moment no test could hit."""


def test_killed_in_the_second_stage_the_same_command_ends_with_the_same_weights(
    recipe: Recipe, runs: Path, tmp_path: Path
):
    stages = [
        {"use": "sft", "id": "one", "card": card("lamini"), "split": {"rows": 24, "validation": 0.2}},
        {"use": "sft", "id": "two", "card": card("evol-instruct"), "split": {"rows": 24, "validation": 0.2}},
    ]
    path = recipe(stages)
    trained(path, runs, tmp_path / "straight")
    arguments = ["train", str(path), "--runs", str(runs), "--out", str(tmp_path / "killed")]
    killed = subprocess.run([sys.executable, "-c", DYING, *arguments], cwd=tmp_path, capture_output=True, timeout=2500)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "killed" / "two").exists()
    one = (tmp_path / "killed" / "one" / "adapter_model.safetensors").stat().st_mtime_ns
    again = bezoar(*arguments, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "one: done already" in again.stderr
    assert "two: goes on from step" in again.stderr
    assert (tmp_path / "killed" / "one" / "adapter_model.safetensors").stat().st_mtime_ns == one
    for name in ("one", "two"):
        straight = (tmp_path / "straight" / name / "adapter_model.safetensors").read_bytes()
        assert (tmp_path / "killed" / name / "adapter_model.safetensors").read_bytes() == straight
    assert not (tmp_path / "killed" / ".work").exists()


def test_no_parent_and_child_stand_on_both_sides(recipe: Recipe, runs: Path, tmp_path: Path):
    from bezoar_data.cards.truth import truth_of
    from bezoar_data.training.data.datasets import find_cards, read_rows, seeds_on_both_sides

    loaded = prepared(
        recipe([{"use": "sft", "card": card("evol-instruct"), "split": {"validation": 0.3}}]), runs, tmp_path
    ).recipe
    rows = read_rows(loaded, find_cards(loaded, runs, truth_of)[0])
    assert len(rows.held_out) >= 3
    assert any(row["parent_ids"] for row in rows.held_out)
    assert list(seeds_on_both_sides(rows)) == []


def test_a_recipe_that_forbids_demo_data_is_refused_before_weights_are_loaded(
    recipe: Recipe, runs: Path, tmp_path: Path
):
    path = recipe([{"use": "sft", "card": card("lamini")}], policy={"review": True}, base={"model": "no/such-model"})
    done = bezoar("train", str(path), "--runs", str(runs), cwd=tmp_path)
    assert done.returncode == 4
    assert "demo models" in done.stderr
    assert "nobody has reviewed" in done.stderr
    assert not (tmp_path / "trained").exists()
