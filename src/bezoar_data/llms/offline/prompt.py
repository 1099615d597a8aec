"""Reading a prompt: what is asked, about which passage, with which options, in which manner.

FLAN rows come in thousands of templates but few forms. A `Prompt` holds the parts those forms share, so that each
skill of the offline teacher looks at parts and not at templates again.
"""

# ruff: noqa: E501 - a sentence the model says stays on one line

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import lru_cache

from .text import clip, sentences


@dataclass(frozen=True, slots=True)
class Style:
    """The manner a system message asks for."""

    steps: bool = False
    child: bool = False
    detailed: bool = False
    option_first: bool = False
    guidelines: bool = False
    brief: bool = False

    @property
    def shows_others(self) -> bool:
        """Whether the answer says why the other options do not fit."""
        return self.option_first or ((self.detailed or self.steps) and not self.child)


@dataclass(frozen=True, slots=True)
class Option:
    """A choice as the prompt spells it: `label` is "(A)" or empty where options stand behind dashes."""

    label: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.label} {self.text}".strip() if self.label else f"“{self.text}”"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request, taken apart. Parts that the prompt does not have are empty."""

    system: str
    text: str
    style: Style
    question: str
    passage: str
    definition: str
    options: tuple[Option, ...]
    fields: tuple[tuple[str, str], ...]
    """Labelled parts such as `Premise: …`, names in lower case, in order."""

    def field(self, *names: str) -> str:
        for name, value in self.fields:
            if name in names:
                return value
        return ""

    @property
    def low(self) -> str:
        """What is asked, in lower case: where skills look for their cue."""
        return f"{self.definition}\n{self.question}".lower() if self.definition else self.question.lower()


_STEPS = re.compile(
    r"step[- ]by[- ]step|\bsteps?\b|one after (?:the )?other|stage by stage|justif|show your work", re.I
)
_CHILD = re.compile(r"five[- ]year|5[- ]year|\bchild|\bkid\b|\bkids\b|very young|\btoddler", re.I)
_DETAIL = re.compile(
    r"\bdetail|\blong\b|thorough|at length|in full|complete answer|look(?:ing)? (?:anything )?up|elsewhere", re.I
)
_OPTION = re.compile(
    r"multiple[- ]choice|\boptions to choose|others (?:is|are) wrong|correct (?:option|choice|answer)|other (?:options|choices|answers)|wrong (?:options|choices|ones)",
    re.I,
)
_GUIDE = re.compile(r"guideline|definition|instructions? (?:led|that)|\brules\b", re.I)
_BRIEF = re.compile(r"concise|\bbrief|as short|\bshort(?:ly)?\b answer|few words", re.I)


@lru_cache(maxsize=256)
def read_style(system: str) -> Style:
    return Style(
        steps=bool(_STEPS.search(system)),
        child=bool(_CHILD.search(system)),
        detailed=bool(_DETAIL.search(system)),
        option_first=bool(_OPTION.search(system)),
        guidelines=bool(_GUIDE.search(system)),
        brief=bool(_BRIEF.search(system)),
    )


_HEADER = re.compile(
    r"(?im)^[ \t]*(?:OPTIONS?|Choices|Answer choices|Possible answers|Pick (?:one )?from|Choose (?:one )?from|Available options"
    r"|Options are)\b[^\n:]{0,30}:[ \t]*"
)
_LETTERED_LINE = re.compile(r"(?m)^[ \t]*(?:[-*•][ \t]*)?(\(?[A-Za-z1-9][).:]|\([A-Za-z1-9]\))[ \t]+(\S[^\n]*)$")
_DASHED_LINE = re.compile(r"(?m)^[ \t]*[-*•][ \t]*(\S[^\n]*)$")
_INLINE = re.compile(r"(\([A-H]\))\s*([^(]*(?:\((?![A-H]\))[^(]*)*)", re.S)
_QUOTED = re.compile(r"(?:(?<=\s)|(?<=[(:,/]))[\"'“‘]([^\"'“”‘’\n]{1,40})[\"'”’](?=[\s,.;:?!)/]|$)")
_EITHER = re.compile(
    r"(?:is it|choose|answer(?: with)?|reply(?: with)?|respond(?: with)?|output|return|as(?: either)?|either|classify\w*.{0,30}as)"
    r":?\s+([\w-]+(?:, [\w-]+)*),? or ([\w-]+)\b",
    re.I,
)
_FIELD = re.compile(r"(?m)^[ \t]*((?:[A-Z][\w'-]*)(?: [\w'-]+){0,3})[ \t]*(?<!\d\d)[:=](?!//)[ \t]*(.*)$")
_DEFINITION = re.compile(
    r"(?is)\A\s*(?:task\s+)?(?:definition|instructions?)\s*:\s*(.+?)(?=\n\s*\n|\n\s*(?:now|input|q|question|sentence|passage|text|example)\b[^\n]{0,40}:|\Z)"
)
_ANSWER_TAIL = re.compile(
    r"(?i)\s*(?:\n|^)\s*(?:answer|output|a|response|the answer|summary|highlights|label)\s*:?\s*\Z"
)
_QUESTION_MARK = re.compile(r"\?[\"'”’)]*\s*\Z")

