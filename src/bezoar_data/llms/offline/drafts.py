"""Drafts: a short text in the form that was asked for, around the subject the prompt names.

The frames are neutral on purpose. They hold no facts, so a demo row cannot teach anyone something untrue.
"""

# ruff: noqa: E501 - a sentence the model says stays on one line

from __future__ import annotations

import re

from .compose import Solution
from .prompt import Prompt
from .text import Pick, clip, listed, quoted, topic_phrases, topic_words, with_article

_CREATE = re.compile(
    r"\b(?:write|generate|create|compose|draft|come up with|make up|brainstorm|suggest|plan|design|invent|imagine|list|name|give|tell me|propose|produce)\b"
)
_KINDS = (
    "poem",
    "haiku",
    "story",
    "letter",
    "email",
    "e-mail",
    "speech",
    "recipe",
    "list",
    "ideas",
    "slogan",
    "advertisement",
    "dialogue",
    "conversation",
    "sentence",
    "paragraph",
    "essay",
    "plan",
    "joke",
    "review",
    "tweet",
    "function",
    "program",
    "code",
    "script",
    "headline",
    "tips",
    "ways",
    "reasons",
    "steps",
)


def create(prompt: Prompt, pick: Pick) -> Solution | None:
    """A draft in the form asked for, around the subject the prompt names."""
    low = prompt.low
    if (
        prompt.options
        or not _CREATE.search(low)
        or low.startswith(("who", "when", "where", "why", "is ", "are ", "does ", "do ", "did "))
    ):
        return None
    kind = next((k for k in _KINDS if re.search(rf"\b{k}s?\b", low)), "")
    if not kind:
        return None
    subject = _subject(prompt)
    product = _draft(kind, subject, prompt, pick)
    noun = {
        "e-mail": "email",
        "ideas": "list of ideas",
        "tips": "list of tips",
        "ways": "list of ways",
        "reasons": "list of reasons",
        "steps": "list of steps",
        "code": "piece of code",
    }.get(kind, kind)
    return Solution(
        pick.one(
            (
                f"The task asks for {with_article(noun) if ' ' not in noun else 'a ' + noun}, and the request reads {quoted(prompt.question, 200)}",
                f"What is wanted here is {with_article(noun) if ' ' not in noun else 'a ' + noun} that answers {quoted(prompt.question, 200)}",
            )
        ),
        (
            f"The subject to keep in view is {subject}.",
            "A short frame is enough: it names the subject at once, gives it a little room, and closes cleanly.",
        ),
        pick.one(
            (
                f"Names and details can now be changed to suit the occasion, while {subject} stays at the centre.",
                f"This is a first draft about {subject}, ready to be filled with particulars.",
            )
        ),
        product=product,
    )


def _subject(prompt: Prompt) -> str:
    if re.search(r"\b(?:function|program|code|script)\b", prompt.low):
        return listed([quoted(p) for p in topic_phrases(prompt.question, 3)]) or "the task"
    about = re.search(
        r"(?i)\b(?:about|on|for|of|describing|regarding|to|that)\s+(.{3,80}?)(?:[.?!;\n]|,? (?:using|with|in (?:the|a) |that |which |who |and (?:make|use|keep))|$)",
        prompt.question,
    )
    if about:
        return clip(about.group(1).strip(" \"'“”"), 80)
    return listed(topic_phrases(prompt.question, 3)) or "the subject of the request"


def _draft(kind: str, subject: str, prompt: Prompt, pick: Pick) -> str:
    names = topic_words(subject, 3) or [subject]
    key = max(names, key=len)
    if kind in ("poem", "haiku"):
        return pick.one(
            (
                f"I thought today of {subject},\nand how it starts the day;\nit asks for nothing but a look\nbefore it slips away.",
                f"So quiet comes {subject},\nso softly it will go;\nand what it leaves behind for us\nis more than we may know.",
            )
        )
    if kind in ("story", "dialogue", "conversation"):
        who = pick.one(("Mara", "Tomas", "Ines", "Olu", "Hanna"))
        return f"{who} had never given much thought to {subject}. Then, one grey morning, there was no way around it any more. {who} took a deep breath, asked the neighbours for advice, and began with the smallest part. By evening the work was done, and {who} knew two things: that {key} is less frightening from close by, and that good company helps."
    if kind in ("letter", "email", "e-mail"):
        return f"Dear Sir or Madam,\n\nI am writing to you about {subject}. I would be glad to hear what you think, and I am happy to send whatever details you need. A short reply by the end of the week would help me plan ahead.\n\nWith kind regards,\n[name]"
    if kind in ("list", "ideas", "tips", "ways", "reasons", "steps", "plan", "recipe"):
        return "\n".join(f"{i}. {line}" for i, line in enumerate(_points(subject, key, pick), 1))
    if kind in ("function", "program", "code", "script"):
        return f"1. Name the inputs: what has to be known about {subject}, and in which form it arrives.\n2. Name the output: the one value or the one file that the code should leave behind.\n3. Treat the simple case first, then repeat it over all of the input.\n4. Try it on an empty input, on a single item and on a large one."
    if kind in ("slogan", "headline", "tweet", "joke", "advertisement"):
        return pick.one(
            (
                f"Less waiting, more {key}: all you need to know about {subject}.",
                f"Make room for {subject}, because {key} should be a pleasure.",
            )
        )
    return pick.one(
        (
            f"There is more to {subject} than one sees at first. It begins with something small, it grows when people take care of it, and it lasts when they explain it to one another. That is why {key} deserves a second look.",
            f"Anyone who thinks about {subject} soon finds that it has two sides. On the one hand there is what everybody notices; on the other there is the patient work behind it. Both belong together, and {key} would be nothing without either.",
        )
    )


def _points(subject: str, key: str, pick: Pick) -> list[str]:
    start = pick.one(
        (
            f"Write down what you already know about {subject}, and what is still open.",
            f"Begin with the part of {subject} that is easiest to change.",
        )
    )
    middle = [
        f"Ask someone who has experience with {key} for one piece of advice.",
        "Set aside a fixed time for it, short enough to be kept.",
        "Gather what is needed before you begin, so that nothing interrupts you.",
        "Try it out on a small scale and note what works.",
        "Look at the costs and decide what matters most.",
    ]
    shift = pick.below(len(middle))
    return [
        start,
        *(middle[shift:] + middle[:shift])[:3],
        f"At the end, look back and keep what has helped with {key}.",
    ]
