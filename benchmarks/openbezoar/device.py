"""Makes what the chain of recipes/openbezoar.yaml can be run on where nothing can be fetched: a base of OpenLLaMA 3B's
shape with random weights, the data of the demo pipelines, and the recipe on both for a few steps a stage.

    python benchmarks/openbezoar/device.py FOLDER [--shape small] [--steps 4]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bezoar_data.config.files.recipe import RandomModel
from bezoar_data.config.yaml.document import load_yaml
from bezoar_data.training.random_base import make_tokenizer

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "openbezoar.yaml"
DATA = ("lamini", "orca", "evol-instruct", "hh-rlhf-sft", "hh-rlhf-dpo")
SHAPES: dict[str, dict[str, int]] = {
    # The configuration of openlm-research/open_llama_3b_v2.
    "openllama-3b": {
        "vocab_size": 32000,
        "hidden_size": 3200,
        "intermediate_size": 8640,
        "num_hidden_layers": 26,
        "num_attention_heads": 32,
        "max_position_embeddings": 2048,
    },
    "small": {
        "vocab_size": 32000,
        "hidden_size": 128,
        "intermediate_size": 352,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 2048,
    },
}
ON_A_CPU = {"use_cpu": True, "bf16": False, "optim": "adamw_torch", "gradient_checkpointing": False}
"""What the recipe's settings need a GPU for."""


def main() -> None:
    import torch

    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shape", choices=SHAPES, default="openllama-3b" if cuda else "small")
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in DATA:
        if not (options.folder / "runs" / name / "dataset" / "lock.json").is_file():
            command = [sys.executable, "-m", "bezoar_data.cli.main", "run", str(ROOT / "pipelines" / f"{name}.yaml")]
            command += ["--models", str(ROOT / "pipelines" / "models" / "offline.yaml")]
            subprocess.run(command, cwd=options.folder, check=True, capture_output=True)
    if not (options.folder / "base" / "config.json").is_file():
        _make_base(options.folder, SHAPES[options.shape], torch.bfloat16 if cuda else torch.float32)
    recipe = _recipe(options.steps, cuda)
    (options.folder / "openbezoar.yaml").write_text(json.dumps(recipe, indent=1))


def _recipe(steps: int, cuda: bool) -> dict[str, Any]:
    """openbezoar.yaml as it stands, but for the base, the demo data, and the number of steps."""
    recipe: dict[str, Any] = json.loads(json.dumps(load_yaml(RECIPE).value, default=str))
    few = {"max_steps": steps, "logging_steps": 1, "eval_steps": steps, "save_steps": steps}
    machine = {} if cuda else ON_A_CPU
    recipe["name"] = "openbezoar-device"
    recipe["base"] = {"model": "./base", "licence": "apache-2.0"}
    recipe["template"] = str(RECIPE.parent / recipe["template"])
    recipe["policy"] = {"demo": True}
    recipe["training"] |= machine
    if not cuda:
        recipe["quantisation"]["bnb_4bit_compute_dtype"] = "float32"
    for stage in recipe["stages"]:
        if "card" in stage:
            name = Path(stage["card"]).name
            stage["card"] = str(ROOT / "cards" / name)
            own = {key: value for key, value in machine.items() if key in stage["training"]}
            stage["training"] = {**stage["training"], **few, **own}
            if "where" in stage:
                stage["where"] = 'judge_status == "Accept"'
    return recipe


def _make_base(folder: Path, shape: dict[str, int], dtype: Any) -> None:
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer(RandomModel(vocab_size=2000, max_position_embeddings=2048), _texts(folder))
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    torch.manual_seed(0)
    torch.set_default_dtype(dtype)
    model = LlamaForCausalLM(LlamaConfig(**shape, **ends))
    model.generation_config = GenerationConfig(**ends)
    model.save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")


def _texts(folder: Path) -> Iterator[str]:
    import pyarrow.parquet as pq

    for file in sorted(folder.glob("runs/*/dataset/data/train-*.parquet")):
        for row in pq.read_table(file).to_pylist():
            yield from (str(value) for value in row.values())


if __name__ == "__main__":
    main()
