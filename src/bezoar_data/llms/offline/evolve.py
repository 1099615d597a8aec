"""Evolving instructions offline: harder and rarer versions by rule, and a rule that tells whether two are equal.

It knows the form of the prompts in `steps/text/evol_prompts.yaml`: a given prompt behind its heading and the heading of
the new one at the end, or two prompts to compare. A version gets one more sentence, or more specific words, from short
lists; a rarer prompt is a frame around what the given one is about. That shows how a run goes, not what a model can do.
"""

# ruff: noqa: E501 - a sentence the model says stays on one line

from __future__ import annotations

import re
from collections.abc import Sequence

from .compose import Solution
from .prompt import Prompt
from .text import Pick, content_stems, topic_phrases, topic_words

_ASKED = re.compile(r"#Given Prompt#:[ \t]*\n(?P<given>.*)\n\s*#(?P<kind>Rewritten|Created) Prompt#:\s*\Z", re.S)
_WAY = re.compile(r"(?m)^- Change it in this way: (.+)$")
_COMPARED = re.compile(r"<<<\n(.*?)\n>>>.*?<<<\n(.*?)\n>>>", re.S)

_ORDER = re.compile(r"((?:^|[.?!:])\s*)([A-Z]\w*)")
"""The first word of a sentence: its capital says nothing."""
_VERBS = re.compile(
    r"(?:say|tell|list|name|give|put|find|extract|suggest|summari[sz]e|write|classify|sort|decide|mark|pick|choose|explain"
    r"|describe|compare|invent|think|draft|plan|read|work|make|take|turn|use|does|did|include|end|leave|suppose|speak)\b",
    re.I,
)

LEAST_GAIN = 4
"""So many new content words make a prompt another one."""

_CONSTRAINTS = (
    "Do not use more than {n} words.",
    "Give exactly {k} points, the most important one first.",
    "Include one example that a reader could check at home.",
    "End with a single sentence that a busy reader could take away.",
    "Leave out anything that would only interest a specialist, and say what you left out.",
    "Name one common mistake about {topic} and correct it.",
    "Write for somebody who hears of {topic} for the first time.",
    "Be brief.",
)
_DEEPER = (
    "Also say what lies behind {topic}, and what would change if it were otherwise.",
    "Go into how {topic} came about and who sees it differently, with their reasons.",
    "Besides, weigh the strongest argument on either side of {topic}.",
    "Explain as well how {topic} is connected with its surroundings, past and present.",
    "Say more about {topic}.",
)
_SPECIFIC = (
    (r"\bpeople\b", "first-year nursing students"),
    (r"\bplaces?\b", "a harbour town on the North Sea"),
    (r"\bfood\b", "bread, cheese and pickled vegetables"),
    (r"\banimals?\b", "hedgehogs, bats and barn owls"),
    (r"\bthings?\b", "tools for a small workshop"),
    (r"\bbooks?\b", "picture books for children under five"),
    (r"\bwork\b", "shift work in a bakery"),
    (r"\bmusic\b", "string quartets"),
    (r"\bwater\b", "hard tap water"),
    (r"\bideas\b", "ideas that cost less than twenty euros"),
)
_CASES = (
    "Take a family of four in a small flat as the case to speak about.",
    "Speak about it as it stood in the spring of 1950 in a mining village.",
    "Suppose that the reader runs a bicycle repair shop with two employees.",
    "Use a school with ninety pupils and one computer room as the example throughout.",
)
_REASONING = (
    "Work it out in several steps, give the reason for each step, and only then state the result.",
    "First list what is known about {topic}, then what has to be assumed, and derive the answer from both.",
    "Compare at least two ways to reach the answer, step by step, and explain which one holds.",
    "Think first.",
)
_MATERIAL = (
    "Use this table in your answer:\n\n| day | visitors | rain in mm |\n|---|---|---|\n| Mon | {n} | 0 |\n| Tue | {k} | 12 |",
    'Take these settings into account: <plan><budget unit="euro">{n}</budget><days>{k}</days></plan>',
    "Let the answer fit this list of conditions: [{k}, {n}, 'indoors', 'no electricity'].",
)
_RARE = (
    "Write a short letter from a lighthouse keeper to a bell founder about {topic}.",
    "Write a catalogue entry for a small museum that shows one forgotten object to do with {topic}.",
    "Write a short story in which a beekeeper and a court interpreter quarrel over {topic}.",
    "Come up with five uncommon questions about {topic} for a quiz in a village hall.",
    "Write the minutes of an imaginary village meeting that had to settle a quarrel over {topic}.",
    "Write a speech for the opening of the smallest fair in the country that deals with {topic} alone.",
    "Make a plan for an evening class on {topic} in a town that has no library.",
)
_WAYS: tuple[tuple[str, Sequence[str]], ...] = (
    (r"condition|requirement", _CONSTRAINTS),
    (r"steps of|reasoning", _REASONING),
    (r"specific", ()),
    (r"table|XML|code", _MATERIAL),
    (r"subject|further", _DEEPER),
)


def evolve(prompt: Prompt, pick: Pick) -> Solution | None:
    """A new version of the given prompt in the way asked for, or a rarer one of its field."""
    asked = _ASKED.search(prompt.text)
    if asked is None:
        return None
    given = asked["given"].strip()
    if asked["kind"] == "Created":
        return _said(pick.one(_RARE).format(topic=_topic(given)))
    way = _WAY.search(prompt.text)
    sentences = next((s for cue, s in _WAYS if way and re.search(cue, way[1])), _CONSTRAINTS)
    return _said(_with_more(given, sentences, pick) if sentences else _concrete(given, pick))


def compare_prompts(prompt: Prompt, pick: Pick) -> Solution | None:
    """Whether two prompts are equal: the second must bring content words that the first does not have."""
    if "#" in prompt.text or "Not Equal" not in prompt.text:
        return None
    pair = _COMPARED.search(prompt.text)
    if pair is None:
        return None
    first, second = (set(content_stems(text)) for text in pair.groups())
    return _said("Not Equal" if len(second - first) >= LEAST_GAIN else "Equal")


def _said(text: str) -> Solution:
    """An answer shown as it is, without a word around it."""
    return Solution("", (), "", product=text)


def _topic(text: str) -> str:
    """What a prompt is about, in its own words: those of its passage, if it works on one."""
    passage = text.partition("\n\n")[2]
    for source in (passage, text):
        plain = _ORDER.sub(lambda m: f"{m[1]}{m[2].lower()}", source)
        names = [n for n in (*topic_phrases(plain, 3), *topic_words(plain, 2)) if not _VERBS.match(n)]
        if names:
            return names[0]
    return "the subject"


def _with_more(given: str, sentences: Sequence[str], pick: Pick) -> str:
    """The prompt with one more sentence at the end of its instruction, before any passage it works on."""
    values = {"topic": _topic(given), "n": 60 + 20 * pick.below(6), "k": 3 + pick.below(4)}
    told = [s.format(**values) for s in sentences]
    fresh = [s for s in told if s not in given]
    instruction, gap, passage = given.partition("\n\n")
    return f"{instruction} {pick.one(fresh)}{gap}{passage}" if fresh else given


def _concrete(given: str, pick: Pick) -> str:
    """The prompt with a general word made specific, or about a certain case where it has none."""
    instruction, gap, passage = given.partition("\n\n")
    for general, specific in _SPECIFIC:
        changed, count = re.subn(general, specific, instruction, count=1, flags=re.I)
        if count:
            return f"{changed}{gap}{passage}"
    return _with_more(given, _CASES, pick)
