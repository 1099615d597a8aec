"""A model's thinking, told apart from its answer.

Servers with a reasoning parser give the two apart. Others leave the thinking in the answer, in the model's own
spelling, and a chat template that begins the thinking in the prompt leaves only its closing mark. What is thinking:

* what stands between an opening mark **at the answer's beginning** and its closing mark, block after block. Without a
  closing mark all of it is thinking, and there is no answer yet;
* what stands before a closing mark that was never opened, outside of code: one that begins its line, or follows the
  text before it without a space, or ends its line behind the end of a sentence. A mark that prose merely names ("close
  it with </think> and go on") is none of these;
* every channel of the harmony format but the last `final` one, also where a server dropped its marks
  (`analysis...assistantfinal...`).

Everything else is the answer's: tags further on, in code, in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from bezoar_data.config.value_class import value_class

_TAGS = ("think", "thinking", "thought", "thoughts", "reasoning", "seed:think", "longcat_think")
_PAIRS = (
    *((f"<{tag}>", f"</{tag}>") for tag in _TAGS),
    ("[THINK]", "[/THINK]"),  # Mistral
    ("<|channel>thought", "<channel|>"),  # Gemma 4
    ("<unused94>thought", "<unused95>"),  # MedGemma
    ("<|think|>", "<|/think|>"),
    ("◁think▷", "◁/think▷"),  # Kimi
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
)
_CLOSED_BY = {opening.lower(): closing.lower() for opening, closing in _PAIRS}
_OPENED_BY = {closing: opening for opening, closing in _CLOSED_BY.items()}
_OPENING = re.compile("|".join(map(re.escape, _CLOSED_BY)), re.IGNORECASE)
_WORDS = ("think", "thought", "reasoning", "channel|>", "unused95", "inner_suffix")
"""One of these is in every closing mark. Looking for them is many times faster than for the marks."""
_CLOSING = re.compile("|".join(map(re.escape, _OPENED_BY)), re.IGNORECASE)

_CHANNEL = re.compile(r"(?:<\|start\|>\s*assistant\s*)?<\|channel\|>")
_FINAL = re.compile(r"<\|channel\|>\s*final\b[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_HEADER = re.compile(
    r"(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*\w*[^<]*(?:<\|constrain\|>[^<]*)?(?:<\|message\|>)?"
    r"|<\|start\|>\s*(?:assistant)?|<\|(?:end|message|return|call)\|>"
)
_MESSAGE_END = re.compile(r"<\|(?:start|end|channel|return|call)\|>")
_BARE_CHANNEL = re.compile(r"(?:analysis|commentary)(?=[^\sa-z.,:;!?)\]'-])")
_BARE_FINAL = "assistantfinal"
_BARE_THOUGHT = "thought\n"
"""How Gemma's channel begins where a server dropped its marks, and with them where it ended."""

_CODE = re.compile(r"(?P<fence>```|~~~).*?(?:(?P=fence)|\Z)|(?P<ticks>`+)[^`\n]+(?P=ticks)", re.DOTALL)
_MOST_MARKS = 100
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
_QUOTES = "\"'`“‘«(["


@value_class(frozen=True, slots=True)
class Split:
    """Thinking, and the answer after it; None where the thinking never ended."""

    thinking: str
    answer: str | None


def may_think(text: str) -> bool:
    """Whether it is worth looking closer. Cheap: nearly every answer holds none of these characters."""
    return "<" in text or "[" in text or "◁" in text or text.startswith(("analysis", "commentary", _BARE_THOUGHT))


def split_thinking(text: str) -> Split | None:
    """The thinking in an answer's text, and the answer without it. None where there is none."""
    found = _harmony(text) or _bare(text)
    if found is not None:
        return found
    thoughts: list[str] = []
    rest = text
    while (block := _first_block(rest)) is not None:
        thoughts.append(block.thinking)
        if block.answer is None:
            return Split(_joined(thoughts), None)
        rest = block.answer
    return Split(_joined(thoughts), rest) if rest is not text else None


def with_thinking(thinking: str, answer: str) -> str:
    """Thinking and answer as one text, in the spelling that most chat templates know."""
    return f"<think>\n{thinking.strip()}\n</think>\n\n{answer}"


def _first_block(text: str) -> Split | None:
    begins = text.lstrip()
    if opening := _OPENING.match(begins):
        closing = _CLOSED_BY[opening[0].lower()]
        end = begins.lower().find(closing, opening.end())
        other = None if end >= 0 else _CLOSING.search(begins, opening.end())
        if end >= 0:
            return Split(begins[opening.end() : end], begins[end + len(closing) :].lstrip())
        if other is not None:  # opened by one tag, closed by another of them
            return Split(begins[opening.end() : other.start()], begins[other.end() :].lstrip())
        return Split(begins[opening.end() :], None)
    return next(_unopened(text), None)


def _unopened(text: str) -> Iterator[Split]:
    """What stands before closing marks that nothing opened."""
    lowered = text.lower()
    if not any(word in lowered for word in _WORDS):
        return
    if text.lstrip().startswith("{") and text.rstrip().endswith("}"):
        return  # JSON: whatever stands in its strings is content
    code = [found.span() for found in _CODE.finditer(text)]
    for mark in islice(_CLOSING.finditer(text), _MOST_MARKS):
        at, end = mark.span()
        opened = lowered.find(_OPENED_BY[mark[0].lower()].rstrip(">"), 0, at) >= 0  # perhaps with attributes
        if not opened and not any(start <= at < stop for start, stop in code) and _ends_thinking(text, at, end):
            yield Split(text[:at], text[end:].lstrip())


def _ends_thinking(text: str, at: int, end: int) -> bool:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    said = line.rstrip()
    if not said:
        return True
    if said == line:
        return said[-1] not in _QUOTES
    return said.endswith(_SENTENCE_ENDS) and not text[end:].partition("\n")[0].strip()


def _harmony(text: str) -> Split | None:
    if "<|channel|>" not in text:
        return None
    finals = list(_FINAL.finditer(text))
    if not _CHANNEL.match(text.lstrip()):
        code = [found.span() for found in _CODE.finditer(text)]
        finals = [f for f in finals if not any(start <= f.start() < stop for start, stop in code)]
        if not finals:
            return None
    if not finals:
        return Split(_without_headers(text), None)
    last = finals[-1]
    answer = _MESSAGE_END.split(text[last.end() :], maxsplit=1)[0]
    return Split(_without_headers(text[: last.start()]), answer.strip())


def _without_headers(text: str) -> str:
    return "\n\n".join(part for said in _HEADER.split(text) if (part := said.strip()))


def _bare(text: str) -> Split | None:
    if text.startswith(_BARE_THOUGHT):
        return Split(text[len(_BARE_THOUGHT) :], None)
    if not (channel := _BARE_CHANNEL.match(text)):
        return None
    thinking, ended, answer = text[channel.end() :].rpartition(_BARE_FINAL)
    return Split(thinking, answer.strip()) if ended else Split(text[channel.end() :], None)


def _joined(thoughts: list[str]) -> str:
    return "\n\n".join(thought.strip() for thought in thoughts if thought.strip())
