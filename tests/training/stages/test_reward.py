"""Reward models: losses against hand-worked values, plain logits and TRL; joined heads; what a stage leaves."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from bezoar_data.config.errors import InputError
from bezoar_data.llms.reward.model import RewardModel
from bezoar_data.training.stages.reward import _join, masked_error, scaled_loss
from support.command import bezoar
from training.conftest import Recipe, card, prepared, trained
from training.stages.conftest import PLAIN, trainer_of

RATINGS = {"use": "reward", "id": "ratings", "card": card("helpsteer2-ratings"), "split": {"validation": 0.3}}
PAIRS = {"use": "reward", "id": "pairs", "card": card("helpsteer2-preference")}
NOT_WATCHED = {"eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}


def test_the_error_of_ratings_is_as_worked_by_hand():
    nan = math.nan
    scores = torch.tensor([[1.0, 2.0, 3.0], [0.0, 4.0, 1.0]], requires_grad=True)
    ratings = torch.tensor([[2.0, nan, 3.5], [nan, 1.0, nan]])
    loss = masked_error(scores, ratings)
    assert loss.item() == pytest.approx((1 + 0.25 + 9) / 3, abs=1e-6)
    loss.backward()
    assert scores.grad.flatten().tolist() == pytest.approx([-2 / 3, 0, -1 / 3, 0, 6 / 3, 0], abs=1e-6)
    # NeMo-Aligner's form, which marks what is missing by -100.
    marked = ratings.nan_to_num(-100)
    nemo = (((scores - marked) ** 2) * (marked != -100)).sum() / (marked != -100).sum()
    torch.testing.assert_close(loss, nemo, atol=1e-6, rtol=1e-6)
    whole = torch.rand(4, 5)
    torch.testing.assert_close(masked_error(whole, whole + 1), torch.tensor(1.0))


def test_a_margin_as_a_weight_counts_each_pair_so_often():
    chosen, rejected = torch.tensor([1.0, 0.0, -1.0]), torch.tensor([0.0, 0.5, 1.0])
    margin = torch.tensor([3.0, 1.0, 2.0])
    repeated = [i for i, m in enumerate(margin) for _ in range(int(m))]
    each = -torch.nn.functional.logsigmoid((chosen - rejected)[repeated])
    torch.testing.assert_close(scaled_loss(chosen, rejected, margin), each.sum() / 3, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("loss", ["bt", "margin", "scaled"])
def test_losses_of_pairs_are_those_of_plain_scores(recipe: Recipe, rows: Path, tmp_path: Path, loss: str):
    """Of pairs of different lengths, padded together, from each reply's score alone; and of TRL's own trainer."""
    from trl import RewardTrainer

    stage = {**PAIRS, "loss": loss, "training": {"center_rewards_coefficient": 0.01}}
    trainer = trainer_of(prepared(recipe([stage], **PLAIN), rows, tmp_path / "out"), tmp_path)
    few = [trainer.train_dataset[i] for i in range(4)]
    model = trainer.model.eval()

    def score(ids: list[int]) -> Any:
        return model(torch.tensor([ids])).logits[0, 0]

    with torch.no_grad():
        found = trainer.compute_loss(model, trainer.data_collator(few))
        chosen, rejected = (torch.stack([score(pair[s]) for pair in few]) for s in ("chosen_ids", "rejected_ids"))
    centred = 0.01 * ((chosen + rejected) ** 2).mean()
    if loss == "bt":
        assert "margin" not in few[0]
        by_hand = -torch.nn.functional.logsigmoid(chosen - rejected)
    else:
        margin = torch.tensor([pair["margin"] for pair in few])
        assert len(set(margin.tolist())) > 1
        asked, times = (margin, 1) if loss == "margin" else (0, margin)
        by_hand = -times * torch.nn.functional.logsigmoid(chosen - rejected - asked)
    torch.testing.assert_close(found, by_hand.mean() + centred, atol=1e-6, rtol=1e-6)
    if loss != "scaled":
        trls = RewardTrainer(
            model=model, args=trainer.args, train_dataset=trainer.train_dataset,
            processing_class=trainer.processing_class,
        )  # fmt: skip
        with torch.no_grad():
            torch.testing.assert_close(found, trls.compute_loss(model, trls.data_collator(few)), atol=1e-6, rtol=1e-6)


def test_the_loss_of_ratings_is_that_of_plain_scores(recipe: Recipe, rows: Path, tmp_path: Path):
    stage = {**RATINGS, "attributes": ["verbosity", "helpfulness"]}
    trainer = trainer_of(prepared(recipe([stage], **PLAIN), rows, tmp_path / "out"), tmp_path)
    few = [dict(trainer.train_dataset[i]) for i in range(5)]
    few[1]["ratings"] = [None, few[1]["ratings"][1]]
    model = trainer.model.eval()
    with torch.no_grad():
        found = trainer.compute_loss(model, trainer.data_collator(few))
        scores = [model(torch.tensor([one["input_ids"]])).logits[0].tolist() for one in few]
    errors = [
        (s - r) ** 2 for said, one in zip(scores, few, strict=True) for s, r in zip(said, one["ratings"], strict=True)
        if r is not None
    ]  # fmt: skip
    assert len(errors) == 9
    assert found.item() == pytest.approx(sum(errors) / 9, rel=1e-5)


@pytest.fixture(scope="module")
def chain(rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ratings, then pairs from there, whole weights; and ratings with an adapter, merged."""
    from training.conftest import HEAD

    folder = tmp_path_factory.mktemp("chain")
    few = {"max_steps": 60, "learning_rate": 3e-3, **NOT_WATCHED}
    stages = [{**RATINGS, "training": few}, {**PAIRS, "loss": "scaled", "training": {**few, "max_steps": 1}}]
    path = folder / "whole.yaml"
    path.write_text(json.dumps({**HEAD, **PLAIN, "name": "whole", "stages": stages}))
    trained(path, rows, folder / "whole")
    path = folder / "adapter.yaml"
    few = {"max_steps": 3, **NOT_WATCHED}
    stages = [
        {**RATINGS, "training": few},
        {"use": "merge", "dtype": "float32"},
        {**PAIRS, "training": few, "split": {"validation": 0.3}},
    ]
    path.write_text(json.dumps({**HEAD, "quantisation": None, "name": "adapter", "stages": stages}))
    trained(path, rows, folder / "adapter")
    return folder


