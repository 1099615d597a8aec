"""SteerLM 2.0: its weights, its gradient against soft-target cross-entropy, its pieces against plain models, a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from bezoar_data.config.errors import InputError
from bezoar_data.training.stages.steerlm2 import group_loss, group_weights
from training.conftest import HEAD, Recipe, card, prepared, trained
from training.stages.conftest import PLAIN

CARD = card("helpsteer2-ratings")
FEW = {"max_steps": 20, "eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}
STAGES: list[dict[str, Any]] = [
    {"use": "reward", "id": "ratings", "card": CARD, "training": FEW},
    {"use": "steerlm", "from": "base", "card": CARD, "training": FEW},
    {
        "use": "steerlm2", "from": "steerlm", "card": CARD, "reward": "ratings", "plain": "base", "responses": 3,
        "max_new_tokens": 12, "ask_for": {"helpfulness": 4, "verbosity": 2},
        "training": {**FEW, "max_steps": 6, "learning_rate": 1e-3, "logging_steps": 1},
    },
]  # fmt: skip


def drawn(groups: int = 5, n: int = 4) -> tuple[Any, Any, Any, Any]:
    generator = torch.Generator().manual_seed(1)
    log_q, frozen = -20 * torch.rand(2, groups, n, generator=generator, dtype=torch.float64)
    targets = [group_weights(row) for row in (-8 * torch.rand(groups, n, generator=generator)).tolist()]
    lengths = torch.randint(3, 20, (groups, n), generator=generator)
    return log_q.requires_grad_(), frozen, torch.tensor(targets, dtype=torch.float64), lengths


def test_the_gradient_is_that_of_soft_target_cross_entropy_and_sums_to_nothing():
    log_q, frozen, weights, lengths = drawn()
    loss, distance = group_loss(log_q, frozen, weights, lengths)
    (gradient,) = torch.autograd.grad(loss, log_q)
    torch.testing.assert_close(gradient.sum(-1), torch.zeros(5, dtype=torch.float64), atol=1e-6, rtol=0)
    # By the paper: minus (w - b), for each reply; here over the groups and the mean length of each.
    b = (log_q - frozen).softmax(-1).detach()
    by_hand = -(weights - b) / lengths.double().mean(-1, keepdim=True) / 5
    torch.testing.assert_close(gradient, by_hand, atol=1e-5, rtol=1e-5)
    scale = lengths.double().mean(-1)
    entropy = torch.nn.functional.cross_entropy(log_q - frozen, weights, reduction="none") / scale
    torch.testing.assert_close(loss, entropy.mean(), atol=1e-9, rtol=1e-9)
    (other,) = torch.autograd.grad(entropy.mean(), log_q)
    torch.testing.assert_close(gradient, other, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(distance, (weights * (weights / b).log()).sum(-1), atol=1e-9, rtol=1e-9)


def test_at_first_all_replies_count_alike_and_steps_lead_to_the_weights():
    _, frozen, weights, lengths = drawn()
    log_q = frozen.clone().requires_grad_()
    _, first = group_loss(log_q, frozen, weights, lengths)
    torch.testing.assert_close(first, (weights * (weights * 4).log()).sum(-1), atol=1e-9, rtol=1e-9)
    optimizer = torch.optim.Adam([log_q], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss, distance = group_loss(log_q, frozen, weights, lengths)
        loss.backward()
        optimizer.step()
    assert distance.max() < 1e-2 < first.max()


def test_weights_are_a_softmax_however_far_apart_the_logarithms_are():
    assert group_weights([-900.0, -900.0]) == [0.5, 0.5]
    assert sum(group_weights([-900.0, -1.0, 3.5, 3.4])) == pytest.approx(1, abs=1e-6)


@pytest.fixture(scope="module")
def chain(rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("steerlm2")
    (folder / "recipe.yaml").write_text(json.dumps({**HEAD, **PLAIN, "name": "steer", "stages": STAGES}))
    trained(folder / "recipe.yaml", rows, folder / "out")
    return folder / "out"


@pytest.mark.slow
def test_what_is_kept_of_each_group_is_what_the_models_say(chain: Path):
    """The frozen model's log-probability of a reply, and the weight from all three, by plain forward passes."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from bezoar_data.llms.reward.model import RewardModel
    from bezoar_data.measures.beta_levels import log_probability_of

    groups = [json.loads(line) for line in (chain / "steerlm2/groups.jsonl").read_text().splitlines()]
    group = next(one for one in groups if len({tuple(reply) for reply in one["replies"]}) == 3)
    assert sum(group["weights"]) == pytest.approx(1, abs=1e-6)
    tokenizer = AutoTokenizer.from_pretrained(chain / "steerlm2")
    line = "helpfulness:4,verbosity:2"
    text = tokenizer.decode(group["prompt_ids"])
    assert line in text
    frozen, plain = (AutoModelForCausalLM.from_pretrained(chain / name).eval() for name in ("steerlm", "base"))
    reward = RewardModel(chain / "ratings")

    def says(model: Any, prompt: list[int], reply: list[int]) -> float:
        ids = torch.tensor([prompt + reply])
        with torch.no_grad():
            log_p = model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])
        return float(log_p[len(prompt) - 1 :].sum())

    bare = tokenizer(text.replace(f"<|system|>\n{line}{tokenizer.eos_token}\n", ""), add_special_tokens=False).input_ids
    logarithms = []
    for reply, kept in zip(group["replies"], group["frozen"], strict=True):
        q = says(frozen, group["prompt_ids"], reply)
        assert kept == pytest.approx(q, abs=1e-3)
        (said,) = reward.score([bare + reply])
        named = dict(zip(reward.head.attributes, said, strict=True))
        a = log_probability_of([4, 2], [named["helpfulness"], named["verbosity"]], (0, 4))
        logarithms.append(a + says(plain, bare, reply) - q)
    assert group["weights"] == pytest.approx(group_weights(logarithms), abs=1e-3)


@pytest.mark.slow
def test_the_model_comes_nearer_to_what_it_should_say(chain: Path):
    log = [json.loads(line) for line in (chain / "steerlm2/log.jsonl").read_text().splitlines()]
    distances = [line["distance"] for line in log if "distance" in line]
    assert len(distances) == 6
    record = json.loads((chain / "steerlm2/stage.json").read_text())
    assert 1 <= record["metrics"]["steerlm2"]["effective_replies"] <= 3
    assert {one["stage"] for one in record["lineage"]} == {"steerlm", "ratings"}


@pytest.mark.slow
def test_another_reward_model_is_another_model(chain: Path, rows: Path, recipe: Recipe, tmp_path: Path):
    keys = []
    for scale in ([0, 4], [0, 5]):
        stages = [{**STAGES[0], "scale": scale}, *STAGES[1:]]
        keys.append([one.key for one in prepared(recipe(stages, **PLAIN), rows, tmp_path / "out").stages])
    assert keys[0][1] == keys[1][1]
    assert keys[0][2] != keys[1][2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reward": "steerlm"}, "leaves no model that scores texts"),
        ({"plain": "ratings"}, "scores texts, and says none"),
        ({"plain": "sft"}, "no earlier stage 'sft'"),
    ],
)
def test_other_stages_must_be_there_and_of_the_right_kind(
    recipe: Recipe, rows: Path, tmp_path: Path, changes: dict[str, str], message: str
):
    with pytest.raises(InputError, match=message):
        prepared(recipe([*STAGES[:2], {**STAGES[2], **changes}], **PLAIN), rows, tmp_path / "out")
