"""Words, sentences and choices: what the embedded offline models share.

Everything here is a pure function of its text. The offline models must give the same answer on every machine and in
every order of requests, so nothing draws from a global random state: a `Pick` is seeded by a hash of what was asked.
"""

# ruff: noqa: SIM905 - a block of words is easier to read and to extend than a list of strings

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
NUMBER = re.compile(r"(?<![\w.])-?\$?\d[\d,]*(?:\.\d+)?")

FUNCTION_WORDS = frozenset(
    """
    a about above across after again against all almost alone along already also although always am among an and
    another any are aren't around as at away be because become becomes been before behind being below between
    both but by can can't cannot could couldn't did didn't do does doesn't doing don't done down during each
    either else enough even ever every everyone everything few for from further had hadn't has hasn't have
    haven't having he he's her here hers herself him himself his how however i i'm i've if in inside instead
    into is isn't it it's its itself just least less let like likely made make makes many may maybe me might
    mine more most much must my myself near neither never next no none nor not nothing now of off often on once
    one only onto or other others our ours out over own per perhaps please quite rather really same shall she
    she's should since so some someone something sometimes such than that that's the their theirs them
    themselves then there there's therefore these they they're this those though through thus to together too
    toward towards under until up upon us usually very was wasn't we we're well were weren't what what's when
    where whether which while who whom whose why will with within without would wouldn't yet you you're your
    yours yourself
    """.split()
)
"""Words that carry grammar, not topic: they never count as overlap."""

TASK_WORDS = frozenset(
    """
    answer answers question questions following given option options choose choice select correct task output
    input sentence sentences text passage paragraph article explain describe write provide give tell based
    context definition example examples statement write generate below word words response
    """.split()
)
"""Words of the wrapping ("answer the following question"), hardly ever of the topic."""

_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|No|Inc|Ltd|e\.g|i\.e|approx)|\b[A-Z])\.$")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9])|\n+")


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A rough common form: `extinct` and `extinction`, `molecules` and `molecular` share one.

    Cutting to six letters does most of the work; it errs towards seeing a match, which suits measuring a topic.
    """
    w = word.lower().replace("’", "'")
    if w.endswith("'s"):
        w = w[:-2]
    if not w.isalpha():
        return w
    if len(w) > 4 and w.endswith("ies"):
        w = w[:-3] + "y"
    elif len(w) > 4 and w.endswith(("sses", "shes", "ches", "xes", "zes")):
        w = w[:-2]
    elif len(w) > 3 and w.endswith("s") and not w.endswith(("ss", "us", "is")):
        w = w[:-1]
    for ending, least in (("ing", 6), ("ed", 5), ("ly", 5), ("er", 6), ("est", 6)):
        if w.endswith(ending) and len(w) >= least:
            w = w[: -len(ending)]
            if len(w) > 3 and w[-1] == w[-2] and w[-1] not in "ls":
                w = w[:-1]
            break
    if len(w) > 3 and w[-1] in "ey":
        w = w[:-1]
    return w[:6]


def words(text: str) -> list[str]:
    return WORD.findall(text)


def content_stems(text: str) -> list[str]:
    """Stems of the words that carry the topic, in order, repeats kept."""
    return [stem(w) for w in WORD.findall(text) if w.lower() not in FUNCTION_WORDS]


@lru_cache(maxsize=4096)
def topic_words(text: str, most: int = 6) -> tuple[str, ...]:
    """The words a text seems to be about, as written, in order of appearance: names first, then long words."""
    best: dict[str, tuple[float, int, str]] = {}
    for i, word in enumerate(WORD.findall(text)):
        low = word.lower()
        if low in FUNCTION_WORDS or low in TASK_WORDS or (len(word) < 3 and not word.isdigit()):
            continue
        weight = len(word) + (6 if word[0].isupper() and i > 0 else 0)
        key = stem(low)
        if key in best:
            weight0, i0, w0 = best[key]
            best[key] = (weight0 + 2, i0, w0)
        else:
            best[key] = (weight, i, word)
    top = sorted(best.values(), key=lambda v: (-v[0], v[1]))[:most]
    return tuple(w for _, _, w in sorted(top, key=lambda v: v[1]))


@lru_cache(maxsize=4096)
def topic_phrases(text: str, most: int = 4) -> tuple[str, ...]:
    """Runs of up to three neighbouring content words, as written: "first dictionary", "English language"."""
    runs: list[list[str]] = [[]]
    end = 0
    for match in WORD.finditer(text):
        word = match.group(0)
        low = word.lower()
        if not text[end : match.start()].isspace() or len(runs[-1]) == 3:
            runs.append([])
        end = match.end()
        if low in FUNCTION_WORDS or low in TASK_WORDS:
            runs.append([])
        elif len(word) > 2 or word.isdigit():
            runs[-1].append(word)
    found = list(dict.fromkeys(" ".join(run) for run in runs if run))
    ranked = sorted(found, key=lambda p: -len(p) - 6 * p[0].isupper() - 6 * p.count(" "))[:most]
    return tuple(p for p in found if p in ranked)


def sentences(text: str) -> list[str]:
    """Sentences and lines of a text, stripped, empty ones left out."""
    out: list[str] = []
    open_parts: list[str] = []
    for part in map(str.strip, _SENTENCE_END.split(text)):
        if not part:
            continue
        open_parts.append(part)
        if not _ABBREVIATION.search(part[-12:]):
            out.append(" ".join(open_parts))
            open_parts = []
    return [*out, " ".join(open_parts)] if open_parts else out


def clip(text: str, most: int = 160) -> str:
    """One line of at most about `most` characters, cut between words."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    return line[:most].rsplit(" ", 1)[0].rstrip(" ,;:.-") + " …"


