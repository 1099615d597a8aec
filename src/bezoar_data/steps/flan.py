"""The vocabulary of the FLAN collection: its columns, its sub-mixes, its template types.

Copies of FLAN spell the sub-mixes differently (`T0` is called `P3` in its own rows, `niv2_submix_original` in some
dataset names), so every step that cares asks `submix_of` instead of comparing strings.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, get_args

COLUMNS = ("inputs", "targets", "task_source", "task_name", "template_type")
"""Columns every FLAN row has, all of them text."""

Submix = Literal["CoT", "NIv2", "T0", "Flan2021", "Dialog"]
SUBMIXES: tuple[Submix, ...] = get_args(Submix)

ZERO_SHOT_WITH_OPTIONS = "zs_opt"
ZERO_SHOT_WITHOUT_OPTIONS = "zs_noopt"

_SPELLINGS: dict[str, Submix] = {
    "cot": "CoT",
    "chainofthought": "CoT",
    "niv2": "NIv2",
    "naturalinstructions": "NIv2",
    "supernaturalinstructions": "NIv2",
    "t0": "T0",
    "t0sf": "T0",
    "p3": "T0",
    "flan2021": "Flan2021",
    "flan": "Flan2021",
    "dialog": "Dialog",
    "dialogue": "Dialog",
}
_ENDINGS = re.compile(r"(submix|original|v2)$")


def submix_of(task_source: object) -> Submix | None:
    """The sub-mix a `task_source` names, whatever its case and punctuation, or None if it names none."""
    return _submix_named(task_source) if isinstance(task_source, str) else None


@lru_cache(maxsize=1024)
def _submix_named(task_source: str) -> Submix | None:
    word = re.sub(r"[^a-z0-9]", "", task_source.casefold())
    while word and word not in _SPELLINGS:
        shorter = _ENDINGS.sub("", word)
        if shorter == word:
            return None
        word = shorter
    return _SPELLINGS.get(word)


def is_zero_shot(template_type: str) -> bool:
    """Whether the row's prompt shows no worked examples before its question."""
    return template_type.casefold().startswith("zs")
