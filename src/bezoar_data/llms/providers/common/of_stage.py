"""What is told of a model that a recipe's stage left: under which licence its answers are, what it was trained on, and
whether it is a demo."""

from __future__ import annotations

from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import load_card
from bezoar_data.config.files.models import Model, OutputLicence
from bezoar_data.runs.stage_record import CARD, StageRecord


def with_stage(model: Model, folder: Path, record: StageRecord, kind: str) -> Model:
    """The model's entry with it, where the entry says nothing. `kind` is what it is in a word or two."""
    changes: dict[str, object] = {"demo": model.demo or record.demo}
    if "output_licence" not in model.model_fields_set:
        changes["output_licence"] = _licence(folder, record, kind)
    return model.model_copy(update=changes)


def _licence(folder: Path, record: StageRecord, kind: str) -> OutputLicence:
    """That of its weights, as its model card works it out, and what they were trained on."""
    try:
        known = load_card(folder / CARD).bezoar.get("licence") or {}
    except InputError:
        known = {}
    data = [f"{one.data.card} (lock {one.data.lock[:16]})" for one in record.stages if one.data is not None]
    note = f"A {kind}, trained on {', '.join(dict.fromkeys(data))}."
    commercial = known.get("commercial")
    return OutputLicence(
        id=str(known.get("result") or "unknown"),
        commercial=commercial if commercial in ("yes", "no") else "unknown",
        note=f"{note} It is a demo: it knows nothing worth knowing." if record.demo else note,
    )
