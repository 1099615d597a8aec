"""Names of licences: whether the Hub or SPDX knows them. What they allow is in `cards`."""

from __future__ import annotations

import re
from functools import cache

from bezoar_data.config.problems import did_you_mean

UNSTATED = ("unknown", "other")
"""Names of the Hub that state no licence: nobody knows, or `license_name` says it."""

_OF_THE_HUB = frozenset(
    [
        "afl-3.0",
        "apple-amlr",
        "apple-ascl",
        "bigcode-openrail-m",
        "bigscience-bloom-rail-1.0",
        "bigscience-openrail-m",
        "bsd",
        "c-uda",
        "cc",
        "cdla",
        "creativeml-openrail-m",
        "deepfloyd-if-license",
        "fair-noncommercial-research-license",
        "gemma",
        "gfdl",
        "gpl",
        "h-research",
        "intel-research",
        "lgpl",
        "lgpl-lr",
        "llama2",
        "llama3",
        "llama3.1",
        "llama3.2",
        "llama3.3",
        "llama4",
        "odbl",
        "open-mdw",
        "openrail",
        "openrail++",
        "pddl",
    ]
)
"""Names the Hub takes for a dataset's or model's licence that SPDX does not have."""


def licence_problem(name: str) -> tuple[str, str] | None:
    """What is wrong with a licence's name, as (message, hint); None where the Hub or SPDX knows it.

    `LicenseRef-...` and expressions such as `MIT AND Apache-2.0` are SPDX's too.
    """
    known = {*UNSTATED, *_OF_THE_HUB}
    unknown = [word for word in _words(name) if word.lower() not in known and not _in_spdx(word)]
    if not unknown and _words(name):
        return None
    word = unknown[0] if unknown else name
    near = did_you_mean(word.lower(), [*known, *_spdx()])
    hint = near if near.startswith("did you mean") else "write 'other' and put its name into 'license_name'"
    return f"there is no licence '{word}'", hint


def _words(name: str) -> list[str]:
    return [w for w in re.split(r"[\s()]+", name) if w and w.upper() not in ("AND", "OR", "WITH")]


def _in_spdx(word: str) -> bool:
    return word.lower() in _spdx() or word.startswith("LicenseRef-")


@cache
def _spdx() -> frozenset[str]:
    """SPDX's ids in lower case. Reading them takes some hundredths of a second: only when a name is looked up."""
    from license_expression import get_license_index

    ids = (entry.get("spdx_license_key") for entry in get_license_index())
    return frozenset(i.lower() for i in ids if i and not i.startswith("LicenseRef-"))
