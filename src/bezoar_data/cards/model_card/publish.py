"""A model as it is published: card, adapter or weights, tokenizer, template, `stage.json`, recipe and loss curves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bezoar_data.cards.hub.upload import RepoContents
from bezoar_data.cards.model_card.card import hub_base
from bezoar_data.config.files.card import load_card, parse_card
from bezoar_data.runs.stage_record import ADAPTER, CARD, SAMPLES, TrainedStage

RESULTS = ".eval_results/bezoar-data-"
"""How the files begin that we write there: others may have put theirs beside them."""
_WEIGHTS = (".safetensors", ".safetensors.index.json")
_ONCE = (ADAPTER, "config.json", "generation_config.json", "log.jsonl", "loss.svg", "loss.png", SAMPLES)
"""What an adapter has and a merged model has not, or the other way round; and what earlier versions published."""
_SCORES = ("evaluation/", RESULTS)
_HEADING, _BEFORE = "## Evaluation", ("## Licence", "## How to use it")


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
        stale=lambda path: path.endswith(_WEIGHTS) or path in _ONCE or path.startswith(_SCORES),
    )


def with_scores(
    contents: RepoContents, section: str, index: list[dict[str, Any]], files: Mapping[str, Path | bytes]
) -> RepoContents:
    """The same with what the stage scored: a section of the card, its key `model-index`, and files beside it."""
    given = contents.files[CARD]
    text = given.decode() if isinstance(given, bytes) else given.read_text("utf-8")
    card = parse_card(text, CARD).edited({"model-index": index} if index else {})
    front, body = card.text[: -len(card.body)] if card.body else card.text, _with_section(card.body, section)
    return replace(contents, files={**contents.files, **files, CARD: (front + body).encode()})


def _with_section(body: str, section: str) -> str:
    """Under a heading of its own before the licence; where somebody wrote such a heading, right below it."""
    lines = body.split("\n")
    if _HEADING in lines:
        place = lines.index(_HEADING) + 1
        return "\n".join([*lines[:place], "", section, *lines[place:]])
    place = next((i for i, line in enumerate(lines) if line in _BEFORE), len(lines))
    return "\n".join([*lines[:place], _HEADING, "", section, "", *lines[place:]])
