"""Whether a text is written in the script it should be, such as Latin or Cyrillic."""

from __future__ import annotations

import re
from functools import cache

import regex  # type: ignore[import-untyped]

from bezoar_data.measures.checks.fault import Fault

SCRIPTS = ("Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Bengali", "Thai", "Hangul", "Han")
"""Unicode's names. Japanese is `Han`, with its own two scripts beside it."""

_OTHER_LANGUAGE = re.compile(
    r"translat|language|chinese|japanese|korean|arabic|russian|ukrainian|bulgarian|hindi|bengali|greek|hebrew|thai|urdu"
    r"|persian|farsi|cyrillic|script|alphabet|symbol|emoji|unicode",
    re.IGNORECASE,
)
_FEWEST = 4


@cache
def _letters(script: str) -> regex.Pattern[str]:
    kana = r"\p{Hiragana}\p{Katakana}" if script == "Han" else ""
    return regex.compile(rf"[\p{{{script}}}{kana}]")


def scripts_of(text: str) -> dict[str, int]:
    """How many letters of each script stand in the text; `other` for scripts that have no name here."""
    letters = sum(map(str.isalpha, text))
    if text.isascii():
        return {"Latin": letters} if letters else {}
    found = {script: len(_letters(script).findall(text)) for script in SCRIPTS}
    found["other"] = letters - sum(found.values())
    return {script: n for script, n in found.items() if n > 0}


def other_script(text: str, asked: str, share: float = 0.3) -> Fault | None:
    """Whether more than `share` of the text's letters are of scripts that what was asked does not use, though it asks
    for no other language or signs."""
    if _OTHER_LANGUAGE.search(asked):
        return None
    own = scripts_of(asked)
    found = scripts_of(text)
    if not own or not found:
        return None
    foreign = {script: n for script, n in found.items() if own.get(script, 0) < 0.1 * sum(own.values())}
    if sum(foreign.values()) < _FEWEST or sum(foreign.values()) <= share * sum(found.values()):
        return None
    name = max(foreign, key=lambda script: foreign[script])
    named = f"the {name} script" if name != "other" else "another script"
    return Fault("other_script", named, f"The answer is written in {named}, which the task neither uses nor asks for.")