def record(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "stage.json").read_text())
    return value


@pytest.mark.slow
def test_a_model_of_ratings_learns_them_and_says_how_well(chain: Path):
    said = record(chain / "whole/ratings")["metrics"]
    assert said["last_loss"] < said["first_loss"] / 3
    assert list(said["reward"]["attributes"]) == [
        "helpfulness", "correctness", "coherence", "complexity", "verbosity",
    ]  # fmt: skip
    assert {"rows", "mse", "mae", "pearson", "kappa"} == said["reward"]["attributes"]["helpfulness"].keys()
    assert said["reward"]["pairs"]["pairs"] > 0
    head = json.loads((chain / "whole/ratings/reward.json").read_text())
    assert head["weights"] == {"helpfulness": 0.65, "correctness": 0.8, "coherence": 0.45}
    assert head["scale"] == [0, 4]
    config = json.loads((chain / "whole/ratings/config.json").read_text())
    assert config["id2label"]["0"] == "helpfulness"


CONVERSATIONS = [
    [{"role": "user", "content": "How long is a day?"}, {"role": "assistant", "content": "24 hours."}],
    [{"role": "user", "content": "How long is a day?"}, {"role": "assistant", "content": "Hm, " + "well, " * 30}],
]


@pytest.mark.slow
def test_numbers_are_joined_by_their_weights_where_pairs_follow(
    chain: Path, rows: Path, recipe: Recipe, tmp_path: Path
):
    from transformers import AutoModelForSequenceClassification

    ratings = RewardModel(chain / "whole/ratings")
    loaded = AutoModelForSequenceClassification.from_pretrained(chain / "whole/ratings", dtype=torch.float32)
    wanted = ratings.rewards(CONVERSATIONS)
    _join(loaded, ratings.head)
    with torch.no_grad():
        found = [loaded(torch.tensor([ratings.encode(one)])).logits.item() for one in CONVERSATIONS]
    assert found == pytest.approx(wanted, abs=1e-5)
    pairs = RewardModel(chain / "whole/pairs")
    assert pairs.head.attributes == ("reward",)
    # One small step from there, not from a new head.
    assert pairs.rewards(CONVERSATIONS) == pytest.approx(wanted, abs=1.5)
    assert record(chain / "whole/pairs")["data"]["rows"]["train"]["left_out"] == {}


