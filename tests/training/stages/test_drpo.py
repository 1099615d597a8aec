"""DR-PO: where answers begin, what is scored, and that without resets it is TRL's RLOO."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.training.stages.drpo import DrpoStage, reset_length
from training.conftest import Recipe, card, prepared, trained
from training.stages.conftest import PLAIN, trainer_of

FEW: dict[str, Any] = {
    "max_steps": 3, "num_generations": 2, "max_completion_length": 24, "learning_rate": 1e-2,
    "save_strategy": "no", "eval_strategy": "no", "load_best_model_at_end": False,
}  # fmt: skip


@pytest.fixture
def small(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a recipe of one such stage, whose reward is the share of the letter e in an answer."""
    from training.conftest import HEAD

    (tmp_path / "letters.py").write_text(
        "seen = []\n"
        "def e(conversations):\n"
        "    seen.extend(conversations)\n"
        "    texts = [turns[-1]['content'] for turns in conversations]\n"
        "    return [text.count('e') / (len(text) + 1) for text in texts]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "letters", raising=False)
    top = {key: value for key, value in HEAD["training"].items() if key != "max_length"}

    def write(**stage: Any) -> Path:
        stage = {"reward_function": "letters:e", **stage, "training": {**FEW, **stage.get("training", {})}}
        return recipe([{"use": "drpo", "card": card("hh-rlhf-dpo"), **stage}], **PLAIN, training=top)

    return write


def test_prefixes_are_of_one_to_all_but_one_token_evenly():
    reply = list(range(9))
    drawn = [reset_length(reply, 100, 1.0, 7, step, [1, 2]) for step in range(4000)]
    assert {*drawn} == {*range(1, 9)}
    assert all(abs(drawn.count(n) / 4000 - 1 / 8) < 0.03 for n in range(1, 9))
    assert max(reset_length(reply, 4, 1.0, 7, step) for step in range(200)) == 3
    half = [reset_length(reply, 100, 0.5, 7, step, [1, 2]) for step in range(4000)]
    assert abs(half.count(0) / 4000 - 0.5) < 0.03
    assert abs(sum(half) / (4000 - half.count(0)) - 4.5) < 0.15
    assert {reset_length(reply, 100, 0.0, step) for step in range(200)} == {0}
    assert {reset_length([5], 100, 1.0, step) for step in range(20)} == {0}


def test_the_probability_of_a_reset_goes_evenly_to_its_end():
    stage = {"use": "drpo", "card": "card.md", "reward": "r", "reset": 0.8, "reset_end": 0.2}
    assert [DrpoStage(**stage).reset_at(done) for done in (0, 0.5, 1)] == pytest.approx([0.8, 0.5, 0.2])
    assert DrpoStage(use="drpo", card="card.md", reward="r").reset_at(0.7) == 1


def test_without_resets_it_is_trls_rloo_loss_for_loss(small: Any, rows: Path, tmp_path: Path):
    from letters import e
    from transformers import AutoModelForCausalLM
    from trl import RLOOTrainer

    ready = prepared(small(reset=0.0), rows, tmp_path / "out")
    ours = trainer_of(ready, tmp_path)
    base = ready.folder.base
    ours.train()

    def reward(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        return [float(r) for r in e([[{"content": text.strip()}] for text in completions])]

    theirs = RLOOTrainer(
        model=AutoModelForCausalLM.from_pretrained(base, dtype="float32"),
        reward_funcs=reward,
        args=ours.args,
        train_dataset=ours.train_dataset.select_columns(["prompt"]),
        processing_class=ours.processing_class,
    )
    theirs.train()
    keys = ("loss", "reward", "kl", "grad_norm", "completions/mean_length")
    found, wanted = (
        [[line[key] for key in keys] for line in one.state.log_history if "loss" in line] for one in (ours, theirs)
    )
    assert len(found) == 3
    assert found == wanted
    assert len({line[1] for line in found}) == 3
    assert any(abs(line[2]) > 1e-5 for line in found)


def test_a_groups_answers_begin_alike_and_are_scored_whole(small: Any, rows: Path, tmp_path: Path):
    import letters

    trainer = trainer_of(prepared(small(), rows, tmp_path / "out"), tmp_path)
    trainer.model.train()
    row, other = trainer.train_dataset[0], trainer.train_dataset[1]
    assert row["prompt_ids"] != other["prompt_ids"]
    begun = set()
    for step in range(6):
        trainer.state.global_step = step
        letters.seen.clear()
        made = trainer._generate_and_score_completions([row, row, other, other])
        first, second, third, fourth = trainer.given
        assert first == second
        assert third == fourth
        for given, one in ((first, row), (third, other)):
            assert 1 <= len(given) < min(len(one["reply_ids"]), 24)
            assert given == one["reply_ids"][: len(given)]
        begun.add(len(first))
        # What is given stands before what is learnt, and counts to the length of the whole.
        decode = trainer.processing_class.decode
        for i, (given, one) in enumerate(zip(trainer.given, (row, row, other, other), strict=True)):
            learnt = made["completion_ids"][i][made["completion_mask"][i].bool()].tolist()
            before = made["prompt_ids"][i][made["prompt_mask"][i].bool()].tolist()
            assert before == one["prompt_ids"] + given
            assert len(given) + len(learnt) <= 24
            whole = decode([*given, *learnt], skip_special_tokens=True, clean_up_tokenization_spaces=False)
            assert letters.seen[i][-1] == {"role": "assistant", "content": whole.strip()}
            assert letters.seen[i][:-1] == json.loads(one["asked"])
    assert len(begun) > 2
    trainer.model.eval()
    trainer._generate_and_score_completions([row, row])
    assert trainer.given == [[], []]


def test_an_answer_that_does_not_end_has_the_reward_that_is_said(small: Any, rows: Path, tmp_path: Path):
    trainer = trainer_of(prepared(small(unfinished=-1.0), rows, tmp_path / "out"), tmp_path)
    row, end = trainer.train_dataset[0], trainer.processing_class.eos_token_id
    (scored,) = trainer.reward_funcs
    ids = row["reply_ids"][:4]
    found = scored(completion_ids=[ids, [*ids, end]], given_ids=[[], ids[:1]], asked=[row["asked"]] * 2)
    assert found[0] == -1
    assert found[1] >= 0


@pytest.mark.slow
def test_it_learns_from_a_reward_stage_of_the_recipe(recipe: Recipe, rows: Path, tmp_path: Path):
    from training.conftest import HEAD

    top = {key: value for key, value in HEAD["training"].items() if key != "max_length"}
    brief = {"max_steps": 2, "save_strategy": "no", "eval_strategy": "no", "load_best_model_at_end": False}
    stages = [
        {"use": "reward", "card": card("hh-rlhf-dpo"), "training": {**brief, "max_length": 320}},
        {
            "use": "drpo", "from": "base", "card": card("hh-rlhf-dpo"), "reward": "reward", "reset": 0.5,
            "split": {"validation": "validation"}, "training": {**FEW, "eval_strategy": "steps", "eval_steps": 3},
        },
    ]  # fmt: skip
    path = recipe(stages, quantisation=None, training=top)
    _, done = trained(path, rows, tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out/drpo/log.jsonl").read_text().splitlines()]
    assert 0 < sum(line.get("reset/share", 0) for line in lines) < 3
    assert {"first_reward", "last_reward", "last_eval_reward", "last_kl"} <= done.metrics.keys()
    assert [one.stage for one in done.lineage] == ["reward"]
    assert (tmp_path / "out/drpo/adapter_model.safetensors").is_file()
    folder = tmp_path / "out/reward"
    stages = [{"use": "drpo", "card": card("hh-rlhf-dpo"), "reward_model": str(folder), "training": FEW}]
    path = recipe(stages, quantisation=None, training=top)
    key = prepared(path, rows, tmp_path / "again").stages[0].key
    (again,) = trained(path, rows, tmp_path / "again")
    assert again.key == key
    head = json.loads((folder / "reward.json").read_text())
    (folder / "reward.json").write_text(json.dumps({**head, "weights": {"reward": 2.0}}))
    assert prepared(path, rows, tmp_path / "again").stages[0].key != key


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"reward_function": None}, "takes one of 'reward', 'reward_model', 'reward_function'"),
        ({"reward_model": "../nowhere"}, "takes one of"),
        ({"reward_function": None, "reward": "ratings"}, "no earlier stage 'ratings'"),
        ({"training": {"load_best_model_at_end": True}}, "the loss of RLOO says nothing"),
        ({"training": {"reward_weights": [1.0]}}, "'reward_weights' does nothing here"),
    ],
)
def test_what_cannot_be_is_refused(small: Any, rows: Path, tmp_path: Path, stage: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        prepared(small(**stage), rows, tmp_path / "out")


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"reward_function": "letterz:e"}, "no module 'letterz'"),
        ({"reward_function": "letters:f"}, "no function 'f'"),
        ({"reward_function": None, "reward_model": "./nowhere"}, "no reward model in"),
        ({"training": {"num_generations": 3}}, "num_generations"),
    ],
)
def test_a_reward_that_is_not_there_is_refused_before_training(
    small: Any, rows: Path, tmp_path: Path, stage: dict[str, Any], message: str
):
    from bezoar_data.training.trial import try_stages

    with pytest.raises(InputError, match=message):
        try_stages(prepared(small(**stage), rows, tmp_path / "out"), elsewhere=False)
