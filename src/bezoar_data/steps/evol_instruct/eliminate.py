"""Which evolutions fail: WizardLM's elimination rules (arXiv 2304.12244, section 3.2) as the authors apply them.

The three rules that need no model come first. The fourth, whether anything was gained, is a question to a model; here
stands only how its answer is read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any, Literal

from bezoar_data.steps.base import Dropped

DIFFICULT = "difficult_response"
NOTHING_SAID = "only_stop_words"
LABELS = "label_phrase"
NO_GAIN = "no_information_gain"
UNCLEAR = "unclear_comparison"
ANSWERED = "answered_instruction"

Apologies = Literal["any_case", "lower_case"]
"""In which case "sorry" is an apology. The authors look for it in lower case, and so pass over "Sorry, I cannot"."""

SHORT_APOLOGY = 80
"""A response with fewer tokens that says "sorry" counts as one the model found too difficult."""

_TOKEN = re.compile(r"\w+?(?=n['’]t\b)|n['’]t\b|['’](?:s|re|ve|ll|d|m)\b|\w+(?:-\w+)*|\.{3}|[^\w\s]", re.I)
COMPARISON: Mapping[str, Any] = {"type": "string", "enum": ["Equal", "Not Equal"]}
"""What an evaluator may say, for servers whose decoding follows a schema."""

_MARKS = re.compile(r"[^\w\s?]|_")
_PLAIN = re.compile(r"(?:(?:(?:the|my) )?(?:final )?(?:answer|comparison|result|verdict) (?:is )?)?(?P<not>not )?equal")


def tokens(text: str) -> list[str]:
    """Words and marks, counted as Penn Treebank tokenizers do: "don't" is two, a full stop is one."""
    return _TOKEN.findall(text)


def check_evolution(
    instruction: str, response: str, phrases: Iterable[str], stop_words: str, apologies: Apologies = "any_case"
) -> Dropped | None:
    """What the rules that ask no model say against an evolution, the first of them that does."""
    said = tokens(response)
    if "sorry" in (response.lower() if apologies == "any_case" else response) and len(said) < SHORT_APOLOGY:
        return Dropped(DIFFICULT, f"the response says sorry in {len(said)} tokens", raw=response)
    if says_nothing(said, _stop_words(stop_words)):
        detail = "the response holds only stop words and punctuation" if said else "the response is empty"
        return Dropped(NOTHING_SAID, detail, raw=response)
    found = label_in(instruction, phrases)
    if found is not None:
        return Dropped(LABELS, f"the evolved instruction says “{found}”", raw=instruction)
    return None


def says_nothing(said: Iterable[str], stop_words: Collection[str]) -> bool:
    """Whether no token carries a meaning: all are stop words or marks."""
    return all(t.lower().replace("’", "'") in stop_words or not any(c.isalnum() for c in t) for t in said)


def label_in(instruction: str, phrases: Iterable[str]) -> str | None:
    """The first of the prompt's own labels that stands in an evolved instruction, in capitals or not."""
    low = instruction.lower()
    return next((p for p in phrases if p.lower() in low), None)


def read_comparison(said: str) -> Literal["equal", "not equal"] | None:
    """What a comparison came to; None where it is not a plain answer: a sentence about equality may well deny it."""
    found = _PLAIN.fullmatch(" ".join(_MARKS.sub(" ", said.casefold()).split()))
    if found is None:
        return None
    return "not equal" if found["not"] else "equal"


@cache
def _stop_words(text: str) -> frozenset[str]:
    return frozenset(text.lower().split())
