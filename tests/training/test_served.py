"""A trained stage as people load it: the card's own lines, an adapter and a merged model, with tokens that the base
lacked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.runs.stage_record import StageRecord
from support.tiny_model import save_tiny_model
from training.conftest import CHATML, HEAD, card, trained

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
NEW = ["<|im_start|>", "<|im_end|>"]


@pytest.fixture(scope="module")
def stages(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[StageRecord]]:
    """SFT and a merge on a base without a chat template, and without the tokens of the one it is given."""
    folder = tmp_path_factory.mktemp("served")
    save_tiny_model(folder / "tiny", chat_template=None)
    (folder / "chatml.jinja").write_text(CHATML)
    training = {**HEAD["training"], "max_steps": 30, "max_length": 250, "eval_strategy": "no", "save_strategy": "no"}
    training |= {"load_best_model_at_end": False}
    base = {"base": {"model": "./tiny"}, "template": "chatml.jinja", "add_tokens": NEW, "eos_token": NEW[1]}
    steps = [{"use": "sft", "card": card("lamini")}, {"use": "merge", "dtype": "float32"}]
    recipe = {**HEAD, **base, "quantisation": None, "training": training, "stages": steps}
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return folder / "out", trained(folder / "recipe.yaml", runs, folder / "out")


def test_new_tokens_have_rows_that_were_trained(stages: tuple[Path, list[StageRecord]]) -> None:
    from safetensors.torch import load_file
    from transformers import AutoTokenizer

    out, _ = stages
    tokenizer = AutoTokenizer.from_pretrained(out / "merge")
    merged = load_file(out / "merge" / "model.safetensors")
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        had = len(tokenizer) - len(NEW)
        rows = merged[name]
        assert len(rows) == len(tokenizer)
        mean = rows[:had].mean(0)
        assert all((row - mean).abs().max() > 1e-4 for row in rows[had:]), "they stand where they began"
    assert tokenizer.eos_token == NEW[1]


def test_what_ends_a_text_is_said_in_every_folder(stages: tuple[Path, list[StageRecord]]) -> None:
    from transformers import AutoTokenizer

    out, _ = stages
    end = AutoTokenizer.from_pretrained(out / "sft").convert_tokens_to_ids(NEW[1])
    for file in ("sft/generation_config.json", "merge/generation_config.json", "merge/config.json"):
        said: Any = json.loads((out / file).read_text())
        assert end in said["eos_token_id"], file
    assert not (out / "sft" / "config.json").exists()
    assert json.loads((out / "merge" / "config.json").read_text())["use_cache"] is True


def test_the_cards_own_lines_run(stages: tuple[Path, list[StageRecord]]) -> None:
    out, _ = stages
    assert all("Why is the sky blue?" in run(out / name) for name in ("sft", "merge"))


def test_the_merged_model_says_what_the_adapter_says(stages: tuple[Path, list[StageRecord]]) -> None:
    """Of the new tokens as well, though they are made anew where the adapter is loaded."""
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out, _ = stages
    tokenizer = AutoTokenizer.from_pretrained(out / "sft")
    ids = torch.tensor([[*tokenizer.convert_tokens_to_ids(NEW), 9, 10]])
    kinds = {"sft": AutoPeftModelForCausalLM, "merge": AutoModelForCausalLM}
    with torch.no_grad():
        said = [kind.from_pretrained(out / name, dtype=torch.float32)(ids).logits for name, kind in kinds.items()]
    torch.testing.assert_close(*said, atol=1e-4, rtol=1e-4)


def run(folder: Path) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
