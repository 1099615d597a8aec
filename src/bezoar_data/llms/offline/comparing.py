"""Skills that set texts side by side: does one follow from the other, do both say the same, praise or complaint?

None of them knows anything about the world. They compare words, and each says so in its note: a reader of the demo
data must be able to tell a reading from a fact.
"""

# ruff: noqa: E501, SIM905 - a sentence the model says stays on one line

from __future__ import annotations

import re
from collections.abc import Sequence

from .compose import READING, Solution
from .prompt import Option, Prompt
from .text import WORD, Pick, content_stems, listed, quoted, stem, topic_words

_NEGATION = frozenset(
    """
    not no never nobody nothing none neither nor without cannot can't don't doesn't didn't isn't wasn't
    aren't weren't won't wouldn't couldn't hardly
    """.split()
)

GOOD = frozenset(
    map(
        stem,
        """
        good great excellent wonderful amazing love loved loves lovely enjoy enjoyed enjoyable best
        better perfect perfectly delicious friendly helpful happy pleased delight delighted delightful
        charming beautiful brilliant superb recommend recommended favourite favorite fresh clean fast
        quick comfortable comfy fun funny sturdy reliable impressive impressed fantastic awesome nice
        smooth warm touching moving masterpiece worth clever witty glad thrilled easy generous kind cosy
        cozy sharp bright crisp gem treat satisfied succeed success win won gripping refreshing
        outstanding splendid thank thanks
        """.split(),
    )
)
BAD = frozenset(
    map(
        stem,
        """
        bad terrible awful horrible worst worse poor poorly boring bored dull disappoint disappointed
        disappointing disappointment hate hated waste wasted broken broke break rude slow dirty stale
        cold bland annoying annoyed angry sad ugly useless fail failed fails failure unfortunately
        problem problems refund return returned cheap flimsy noisy overpriced mess messy confusing weak
        tedious regret avoid never stopped cracked leaking leaked late missing wrong uncomfortable
        lifeless predictable clumsy mediocre dreadful lost lose crash damage damaged unhappy frustrating
        upset
        """.split(),
    )
)


def entailment(prompt: Prompt, pick: Pick) -> Solution | None:
    """Does one text follow from another?"""
    premise = prompt.field("premise", "context", "fact", "sentence 1", "text", "passage", "paragraph", "given")
    hypothesis = prompt.field("hypothesis", "statement", "claim", "conclusion", "sentence 2")
    low = prompt.text.lower()
    if (
        not hypothesis
        and prompt.passage
        and re.search(
            r"entail|conclude|follow from|infer|(?:is it|be) true that|does it follow|given that|based on (?:the )?(?:\w+ )?(?:above|paragraph|premise|passage|context)",
            low,
        )
    ):
        premise = premise or prompt.passage
        claim = re.search(r"[\"“]([^\"”]{8,})[\"”]", prompt.question) or re.search(
            r"(?i)(?:conclude|follow|infer|true|mean)s? that:?\s+(.+?)[?.]?\s*$", prompt.question
        )
        hypothesis = claim.group(1) if claim else ""
    if not (premise and hypothesis) or not re.search(
        r"entail|contradict|follow|conclude|infer|impl(?:y|ies)|true|support|hypothesis", low
    ):
        return None
    hypothesis = hypothesis.split("\n", 1)[0]
    said = set(content_stems(premise))
    claimed = list(dict.fromkeys(content_stems(hypothesis)))
    missing = [w for w in topic_words(hypothesis, 12) if stem(w) not in said]
    share = 1 - len([c for c in claimed if c not in said]) / max(1, len(claimed))
    against = (_negated(premise) != _negated(hypothesis) and share >= 0.5) or _other_number(premise, hypothesis)
    verdict = "contradiction" if against else "entailment" if share >= 0.75 else "neutral"
    best = _verdict_option(prompt.options, verdict)
    words_for = {
        "entailment": "the second text says nothing that the first does not already say",
        "contradiction": "the two texts cannot both be right",
        "neutral": "the first text leaves open whether the second is true",
    }[verdict]
    steps = [
        f"The text we may rely on is {quoted(premise, 220)}",
        f"The statement to be tested against it is {quoted(hypothesis)}",
    ]
    if against:
        steps.append("One of the two denies, or counts differently, what the other says.")
    elif missing:
        steps.append(
            f"Words such as {listed([quoted(w) for w in missing[:3]])} are in the statement but have no support in the first text."
        )
    else:
        steps.append("Every part of the statement is already present in the first text.")
    task = pick.one(
        (
            "We are asked whether a statement follows from a text that is given.",
            "The question is whether the first text, by itself, makes the second one true.",
            "This task is about what may be concluded from a text and what may not.",
        )
    )
    name = (
        best.name
        if best
        else {"entailment": "yes", "contradiction": "no", "neutral": "it is not possible to tell"}[verdict]
    )
    return Solution(
        task,
        tuple(steps),
        pick.one(
            (
                f"The answer is {name}, because {words_for}.",
                f"So the answer is {name}: {words_for}.",
                f"Hence {words_for}, and the answer is {name}.",
            )
        ),
        pick.one(READING),
        _others(prompt.options, best, "would need a different relation between the two texts"),
    )