@pytest.mark.slow
def test_an_adapter_and_its_merge_score_alike_whatever_stands_beside(chain: Path):
    adapter, merged = RewardModel(chain / "adapter/ratings"), RewardModel(chain / "adapter/merge")
    ids = [adapter.encode(one) for one in CONVERSATIONS]
    together = adapter.score(ids, batch=2)
    for one, other in zip(merged.score(ids, batch=1), together, strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    assert together[0] != pytest.approx(together[1], abs=1e-3)
    assert ids[0][-1] == ids[1][-1] == adapter._tokenizer.convert_tokens_to_ids(adapter.head.end_of_turn)
    after = RewardModel(chain / "adapter/pairs")
    assert after.head.scale is None
    assert len(after.rewards(CONVERSATIONS)) == 2


@pytest.mark.slow
def test_a_model_scores_what_it_was_trained_on(chain: Path, rows: Path, tmp_path: Path):
    """The ids of a reply that is scored are those of its example, read anew from the saved template."""
    from bezoar_data.training.data.datasets import read_rows
    from bezoar_data.training.data.rows import read_row

    ready = prepared(chain / "whole.yaml", rows, tmp_path / "out")
    training = ready.stages[0].training
    found = read_rows(ready.recipe, training.card)
    model = RewardModel(chain / "whole/ratings")
    texts = [model.encode(read_row(found.view, row).messages) for row in found.train]
    assert texts == [example["input_ids"] for example in training.examples.train]


def test_a_language_model_does_not_go_on_from_one_that_scores(recipe: Recipe, rows: Path, tmp_path: Path):
    dpo = {"use": "dpo", "card": card("hh-rlhf-dpo")}
    with pytest.raises(InputError, match="leaves a model that scores texts"):
        prepared(recipe([PAIRS, dpo]), rows, tmp_path / "out")
    with pytest.raises(InputError, match="leaves a model that scores texts"):
        prepared(recipe([PAIRS, {"use": "merge"}, dpo]), rows, tmp_path / "out")
    prepared(recipe([PAIRS, {**dpo, "from": "base"}]), rows, tmp_path / "out")


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({**RATINGS, "attributes": ["helpfulnes"]}, "rates no 'helpfulnes'"),
        ({**RATINGS, "view": "preference"}, "no view 'preference'"),
        ({**RATINGS, "scale": [5, 9]}, "no row of the stage"),
        ({**PAIRS, "view": "rating"}, "no view 'rating'"),
    ],
)
def test_what_the_data_does_not_hold_is_refused(
    recipe: Recipe, rows: Path, tmp_path: Path, stage: dict[str, Any], message: str
):
    with pytest.raises(InputError, match=message):
        prepared(recipe([stage]), rows, tmp_path / "out")


def test_a_card_without_the_view_is_told_the_step_that_makes_it(recipe: Recipe, rows: Path, tmp_path: Path):
    with pytest.raises(InputError) as refused:
        prepared(recipe([{**PAIRS, "card": RATINGS["card"], "view": "preference"}]), rows, tmp_path / "out")
    assert "pairs.best_worst" in refused.value.problems[0].hint
    with pytest.raises(InputError) as refused:
        prepared(recipe([{"use": "steerlm", "card": PAIRS["card"]}]), rows, tmp_path / "out")
    assert "judge.attributes" in refused.value.problems[0].hint


def test_rated_answers_are_exported_as_they_are_and_as_no_training_text(rows: Path, tmp_path: Path):
    run = str(rows / "helpsteer2-ratings")
    done = bezoar("export", run, "--format", "messages", "--out", str(tmp_path / "m"), cwd=tmp_path)
    assert done.code == 2
    assert "rated answers" in done.err
    done = bezoar("export", run, "--format", "jsonl", "--out", str(tmp_path / "rows"), cwd=tmp_path)
    assert done.code == 0, done.err
