"""The shipped recipe of all stages beside SFT and DPO, trained by the real command on the shipped demo rows."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.command import BEZOAR
from training.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def bezoar(*arguments: str, cwd: Path) -> str:
    done = subprocess.run([*BEZOAR, *arguments], cwd=cwd, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The records of the stages, by name."""
    folder = tmp_path_factory.mktemp("neighbours")
    for name in ("hh-rlhf-dpo", "helpsteer2-ratings", "helpsteer2-preference"):
        bezoar("run", str(ROOT / "pipelines" / f"{name}.yaml"), "--out", f"runs/{name}", cwd=folder)
    said = bezoar("train", str(ROOT / "recipes" / "neighbours-tiny.yaml"), "--json", cwd=folder)
    found = json.loads(said)
    return {"folder": Path(folder / found["folder"]), **{one["stage"]: one for one in found["stages"]}}


def test_every_stage_learns(tiny: dict[str, Any]):
    for name in ("asft", "ratings", "steerlm"):
        assert tiny[name]["metrics"]["last_loss"] < tiny[name]["metrics"]["first_loss"], name
    assert tiny["pairs"]["metrics"]["steps"] == 10
    assert 1 <= tiny["steerlm2"]["metrics"]["steerlm2"]["effective_replies"] <= 3
    drawn = tiny["iterative_dpo"]["metrics"]["iterative_dpo"]
    assert drawn["chosen"] > drawn["rejected"]
    assert {"first_reward", "last_reward", "last_kl"} <= tiny["drpo"]["metrics"].keys()


def test_a_model_that_scores_says_so_on_its_card(tiny: dict[str, Any]):
    card = (tiny["folder"] / "ratings" / "README.md").read_text()
    assert "pipeline_tag: text-classification" in card
    assert "| `helpfulness` |" in card
    assert "provider: reward" in card
    assert "AutoModelForCausalLM" not in card
