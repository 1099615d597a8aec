"""Which pipeline builds the dataset that a card is the template of: one in the folder `pipelines` beside the card's."""

from __future__ import annotations

import os
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.pipeline.load import Checked, load


def builder_of(card: Path) -> Checked | None:
    """The pipeline that names this card; None where none does. Pipelines with mistakes are passed over."""
    for path in sorted((card.parent.parent / "pipelines").glob("*.yaml")):
        try:
            checked = load(path)
        except InputError:
            continue
        if checked.card is not None and os.path.realpath(checked.card) == os.path.realpath(card):
            return checked
    return None
