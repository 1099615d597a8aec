"""What is told of a model that a recipe's stage left: under which licence its answers are, what it was trained on, and
whether it is a demo."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import load_card
from bezoar_data.config.files.licence_terms import worst
from bezoar_data.config.files.models import Model, OutputLicence
from bezoar_data.runs.stage_record import CARD, StageRecord

_UNKNOWN = "unknown"


def with_stage(model: Model, folder: Path, record: StageRecord, kind: str) -> Model:
    """The model's entry with it, where the entry says nothing. `kind` is what it is in a word or two."""
    changes: dict[str, object] = {"demo": model.demo or record.demo}
    if "output_licence" not in model.model_fields_set:
        changes["output_licence"] = _licence(folder, record, kind)
    return model.model_copy(update=changes)


def _licence(folder: Path, record: StageRecord, kind: str) -> OutputLicence:
    """All licences of what its record says it was made from, and what it was trained on. Its card may say less than
    they allow, and not more: anyone can edit it."""
    data = list({one.data.lock: one.data for one in record.stages if one.data is not None}.values())
    base = [] if "make" in record.base else [record.base.get("licence") or _UNKNOWN]
    names = dict.fromkeys([*base, *(_UNKNOWN if d.licence["conflicts"] else d.licence["result"] for d in data)])
    told = _of_its_card(folder)
    unknown = not names or _UNKNOWN in names or told.get("result") == _UNKNOWN
    whole = " AND ".join(f"({name})" if len(names) > 1 and " OR " in name else name for name in names)
    verdicts = [d.licence["commercial"] for d in data] + [told.get("commercial")]
    note = f"A {kind}, trained on {', '.join(f'{d.card} (lock {d.lock[:16]})' for d in data)}."
    return OutputLicence(
        id=_UNKNOWN if unknown else whole,
        commercial=worst(verdict for verdict in verdicts if verdict in ("yes", "no", "unknown")),
        note=f"{note} It is a demo: it knows nothing worth knowing." if record.demo else note,
    )


def _of_its_card(folder: Path) -> Mapping[str, Any]:
    try:
        return load_card(folder / CARD).bezoar.get("licence") or {}
    except InputError:
        return {}
