"""Datasets of our own pipelines for tests that train, made once, and small recipes over them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.cards.truth import truth_of
from bezoar_data.runs.stage_record import StageRecord
from support.shipped import OFFLINE

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "recipes" / "templates"
ALPACA = TEMPLATES / "alpaca-modified.jinja"

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""A chat template that marks no replies, as most tokenizers bring one."""

HEAD = {
    "name": "small",
    "version": 1,
    "base": {"make": {"vocab_size": 400, "max_position_embeddings": 512}},
    "quantisation": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": "float32"},
    "adapter": {"r": 4, "lora_dropout": 0.05, "target_modules": ["q_proj", "v_proj"]},
    "template": str(ALPACA),
    "policy": {"demo": True},
    "training": {
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "optim": "adamw_torch",
        "learning_rate": 5e-3,
        "per_device_train_batch_size": 4,
        "max_steps": 12,
        "max_length": 320,
        "logging_steps": 1,
        "eval_strategy": "steps",
        "eval_steps": 4,
        "save_strategy": "steps",
        "save_steps": 4,
        "load_best_model_at_end": True,
    },
}


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs of the shipped pipelines that recipes train from."""
    from bezoar_data.api import load_pipeline

    folder = tmp_path_factory.mktemp("runs")
    for name in ("lamini", "orca", "evol-instruct", "hh-rlhf-sft", "hh-rlhf-dpo"):
        file = ROOT / "pipelines" / f"{name}.yaml"
        load_pipeline(file, models=OFFLINE, out=folder / name, journal=folder / "journal.sqlite").run(quiet=True)
    return folder


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, of the two quickest, for SFT and DPO: for tests that must be quick themselves."""
    from bezoar_data.api import load_pipeline

    folder = tmp_path_factory.mktemp("two")
    for name in ("lamini", "hh-rlhf-dpo"):
        file = ROOT / "pipelines" / f"{name}.yaml"
        load_pipeline(file, models=OFFLINE, out=folder / name, journal=folder / "journal.sqlite").run(quiet=True)
    return folder


Recipe = Callable[..., Path]


@pytest.fixture
def recipe(tmp_path: Path) -> Iterator[Recipe]:
    """Writes a small recipe; JSON is YAML."""

    def write(stages: list[dict[str, Any]], **top: Any) -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(json.dumps({**HEAD, **top, "stages": stages}))
        return path

    return write


def card(name: str) -> str:
    return str(ROOT / "cards" / f"{name}.md")


def prepared(path: Path, runs: Path, out: Path, *, keep: tuple[str, ...] = ()) -> Any:
    from bezoar_data.training.train import prepare

    commercial = {"apache-2.0": "yes"}
    return prepare(
        path, runs=runs, out=out, commercial=lambda name: commercial.get(name, "no"), truth_of=truth_of, keep=keep
    )


def trained(path: Path, runs: Path, out: Path) -> list[StageRecord]:
    from bezoar_data.cards.model_card.card import model_card
    from bezoar_data.training.progress import Progress
    from bezoar_data.training.train import train

    return train(prepared(path, runs, out), Progress(quiet=True), model_card).stages
