"""What the stages learn where the answer is known: one seed of what `benchmarks/neighbours` trains five of."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from training.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def planted() -> Any:
    spec = importlib.util.spec_from_file_location("planted", ROOT / "benchmarks" / "neighbours" / "planted.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["planted"] = module
    spec.loader.exec_module(module)
    return module


def test_planted_better_replies_are_ranked_above_worse_ones(planted: Any, tmp_path: Path):
    found = planted.ranked(tmp_path, 0)
    assert found["pairs"] == 80
    assert found["accuracy"]["value"] >= 0.95


def test_asft_raises_the_likelihood_of_chosen_replies_where_dpo_lowers_it(planted: Any, tmp_path: Path):
    found = planted.likelihoods(tmp_path, 0)
    assert found["asft"]["chosen"] > 1
    assert found["dpo"]["chosen"] < -1
    assert found["asft"]["rejected"] < found["asft"]["chosen"]


def test_a_planted_attribute_is_obeyed(planted: Any, tmp_path: Path):
    assert planted.obeyed(tmp_path, 0, steps=150) >= 0.9


def test_resets_find_a_reward_that_rloo_does_not_see(planted: Any, tmp_path: Path):
    found = planted.rewarded(tmp_path, 0, length=14, steps=64, fewer=64, every=32)
    assert found["drpo"][-1][1] >= 0.5
    assert found["rloo"][-1][1] <= 0.1
