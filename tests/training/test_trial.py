"""Recipes that would crash inside TRL, peft or transformers after hours: `--plan` tells each, with its line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bezoar_data import load_pipeline, load_recipe
from bezoar_data.config.errors import InputError
from bezoar_data.reports.training_plan import plan_text
from training.conftest import ALPACA, card

SFT = {"use": "sft", "card": card("lamini"), "split": {"rows": 16}}
DPO = {"use": "dpo", "card": card("hh-rlhf-dpo"), "split": {"rows": 16}}
RIGHT: dict[str, Any] = {
    "name": "wrong",
    "version": 1,
    "base": {"make": {"vocab_size": 400, "max_position_embeddings": 512}},
    "template": str(ALPACA),
    "policy": {"demo": True},
    "adapter": {"r": 4, "target_modules": ["q_proj", "v_proj"]},
    "training": {"use_cpu": True, "bf16": False, "max_steps": 100, "max_length": 320, "per_device_train_batch_size": 4},
    "stages": [SFT, {"use": "merge"}, DPO],
}


def wrong(**changes: Any) -> dict[str, Any]:
    return {**RIGHT, **{k: {**RIGHT[k], **v} if isinstance(v, dict) else v for k, v in changes.items()}}


def missing(package: str) -> Any:
    return pytest.mark.skipif(find_spec(package) is not None, reason=f"{package} is installed")


CASES = {
    "lm_head as a target": (wrong(adapter={"target_modules": ["q_proj", "lm_head"]}), "target_modules", "lm_head"),
    "DPO that carries trained biases": (
        wrong(adapter={"bias": "all"}, stages=[SFT, DPO]), "bias", "bias"
    ),
    "Liger's kernels, not installed": pytest.param(
        wrong(training={"use_liger_kernel": True}), "use_liger_kernel", "liger", marks=missing("liger_kernel")
    ),
    "an optimizer, not installed": pytest.param(
        wrong(training={"optim": "galore_adamw", "optim_target_modules": ["q_proj"]}), "optim", "galore",
        marks=missing("galore_torch"),
    ),
    "a reporter, not installed": pytest.param(
        wrong(training={"report_to": "wandb"}), "report_to", "wandb", marks=missing("wandb")
    ),
    "a module that the base does not have": (wrong(adapter={"target_modules": ["query"]}), "target_modules", "query"),
    "more than the base's positions": (wrong(training={"max_length": 4096}), "max_length", "positions for 512"),
    "batches that are never full": (
        wrong(training={"per_device_train_batch_size": 64, "dataloader_drop_last": True}), "dataloader_drop_last",
        "no step is taken",
    ),
    "no epochs": (wrong(training={"max_steps": -1, "num_train_epochs": 0}), "num_train_epochs", "no step is taken"),
    "best checkpoints that are never saved": (
        wrong(
            training={"load_best_model_at_end": True, "eval_strategy": "steps", "save_strategy": "epoch"},
            stages=[{**DPO, "split": {"rows": 8, "validation": "validation"}}],
        ),
        "load_best_model_at_end", "load_best_model_at_end",
    ),
    "DeepSpeed's ZeRO-3": (wrong(training={"deepspeed": "zero3.json"}), "deepspeed", "cannot be set"),
    "an end of text that is no token": (wrong() | {"eos_token": "<stop>"}, "eos_token", "<stop>"),
    "a loss that TRL does not know": (
        wrong(stages=[SFT, {**DPO, "training": {"loss_type": ["sigmoyd"]}}]), "loss_type", "sigmoyd"
    ),
}  # fmt: skip


@pytest.fixture
def plan(two_runs: Path, tmp_path: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def run(recipe: dict[str, Any]) -> dict[str, Any]:
        path = tmp_path / "recipe.yaml"
        path.write_text(json.dumps(recipe, indent=1))
        return load_recipe(path, runs=two_runs, out=tmp_path / "out").plan()

    return run


@pytest.mark.parametrize(("recipe", "line", "words"), CASES.values(), ids=CASES.keys())
def test_what_would_crash_after_hours_is_told_before_with_its_line(
    plan: Callable[[dict[str, Any]], Any], recipe: dict[str, Any], line: str, words: str, tmp_path: Path
):
    with pytest.raises(InputError) as caught:
        plan(recipe)
    problem = caught.value.problems[0]
    assert words in problem.message
    assert problem.place is not None
    assert problem.place.file == str(tmp_path / "recipe.yaml")
    assert f'"{line}"' in (tmp_path / "recipe.yaml").read_text().split("\n")[(problem.place.line or 0) - 1]
    assert not (tmp_path / "out").exists()


def test_a_right_recipe_is_planned_whole(plan: Callable[[dict[str, Any]], Any]):
    quantised = wrong(quantisation=None) | {"quantisation": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}}
    found = plan(quantised)
    assert [stage["id"] for stage in found["stages"]] == ["sft", "merge", "dpo"]
    assert not any("not checked" in warning for warning in found["warnings"])


@pytest.mark.parametrize(
    "where",
    [
        {"layers_to_transform": [3]},
        {"target_modules": r".*layers\.[23]\..*_proj"},
        {"target_modules": ["3.mlp.up_proj"]},
    ],
    ids=["their numbers", "an expression", "a path"],
)
def test_an_adapter_may_name_layers_beyond_the_second(plan: Callable[[dict[str, Any]], Any], where: dict[str, Any]):
    base = {"make": {**RIGHT["base"]["make"], "num_hidden_layers": 4}}
    found = plan(wrong(base=base, adapter=where, stages=[SFT]))
    assert not any("not checked" in warning for warning in found["warnings"])
    where = json.loads(json.dumps(where).replace("3", "7").replace("2", "6"))
    with pytest.raises(InputError, match="cannot be trained like this"):
        plan(wrong(base=base, adapter=where, stages=[SFT]))


REFUSES = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "<{{ m.role }}>{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def test_a_system_turn_that_the_template_refuses_is_merged_or_its_row_left_out_and_counted(tmp_path: Path):
    def turns(*roles: str) -> dict[str, Any]:
        return {"messages": [{"role": role, "content": f"{role} {i}"} for i, role in enumerate(roles)]}

    first, late = turns("system", "user", "assistant"), turns("user", "assistant", "system", "user", "assistant")
    rows = [first, late, *[turns("user", "assistant")] * 6]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "card.md").write_text("---\nbezoar: {views: {messages: {messages: messages}}}\n---\n# T\n")
    step = "- {use: load_conversations, with: {path: rows.jsonl, licence: CC0-1.0}}"
    (tmp_path / "talks.yaml").write_text(f"name: talks\nversion: 1\ncard: card.md\nsteps:\n  {step}\n")
    load_pipeline(tmp_path / "talks.yaml", out=tmp_path / "runs" / "talks").run(quiet=True)
    (tmp_path / "refuses.jinja").write_text(REFUSES)
    stage = {"use": "sft", "card": "runs/talks/dataset/README.md", "split": {"rows": 8}}
    (tmp_path / "recipe.yaml").write_text(json.dumps({**RIGHT, "template": "refuses.jinja", "stages": [stage]}))
    found = load_recipe(tmp_path / "recipe.yaml", runs=tmp_path / "runs", out=tmp_path / "out").plan()
    counted = found["stages"][0]["rows"]["train"]
    assert (counted["rows"], counted["examples"], counted["left_out"]) == (8, 7, {"template: no system role": 1})
    assert any("refuses a system message; here it is put at the start of the first" in w for w in found["warnings"])


def test_without_the_libraries_the_rest_is_planned_and_what_was_not_checked_is_said(
    plan: Callable[[dict[str, Any]], Any], monkeypatch: pytest.MonkeyPatch
):
    whole = plan(RIGHT)
    for name in ("torch", "transformers", "trl", "peft"):
        monkeypatch.setitem(sys.modules, name, None)  # it cannot be found, or imported
    found = plan(RIGHT)
    assert [(s["id"], s["use"], s["from"], s["card"]) for s in found["stages"]] == [
        (s["id"], s["use"], s["from"], s["card"]) for s in whole["stages"]
    ]
    for stage, other in zip(found["stages"][::2], whole["stages"][::2], strict=True):
        assert {k: v["rows"] for k, v in stage["rows"].items()} == {k: v["rows"] for k, v in other["rows"].items()}
        assert stage["lock"] == other["lock"]
    (said,) = found["warnings"]
    assert said.startswith("not checked: tokens, steps, memory")
    assert "training needs torch, transformers, peft, trl (pip install 'bezoar-data[train]')" in said
    assert "16 rows, " in plan_text(found)
    with pytest.raises(InputError, match="there is no card"):
        plan(wrong(stages=[{**SFT, "card": "nowhere.md"}]))


FAMILIES = ["LlamaConfig", "MistralConfig", "Qwen2Config", "Qwen3Config", "GemmaConfig", "Gemma2Config",
            "Gemma3TextConfig", "Phi3Config", "PhiConfig", "GPT2Config", "GPTNeoXConfig", "OlmoConfig", "FalconConfig",
            "Qwen3MoeConfig", "MixtralConfig", "StableLmConfig", "SmolLM3Config"]  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_base_is_shrunken_to_two_layers_of_its_kind(family: str):
    import torch
    import transformers

    from bezoar_data.training.trial import shrunken

    small = shrunken(getattr(transformers, family)())
    small.get_text_config().vocab_size = 300
    small.pad_token_id = 0
    model = transformers.AutoModelForCausalLM.from_config(small)
    assert model.num_parameters() < 3e6
    with torch.no_grad():
        assert model(torch.tensor([[1, 2, 3]])).logits.shape == (1, 3, 300)
    assert small.get_text_config().num_hidden_layers == 2
