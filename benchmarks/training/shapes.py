"""The models and the data that both sides train on: shapes with random weights, rows of our own demo pipelines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bezoar_data.config.files.recipe import RandomModel
from bezoar_data.training.random_base import make_tokenizer

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "recipes" / "templates" / "alpaca-modified.jinja"
CARDS = {"sft": "lamini", "dpo": "hh-rlhf-dpo"}

SHAPES: dict[str, dict[str, Any]] = {
    "tiny": {
        "config": {
            "vocab_size": 512,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
        },
        "training": {
            "use_cpu": True,
            "bf16": False,
            "gradient_checkpointing": False,
            "optim": "adamw_torch",
            "max_steps": 60,
            "max_length": 512,
        },
        "compute": "float32",
    },
    "openllama-3b": {
        "config": {
            "vocab_size": 32000,
            "hidden_size": 3200,
            "intermediate_size": 8640,
            "num_hidden_layers": 26,
            "num_attention_heads": 32,
        },
        "training": {
            "bf16": True,
            "gradient_checkpointing": True,
            "optim": "paged_adamw_8bit",
            "max_steps": 30,
            "max_length": 1024,
        },
        "compute": "bfloat16",
    },
}
ADAPTER = {"r": 16, "lora_alpha": 16, "lora_dropout": 0.05, "target_modules": ["q_proj", "v_proj", "k_proj"]}
LOADED = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
SAME = {
    "seed": 42,
    "learning_rate": 1e-4,
    "per_device_train_batch_size": 4,
    "logging_steps": 5,
    "save_strategy": "no",
    "eval_strategy": "no",
    "report_to": "none",
    "disable_tqdm": True,
}
"""What a shape's own settings stand over."""


def make(folder: Path, shape: str) -> None:
    """Data, base and recipes for both sides, unless they are there."""
    for name in CARDS.values():
        if not (folder / "runs" / name / "dataset").is_dir():
            pipeline = str(ROOT / "pipelines" / f"{name}.yaml")
            command = [sys.executable, "-m", "bezoar_data.cli.main", "run", pipeline]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
    if not (folder / shape / "config.json").is_file():
        _make_base(folder / shape, folder, SHAPES[shape]["config"], SHAPES[shape]["compute"])
    for stage, name in CARDS.items():
        recipe = {
            "name": f"{shape}-{stage}",
            "version": 1,
            "base": {"model": f"./{shape}"},
            "quantisation": {**LOADED, "bnb_4bit_compute_dtype": SHAPES[shape]["compute"]},
            "adapter": ADAPTER,
            "template": str(TEMPLATE),
            "policy": {"demo": True},
            "training": {**SAME, **SHAPES[shape]["training"]},
            "stages": [{"use": stage, "card": str(ROOT / "cards" / f"{name}.md")}],
        }
        (folder / f"{shape}-{stage}.yaml").write_text(json.dumps(recipe, indent=1))


def rows(folder: Path, stage: str) -> list[dict[str, Any]]:
    """The rows as a bare script reads them."""
    import pyarrow.parquet as pq

    files = sorted((folder / "runs" / CARDS[stage] / "dataset" / "data").glob("train-*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def _make_base(base: Path, folder: Path, shape: dict[str, Any], dtype: str) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    texts = [str(value) for stage in CARDS for row in rows(folder, stage) for value in row.values()]
    tokenizer = make_tokenizer(RandomModel(vocab_size=512, max_position_embeddings=2048), texts)
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    torch.manual_seed(0)
    torch.set_default_dtype(getattr(torch, dtype))
    model = LlamaForCausalLM(LlamaConfig(**shape, **ends, max_position_embeddings=2048))
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
