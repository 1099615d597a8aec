"""Which pipeline builds the dataset that a card is the template of: one in the folder `pipelines` beside the card's.

Folders within these lie alike: `cards/mine/a.md` is built by one of `pipelines/mine/*.yaml`.
"""

from __future__ import annotations

import os
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.pipeline.load import Checked, load


def pipelines_beside(card: Path) -> list[Path]:
    """The pipeline files in the folder that lies in `pipelines` as the card's lies in its own."""
    folder = card.absolute().parent
    for top in folder.parents:
        beside = top / "pipelines" / Path(*folder.relative_to(top).parts[1:])
        if beside.is_dir():
            return sorted(beside.glob("*.yaml"))
    return []


def builder_of(card: Path) -> Checked | None:
    """The pipeline that names this card; None where none does. Pipelines with mistakes are passed over."""
    for path in pipelines_beside(card):
        try:
            checked = load(path)
        except InputError:
            continue
        if checked.card is not None and os.path.realpath(checked.card) == os.path.realpath(card):
            return checked
    return None
