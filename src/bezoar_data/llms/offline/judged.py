"""What the offline judge is shown: the task and the answer between their markers, measured once for all checks."""

# ruff: noqa: E501 - a reason the judge gives, and a long pattern, stay on one line

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum  # exact, so that the order of a set cannot tip a verdict

from .prompt import Option, read_options
from .text import FUNCTION_WORDS, TASK_WORDS, content_stems, sentences, stem, words
from .weights import weight

_CODE = re.compile(r"```.*?(?:```|\Z)", re.S)
_CODE_LINE = re.compile(
    r"(?m)^(?:[ \t]*(?:def |class |import |from \w+ import|return\b|for .*:$|if .*:$|#include|public |\}|\{|</?\w+[^>]*>)|.*[;{][ \t]*$)"
)


_QUERY = re.compile(r"\bSELECT\b.{1,500}?\bFROM\b|^def \w+\(|^#!", re.S | re.M)
LIST_LINE = re.compile(r"^\s*(?:[-*•–]|\(?\w{1,2}[.)]|\d+\.|step \d+)", re.I)
_NAMED = re.compile(
    r"(?:answer|choice|option)(?: to choose)?(?:,? as a guess,?)?(?: is|:| would be| must be| should be)?:?\s*[\"“'*]*(\([A-Za-z]\)|[A-Z](?=[.)\s,:]|$))[\"”'*.]*"
)
"""How an answer names its option: "the answer is (B)", "option C"."""

MAKING = re.compile(
    r"\b(?:write|come up|compose|invent|make up|brainstorm|suggest|design|create|generate|imagine|add|give me|tell me|plan|draft)\b",
    re.I,
)
"""Asks for something to be made up: an answer to it may be about anything."""

_WRAPPING = frozenset(stem(w) for w in TASK_WORDS)


@dataclass(frozen=True)
class Judged:
    """One task with the answer to be judged. Measures are taken when first asked for and kept."""

    instruction: str
    response: str
    system: str = ""
    reference: str = ""

    @cached_property
    def response_words(self) -> list[str]:
        return words(self.response)

    @cached_property
    def task_stems(self) -> frozenset[str]:
        stems = frozenset(s for s in content_stems(self.instruction) if len(s) > 1 or s.isdigit())
        return stems - _WRAPPING

    @cached_property
    def answer_stems(self) -> frozenset[str]:
        return frozenset(s for s in content_stems(self.response) if len(s) > 1 or s.isdigit())

    @cached_property
    def options(self) -> tuple[Option, ...]:
        return read_options(self.instruction)[0]

    @cached_property
    def prose(self) -> str:
        """The answer without code blocks, whose words follow rules of their own."""
        return _CODE.sub("\n", self.response) if "```" in self.response else self.response

    @cached_property
    def is_code(self) -> bool:
        """Whether most lines look like a program that stands outside a code block."""
        if _QUERY.search(self.prose):
            return True
        lines = [line for line in self.prose.split("\n") if line.strip()]
        return bool(lines) and len(_CODE_LINE.findall(self.prose)) >= max(1, 0.3 * len(lines))

    @cached_property
    def is_list(self) -> bool:
        """Whether the answer is mostly a list: its items need not be sentences."""
        lines = [line for line in self.prose.split("\n") if line.strip()]
        return len(lines) >= 3 and sum(bool(LIST_LINE.match(line)) for line in lines) > 0.5 * len(lines)

    @cached_property
    def is_verse(self) -> bool:
        """Whether it stands in several short lines, as poems do: their sentences run over or are left out."""
        lines = [line.split() for line in self.prose.split("\n") if line.strip()]
        return len(lines) >= 3 and max(map(len, lines)) <= 10 and not any(c.isdigit() for c in self.prose)

    @cached_property
    def parts(self) -> list[str]:
        """Sentences and lines of the prose."""
        return sentences(self.prose)

    @cached_property
    def grammar_share(self) -> float:
        """Share of function words among the words of the prose: a third in sentences, next to none in lists."""
        found = [w.lower() for w in (words(self.prose) if self.prose is not self.response else self.response_words)]
        return sum(w in FUNCTION_WORDS for w in found) / max(1, len(found))

    @cached_property
    def shared_bits(self) -> float:
        """How much the words that answer and task share say about a common topic."""
        return fsum(weight(s) for s in self.task_stems & self.answer_stems)

    @cached_property
    def named_labels(self) -> list[str]:
        """Labels of options that the answer settles on, in order."""
        return [f"({m.strip('()').upper()})" for m in _NAMED.findall(self.response)]

    @cached_property
    def option_bits(self) -> float:
        """Support for the option settled on: its own words or figures stand in the working that leads to it."""
        label = self.named_labels[-1] if self.named_labels else ""
        own = next((set(content_stems(o.text)) for o in self.options if o.label and o.label == label), set())
        return fsum(min(weight(s), 5.0) for s in own & self.answer_stems)

    @cached_property
    def task_bits(self) -> float:
        return fsum(weight(s) for s in self.task_stems)


def agreement(judged: Judged) -> float | None:
    """Share of the reference's content words that the answer holds; None without a reference of some length."""
    wanted = set(content_stems(judged.reference))
    return len(wanted & judged.answer_stems) / len(wanted) if len(wanted) >= 8 else None


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault: its code, the rating it leaves (1 or 2), and the reason as a sentence."""

    code: str
    rating: int
    reason: str


def _block(text: str, name: str, last: int) -> tuple[str, int] | None:
    """The content of `<name>…</name>`, and where it ends. The closing tag looked for is the last one before `last`."""
    start = text.find(f"<{name}>")
    if start < 0:
        return None
    end = text.rfind(f"</{name}>", start, last)
    if end < 0:
        return None
    return text[start + len(name) + 2 : end].strip("\n"), end


def read_judged(messages: Sequence[Mapping[str, str]]) -> Judged | None:
    """Finds the marked parts in the last user message that has them; None when there is no task and answer to judge.

    A judge that is asked again gets further messages after the first, without the material.
    """
    said = [m.get("content", "") for m in messages if m.get("role") == "user"]
    text = next((s for s in reversed(said) if "<response>" in s), "")
    answer_at = text.find("<response>")
    if answer_at < 0:
        return None
    task = _block(text, "instruction", answer_at)
    after = text.rfind("<reference>", answer_at)
    response = _block(text[answer_at:], "response", len(text) if after < 0 else after - answer_at)
    if response is None and after >= 0:
        response = _block(text[answer_at:], "response", len(text))
    if task is None or response is None:
        return None
    outside = text[:answer_at] + text[answer_at + response[1] :]
    reference = _block(outside, "reference", len(outside))
    system = _block(text[:answer_at], "system_message", answer_at)
    return Judged(task[0], response[0], system[0] if system else "", reference[0] if reference else "")
