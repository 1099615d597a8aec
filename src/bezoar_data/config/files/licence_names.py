"""Names of licences: whether the Hub or SPDX knows them. What they allow is in `cards`."""

from __future__ import annotations

import re
from functools import cache

from bezoar_data.config.problems import did_you_mean

UNSTATED = ("unknown", "other")
"""Names of the Hub that state no licence: nobody knows, or `license_name` says it."""

_LIST = """
    afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m bigscience-bloom-rail-1.0
    bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5
    cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0
    cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0 etalab-2.0
    eupl-1.1 eupl-1.2 fair-noncommercial-research-license gemma gfdl gpl gpl-2.0 gpl-3.0 grok2-community h-research
    intel-research isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 lppl-1.3c mit
    mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openmdw-1.0 openmdw-1.1 openrail openrail++ osl-3.0 pddl postgresql
    unlicense wtfpl zlib
"""
OF_THE_HUB = frozenset(_LIST.split())
"""The values that the Hub takes under `license`, by its documentation (`docs/hub/repositories-licenses.md` of
huggingface/hub-docs, 2026-08-22), without those of `UNSTATED`. `huggingface_hub` has no such list."""


def licence_problem(name: str) -> tuple[str, str] | None:
    """What is wrong with a licence's name, as (message, hint); None where the Hub or SPDX knows it.

    `LicenseRef-...` and expressions such as `MIT AND Apache-2.0` are SPDX's too.
    """
    known = {*UNSTATED, *OF_THE_HUB}
    unknown = [word for word in _words(name) if word.lower() not in known and not in_spdx(word)]
    if not unknown and _words(name):
        return None
    word = unknown[0] if unknown else name
    near = did_you_mean(word.lower(), [*known, *_spdx()])
    hint = near if near.startswith("did you mean") else "write 'other' and put its name into 'license_name'"
    return f"there is no licence '{word}'", hint


def licence_on_the_hub(licence: object, name: object) -> str | None:
    """What a card of the Hub states by its `license` and `license_name`, as an expression; None: nothing that is known,
    as where only one of several names is."""
    given = [one for one in (licence if isinstance(licence, list) else [licence]) if isinstance(one, str)]
    names = [str(name or "") if one == "other" else one for one in given]
    if not names or any(one in UNSTATED or licence_problem(one) for one in names):
        return None
    return " AND ".join(f"({one})" if len(names) > 1 and " " in one else one for one in names)


def _words(name: str) -> list[str]:
    return [w for w in re.split(r"[\s()]+", name) if w and w.upper() not in ("AND", "OR", "WITH")]


def in_spdx(word: str) -> bool:
    return word.lower() in _spdx() or word.startswith("LicenseRef-")


@cache
def _spdx() -> frozenset[str]:
    """SPDX's ids in lower case. Reading them takes some hundredths of a second: only when a name is looked up."""
    from license_expression import get_license_index

    ids = (entry.get("spdx_license_key") for entry in get_license_index())
    return frozenset(i.lower() for i in ids if i and not i.startswith("LicenseRef-"))
