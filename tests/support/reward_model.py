"""A small reward model of random weights, as a `reward` stage leaves one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.tiny_model import save_tiny_model
from support.trained import data, stage

ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")


def save_reward_model(folder: Path, attributes: Sequence[str] = ATTRIBUTES, *, spread: float = 60.0) -> Path:
    """The folder. Its scores lie around 2, some `spread` apart."""
    import torch
    from transformers import AutoModelForSequenceClassification

    from bezoar_data.cards.model_card.card import model_card
    from bezoar_data.runs.reward_head import RewardHead

    save_tiny_model(folder)
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(attributes), dtype=torch.float32)
    with torch.no_grad():
        model.score.weight.mul_(spread)
    model.save_pretrained(folder)
    rated = len(attributes) > 1
    weights = {"helpfulness": 0.65, "correctness": 0.8, "coherence": 0.45} if rated else {attributes[0]: 1.0}
    head = RewardHead(
        attributes=tuple(attributes), weights=weights, scale=(0, 4) if rated else None, end_of_turn="<end>"
    )
    (folder / "reward.json").write_text(json.dumps(head.as_json()))
    ratings: Any = data("ratings", "CC-BY-4.0", "yes", licence={"attribution": ["People who rated"]})
    record = stage(ratings, base_lineage=None, adapter=None, files={"reward.json": "0" * 64})
    (folder / "stage.json").write_text(json.dumps(record.as_json()))
    (folder / "README.md").write_text(model_card(record))
    return folder
