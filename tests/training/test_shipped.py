"""The shipped recipes for large models, trained as they stand on a tiny one: only the base and the size are others."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import IGNORED
from training.conftest import ROOT, prepared, trained

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

SMALL = {"use_cpu": True, "max_steps": 4, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 1}
SMALL |= {"max_length": 512, "logging_steps": 1, "eval_steps": 4, "save_steps": 4}


def tiny(name: str, folder: Path, **stage: Any) -> Path:
    """A shipped recipe with another base and few steps; every other setting is its own."""
    from ruamel.yaml import YAML

    recipe = YAML(typ="safe").load(ROOT / "recipes" / f"{name}.yaml")
    recipe["base"] = {"make": {"max_position_embeddings": 512}}
    recipe["policy"]["demo"] = True
    recipe["template"] = str(ROOT / "recipes" / recipe["template"])
    for one in recipe["stages"]:
        if "card" in one:
            card = one["card"].replace("tulu-human-gpt", "mixture")  # which stands in for what reads the Hub
            one["card"] = str((ROOT / "recipes" / card).resolve())
            one["training"] = {**one["training"], **SMALL, **stage}
    path = folder / "recipe.yaml"
    path.write_text(json.dumps(recipe))
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from bezoar_data.api import load_pipeline

    folder = tmp_path_factory.mktemp("runs")
    for name in ("mixture", "ultrachat", "best-of-n"):
        file = ROOT / "pipelines" / f"{name}.yaml"
        load_pipeline(file, out=folder / name, journal=folder / "journal.sqlite").run(quiet=True)
    return folder


def rows_of(prepared: Any, index: int) -> Any:
    from bezoar_data.training.data.datasets import read_rows

    return read_rows(prepared.recipe, prepared.stages[index].training.card)


def learnt(example: Mapping[str, list[int]]) -> list[int]:
    return [label for label in example["labels"] if label != IGNORED]


def test_tulu_learns_the_replies_of_its_mixture_and_nothing_else(runs: Path, tmp_path: Path):
    path = tiny("tulu", tmp_path, learning_rate=5e-3, per_device_train_batch_size=16)
    ready = prepared(path, runs, tmp_path / "out")
    examples, rows, tokenizer = ready.stages[0].training.examples, rows_of(ready, 0), ready.template.tokenizer
    assert len(examples.train) == len(rows.train) > 100
    several = 0
    for example, row in zip(examples.train, rows.train, strict=True):
        replies = [m["content"] for m in read_row(rows.view, row).messages if m["role"] == "assistant"]
        said = "".join(reply + tokenizer.eos_token for reply in replies)
        assert tokenizer.decode(learnt(example), clean_up_tokenization_spaces=False) == said
        several += len(replies) > 1
    assert several > 5
    (stage,) = trained(path, runs, tmp_path / "out")
    assert stage.adapter is None
    assert stage.quantisation is None
    assert stage.metrics["steps"] == 4
    assert stage.metrics["last_loss"] < stage.metrics["first_loss"] - 0.2
    assert (tmp_path / "out" / "tulu" / "model.safetensors").is_file()


def test_zephyr_goes_from_sft_to_dpo_with_the_sft_policy_as_reference(runs: Path, tmp_path: Path):
    path = tiny("zephyr-qlora", tmp_path, learning_rate=5e-3)
    ready = prepared(path, runs, tmp_path / "out")
    pair, rows, tokenizer = ready.stages[2].training.examples.train[0], rows_of(ready, 2), ready.template.tokenizer
    read = read_row(rows.view, rows.train[0])
    for ids, messages in ((pair["chosen_ids"], read.messages), (pair["rejected_ids"], read.worse)):
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == messages[-1]["content"] + "</s>"
    sft, merged, dpo, last = trained(path, runs, tmp_path / "out")
    assert [s.start for s in (sft, merged, dpo, last)] == ["base", "sft", "sft-merged", "dpo"]
    assert sft.metrics["last_loss"] < sft.metrics["first_loss"] - 0.1
    # Before its first step the policy is its reference; in bfloat16 that is rounded.
    assert abs(dpo.metrics["first_loss"] - math.log(2)) < 1e-3
    assert dpo.metrics["first_margin"] == 0
    ranks = {s: json.loads((tmp_path / "out" / s / "adapter_config.json").read_text())["r"] for s in ("sft", "dpo")}
    assert ranks == {"sft": 16, "dpo": 128}
