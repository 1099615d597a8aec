"""Iterative DPO: pairs of the model's own answers, by their scores; two rounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.training.stages.iterative_dpo import best_and_worst
from training.conftest import Recipe, card, prepared, trained
from training.stages.conftest import PLAIN, trainer_of

FEW: dict[str, Any] = {
    "max_steps": 16, "learning_rate": 3e-2, "per_device_train_batch_size": 8, "save_strategy": "no",
    "eval_strategy": "no", "load_best_model_at_end": False,
}  # fmt: skip
ROUND: dict[str, Any] = {
    "use": "iterative_dpo", "card": card("hh-rlhf-dpo"), "reward_function": "vowels:share", "responses": 4,
    "max_new_tokens": 16, "temperature": 1.0, "top_p": 1.0, "training": FEW,
}  # fmt: skip


@pytest.fixture(autouse=True)
def vowels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reward: the share of vowels in an answer, and none at all where a conversation ends in nothing."""
    (tmp_path / "vowels.py").write_text(
        "def share(conversations):\n"
        "    said = [turns[-1]['content'] for turns in conversations]\n"
        "    return [sum(c in 'aeiou' for c in text.lower()) / len(text) if text else None for text in said]\n"
        "def same(conversations):\n"
        "    return [1.0] * len(conversations)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "vowels", raising=False)


@pytest.mark.parametrize(
    ("scores", "at"),
    [
        ([0.5, 2.0, -1.0], (1, 2)),
        ([1.0, 3.0, 3.0, 1.0], (1, 0)),
        ([None, 2.0, None, 1.0], (1, 3)),
        ([2.0, 2.0], None),
        ([None, 2.0], None),
        ([None, None], None),
    ],
)
def test_the_best_and_the_worst_are_the_first_of_their_equals(scores: list[float | None], at: Any):
    assert best_and_worst(scores) == at


def test_pairs_are_the_best_and_the_worst_that_the_start_says(recipe: Recipe, rows: Path, tmp_path: Path):
    from transformers import AutoModelForCausalLM
    from vowels import share

    from bezoar_data.training.sampled import sample_replies

    ready = prepared(recipe([ROUND], **PLAIN), rows, tmp_path / "out")
    trainer = trainer_of(ready, tmp_path)
    model = AutoModelForCausalLM.from_pretrained(ready.folder.base, dtype="float32").eval()
    asked = [one["prompt_ids"] for one in ready.stages[0].training.examples.train]
    assert len({tuple(one) for one in asked}) == len(asked)
    how = {"n": 4, "longest": 16, "seed": 42, "temperature": 1.0, "top_p": 1.0}
    drawn = sample_replies(model, asked[:3], ready.template, **how)
    lines = [json.loads(line) for line in (tmp_path / "work/pairs.jsonl").read_text().splitlines()]
    assert len(lines) == len(asked)
    for prompt, replies, pair in zip(asked, drawn, lines, strict=False):
        plain = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
        texts = [ready.template.tokenizer.decode(ids, **plain).strip() for ids in replies]
        scores = share([[{"content": text}] for text in texts])
        assert (pair["chosen_score"], pair["rejected_score"]) == (max(scores), min(scores))
        assert pair["prompt_ids"] == prompt
        assert replies.index(pair["chosen_ids"]) == scores.index(max(scores))
        assert replies.index(pair["rejected_ids"]) == scores.index(min(scores))
    # The policy is its own reference as it starts, and learns these pairs.
    assert trainer.train_dataset["chosen_ids"][:] == [one["chosen_ids"] for one in lines if one]
    assert trainer.ref_model is not None
    few = trainer.data_collator([trainer.train_dataset[0], trainer.train_dataset[1]])
    assert float(trainer.compute_loss(trainer.model, few)) == pytest.approx(0.6931, abs=1e-3)


def test_answers_are_drawn_once(recipe: Recipe, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ready = prepared(recipe([ROUND], **PLAIN), rows, tmp_path / "out")
    first = trainer_of(ready, tmp_path).train_dataset["chosen_ids"][:]
    monkeypatch.setattr("bezoar_data.training.stages.iterative_dpo.draw_replies", None)
    assert trainer_of(ready, tmp_path).train_dataset["chosen_ids"][:] == first


@pytest.mark.slow
def test_two_rounds_raise_the_reward(recipe: Recipe, rows: Path, tmp_path: Path):
    stages = [{**ROUND, "id": "first"}, {**ROUND, "id": "second"}]
    first, second = trained(recipe(stages, **PLAIN), rows, tmp_path / "out")
    found = [one.metrics["iterative_dpo"] for one in (first, second)]
    assert found[0]["chosen"] > found[0]["rejected"]
    # What the second round draws from is what the first has made.
    assert found[1]["chosen"] + found[1]["rejected"] > found[0]["chosen"] + found[0]["rejected"] + 0.1
    assert found[0]["pairs"] <= found[0]["prompts"]
    assert (tmp_path / "out/second/pairs.jsonl").is_file()
    assert first.metrics["last_loss"] < first.metrics["first_loss"]


@pytest.mark.slow
def test_a_reward_stage_scores_answers_and_stands_in_the_lineage(recipe: Recipe, rows: Path, tmp_path: Path):
    brief = {"max_steps": 2, "save_strategy": "no", "eval_strategy": "no", "load_best_model_at_end": False}
    reward = {"use": "reward", "card": card("hh-rlhf-dpo"), "training": brief}
    stage = {**ROUND, "from": "base", "reward": "reward", "reward_function": None, "training": {**FEW, **brief}}
    _, done = trained(recipe([reward, stage], quantisation=None), rows, tmp_path / "out")
    assert [one.stage for one in done.lineage] == ["reward"]
    assert done.metrics["iterative_dpo"]["chosen"] > done.metrics["iterative_dpo"]["rejected"]
    assert (tmp_path / "out/iterative_dpo/adapter_model.safetensors").is_file()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reward_function": None}, "takes one of 'reward', 'reward_model', 'reward_function'"),
        ({"responses": 1}, "at least 2, not the number 1"),
        ({"reward_function": None, "reward": "ratings"}, "no earlier stage 'ratings'"),
    ],
)
def test_what_cannot_be_is_refused(recipe: Recipe, rows: Path, tmp_path: Path, changes: Any, message: str):
    with pytest.raises(InputError, match=message):
        prepared(recipe([{**ROUND, **changes}], **PLAIN), rows, tmp_path / "out")


def test_answers_that_all_score_alike_are_no_pairs(recipe: Recipe, rows: Path, tmp_path: Path):
    ready = prepared(recipe([{**ROUND, "reward_function": "vowels:same"}], **PLAIN), rows, tmp_path / "out")
    with pytest.raises(InputError, match="all score alike"):
        trainer_of(ready, tmp_path)