def sentence(text: str) -> str:
    """The text as a sentence of its own: a capital first, a full stop last."""
    text = text.strip()
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?…" or text[-2:] in ('."', ".”", "?”", "!”") else text + "."


def listed(items: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    if not items:
        return ""
    if len(items) == 1:
        return items[0]
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def with_article(noun: str) -> str:
    if noun[0].isupper() or noun.endswith(("s", "ing")) or " " in noun:
        return noun
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def quoted(text: str, most: int = 160) -> str:
    """Between typographic quotation marks, any inside made single so that they stay balanced."""
    return "“" + clip(text, most).replace("“", "‘").replace("”", "’").replace('"', "'") + "”"


_TOKEN = re.compile(r"\s*(?:\w{1,5}|[^\w\s]|\s+$)")


def count_tokens(text: str) -> int:
    """A steady estimate of tokens (about five letters each), for usage figures and `max_tokens`."""
    return len(_TOKEN.findall(text))


def cut_tokens(text: str, most: int) -> tuple[str, bool]:
    """The text within `most` tokens, and whether it had to be cut."""
    if len(text) <= most:  # every token has at least one character
        return text, False
    for i, token in enumerate(_TOKEN.finditer(text)):
        if i == most:
            return text[: token.start()], True
    return text, False


class Pick:
    """Draws that depend only on what was asked: the same messages, seed, attempt and sample give the same draws."""

    __slots__ = ("_state",)

    def __init__(self, *parts: object) -> None:
        text = "\x1f".join(map(str, parts))
        self._state = int.from_bytes(
            hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest(), "big"
        )

    def below(self, n: int) -> int:
        # A linear congruential step keeps later draws from running out of digest bits.
        self._state, value = (self._state * 6364136223846793005 + 1442695040888963407) % (1 << 256), self._state >> 96
        return value % n

    def one(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]


def conversation(messages: Iterable[Mapping[str, str]]) -> tuple[str, str]:
    """The system text and the last thing the user said."""
    system, user = "", ""
    for message in messages:
        if message.get("role") == "system":
            system = f"{system}\n{message.get('content', '')}".strip()
        elif message.get("role") == "user":
            user = message.get("content", "")
    return system, user