PASSAGE_FIELDS = (
    "passage",
    "context",
    "article",
    "text",
    "paragraph",
    "story",
    "review",
    "document",
    "background",
    "content",
    "news",
    "abstract",
    "dialogue",
    "conversation",
    "news article",
    "email",
    "message",
    "snippet",
    "facts",
)
QUESTION_FIELDS = ("question", "q", "query", "problem")


def read_options(text: str) -> tuple[tuple[Option, ...], str]:
    """The options a text offers, and the text without them."""
    header = _HEADER.search(text)
    if header:
        body = text[header.end() :]
        if "\n" not in body.strip():
            inline = _inline(body) or _commas(body)
            if inline:
                return inline, text[: header.start()].rstrip()
        end = re.search(r"\n[ \t]*\n", body.lstrip("\n"))
        block = body if end is None else body.lstrip("\n")[: end.start()]
        after = "" if end is None else body.lstrip("\n")[end.start() :]
        found = _lettered(block) or _dashed(block)
        if found:
            return found, f"{text[: header.start()].rstrip()}\n{after.strip()}".strip()
    lettered = [m for m in _LETTERED_LINE.finditer(text) if not m.group(1)[-2:-1].islower() or m.group(1)[0] == "("]
    if len(lettered) >= 2 and _runs_on([m.group(1) for m in lettered]):
        rest = text[: lettered[0].start()].rstrip() + "\n" + text[lettered[-1].end() :].strip()
        return tuple(Option(_label(m.group(1)), m.group(2).strip()) for m in lettered), rest.strip()
    inline = _inline(text)
    if inline:
        return inline, text[: text.index("(" + inline[0].label[1])].rstrip()
    return (), text


def _runs_on(labels: list[str]) -> bool:
    """Whether labels count up from the first letter: numbered instructions in prose do not pass for options."""
    letters = [label.strip("().:").upper() for label in labels]
    return letters[0] == "A" and all(
        ord(b) - ord(a) == 1 for a, b in itertools.pairwise(letters) if len(a) == len(b) == 1
    )


def _label(raw: str) -> str:
    return f"({raw.strip('().:').upper()})"


def _lettered(block: str) -> tuple[Option, ...]:
    found = tuple(Option(_label(m.group(1)), m.group(2).strip()) for m in _LETTERED_LINE.finditer(block))
    return found if len(found) >= 2 else ()


def _dashed(block: str) -> tuple[Option, ...]:
    found = tuple(Option("", m.group(1).strip()) for m in _DASHED_LINE.finditer(block))
    return found if len(found) >= 2 else ()


def _inline(text: str) -> tuple[Option, ...]:
    if "(A)" not in text or "(B)" not in text:
        return ()
    found = tuple(Option(m.group(1), m.group(2).strip(" \n,;.")) for m in _INLINE.finditer(text))
    return found if len(found) >= 2 and _runs_on([o.label for o in found]) else ()


def _commas(body: str) -> tuple[Option, ...]:
    parts = [p.strip(" .\"'“”") for p in re.split(r"[,;/|]|\bor\b|\band\b", body) if p.strip(" .")]
    return tuple(Option("", p) for p in parts) if 2 <= len(parts) <= 12 and all(len(p) < 60 for p in parts) else ()


def read_labels(text: str) -> tuple[Option, ...]:
    """Labels that a definition or a question names in passing: 'positive' or 'negative', yes or no."""
    names = list(dict.fromkeys(m.group(1).strip() for m in _QUOTED.finditer(text) if m.group(1).strip()))
    if 2 <= len(names) <= 6 and re.search(r"\bor\b|\band\b|,|classif|label|categor", text):
        return tuple(Option("", n) for n in names)
    either = _EITHER.search(text)
    if either:
        first = [p.strip() for p in either.group(1).split(",")]
        names = [*first, either.group(2)]
        if all(len(n) > 1 and n.lower() not in ("a", "the", "to", "in", "more", "not") for n in names):
            return tuple(Option("", n) for n in names)
    return ()