def _negated(text: str) -> bool:
    return sum(1 for w in WORD.findall(text.lower()) if w in _NEGATION) % 2 == 1


def _other_number(premise: str, hypothesis: str) -> bool:
    ours, theirs = re.findall(r"\d+", premise), re.findall(r"\d+", hypothesis)
    return bool(theirs) and bool(ours) and not set(theirs) & set(ours)


_VERDICT_WORDS = {
    "entailment": ("entail", "yes", "true", "follow", "support", "always", "correct", "guaranteed"),
    "contradiction": ("contradict", "no", "false", "never", "impossible", "incorrect", "refute"),
    "neutral": (
        "neutral",
        "not possible to tell",
        "can't say",
        "cannot say",
        "maybe",
        "unknown",
        "not enough",
        "sometimes",
        "inconclusive",
        "can't tell",
        "not",
    ),
}


def _verdict_option(options: Sequence[Option], verdict: str) -> Option | None:
    order = [verdict] + [v for v in ("neutral", "contradiction") if v != verdict and verdict != "entailment"]
    for name in order:
        for cue in _VERDICT_WORDS[name]:
            for option in options:
                low = option.text.lower()
                if (
                    low == cue
                    or low.startswith(cue + " ")
                    or (low.startswith(cue) and len(cue) > 3)
                    or (cue in low and " " in cue)
                ) and (name != "contradiction" or not low.startswith("not")):
                    return option
    return None


def same_meaning(prompt: Prompt, pick: Pick) -> Solution | None:
    """Do two sentences say the same?"""
    first = prompt.field("sentence 1", "sentence1", "first sentence", "question 1", "question1", "sentence a", "first")
    second = prompt.field(
        "sentence 2", "sentence2", "second sentence", "question 2", "question2", "sentence b", "second"
    )
    if not (first and second) or not re.search(r"same|paraphras|equivalen|duplicate|mean|similar", prompt.text.lower()):
        return None
    second = second.split("\n", 1)[0]
    a, b = set(content_stems(first)), set(content_stems(second))
    share = len(a & b) / max(1, len(a | b))
    alike = share >= 0.5 and not _other_number(first, second) and _negated(first) == _negated(second)
    best = _polar(prompt.options, alike)
    only = [w for w in topic_words(f"{first} {second}", 12) if (stem(w) in a) != (stem(w) in b)]
    steps = [
        f"The first sentence reads {quoted(first)}",
        f"The second sentence reads {quoted(second)}",
        f"Only one of them mentions {listed([quoted(w) for w in only[:4]])}, while {listed([quoted(w) for w in topic_words(first, 8) if stem(w) in b][:3]) or 'little'} stands in both."
        if only
        else "Both are built from the same content words.",
    ]
    outcome = (
        "the two sentences say the same thing in different words"
        if alike
        else "the two sentences do not say the same thing"
    )
    name = best.name if best else ("yes" if alike else "no")
    task = pick.one(
        ("We have to compare the meaning of two sentences.", "The task is to tell whether two sentences mean the same.")
    )
    return Solution(
        task,
        tuple(steps),
        pick.one((f"The answer is {name}: {outcome}.", f"So {outcome}, and the answer is {name}.")),
        pick.one(READING),
    )


