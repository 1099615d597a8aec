"""What a recipe's stage leaves, made without training: `stage.json` as values, and a folder with all of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

ROWS = {"examples": 80, "truncated": 2, "left_out": {"no_reply": 1}}


def data(card: str, result: str, commercial: str, **more: Any) -> dict[str, Any]:
    """A dataset with a licence, as a stage tells of it."""
    licence = {
        "result": result,
        "commercial": commercial,
        "conflicts": [],
        "attribution": [],
        **more.pop("licence", {}),
    }
    rows = {"train": ROWS, "validation": {**ROWS, "examples": 20}}
    lock = f"lock-{card[:4]}"
    return {"card": card, "lock": lock, "demo": False, "licence": licence, "where": None, "rows": rows, **more}


def stage(*datasets: dict[str, Any], **more: Any) -> dict[str, Any]:
    """`stage.json` of an adapter's stage that was trained on these, one dataset a stage."""
    metrics = {"steps": 9, "first_loss": 2.5, "last_loss": 1.25}
    told = {"settings": {"max_steps": 9}, "notes": [], "adapter": {"r": 16}, "quantisation": None, "metrics": metrics}
    stages = [
        {"key": f"{i:032x}", "stage": f"s{i}", "use": "sft", "from": f"s{i - 1}" if i else "base", "data": d, **told}
        for i, d in enumerate(datasets)
    ]
    base = {"model": "open/base", "licence": "apache-2.0"}
    whole: dict[str, Any] = {"format": 2, "files": {}, "base": base, "stands_on": base, "software": {"trl": "1"}}
    whole["recipe"] = {"name": "r", "description": "Small", "sha256": "0" * 64}
    whole["policy"] = {"commercial": False}
    return {**stages[-1], **whole, "lineage": stages[:-1], **more}


GOOD = data("good", "MIT", "yes", licence={"attribution": ["Contains material from x."]})


def leave(folder: Path, told: dict[str, Any], **texts: str) -> Path:
    """Write the folder: an adapter with its configuration, a tokenizer, `stage.json`, and the card."""
    import numpy
    from safetensors.numpy import save

    from bezoar_data.cards.model_card.card import model_card

    files = {
        "adapter_model.safetensors": save({"lora": numpy.arange(8, dtype=numpy.float32)}),
        "adapter_config.json": json.dumps({"base_model_name_or_path": str(folder.parent / "base"), "r": 16}).encode(),
        "tokenizer.json": b"{}",
        "recipe.yaml": b"name: r\n",
        **{name: text.encode() for name, text in texts.items()},
    }
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    told = {**told, "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}}
    (folder / "stage.json").write_text(json.dumps(told))
    (folder / "README.md").write_text(model_card(told))
    return folder
