"""What a recipe's stage leaves, made without training: its record, and a folder with all of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from bezoar_data.runs.stage_record import StageData, StageRecord, StageSummary

ROWS = {"examples": 80, "truncated": 2, "left_out": {"no_reply": 1}}


def data(card: str, result: str, commercial: str, **more: Any) -> StageData:
    """A dataset with a licence, as a stage's record has it."""
    licence = {"result": result, "commercial": commercial, "conflicts": [], "attribution": []}
    licence |= more.pop("licence", {})
    rows = {"train": ROWS, "validation": {**ROWS, "examples": 20}}
    given: dict[str, Any] = {"demo": False, "terms": None, "where": None, "split": "train", "view": None}
    given |= {"passed_over": 0, "licence": licence, "rows": rows, **more}
    return StageData(card=card, lock=f"lock-{card[:4]}", **given)


def stage(*datasets: StageData, **more: Any) -> StageRecord:
    """The record of an adapter's stage that was trained on these, one dataset a stage."""
    metrics = {"steps": 9, "first_loss": 2.5, "last_loss": 1.25}
    same = {"settings": {"max_steps": 9}, "notes": (), "adapter": {"r": 16}, "quantisation": None, "metrics": metrics}
    stages: list[dict[str, Any]] = [
        {"key": f"{i:032x}", "stage": f"s{i}", "use": "sft", "start": f"s{i - 1}" if i else "base", "data": d, **same}
        for i, d in enumerate(datasets)
    ]
    base = {"model": "open/base", "licence": "apache-2.0"}
    whole: dict[str, Any] = {"files": {}, "base": base, "base_lineage": base, "software": {"trl": "1"}, "times": {}}
    whole["recipe"] = {"name": "r", "description": "Small", "sha256": "0" * 64}
    whole["policy"] = {"commercial": False}
    whole["template"] = {"name": "t.jinja", "sha256": "0" * 64}
    lineage = tuple(StageSummary(**one) for one in stages[:-1])
    return StageRecord(**{**stages[-1], **whole, "lineage": lineage, **more})


GOOD = data("good", "MIT", "yes", licence={"attribution": ["Contains material from x."]})


def leave(folder: Path, record: StageRecord, **texts: str) -> Path:
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
    record = replace(record, files={name: hashlib.sha256(content).hexdigest() for name, content in files.items()})
    (folder / "stage.json").write_text(json.dumps(record.as_json()))
    (folder / "README.md").write_text(model_card(record))
    return folder


def leave_chain(folder: Path, *records: StageRecord, log: str = "", samples: str = "") -> Path:
    """Write a recipe's folder with these stages; those that train with this log and these samples."""
    for record in records:
        said = {"log.jsonl": log, "samples.jsonl": samples} if record.data is not None else {}
        leave(folder / record.stage, record, **{name: text for name, text in said.items() if text})
    return folder


def merged(before: StageRecord) -> StageRecord:
    """The record of a merge of that stage's adapter."""
    own: dict[str, Any] = {"key": f"{9:032x}", "stage": "merged", "use": "merge", "start": before.stage}
    own |= {"metrics": {"weights": 1000, "dtype": "float16"}, "base_lineage": None}
    nothing = dict.fromkeys(("data", "settings", "adapter"))
    return replace(before, **own, **nothing, lineage=(*before.lineage, before.summary()))
