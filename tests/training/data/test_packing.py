"""Rows in one sequence: what is learnt of each is what it would be alone, and no token sees another row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place
from bezoar_data.training.data.packing import need_rows_apart, pack, rows_apart
from bezoar_data.training.stages.registry import load_recipe
from training.conftest import Recipe, card, trained

STAGE = {"use": "sft", "card": card("lamini")}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, list[int]]]:
    """Of several lengths, the first tokens not learnt."""
    made = []
    for n in (9, 30, 17, 24, 5, 40, 12):
        ids = [(7 * n + 11 * i) % 290 + 5 for i in range(n)]
        made.append({"input_ids": ids, "labels": [-100] * 3 + ids[3:]})
    return made


def model(attention: str, **more: Any) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    shape = {"vocab_size": 300, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    config = LlamaConfig(**shape, num_attention_heads=4, initializer_range=0.2, use_cache=False, **more)
    return LlamaForCausalLM._from_config(config, attn_implementation=attention)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_rows_teach_what_each_teaches_alone(rows: list[dict[str, list[int]]], attention: str):
    """The logits of every row, and the gradients of all, through TRL's own collator."""
    import torch
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    packed = pack(rows, 48)
    assert len(packed) < len(rows)
    assert sorted(n for p in packed for n in p["seq_lengths"]) == [5, 9, 12, 17, 24, 30, 40]
    one, other = model(attention), model(attention)
    batch = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True, pad_to_multiple_of=8)(packed)
    logits = one(input_ids=batch["input_ids"], position_ids=batch["position_ids"]).logits[0]
    loss = torch.nn.functional.cross_entropy(logits[:-1], batch["labels"][0, 1:], reduction="sum")
    loss.backward()
    alone = torch.tensor(0.0)
    by_ids = {tuple(row["input_ids"]): row for row in rows}
    at = 0
    for sequence in packed:
        for length in sequence["seq_lengths"]:
            ids = batch["input_ids"][0, at : at + length]
            row = by_ids.pop(tuple(ids.tolist()))
            expected = other(input_ids=ids[None]).logits[0]
            torch.testing.assert_close(logits[at : at + length], expected, atol=1e-4, rtol=1e-4)
            alone = alone + torch.nn.functional.cross_entropy(
                expected[:-1], torch.tensor(row["labels"][1:]), reduction="sum"
            )
            at += length
    assert not by_ids
    alone.backward()
    torch.testing.assert_close(loss, alone)
    for (name, packed_weight), weight in zip(one.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(packed_weight.grad, weight.grad, atol=1e-3, rtol=1e-3, msg=name)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_model_itself_is_asked_whether_rows_are_apart(attention: str):
    assert rows_apart(model(attention))


def test_a_model_whose_rows_see_each_other_is_refused():
    """One with a state that runs through the whole sequence."""
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=300, hidden_size=32, num_hidden_layers=1, state_size=4, initializer_range=0.2)
    with pytest.raises(InputError, match="would see each other"):
        need_rows_apart(MambaForCausalLM(config), Place("r.yaml"))


@pytest.mark.parametrize(
    ("use", "message", "settings"),
    [
        ("sft", "pieces that see each other", {"packing": True, "packing_strategy": "wrapped"}),
        ("sft", "rows would see each other", {"eval_packing": True}),
        ("sft", "needs a length to fill", {"packing": True, "max_length": None}),
        ("dpo", "does nothing", {"padding_free": True}),
    ],
)
def test_settings_that_mix_rows_or_do_nothing_are_refused(
    recipe: Recipe, use: str, message: str, settings: dict[str, Any]
):
    data = "hh-rlhf-dpo" if use == "dpo" else "lamini"
    with pytest.raises(InputError) as error:
        load_recipe(recipe([{"use": use, "card": card(data), "training": settings}]))
    (problem,) = error.value.problems
    assert message in problem.message
    assert problem.place is not None
    assert problem.place.line == 1


@pytest.mark.slow
def test_joined_rows_train_to_the_same_weights(recipe: Recipe, runs: Path, tmp_path: Path):
    """Without padding a stage's weights are what they are with it, but for rounding; packed it takes fewer steps."""
    from safetensors.torch import load_file

    still = {"lora_dropout": 0.0}
    found = {}
    for name in ("padded", "padding_free", "packing"):
        plain = {"max_steps": 4, "eval_strategy": "no", "load_best_model_at_end": False, "bf16": False}
        more = {} if name == "padded" else {name: True}
        epochs = {"max_steps": -1, "num_train_epochs": 1, "max_length": 512} if name == "packing" else {}
        stage = {**STAGE, "adapter": still, "split": {"rows": 32}, "training": {**plain, **more, **epochs}}
        path = recipe([stage], quantisation=None)
        found[name] = trained(path, runs, tmp_path / name)[0]
    padded, joined = (load_file(tmp_path / n / "sft" / "adapter_model.safetensors") for n in ("padded", "padding_free"))
    for key, weight in padded.items():
        assert (weight - joined[key]).abs().max() < 2e-3, key
    assert found["packing"].metrics["steps"] < 8
