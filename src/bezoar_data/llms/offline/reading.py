"""Skills that answer from a text: a sentence that holds the answer, a summary, a headline, a question about it."""

# ruff: noqa: E501 - a sentence the model says stays on one line

from __future__ import annotations

import re
from collections import Counter
from math import fsum  # exact, so that the order of a set cannot tip the choice

from .compose import Solution
from .prompt import Prompt
from .text import Pick, clip, content_stems, listed, quoted, sentence, sentences, stem, topic_words

_SUMMARY = re.compile(
    r"summar|\bsum up\b|\bwhat is (?:the |this )?(?:following |above )?(?:text|passage|article|paragraph|story) (?:mainly )?about|highlights|\btl;?dr\b|main (?:points?|idea)|\bgist\b|in (?:one|a few|two|three) (?:\w+ )?sentences?\b.*(?:article|text|above|passage)|shorten|condense|key points"
)
_HEADLINE = re.compile(r"\b(?:headline|title|subject line|heading)\b")
_ASK_BACK = re.compile(
    r"(?:write|generate|create|make|ask|form|compose|construct|come up with|give)\b[^.?!\n]{0,60}\bquestion"
)
_SHORT = 40


def _rank(lines: list[str]) -> list[tuple[float, int]]:
    """Sentences by how many of the text's frequent words they hold; earlier ones count a little more."""
    roots = [content_stems(line) for line in lines]
    counts = Counter(r for own in roots for r in set(own))
    ranked = []
    for i, own in enumerate(roots):
        weight = sum(counts[r] for r in set(own)) / (len(own) + 4) + 1.5 / (i + 1)
        ranked.append((weight, i))
    return sorted(ranked, reverse=True)


def _material(prompt: Prompt) -> str:
    if prompt.passage:
        return prompt.passage
    head, _, tail = prompt.question.partition(":")
    return tail.strip() if len(tail) > _SHORT and len(head) < 120 else prompt.question


def summary(prompt: Prompt, pick: Pick) -> Solution | None:
    """The most telling sentences of the text, in their own order, or its topic as a headline."""
    low = prompt.low
    headline = _HEADLINE.search(low) and re.search(
        r"write|generate|give|suggest|what|come up|create|choose|provide|make", low
    )
    if prompt.options or not (_SUMMARY.search(low) or headline):
        return None
    material = _material(prompt)
    lines = [s for s in sentences(material[:12000]) if len(s.split()) > 3]
    if len(material) < _SHORT or not lines:
        return None
    if headline:
        return _headline(material, lines, pick)
    ranked = _rank(lines[:60])
    keep = (
        1
        if len(lines) <= 3 or re.search(r"one sentence|single sentence|in a sentence|briefly|tl;?dr", low)
        else 2
        if len(lines) <= 8
        else 3
    )
    chosen = sorted(i for _, i in ranked[:keep])
    topic = listed(topic_words(" ".join(lines[:3]), 3))
    product = " ".join(sentence(lines[i]) for i in chosen)
    task = pick.one(
        (
            f"The text has to be made short without losing what it is about, namely {topic}.",
            f"We are asked for the gist of a text about {topic}.",
            f"A summary of this text on {topic} is wanted.",
        )
    )
    steps = (
        f"The text has {len(lines)} {'sentence' if len(lines) == 1 else 'sentences'}, and its most frequent subjects are {topic}.",
        pick.one(
            (
                "A sentence belongs in the summary when it carries several of those subjects; details that only one sentence mentions can go.",
                "What several sentences speak of is kept, and what is mentioned only in passing is left out.",
            )
        ),
    )
    answer = pick.one(
        (
            f"In short, the text is about {topic}.",
            f"That is the heart of what the text says about {topic}.",
            "This keeps the main statement and leaves the details aside.",
        )
    )
    return Solution(
        task,
        steps,
        answer,
        "The summary stays with the words of the text itself and adds nothing to it.",
        product=product,
    )


def _headline(material: str, lines: list[str], pick: Pick) -> Solution:
    best = lines[_rank(lines[:40])[0][1]]
    title = clip(re.split(r"[,;:–—]| which | who | because | although | after | while ", best)[0], 70).rstrip(".!? …")
    topic = listed(topic_words(material[:2000], 3))
    return Solution(
        pick.one(
            (
                f"A title is wanted for a text about {topic}.",
                f"The task is to find a heading that tells a reader at once that the text is about {topic}.",
            )
        ),
        (
            f"The sentence that says most about the whole is {quoted(best, 200)}",
            "A good title keeps who or what it is about and drops the rest.",
        ),
        f"A fitting title is {quoted(title[:1].upper() + title[1:])}",
        "It uses the text's own words, so it promises nothing that the text does not hold.",
    )


def ask_back(prompt: Prompt, pick: Pick) -> Solution | None:
    """A question that the given text answers."""
    if not _ASK_BACK.search(prompt.low) or prompt.options:
        return None
    material = _material(prompt)
    if len(material) < 15:
        return None
    lines = sentences(material[:6000])
    best = lines[_rank(lines[:40])[0][1]] if len(lines) > 1 else material
    question = _question_about(best, pick)
    return Solution(
        pick.one(
            (
                "The task is to turn a text into a question that the text can answer.",
                "We need a question whose answer stands in the text.",
            )
        ),
        (
            f"A statement in the text worth asking about is {quoted(best, 220)}",
            "A fair question names its subject clearly and leaves out exactly the part that the reader has to find.",
        ),
        f"A question that fits is: {quoted(question, 240)}",
        "Its answer can be found in the sentence quoted above.",
    )


