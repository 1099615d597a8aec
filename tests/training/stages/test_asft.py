"""ASFT: its identities, its bound to TRL's ORPO, the trainer's loss from plain logits, and what it teaches."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bezoar_data.config.errors import InputError
from bezoar_data.training.stages.asft import absolute_likelihood
from training.conftest import Recipe, card, prepared, trained
from training.stages.conftest import PLAIN, trainer_of


@pytest.fixture
def log_p() -> Any:
    """Mean log-probabilities of chosen and rejected replies, from near 1 to tiny."""
    generator = torch.Generator().manual_seed(0)
    return -torch.rand(2, 64, generator=generator, dtype=torch.float64) * torch.logspace(-4, 1.5, 64) - 1e-5


@pytest.mark.parametrize("weight", [0.2, 1.0])
def test_it_is_likelihood_and_unlikelihood(log_p: Any, weight: float):
    chosen, rejected = log_p
    losses, odds = absolute_likelihood(chosen, rejected, weight=weight)
    by_hand = -(1 + weight) * chosen - weight * torch.log1p(-rejected.exp())
    torch.testing.assert_close(losses, by_hand, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(odds, torch.logit(log_p.exp()), atol=1e-6, rtol=1e-6)
    alone, _ = absolute_likelihood(chosen, rejected, weight=weight, sft=False)
    torch.testing.assert_close(losses - alone, -chosen)


@pytest.mark.parametrize("weight", [0.1, 1.0])
def test_it_bounds_the_loss_of_trls_orpo_from_above(log_p: Any, weight: float):
    from trl.experimental.orpo import ORPOTrainer

    chosen, rejected = log_p
    of_it = SimpleNamespace(beta=weight, accelerator=SimpleNamespace(device="cpu"))
    odds_ratio = ORPOTrainer.odds_ratio_loss(of_it, chosen, rejected)[0]
    orpo = -chosen - odds_ratio
    asft, _ = absolute_likelihood(chosen, rejected, weight=weight)
    p, q = chosen.exp(), rejected.exp()
    torch.testing.assert_close(orpo, asft + weight * torch.log(p * (1 - q) + q * (1 - p)), atol=1e-6, rtol=1e-6)
    assert (orpo <= asft + 1e-9).all()


def test_a_temperature_scales_the_log_odds_and_the_gradient(log_p: Any):
    chosen, rejected = (side.clone().requires_grad_() for side in log_p)
    losses, _ = absolute_likelihood(chosen, rejected, temperature=0.3, sft=False)
    losses.sum().backward()
    odds = torch.logit(log_p.exp())
    slope = 1 / (1 - log_p.exp())  # of the log odds, by the log-probability
    torch.testing.assert_close(chosen.grad, -0.3 * torch.sigmoid(-0.3 * odds[0]) * slope[0], atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(rejected.grad, 0.3 * torch.sigmoid(0.3 * odds[1]) * slope[1], atol=1e-6, rtol=1e-6)


def test_a_sure_reply_leaves_finite_numbers():
    sure = torch.zeros(2, requires_grad=True)
    losses, odds = absolute_likelihood(sure, sure)
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert torch.isfinite(odds).all()
    assert torch.isfinite(sure.grad).all()


def test_the_trainers_loss_is_that_of_plain_logits(recipe: Recipe, rows: Path, tmp_path: Path):
    """Of replies of different lengths, padded together and one of them cut, from the base's own logits; and it holds no
    second model."""
    stage = {"use": "asft", "card": card("hh-rlhf-dpo"), "weight": 0.5}
    ready = prepared(recipe([stage], **PLAIN), rows, tmp_path / "out")
    trainer = trainer_of(ready, tmp_path)
    few = [trainer.train_dataset[i] for i in range(4)]
    assert len({len(pair[side]) for pair in few for side in ("chosen_ids", "rejected_ids")}) > 1
    model, means = trainer.model.eval(), {"chosen_ids": [], "rejected_ids": []}
    with torch.no_grad():
        loss = trainer.compute_loss(model, trainer.data_collator(few))
        for pair in few:
            for side, found in means.items():
                ids = torch.tensor([pair["prompt_ids"] + pair[side]])[:, :320]
                log_p = model(ids).logits.log_softmax(-1)[0, :-1].gather(1, ids[0, 1:, None])
                found.append(log_p[len(pair["prompt_ids"]) - 1 :].mean())
    p, q = (torch.stack(found).exp() for found in means.values())
    by_hand = (-1.5 * p.log() - 0.5 * torch.log(1 - q)).mean()
    torch.testing.assert_close(loss, by_hand, atol=1e-6, rtol=1e-6)
    assert trainer.ref_model is None


@pytest.mark.slow
def test_it_makes_chosen_replies_likelier(recipe: Recipe, rows: Path, tmp_path: Path):
    stages = [{"use": "asft", "card": card("hh-rlhf-dpo"), "split": {"validation": "validation"}}]
    (done,) = trained(recipe(stages, **PLAIN), rows, tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out/asft/log.jsonl").read_text().splitlines()]
    chosen = [line["rewards/chosen"] for line in lines if "rewards/chosen" in line]
    assert chosen[-1] > chosen[0] + 1
    assert done.metrics["last_eval_loss"] < done.metrics["first_eval_loss"]
    assert {"first_margin", "last_margin"} <= done.metrics.keys()


def test_an_adapter_on_a_quantised_base_is_trained_without_a_copy(recipe: Recipe, rows: Path, tmp_path: Path):
    ready = prepared(recipe([{"use": "asft", "card": card("hh-rlhf-dpo")}]), rows, tmp_path / "out")
    trainer = trainer_of(ready, tmp_path)
    assert set(trainer.model.peft_config) == {"default"}
    assert trainer.ref_model is None
    loss = trainer.compute_loss(trainer.model, trainer.data_collator([trainer.train_dataset[0]]))
    loss.backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in trainer.model.parameters())


def test_settings_of_dpos_loss_are_refused(recipe: Recipe, rows: Path, tmp_path: Path):
    stage = {"use": "asft", "card": card("hh-rlhf-dpo"), "training": {"beta": 0.3, "padding_free": True}}
    with pytest.raises(InputError) as refused:
        prepared(recipe([stage]), rows, tmp_path / "out")
    assert {p.message.rpartition("'")[0].rpartition("'")[2] for p in refused.value.problems} == {"beta", "padding_free"}
