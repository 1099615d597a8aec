"""Where an answer says what its answer is: "The answer is (B).", "#### 18", "Answer: yes", "B is the right choice".

The last claim counts, as people and models correct themselves. What a claim denies ("the answer is not B") is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MARKED = re.compile(
    r"####[ \t]*(?P<hashes>[^\n]+)"
    r"|\\boxed\{(?P<boxed>[^{}]+)\}"
    r"|\b(?:answer|option|choice|output|result|solution)(?: (?:to|for|of|here|chosen|selected)\b[^.:\n]{0,60}?)?"
    r"(?:\s+(?:is|are|was|were|has to be|must be|should be|would be|will be)\b|\s*[:=→])\s*:?\s*(?P<said>[^\n]+)"
    r"|\b(?:choose|chose|pick|picked|select|selected|opt for|go with)\s+(?P<chosen>\(?(?-i:[A-Z])\b[^\n]*)"
    r"|(?P<before>[^.;:\n]{1,100}?)\s+(?:is|was|would be)\s+(?:\w+ )?(?<!not )(?<!n't )the\s+(?:only |most )?"
    r"(?:correct|right|best|final|proper)\s+(?:answer|option|choice|one)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’)]*\s+(?=[\"“‘(\[]?[A-Z0-9])|[\r\n]+")
_DENIED = re.compile(
    r"\A\W*(?:(?:definitely|certainly|clearly|probably|surely|of course)\W+)?(?:not|never|neither|no longer)\b",
    re.IGNORECASE,
)
_BUT = re.compile(r"\b(?:but|rather|instead)\b[,:]?(?: it is)? ", re.IGNORECASE)
_CONCLUDES = re.compile(
    r"\b(?:so|therefore|thus|hence|consequently|in conclusion|in short|to conclude|overall|finally|this means)\b|∴",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """The text without marks of emphasis, in which typographic apostrophes are straight."""
    return re.sub(r"\*\*|__|`|\\text|\\left|\\right|\\[()\[\]]", "", text.replace("’", "'"))


def sentences(text: str) -> list[str]:
    """Sentences and lines, in order."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part and part.strip()]


def claims(text: str) -> Iterator[str]:
    """What the text claims its answer to be, in order: each the rest of its sentence."""
    for match in _MARKED.finditer(text):
        said = next(filter(None, (match[group] for group in ("hashes", "boxed", "said", "chosen", "before"))))
        said = (sentences(said) or [said])[0]
        if _DENIED.search(said):
            _, *rest = _BUT.split(said, maxsplit=1)
            if not rest:
                continue
            said = rest[0]
        yield said


def concludes(sentence: str) -> bool:
    """Whether a sentence begins as conclusions do."""
    return bool(_CONCLUDES.search(sentence[:60]))