def _polar(options: Sequence[Option], positive: bool) -> Option | None:
    cues = (
        ("yes", "true", "positive", "same", "duplicate", "1", "acceptable")
        if positive
        else ("no", "false", "negative", "not", "different", "0", "unacceptable")
    )
    for cue in cues:
        for option in options:
            low = option.text.lower()
            if low == cue or low.startswith((cue + " ", cue + ",")):
                return option
    return None


_SENTIMENT = re.compile(
    r"sentiment|\breview|positive or negative|positive, negative|how (?:does|did) (?:the|this) (?:\w+ )?(?:feel|writer|reviewer)|\btone of\b|\bsatisfied\b|\bmood\b|(?:like|enjoy)\w* (?:the|this) (?:movie|product)"
)


def sentiment(prompt: Prompt, pick: Pick) -> Solution | None:
    """Praise or complaint? Counted from a small list of words, with a look at the word before."""
    labels = " ".join(o.text.lower() for o in prompt.options)
    if prompt.options and not re.search(r"positiv|negativ|\byes\b|\bgood\b|\bhappy\b|\bno\b|\bsad\b", labels):
        return None
    if not _SENTIMENT.search(f"{prompt.text[:300].lower()}\n{prompt.low}"):
        return None
    material = (
        prompt.field("review", "sentence", "tweet", "comment", "text", "input") or prompt.passage or prompt.question
    )
    if re.search(r"summari|title|rewrite|generate|\bwrite\b", prompt.low):
        return None
    praise: list[str] = []
    blame: list[str] = []
    before = ""
    for word in WORD.findall(material):
        root, lower = stem(word), word.lower()
        hit = praise if root in GOOD else blame if root in BAD else None
        if (hit is not None and lower not in ("return", "never")) or (
            lower == "never" and hit is not None and not before
        ):
            flipped = before in _NEGATION
            target = (blame if hit is praise else praise) if flipped else hit
            target.append(f"{before} {word}" if flipped else word)
        before = lower if lower not in ("very", "so", "really", "a", "the", "at", "all", "too", "that") else before
    score = len(praise) - len(blame)
    mixed = score == 0
    positive = score > 0 or (mixed and pick.below(2) == 0)
    best = _sentiment_option(prompt.options, positive, mixed)
    name = best.name if best else ("positive" if positive else "negative")
    steps = [f"The text to be judged is {quoted(material, 200)}"]
    if praise:
        steps.append(f"Words of praise in it are {listed([quoted(w) for w in dict.fromkeys(praise)][:4])}.")
    if blame:
        steps.append(f"Words of complaint in it are {listed([quoted(w) for w in dict.fromkeys(blame)][:4])}.")
    if not praise and not blame:
        steps.append(
            "It holds no plain word of praise or complaint, so the feeling behind it has to be guessed from the whole."
        )
    elif praise and blame:
        steps.append("Both kinds of words appear, so the greater number decides.")
    else:
        steps.append("Nothing else in the text pulls the other way.")
    note = (
        "Words alone cannot show irony, so a careful reader should still look at the whole text."
        if not mixed
        else "The words are evenly matched or missing, so this is a cautious guess rather than a finding."
    )
    task = pick.one(
        (
            "The task is to tell which feeling a text expresses.",
            "We are asked how the writer feels about the subject.",
            "We have to decide which attitude the words of this text show.",
        )
    )
    return Solution(
        task,
        tuple(steps),
        pick.one(
            (
                f"The answer is {name}.",
                f"Taken together, the answer is {name}.",
                f"So the label that fits best is {name}.",
            )
        ),
        note,
        _others(prompt.options, best, "would need another balance of these words"),
    )


def _sentiment_option(options: Sequence[Option], positive: bool, mixed: bool) -> Option | None:
    if mixed:
        neutral = [o for o in options if o.text.lower() in ("neutral", "mixed", "unknown")]
        if neutral:
            return neutral[0]
    want = (
        ("positiv", "yes", "good", "happy", "great", "satisf")
        if positive
        else ("negativ", "no", "bad", "sad", "unhappy", "terrible")
    )
    for cue in want:
        for option in options:
            low = option.text.lower()
            if low == cue or (len(cue) > 3 and low.startswith(cue)):
                return option
    return None


def _others(options: Sequence[Option], best: Option | None, why: str) -> tuple[str, ...]:
    rest = [o.name for o in options if o is not best]
    return (f"The other {'label' if len(rest) == 1 else 'labels'}, {listed(rest)}, {why}.",) if rest else ()
