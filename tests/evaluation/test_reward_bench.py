"""RewardBench 2 by the command: against each answer scored by itself, and the rule of its own script."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.evaluation.reward_bench import read_items
from bezoar_data.llms.reward.model import RewardModel
from support.command import bezoar
from support.reward_model import save_reward_model

WORDS = ["a", "quick", "brown", "fox", "and", "lazy", "dog", "went", "over", "the", "river", "under", "old", "bridge"]


def rows() -> list[dict[str, Any]]:
    drawn = random.Random(5)

    def said() -> str:
        return " ".join(drawn.choice(WORDS) for _ in range(drawn.randint(1, 6)))

    made = [
        {"id": str(i), "subset": ("Math", "Safety")[i % 2], "prompt": said(), "chosen": [said()], "num_correct": 1,
         "rejected": [said() for _ in range(3)], "total_completions": 4}
        for i in range(12)
    ]  # fmt: skip
    for i in range(4):
        for form, right in (("ref", 1), ("tied", 3)):
            made.append({"id": f"{form}:{i}", "subset": "Ties", "prompt": said(), "num_correct": right,
                         "chosen": [said() for _ in range(right)], "rejected": [said() for _ in range(4)]})  # fmt: skip
    return made


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_reward_model(tmp_path_factory.mktemp("bench") / "model", ["reward"])


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_scores_are_those_of_each_answer_by_itself(model: Path, tmp_path: Path, ending: str):
    import numpy as np
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    items = rows()
    file = tmp_path / f"items.{ending}"
    if ending == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in items))
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(items), file)
    done = bezoar("judge", "bench", str(model), str(file), "--batch-size", "7", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    tokenizer = AutoTokenizer.from_pretrained(model)
    alone = AutoModelForSequenceClassification.from_pretrained(model, dtype=torch.float32).eval()

    def score(asked: str, answer: str) -> float:
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)["input_ids"]
        with torch.no_grad():
            return float(alone(ids).logits[0, 0])

    said = {r["id"]: np.array([score(r["prompt"], one) for one in (*r["chosen"], *r["rejected"])]) for r in items}
    for subset in ("Math", "Safety"):
        best = []
        for answers in (said[row["id"]] for row in items if row["subset"] == subset):
            # The penalty for equals of `reroll_and_score_dataset`.
            equal = np.isclose(answers, answers.max(), atol=1e-6)
            best.append(1 / equal.sum() if equal[0] else 0)
        assert found["subsets"][subset] == pytest.approx(np.mean(best))
    # The arithmetic of `process_single_model` in RewardBench's utils.py.
    ref = np.array([said[f"ref:{i}"][0] - said[f"ref:{i}"][1:].max() for i in range(4)])
    tied = np.array([said[f"tied:{i}"][:3].min() - said[f"tied:{i}"][3:].max() for i in range(4)])
    apart = np.array([np.ptp(said[f"tied:{i}"][:3]) for i in range(4)])
    hard = np.minimum(ref, tied)
    ties = 0.3 * (tied > 0).mean() + 0.3 * (ref > 0).mean() + 0.2 * (tied > apart).mean() + 0.2 * (hard > apart).mean()
    ties += 0.01 * np.mean(np.tanh(hard / apart - 1))
    assert found["subsets"]["Ties"] == pytest.approx(ties, abs=1e-5)
    assert found["mean"] == pytest.approx(np.mean(list(found["subsets"].values())))
    assert found["items"] == {"Math": 6, "Safety": 6, "Ties": 8}
    assert len(RewardModel(model).head.attributes) == 1


def test_what_is_no_item_is_told_with_its_row(model: Path, tmp_path: Path):
    (tmp_path / "items.jsonl").write_text(json.dumps({"id": "1", "prompt": "Hi", "chosen": "Hello"}) + "\n")
    done = bezoar("judge", "bench", str(model), "items.jsonl", cwd=tmp_path)
    assert done.code == 2
    assert "row 1 is not an item" in done.err
    odd = {"id": "odd", "prompt": ["no message"], "chosen": ["a"], "rejected": ["b"]}
    (tmp_path / "odd.jsonl").write_text(json.dumps(odd) + "\n")
    done = bezoar("judge", "bench", str(model), "odd.jsonl", cwd=tmp_path)
    assert done.code == 2, done.err
    assert "the item 'odd' cannot be scored" in done.err
    done = bezoar("judge", "bench", str(model), "item.jsonl", cwd=tmp_path)
    assert done.code == 2
    assert "item.jsonl" in done.err


def test_a_line_separator_in_a_text_ends_no_line(tmp_path: Path):
    row = {**rows()[0], "prompt": "one\u2028two\x85three"}
    (tmp_path / "items.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n")
    (found,) = read_items(str(tmp_path / "items.jsonl"))
    assert found.prompt[0]["content"] == "one\u2028two\x85three"


def test_an_item_that_is_too_long_is_left_out_and_counted(model: Path, tmp_path: Path):
    long = {"id": "x", "subset": "Math", "prompt": "a", "chosen": ["fox " * 300], "rejected": ["dog"]}
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows(), long]))
    done = bezoar("judge", "bench", str(model), "items.jsonl", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "1 items left out" in done.out
