"""What a plan says of memory, time and how a stage is computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.training.estimate.duration import seconds
from bezoar_data.training.estimate.kernels import choose_kernels
from bezoar_data.training.estimate.machine import Machine
from bezoar_data.training.estimate.memory import memory
from bezoar_data.training.estimate.model_config import adapter_weights, config_of, empty_model
from bezoar_data.training.settings import with_defaults
from bezoar_data.training.stages.sft import SftStage
from support.trained import data, stage
from training.conftest import Recipe, card, prepared

SHAPE = {"hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 3, "num_attention_heads": 4}
LORA = {"r": 16, "target_modules": ["q_proj", "k_proj", "v_proj"], "lora_dropout": 0.05}
GPU = Machine("NVIDIA H100", cuda=True, memory=80 * 2**30, half_flash=("flash_attention_2",), liger=True)
CPU = Machine("Some processor", cuda=False, memory=16 * 2**30)


def config(**more: Any) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(**{"vocab_size": 300, "use_cache": False, **SHAPE, **more})


def kept_by_autograd(half: bool, adapter: bool, batch: int, length: int, attention: str) -> int:
    """Bytes that a forward pass of the real model keeps for the backward one."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaForCausalLM

    dtype = torch.bfloat16 if half else torch.float32
    model: Any = LlamaForCausalLM._from_config(config(), dtype=dtype, attn_implementation=attention)
    if adapter:
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **LORA))
        model.enable_input_require_grads()
    model.train()
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage  # held, so that no address is used twice
        return tensor

    ids = torch.zeros(batch, length, dtype=torch.long)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        body = model.get_base_model().model if adapter else model.model
        body(input_ids=ids)
        return sum(storage.nbytes() for storage in kept.values())


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(("half", "adapter"), [(True, True), (True, False), (False, True), (False, False)])
def test_activations_are_what_autograd_keeps(half: bool, adapter: bool, attention: str):
    shape = config_of(empty_model(config()))
    full = {**with_defaults("SFTConfig", {}), "bf16": half, "optim": "adamw_torch"}
    parts = memory(
        *(shape, (2, 96), full, None, 1000), all_weights=not adapter, attention=attention, checkpointing=False
    )
    counted = kept_by_autograd(half, adapter, 2, 96, attention)
    assert 0.9 < parts["activations"] / counted < 1.1


def test_an_openllama_3b_counts_as_known():
    """3.43 billion weights, 7,987,200 of the authors' adapter; about 2.1 GB of weights in four bits."""
    big = config(
        vocab_size=32000, hidden_size=3200, intermediate_size=8640, num_hidden_layers=26, num_attention_heads=32
    )
    shape = config_of(empty_model(big))
    assert round(shape.weights / 1e9, 2) == 3.43
    assert adapter_weights(big, LORA) == 7_987_200
    full = with_defaults("SFTConfig", {"optim": "paged_adamw_8bit"})
    nf4 = {"load_in_4bit": True, "bnb_4bit_use_double_quant": True}

    def peak(checkpointing: bool) -> dict[str, int]:
        more = {"all_weights": False, "attention": "sdpa"}
        return memory(shape, (4, 1024), full, nf4, 7_987_200, **more, checkpointing=checkpointing)  # type: ignore[arg-type]

    assert 2.0e9 < peak(True)["weights"] < 2.1e9
    assert peak(True)["optimizer"] == 2 * 7_987_200
    assert peak(False)["activations"] > 8 * peak(True)["activations"]


def test_the_longest_sequence_and_both_sides_of_a_pair_count(recipe: Recipe, runs: Path, tmp_path: Path):
    stages = [{"use": use, "card": card(name)} for use, name in (("sft", "lamini"), ("dpo", "hh-rlhf-dpo"))]
    sft, dpo = (planned.training for planned in prepared(recipe(stages), runs, tmp_path / "out").stages)
    assert dpo.estimate.memory["activations"] > 1.5 * sft.estimate.memory["activations"]
    assert sft.estimate.memory["adapter"] == dpo.estimate.memory["adapter"]


def test_a_stage_is_computed_by_what_is_installed_and_fits():
    from transformers import LlamaForCausalLM

    def chosen(machine: Machine, written: dict[str, Any], memory: int | None, named: str | None = None) -> Any:
        model = LlamaForCausalLM
        return choose_kernels(SftStage(use="sft", card="c.md"), written, named, model, machine, memory)

    fast = chosen(GPU, {}, 2**30)
    assert (fast.attention, fast.checkpointing) == ("flash_attention_2", False)
    assert fast.settings == {"use_liger_kernel": True, "padding_free": True, "gradient_checkpointing": False}
    assert chosen(GPU, {}, 60 * 2**30).checkpointing
    assert chosen(GPU, {}, None).checkpointing
    assert chosen(GPU, {"bf16": False}, 0).attention == "sdpa"
    assert chosen(CPU, {}, 2**30).settings == {"gradient_checkpointing": False}
    written = {"packing": False, "use_liger_kernel": False, "activation_checkpointing": True}
    mine = chosen(GPU, written, 0, "eager")
    assert (mine.attention, mine.checkpointing, mine.settings) == ("eager", True, {})


def test_the_time_follows_from_earlier_stages_of_this_machine(tmp_path: Path):
    base, other = ({"make": {"hidden_size": n}} for n in (64, 128))
    rows = {side: {"examples": 10, "tokens": 1000, "truncated": 0, "left_out": {}} for side in ("train", "validation")}
    record = stage(
        data("c", "MIT", "yes", rows=rows),
        base=base,
        machine={"name": GPU.name, "memory_bytes": 1, "processes": 1},
        metrics={"epochs": 2.0},
        times={"seconds": 10.0, "resumed_from": None},
    )
    (tmp_path / "one" / "sft").mkdir(parents=True)
    (tmp_path / "one" / "sft" / "stage.json").write_text(json.dumps(record.as_json()))

    def took(machine: Machine, of: dict[str, Any], use: str = "sft") -> tuple[tuple[float, float] | None, str]:
        return seconds(tmp_path, machine, use, of, 4000)

    known, basis = took(GPU, base)
    assert known == (20 * 0.7, 20 * 1.5)
    assert "1 earlier" in basis
    for interval, basis in (took(GPU, other), took(CPU, base), took(GPU, base, "dpo")):
        assert interval is None
        assert "no " in basis
        assert "two steps" in basis