def read_prompt(system: str, text: str) -> Prompt:
    """Takes a request apart. Never fails: what has no known form becomes a question with nothing beside it."""
    body = text.replace("\r\n", "\n").strip()
    definition = ""
    match = _DEFINITION.match(body)
    if match and len(match.group(1)) < len(body) - 8:
        definition = " ".join(match.group(1).split())
        body = body[match.end() :].strip()
    body = _without_tail(body)
    options, rest = read_options(body)
    rest = _without_tail(rest)
    fields = _read_fields(rest)
    question, passage = _question_and_passage(rest, fields, definition)
    if not options and len(question) < 600:
        options = read_labels(definition or question)
    return Prompt(system, text, read_style(system), question, passage, definition, options, fields)


def _without_tail(text: str) -> str:
    """The text without the label at its end that waits for the answer."""
    text = text.rstrip()
    return text[:-40] + _ANSWER_TAIL.sub("", text[-40:]) if len(text) > 40 else _ANSWER_TAIL.sub("", text)


def _read_fields(text: str) -> tuple[tuple[str, str], ...]:
    marks = list(_FIELD.finditer(text))
    out: list[tuple[str, str]] = []
    for i, mark in enumerate(marks):
        end = marks[i + 1].start() if i + 1 < len(marks) else len(text)
        value = text[mark.start(2) : end].strip()
        if "\n" in value:
            value = _without_request(value)
        out.append((mark.group(1).lower(), value))
    return tuple(out)


def _without_request(value: str) -> str:
    """A labelled part ends where a blank line or a request begins; what follows belongs to the prompt again."""
    kept: list[str] = []
    for line in value.split("\n"):
        if kept and (not line.strip() or _ask_weight(line.strip()) >= 2):
            break
        kept.append(line)
    return "\n".join(kept).strip()


def _question_and_passage(text: str, fields: tuple[tuple[str, str], ...], definition: str) -> tuple[str, str]:
    named = dict(reversed(fields))
    question = next((named[n] for n in QUESTION_FIELDS if named.get(n)), "")
    passage = next((named[n] for n in PASSAGE_FIELDS if named.get(n)), "")
    if question and not passage:
        before = text.split(question, 1)[0]
        passage = _unlabelled(before)
    if question:
        return question, passage
    if definition:
        given = named.get("input") or _unlabelled(text)
        return given, passage or (given if len(given) > 120 else "")
    blocks = [b.strip() for b in re.split(r"\n\s*\n", text) if b.strip()]
    if passage:
        asked = [b for b in blocks if passage[:60] not in b] or [text.split(passage, 1)[0].strip() or text]
        return " ".join(asked), passage
    if len(blocks) >= 2:
        ask = max(blocks, key=_ask_weight)
        others = "\n".join(b for b in blocks if b is not ask)
        return " ".join(ask.split()), others
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if len(lines) >= 2:
        ask = max(lines, key=_ask_weight)
        return ask, "\n".join(line for line in lines if line is not ask)
    parts = sentences(text)
    if len(parts) >= 4 and _QUESTION_MARK.search(parts[-1]):
        return parts[-1], " ".join(parts[:-1])
    return clip(text, 600) if len(text) > 600 else text, ""


_IMPERATIVE = re.compile(
    r"(?i)^(?:please\s+)?(?:write|summari[sz]e|what|who|where|when|why|how|which|does|do|is|are|can|could|tell|give|generate|create"
    r"|translate|classify|identify|find|explain|describe|answer|choose|pick|rewrite|rephrase|list|name|extract|complete|determine"
    r"|decide|based on|given|briefly|convert|turn|in one)\b"
)


def _ask_weight(block: str) -> float:
    """How much a block looks like the request rather than its material."""
    weight = 0.0
    if _QUESTION_MARK.search(block):
        weight += 3
    if _IMPERATIVE.match(block):
        weight += 2.5
    if block.endswith(":"):
        weight += 1
    return weight - len(block) / 400


def _unlabelled(text: str) -> str:
    """The text without a leading `Input:`-like label and without a trailing question label."""
    text = re.sub(r"(?i)\A\s*(?:now[^\n:]{0,60}|input|text|sentence|passage|context)\s*:\s*", "", text.strip())
    return re.sub(r"(?i)\s*(?:question|q|query)\s*:\s*\Z", "", text).strip()


def given_text(prompt: Prompt) -> str:
    """The short text a prompt wants something done to: in quotation marks, in a labelled part, or after a colon."""
    found = re.search(r"[\"“']([^\"”']{2,300})[\"”']", prompt.question)
    if found:
        return found.group(1)
    given = prompt.field("input", "sentence", "text", "word", "string") or prompt.passage
    if given and len(given) < 400:
        return given
    head, _, tail = prompt.question.partition(":")
    return tail.strip() if 2 <= len(tail.strip()) < 300 and len(head) < 90 else ""
