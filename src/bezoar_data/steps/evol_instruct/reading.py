"""Reading an evolved instruction out of a model's answer, and telling one that is none.

Asked for the new version alone, models put headings, an announcement, a fence or quotation marks round it, or answer
the old instruction instead of changing it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from bezoar_data.steps.wrapping import unbold, unfenced, unquoted

_NAMES = frozenset({"instruction", "prompt", "request", "question", "version"})
_ANNOUNCES = re.compile(
    r"\A(?:(?:sure|certainly|of course|absolutely|okay|ok)\b[^\n:]{0,40}[!.,]\s*)?"
    r"(?:here(?:'s|’s| is)|this is|below is) "
    r"[^\n:]{0,40}\b(?:rewritten|new|complex|evolved|revised|updated|modified|rarer|created)\b[^\n:]{0,40}"
    r"\b(?:version|prompt|instruction|question|request|task)\b[^\n:]{0,60}:\s*(?=\S)",
    re.IGNORECASE,
)
_REPLIES = re.compile(
    r"\A(?:as an ai\b|the answer (?:to [^\n.?]{1,60} )?is\b|sorry\b|(?:my )?apologies\b|"
    r"(?:i'm|i’m|i am) (?:so |very )?(?:sorry|afraid|unable|not able)\b|"
    r"i (?:must |do )?apologi[sz]e\b|i (?:cannot|can't|can’t|can not|won't|won’t|will not) )",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?|？|\b(?:please|kindly|(?:can|could|would|will) you|i (?:want|need|would like|'d like)|help me|tell me|give me|"
    r"your (?:task|job|goal|answer|response|reply)|you (?:are|will|must|should|have|need) |let's|in this task|"
    r"(?:answer|essay|text|response|poem|story|list|summary|function|program|output) (?:should|must|has to))\b|"
    r"\.\.\.\Z|:\Z",
    re.IGNORECASE,
)
_FIRST = re.compile(
    r"\A\W*(?:what|which|who|whom|whose|why|how|when|where|is|are|do|does|did|can|could|should|would|if|given)\b", re.I
)
_SENTENCE = re.compile(r"(?<=[.!?:;,])[\"'”’)*]*\s+|\n+|\s[-–—]\s")
_CLOSING = "\"'”’)*"
_STATES = 5
"""Words that make a sentence a statement."""
_WORD = re.compile(r"\A[\W\d_]*([^\W\d_]+)")


def read_evolved(said: str, labels: Sequence[str], headings: Sequence[str]) -> str:
    """The evolved instruction in an answer. `labels` are the headings it was to be written under, `headings` those
    of what it was made from. Any that stand further on are left for the elimination to find."""
    text = _out_of_json(unfenced(said))
    if _heading(headings).match(text) and (below := _heading(labels, anywhere=True).search(text)):
        text = text[below.end() :]  # the whole form, filled in
    for _ in range(3):
        before = text
        text = unfenced(_ANNOUNCES.sub("", text.strip(), count=1))
        text = _heading(labels).sub("", text, count=1).strip()
        text = unquoted(unbold(text))
        if text == before:
            break
    return text


def is_answer(text: str, verbs: frozenset[str]) -> bool:
    """Whether a text states something, or declines, and asks for nothing: no question mark, no sentence that begins
    with one of `verbs`. A rule of ours, for English; it errs on the side of an instruction."""
    if _REPLIES.match(text):
        return True
    if not _states(text) or _FIRST.match(text) or _ASKS.search(text):
        return False
    return not any((word := _WORD.match(part)) and word[1].lower() in verbs for part in _SENTENCE.split(text))


def _states(text: str) -> bool:
    """Whether there is a sentence of some length that ends in a full stop."""
    words = 0
    for word in text.split():
        words += 1
        if word.rstrip(_CLOSING).endswith((".", "!")):
            if words >= _STATES:
                return True
            words = 0
    return False


def _out_of_json(text: str) -> str:
    if not text.lstrip().startswith("{"):
        return text
    try:
        value = json.loads(text, strict=False)
    except (json.JSONDecodeError, RecursionError):
        return text
    texts = [inner for name, inner in value.items() if isinstance(inner, str) and _NAMES & set(_words(name))]
    return texts[0] if len(texts) == 1 else text


def _words(name: str) -> Iterable[str]:
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())


def _heading(labels: Sequence[str], *, anywhere: bool = False) -> re.Pattern[str]:
    """The headings, whatever marks, case and colon a model gives them: in words of their own, with a mark or colon."""
    words = "|".join(re.escape(re.sub(r"[^\w\s]", "", label).strip()) for label in labels)
    begins = r"(?:\A|\n)[ \t]*" if anywhere else r"\A\s*"
    return re.compile(rf"{begins}(?:[#*]+\s*(?:{words})\s*[#*:]*|(?:{words})\s*[#*]*:[#*]*)\s*", re.IGNORECASE)
