"""A licence in the Hub's front matter: under an id of the Hub's own list, else as `other` with its name and where it
stands. The Hub takes no expressions, and no spelling of SPDX's that differs from its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bezoar_data.cards.licences.lineage import UNKNOWN, Licence
from bezoar_data.cards.licences.table import licence_table
from bezoar_data.config.files.licence_names import OF_THE_HUB

KEYS = ("license", "license_name", "license_link")
_OTHER = "other"
_CONTRADICTED = "contradicted: "
"""Stands before the name of a licence that allows commercial use, stated for data of which a part forbids it."""

_ONE = re.compile(r"[A-Za-z0-9.+-]+\Z")


def stated_names(front: Mapping[str, Any]) -> list[str]:
    """The licences that a front matter states, which hold together, as the Hub spells them if it has them; none: it
    states nothing. The name of an `other` stands under `license_name`."""
    given = front.get("license")
    names = [str(n) for n in (given if isinstance(given, list) else [given]) if n not in (None, UNKNOWN)]
    other = str(front.get("license_name") or _OTHER).removeprefix(_CONTRADICTED)
    return [hub_id(name) or name for name in (other if name == _OTHER else name for name in names)]


def hub_keys(licence: Licence, stated: Sequence[str] = ()) -> dict[str, Any]:
    """The Hub's keys. `stated` are the names that the licence's author states, if it was stated."""
    if licence.result == UNKNOWN:
        return {"license": UNKNOWN}
    if licence.misstated:
        return {"license": _OTHER, "license_name": f"{_CONTRADICTED}{licence.result}"}
    ids = [hub_id(name) for name in stated or [licence.result]]
    if None not in ids:
        return {"license": ids[0] if len(ids) == 1 else ids}
    link = {"license_link": licence.link} if licence.link else {}
    return {"license": _OTHER, "license_name": licence.result, **link}


def hub_id(name: str) -> str | None:
    """What the Hub calls a licence; None: its list does not have it."""
    if name.lower() in OF_THE_HUB:
        return name.lower()
    if not _ONE.match(name):
        return None
    table = licence_table()
    aliases = [alias for alias, known in table.aliases.items() if known == table.aliases.get(name.lower(), name)]
    found = [*aliases, name.lower().removesuffix("-only")]
    return next((one for one in found if one in OF_THE_HUB), None)
