"""What can be wrong with an answer that its form alone gives away.

Each check looks for one fault and returns a finding with a reason a person understands, or nothing. Facts are beyond
these rules: a fluent, complete, on-topic answer that is false passes.
"""

# ruff: noqa: E501, SIM905 - a reason the judge gives stays on one line

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable

from .judged import LIST_LINE, MAKING, Finding, Judged
from .order import order_score
from .prompt import Option
from .refusals import refusal
from .text import FUNCTION_WORDS, clip, content_stems, stem, words
from .weights import RAREST, weight

Check = Callable[[Judged], Finding | None]

_MARKERS = re.compile(
    r"<\|[a-z_]+\|>|\[/?INST\]|<</?SYS>>|###\s*(?:Instruction|Response|System|Input|Human|Assistant)\b|\{\{[^}]{0,60}\}\}|</?s>"
    r"|<(?:human|bot|user|assistant)>\s*:|(?m:^(?:Human|Assistant|USER|ASSISTANT):\s)|\blorem ipsum\b"
)


def empty(judged: Judged) -> Finding | None:
    if not judged.response.strip():
        return Finding("empty", 1, "The answer is empty.")
    if not judged.response_words:
        if any(c.isalnum() for c in judged.response) or len(judged.instruction) < 3:
            return None
        return Finding("empty", 1, f"The answer holds no word, only {clip(judged.response.strip(), 20)!r}.")
    return None


def markers(judged: Judged) -> Finding | None:
    match = _MARKERS.search(judged.response)
    if not match or match.group(0) in judged.instruction:
        return None
    return Finding("markers", 1, f"The answer still holds a piece of a prompt template (“{clip(match.group(0), 40)}”).")


_FOREIGN = re.compile(r"[^\W\d_a-zA-Z\u00c0-\u024f\u1e00-\u1eff]")
_LANGUAGES = re.compile(
    r"translat|language|chinese|japanese|korean|arabic|russian|hindi|greek|hebrew|thai|cyrillic|script|symbol|emoji",
    re.I,
)


def script(judged: Judged) -> Finding | None:
    foreign = len(_FOREIGN.findall(judged.response))
    if foreign < 4 or _LANGUAGES.search(judged.instruction):
        return None
    letters = sum(map(str.isalpha, judged.response))
    asked = len(_FOREIGN.findall(judged.instruction))
    if foreign > 0.3 * letters and asked < 0.1 * max(1, sum(map(str.isalpha, judged.instruction))):
        return Finding(
            "script", 1, "The answer is written in another script than the task, which does not ask for one."
        )
    return None


def looping(judged: Judged) -> Finding | None:
    said = Counter(" ".join(p.lower().split()) for p in judged.parts if len(p.split()) >= 3)
    if said:
        text, times = said.most_common(1)[0]
        if times >= 3 or (times == 2 and len(text.split()) >= 5 and 2 * times >= len(judged.parts)):
            return Finding("looping", 1, f"The answer repeats itself: “{clip(text, 70)}” stands in it {times} times.")
    tokens = judged.response.lower().split()
    trigrams = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
    if len(set(trigrams)) > 0.9 * len(trigrams):
        return None
    block = _block_three_times(trigrams)
    if block:
        return Finding("looping", 1, f"The answer repeats itself: “{clip(block, 70)}” comes three times in a row.")
    if len(tokens) >= 12 and not judged.is_code:
        grams = Counter(itertools.pairwise(trigrams))
        again = sum(n for n in grams.values() if n >= 3)
        if again > 0.3 * len(trigrams):
            (first, second), times = grams.most_common(1)[0]
            gram = " ".join((*first, second[-1]))
            return Finding("looping", 1, f"The answer goes round in circles: “{gram}” comes back {times} times.")
    return None


def _block_three_times(trigrams: list[tuple[str, str, str]]) -> str:
    """A run of words said three times in a row, found in one pass: each trigram is as far from its last occurrence
    as the block is long, and stays so for two blocks."""
    seen: dict[tuple[str, str, str], int] = {}
    run = distance = 0
    for i, gram in enumerate(trigrams):
        before = seen.get(gram)
        seen[gram] = i
        if before is None:
            run = distance = 0
            continue
        run = run + 1 if i - before == distance else 1
        distance = i - before
        if run >= max(2 * distance - 2, 4):
            return " ".join(g[0] for g in trigrams[i - distance + 1 : i + 1])
    return ""


def echo(judged: Judged) -> Finding | None:
    asked, said = " ".join(judged.instruction.lower().split()), " ".join(judged.response.lower().split())
    if len(said.split()) >= 4 and (said == asked or (len(said) > 0.9 * len(asked) and asked.startswith(said))):
        return Finding("echo", 1, "The answer only repeats the task.")
    first = asked.split("?", 1)[0] + "?"
    if "?" in asked and said.rstrip("?") + "?" == first and len(first.split()) >= 4:
        return Finding("echo", 1, "The answer only repeats the question.")
    return None


_DANGLING = frozenset(
    "a an the of to in on at by for with from and or but that which who whose is are was were be been being has have had"
    " as if because than into onto its their his her my our your this these will would can could should may might must"
    " not also such when while where very so does do did between during through about after before under over".split()
)


