"""A model as it is published: card, adapter or weights, tokenizer, template, `stage.json`, recipe and loss curves."""

from __future__ import annotations

import json
from pathlib import Path

from bezoar_data.cards.hub.upload import RepoContents
from bezoar_data.cards.model_card.card import hub_base
from bezoar_data.config.files.card import load_card
from bezoar_data.runs.stage_record import ADAPTER, CARD, TrainedStage

_WEIGHTS = (".safetensors", ".safetensors.index.json")
_ONCE = (ADAPTER, "config.json", "generation_config.json", "log.jsonl", "loss.svg", "loss.png")
"""What an adapter has and a merged model has not, or the other way round."""


def model_contents(stage: TrainedStage, base: str | None = None) -> RepoContents:
    """What is published of a stage. `base` says where the weights are published that its adapter is for."""
    record = stage.record
    files: dict[str, Path | bytes] = {**stage.files()}
    if base is None and (record.base_lineage or {}).get("convert"):
        base = hub_base(record)  # it was trained on a copy of them that is here
    if base is not None and record.base_lineage is not None:
        # The only two places that name the base; here they name a folder of this machine.
        config = json.loads((stage.path / ADAPTER).read_text("utf-8"))
        files[ADAPTER] = (json.dumps({**config, "base_model_name_or_path": base}, indent=2) + "\n").encode()
        files[CARD] = load_card(stage.card).edited({"base_model": base, "base_model_relation": "adapter"}).text.encode()
    return RepoContents(
        kind="model",
        files=files,
        tag=record.key[:16],
        description=f"Stage {record.stage} of the recipe {record.recipe['name']}, by bezoar-data",
        stale=lambda path: path.endswith(_WEIGHTS) or path in _ONCE,
    )
