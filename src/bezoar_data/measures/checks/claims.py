"""Where an answer says what its answer is: "The answer is (B).", "#### 18", "Answer: yes", "B is the right choice".

The last claim counts, as people and models correct themselves. What a claim denies ("the answer is not B") is none.
"""

# ruff: noqa: SIM905 - a block of words is easier to read than a list of strings

from __future__ import annotations

import re
from dataclasses import dataclass

from bezoar_data.measures.words import words_of

_MARKED = re.compile(
    r"####[ \t]*(?P<hashes>[^\n]+)"
    r"|\\boxed\{(?P<boxed>[^{}]+)\}"
    r"|\b(?:answer|option|choice|output)(?: (?:to|for|of|here|chosen|selected)\b[^.:\n]{0,60}?)?"
    r"(?:\s+(?:is|are|was|were|has to be|must be|should be|would be|will be)\b|\s*[:=→])\s*:?\s*(?=(?P<said>[^\n]+))"
    r"|\b(?:choose|chose|pick|picked|select|selected|opt for|go with)\s+(?=(?P<chosen>\(?(?-i:[A-Z])\b[^\n]*))"
    r"|\s(?:is|was|would be)\s+(?:\w+ )?(?<!not )(?<!n't )the\s+(?:only |most )?"
    r"(?P<right>correct|right|best|final|proper)\s+(?:answer|option|choice|one)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’)]*\s+(?=[\"“‘(\[]?[A-Z0-9])|[\r\n]+")
_DENIED = re.compile(
    r"\A\W*(?:(?:definitely|certainly|clearly|probably|surely|of course)\W+)?(?:not|never|neither|no longer)\b",
    re.IGNORECASE,
)
_BUT = re.compile(r"\b(?:but|rather|instead)\b[,:]?(?: it is)? ", re.IGNORECASE)
_CLAUSE = re.compile(r"[,;:]\s+(?:(?:but|so|and)\b\s*)?|\b(?:but|so|that|think|believe|say)\s+", re.IGNORECASE)
_POINTING = re.compile(
    r"(?:this|that|it|which|what|these|those|here|there|the (?:first|second|third|last|other|former|latter|one))\b",
    re.IGNORECASE,
)
"""Words that name an answer elsewhere: "This ending is the right one"."""
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


@dataclass(frozen=True, slots=True)
class Claims:
    """What a text claims its answer to be, and what it claims it not to be, in order: each the rest of the claim's
    sentence. `rest` is where to look for an answer if there is no claim: what follows the last denial, or all."""

    said: tuple[str, ...]
    denied: tuple[str, ...]
    rest: str

    @property
    def last(self) -> str:
        """The last claim; "" where there is none."""
        return self.said[-1] if self.said else ""


def claims(text: str) -> Claims:
    """The claims of a text that went through `plain`."""
    said, denied, end = [], [], 0
    for match in _MARKED.finditer(text):
        start, claim = _claimed(match)
        if not claim:
            continue
        if _DENIED.search(claim):
            denied.append(claim)
            _, *rest = _BUT.split(claim, maxsplit=1)
            if not rest:
                end = start + len(claim)
                continue
            claim = rest[0]
        said.append(claim)
    return Claims(tuple(said), tuple(denied), text[end:])


def _claimed(match: re.Match[str]) -> tuple[int, str]:
    """Where a claim begins in the text, and its words: behind "the answer is", or before "is the right answer"."""
    if match["right"]:
        before = match.string[max(0, match.start() - 100) : match.start()]
        claim = _CLAUSE.split((sentences(before) or [""])[-1])[-1].strip()
        return match.start() - len(claim), "" if _POINTING.match(claim) else claim
    group = next(name for name in ("hashes", "boxed", "said", "chosen") if match[name])
    return match.start(group), (sentences(match[group][:1000]) or [match[group]])[0]


_HEADINGS = frozenset(
    """
    answer analysis approach conclusion explanation hello here hi introduction ok okay reasoning result response
    solution step steps summary sure task thanks understanding welcome yes no well
    """.split()
)


def lead(text: str) -> str:
    """A few words that stand alone above all else, as an answer does before its explanation; "" where there are none.
    Headings and greetings are none."""
    first, blank, rest = text.strip().partition("\n\n")
    words = words_of(first)
    plain_words = 0 < len(words) <= 4 and not _HEADINGS.intersection(words) and not first.lstrip().startswith("#")
    return first.strip() if blank and rest.strip() and plain_words and first.rstrip()[-1] not in ":!?" else ""


def concludes(sentence: str) -> bool:
    """Whether a sentence begins as conclusions do."""
    return bool(_CONCLUDES.search(sentence[:60]))