def truncated(judged: Judged) -> Finding | None:
    text = judged.response.rstrip()
    if not text:
        return None
    if judged.response.count("```") % 2:
        return Finding("truncated", 2, "The answer breaks off inside a code block.")
    tail = clip(text[-60:], 60)
    prose = judged.prose.rstrip()
    if not prose:
        return None
    if not judged.is_code:
        for left, right in ("()", "[]"):
            if text.count(left) > text.count(right) and not re.search(r"[:;=]-?\($", text):
                at = text.rfind(left)
                if right not in text[at:]:
                    return Finding(
                        "truncated",
                        2,
                        f"The answer breaks off: what opens with “{left}” near the end is never closed (“…{tail}”).",
                    )
        if text[-1] in ",;:([{“‘—–-+=*/&" and len(judged.response_words) > 2:
            return Finding("truncated", 2, f"The answer ends in the middle of a sentence (“…{tail}”).")
    if judged.is_code or text.endswith("```") or not text[-1].isalnum():
        return None
    last_word = judged.response_words[-1]
    if re.search(r"\banswer(?: is)?$", text):
        return Finding("truncated", 2, "The answer breaks off just before it says what the answer is.")
    if last_word.lower() in _DANGLING and (len(last_word) > 1 or last_word == "a") and len(judged.response_words) > 3:
        return Finding("truncated", 2, f"The answer ends on “{last_word}”, in the middle of a sentence.")
    whole = _begun_word(judged, last_word)
    if whole:
        return Finding("truncated", 2, f"The answer breaks off inside a word (“{last_word}” for “{whole}”).")
    if _stops_short(judged, prose):
        return Finding("truncated", 2, f"The last sentence has no end (“…{tail}”).")
    return None


def _begun_word(judged: Judged, last: str) -> str:
    """A word of the task that the last word is only the beginning of."""
    if len(judged.response_words) < 4 or len(last) < 2 or last.isdigit():
        return ""
    known = {w.lower() for w in words(judged.instruction)} | {w.lower() for w in judged.response_words[:-1]}
    low = last.lower()
    if low in known or low in FUNCTION_WORDS or weight(stem(low)) < RAREST:
        return ""
    return next((w for w in sorted(known) if w.startswith(low) and len(w) - len(low) >= 2), "")


def _stops_short(judged: Judged, prose: str) -> bool:
    """Whether the last line misses a full stop that the rest of the answer would lead one to expect."""
    lines = [line.strip() for line in prose.split("\n") if line.strip()]
    last = lines[-1]
    ended = [line for line in lines[:-1] if line[-1] in ".!?"]
    if LIST_LINE.match(last):
        items = [line for line in lines[:-1] if LIST_LINE.match(line)]
        return bool(items) and sum(line[-1] in ".!?" for line in items) > 0.6 * len(items)
    inner = len(re.findall(r"[a-z0-9)][.!?][\"”’)]?\s+[A-Z]", last))
    if inner:
        return True
    if ended and len(ended) >= 0.5 * (len(lines) - 1):
        return True
    count = len(last.split())
    if last[0].isupper() and judged.grammar_share > 0.2 and count >= 4 and _AUXILIARY.search(last):
        return len(lines) == 1 or count >= 9
    return len(lines) == 1 and count >= 9 and last[0].isupper() and bool(_VERBS.search(last))


_AUXILIARY = re.compile(r"\b(?:is|are|was|were|has|have|had|can|will|would|should|could|may|might|must|does|do|did)\b")
_VERBS = re.compile(
    r"\b(?:is|are|was|were|has|have|had|can|will|would|should|could|may|might|must|does|do|did|[a-z]{3,}ed|[a-z]{3,}s)\b"
)


_ORDER_LEAST = ((8, -0.6), (14, 0.1), (25, 0.2), (50, 0.25), (10**9, 0.2))
"""Below this plausibility an answer of up to so many neighbours counts as disordered; short ones vary more."""


def disordered(judged: Judged) -> Finding | None:
    if (
        judged.is_code
        or len(judged.response_words) < 5
        or judged.grammar_share < 0.15
        or judged.is_list
        or judged.is_verse
    ):
        return None
    score, pairs = order_score(judged.prose)
    least = next(value for most, value in _ORDER_LEAST if pairs < most)
    if pairs >= 6 and score < least:
        return Finding(
            "disordered", 1, f"The words stand in an order that makes no sentences (“{clip(judged.prose, 70)}”)."
        )
    return None


_DEFERS = re.compile(
    r"\bfacts? (?:itself|themselves) (?:is|are|have|has|would|must)\b|\bdeciding fact\b|\b(?:last word|final wording) (?:belongs )?to\b"
    r"|\banswer is (?:therefore )?yes (?:only )?(?:if|when)\b|\b(?:can|could) be settled reliably\b|\bif they can, the answer is\b",
    re.I,
)


def unanswered(judged: Judged) -> Finding | None:
    match = _DEFERS.search(judged.response)
    if match is None:
        return None
    return Finding("unanswered", 2, "The answer tells how one could find the answer, but does not give it.")