_IS = re.compile(r"^(.{2,70}?)\s+(is|are|was|were|can|will|has|have)\s+(.+)$", re.S)
_LOWERED = frozenset(
    [
        "the",
        "a",
        "an",
        "it",
        "this",
        "these",
        "those",
        "they",
        "he",
        "she",
        "we",
        "you",
        "i",
        "in",
        "on",
        "at",
        "after",
        "before",
        "because",
        "when",
        "while",
        "its",
        "their",
        "his",
        "her",
        "our",
        "my",
        "there",
        "most",
        "many",
        "some",
        "all",
        "each",
        "every",
        "both",
        "few",
        "several",
        "one",
        "two",
        "three",
        "four",
        "five",
    ]
)
"""First words that lose their capital inside a sentence; any other may be a name."""


def _mid_sentence(text: str) -> str:
    return text[0].lower() + text[1:] if text.split(" ", 1)[0].lower() in _LOWERED - {"i"} else text


_DATED = re.compile(
    r"^(.{3,70}?) (was|were) (\w+(?:ed|ilt|orn|ent|ade|und|ten|wn|ung|un))\b(.*?),? (?:in|on) ((?:[A-Z][a-z]+ )?(?:\d{1,2}, )?\d{4})$"
)
_BECAUSE = re.compile(r"^(.{3,70}?) (is|are|was|were|can|will) (.{3,80}?),? because .{5,}$")


def _question_about(line: str, pick: Pick) -> str:
    dated = _DATED.match(line.rstrip(".!?"))
    if dated:
        subject, verb, done, more, _ = dated.groups()
        return f"When {verb} {_mid_sentence(subject)} {done}{more}?"
    caused = _BECAUSE.match(line.rstrip(".!?"))
    if caused:
        subject, verb, rest = caused.groups()
        return f"Why {verb} {_mid_sentence(subject)} {rest}?"
    match = _IS.match(line.rstrip(".!?"))
    names = topic_words(line, 4)
    if match and len(match.group(1).split()) <= 8 and "," not in match.group(1):
        subject, verb = _mid_sentence(match.group(1)), match.group(2)
        if verb in ("is", "are", "was", "were"):
            return pick.one(
                (f"What does the text say that {subject} {verb}?", f"According to the text, what {verb} {subject}?")
            )
        return f"What does the text tell us about {subject}?"
    return f"What does the text say about {listed(names[:3])}?" if names else "What is the main point of the text?"


_WH = {
    "when": re.compile(
        r"\b(?:\d{3,4}|January|February|March|April|May|June|July|August|September|October|November|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|o'clock|morning|evening|noon|century)\b"
    ),
    "how many": re.compile(
        r"\b(?:\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|dozen|hundred|thousand|million)\b", re.I
    ),
    "who": re.compile(
        r"(?<=[a-z,;] )[A-Z][a-z]+|^(?!The|A|An|It|In|On|At|This|That)[A-Z][a-z]+ (?:[A-Z][a-z]+|[a-z]+ed)\b"
    ),
    "where": re.compile(r"\b(?:in|at|near|on|from|to) (?:the )?[A-Z][a-z]+"),
    "why": re.compile(r"\b(?:because|since|so that|in order to|due to|as a result|therefore)\b", re.I),
}


def extract(prompt: Prompt, pick: Pick) -> Solution | None:
    """The sentence of the passage that answers the question."""
    passage = prompt.passage
    if prompt.options or len(passage) < 15 or passage == prompt.question:
        return None
    lines = [s for s in sentences(passage[:12000]) if len(s) > 2]
    if not lines:
        return None
    asked = content_stems(prompt.question)
    low = prompt.question.lower()
    kind = next((w for w in ("how many", "when", "who", "where", "why") if re.search(rf"\b{w}\b", low)), "")
    wanted = set(asked)
    spread = Counter(r for line in lines for r in set(content_stems(line)))

    def score(i: int) -> float:
        own = set(content_stems(lines[i]))
        value = fsum(1 + 1 / spread[r] for r in own & wanted) / (1 + 0.02 * len(own))
        return value + (0.8 if kind and _WH[kind].search(lines[i]) else 0) - i * 1e-4

    best = lines[max(range(min(len(lines), 200)), key=score)]
    shared = [w for w in topic_words(prompt.question, 6) if stem(w) in set(content_stems(best))]
    steps = [
        f"The question asks about {listed([quoted(w) for w in topic_words(prompt.question, 4)]) or 'the text as a whole'}, so the text is searched for those words."
    ]
    if shared:
        steps.append(
            f"The sentence that has most to do with it mentions {listed([quoted(w) for w in shared[:4]])}: {quoted(best, 320)}"
        )
        answer = pick.one(
            (
                f"According to the text, {_mid_sentence(sentence(clip(best, 320)))}",
                f"So the text answers the question with these words: {sentence(clip(best, 320))}",
                f"The answer is found here: {sentence(clip(best, 320))}",
            )
        )
        note = pick.one(
            (
                "This relies only on the passage that was given.",
                "Nothing beyond the passage was used.",
                "The passage itself is the source, so anyone can check it there.",
            )
        )
    else:
        steps.append(
            "No sentence repeats the words of the question, so the one that carries the most of the passage was taken instead."
        )
        answer = f"The closest the text comes is this: {sentence(clip(best, 320))}"
        note = "The passage does not state the answer outright, so this is offered as the nearest lead."
    task = pick.one(
        (
            f"The text has to answer this question: {quoted(prompt.question, 220)}",
            f"We are asked to find something in the text: {quoted(prompt.question, 220)}",
            f"The question put to the text is {quoted(prompt.question, 220)}",
        )
    )
    return Solution(task, tuple(steps), answer, note)