def wrong_option(judged: Judged) -> Finding | None:
    options = judged.options
    if len(options) < 2:
        return None
    labels = {o.label for o in options if o.label}
    low = judged.response.lower()
    if labels:
        named = judged.named_labels
        if named and named[-1] not in labels:
            return Finding("wrong_option", 1, f"The answer names option {named[-1]}, which the task does not offer.")
        if named or any(label in judged.response for label in labels):
            return None
    if any(o.text and _said(o, low) for o in options):
        claimed = re.findall(
            r"(?:answer|choice|option) is:? [\"“']?([^\n\"”]{1,80}?)[\"”']?(?:\.|$)", judged.response, re.M
        )
        if not claimed or any(_matches(o, claimed[-1].lower()) for o in options) or labels:
            return None
        return Finding(
            "wrong_option", 1, f"The answer settles on “{clip(claimed[-1], 50)}”, which is not among the options."
        )
    if len(judged.response_words) <= 2 and labels & {f"({w.upper()})" for w in judged.response_words}:
        return None
    return Finding("wrong_option", 2, "The task offers options, and the answer names none of them.")


def _said(option: Option, low: str) -> bool:
    text = option.text.lower().rstrip(".")
    if not any(c.isalpha() for c in text):
        return bool(
            re.search(rf"(?<![\w.]){re.escape(text)}(?![\w.]*\w)", low[-80:])
        )  # a figure counts as a result, not midway
    return text in low or (
        len(text.split()) > 3
        and len(set(content_stems(text)) & set(content_stems(low))) >= 0.8 * len(set(content_stems(text)))
    )


def _matches(option: Option, claim: str) -> bool:
    text = option.text.lower().rstrip(".")
    return text in claim or claim in text or bool(set(content_stems(text)) & set(content_stems(claim)))


def off_topic(judged: Judged) -> Finding | None:
    """Too few bits in common.

    Tasks that leave the subject open (a joke, some tips) or work on a single word cannot be judged this way.
    """
    own = len(judged.answer_stems)
    if own < (5 if judged.options else 8) or judged.is_code or _LANGUAGES.search(judged.instruction):
        return None
    open_subject = len(judged.instruction) < 250 and not judged.options and MAKING.search(judged.instruction)
    given = judged.instruction.rpartition("\n\n")[2]
    bare_input = len(given) < 60 and given != judged.instruction and not judged.options
    if open_subject or bare_input or judged.task_bits < 12:
        return None
    least = min(7.0 if own < 40 else 11.0, 0.4 * judged.task_bits)
    if judged.shared_bits + judged.option_bits >= least:
        return None
    missing = [
        w for w in dict.fromkeys(_long_words(judged.instruction)) if stem(w) in judged.task_stems - judged.answer_stems
    ]
    named = ", ".join(f"“{w}”" for w in missing[:3]) or "its words"
    return Finding("off_topic", 1, f"The answer has next to nothing to do with the task: it mentions none of {named}.")


def _long_words(text: str) -> list[str]:
    found = re.findall(r"[A-Za-z][\w'’-]{3,}", text)
    return sorted((w for w in found if w.lower() not in FUNCTION_WORDS), key=lambda w: -len(w))


_DEMANDS = (
    (
        re.compile(r"\b(?:essay|article about|blog post|cover letter|speech)\b", re.I),
        re.compile(r"\b(?:write|compose|draft|create|generate)\b", re.I),
        40,
        "an essay or a text of some length",
    ),
    (
        re.compile(r"\b(?:story|paragraph|letter|email|dialogue|poem)\b", re.I),
        re.compile(
            r"\b(?:write|compose|draft|create|generate)\b[^.?!\n]{0,30}\b(?:story|paragraph|letter|email|dialogue|poem)",
            re.I,
        ),
        12,
        "a text of several sentences",
    ),
    (
        re.compile(r"\b(?:step[- ]by[- ]step|in detail|detailed)\b", re.I),
        re.compile(r"\b(?:explain|describe|write|give|guide|plan)\b", re.I),
        12,
        "a detailed answer",
    ),
    (
        re.compile(r"\b(?:explain|describe|discuss|compare|why)\b", re.I),
        re.compile(r"^(?:please )?(?:explain|describe|discuss|compare|why)\b", re.I),
        4,
        "an explanation",
    ),
)


def too_short(judged: Judged) -> Finding | None:
    count = len(judged.response_words)
    head = judged.instruction[:400]
    for cue, form, least, what in _DEMANDS:
        if count < least and cue.search(head) and form.search(head) and not judged.options:
            return Finding(
                "too_short",
                2,
                f"The task asks for {what}, and the answer has only {count} {'word' if count == 1 else 'words'}.",
            )
    return None


CHECKS: tuple[Check, ...] = (
    empty,
    markers,
    refusal,
    script,
    echo,
    looping,
    disordered,
    wrong_option,
    truncated,
    off_topic,
    unanswered,
    too_short,
)
"""In order of how plainly the fault can be told to a person; the first found decides the verdict."""
