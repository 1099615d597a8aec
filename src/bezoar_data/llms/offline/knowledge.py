"""What the offline teacher says when only knowledge would help: what the question turns on and how to settle it.

The embedded model has no knowledge and must not sound as if it had. What it can do honestly is to say what a question
asks, which facts would decide it, and how those facts fit together once they are found.
"""

# ruff: noqa: E501 - a sentence the model says stays on one line

from __future__ import annotations

import re

from .compose import Solution
from .prompt import Prompt
from .text import NUMBER, Pick, clip, listed, quoted, sentence, sentences, topic_phrases

_YES_NO = re.compile(
    r"^(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have|had|might|may|must)\b", re.I
)
_NEGATIVE_FACT = (
    "A single counter-example would be enough to make the answer no.",
    "If one of these facts speaks against it, the answer is no, however well the others fit.",
)

_WAYS = {
    "who": (
        "a person or a group",
        "an encyclopedia or a biography names the people involved and what each of them did",
    ),
    "when": ("a date or a period", "a chronicle or a dated source from the time settles it better than memory does"),
    "where": ("a place", "a map or a gazetteer shows it, and the places around it serve as a check"),
    "why": (
        "a cause",
        "one looks for what came before, asks whether it could have been otherwise, and keeps the cause that explains the most",
    ),
    "how many": ("a number", "a count or a published figure is needed, along with the day for which it holds"),
    "how much": ("an amount", "a measurement or a published figure is needed, along with its unit"),
    "how": (
        "a way of doing or a mechanism",
        "one follows it from beginning to end and asks at each point what makes the next one possible",
    ),
    "which": ("one out of several", "one sets the candidates side by side and strikes out those that miss a condition"),
    "what": (
        "a thing or an explanation",
        "a dictionary gives the meaning of the words, and a textbook shows what belongs to the subject",
    ),
}


def yes_no(prompt: Prompt, pick: Pick) -> Solution | None:
    """A closed question: the facts it depends on, and what each outcome would mean."""
    question = _last_question(prompt.question)
    if not _YES_NO.match(question):
        return None
    names = _subject_apart(question, topic_phrases(question, 4))
    first = names[0] if names else "the subject"
    rest = listed(names[1:]) if len(names) > 1 else "what is claimed about it"
    task = pick.one(
        (
            f"The question can be answered with yes or no: {quoted(question, 220)}",
            f"We are asked to decide whether this is so: {quoted(question, 220)}",
            f"A plain yes or no is wanted for {quoted(question, 220)}",
        )
    )
    steps = (
        pick.one(
            (
                f"The question sets {first} on one side and {rest} on the other, so we need one fact about each.",
                f"To decide it, we have to know something about {first} and something about {rest}.",
            )
        ),
        pick.one(
            (
                f"About {first}, one would look up what it is and which limits it has.",
                f"An encyclopedia article on {first} would give the first of these facts.",
            )
        ),
        pick.one(
            (
                f"About {rest}, one would look for the matching figure, date or property.",
                f"The second fact, about {rest}, should come from a source of the same kind, so that the two can be compared.",
            )
        ),
        pick.one(("Then the two facts are held side by side to see whether they agree.", *_NEGATIVE_FACT)),
    )
    answer = pick.one(
        (
            f"So the answer is yes if what we find about {first} agrees with {rest}, and no otherwise.",
            f"Hence it comes down to whether {first} and {rest} can go together: if they can, the answer is yes.",
            f"The answer is therefore yes only when both facts hold for {first} at the same time.",
        )
    )
    return Solution(task, steps, answer, _honest(pick))


def _subject_apart(question: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """The first phrase without a verb at its end: "Would a lobster survive" speaks of a lobster."""
    if not names or names[0].count(" ") != 1 or re.match(r"(?:is|are|was|were|has|have|had)\b", question, re.I):
        return names
    subject, _, verb = names[0].rpartition(" ")
    return (subject, verb, *names[1:]) if verb.islower() and not verb.endswith("s") else names


def open_question(prompt: Prompt, pick: Pick) -> Solution:
    """The general answer: restates the request, names its parts and a way to settle each. Takes anything."""
    whole = " ".join(prompt.text.split())
    question = _last_question(prompt.question) or whole
    names = topic_phrases(question, 5) or topic_phrases(whole, 5)
    subject = listed(names[:3]) if names else "what was asked"
    low = question.lower()
    kind = next((k for k in _WAYS if re.match(rf"(?:[\w ,]*\b)?{k}\b", low)), "")
    if prompt.definition:
        return _by_definition(prompt, subject, pick)
    sought, way = _WAYS.get(
        kind,
        (
            "a worked-out reply",
            "one collects what is certain, marks what is not, and writes down only what the first supports",
        ),
    )
    figures = ", ".join(list(dict.fromkeys(NUMBER.findall(whole)))[:5])
    task = (
        pick.one(
            (
                f"The question is {quoted(question, 240)}",
                f"We are asked the following: {quoted(question, 240)}",
                f"Here is what has to be answered: {quoted(question, 240)}",
            )
        )
        if question
        else "The message holds no text, so there is nothing to restate."
    )
    steps = [
        pick.one(
            (
                f"What is looked for is {sought} that has to do with {subject}.",
                f"The answer has to be {sought}, and it concerns {subject}.",
            )
        ),
        pick.one((f"To find it, {way}.", f"A good way to get there is this: {way}.")),
    ]
    if figures and re.search(
        r"how (?:many|much|long|far|old|fast)|calculate|what is the (?:total|sum|average|ratio|value|area|speed)", low
    ):
        steps.insert(
            1, f"The figures given are {figures}; before computing, one says in words what each of them counts."
        )
    elif len(names) > 3:
        steps.insert(1, f"It also mentions {listed(names[3:])}, which narrows the answer down.")
    steps.append(
        pick.one(
            (
                f"Once a candidate is found, it is put back into the question to see whether it fits all that is said about {names[0] if names else 'the subject'}.",
                f"Two sources that agree on {subject} are worth more than one that sounds sure.",
            )
        )
    )
    answer = pick.one(
        (
            f"In short, the answer has to be {sought} that fits {subject}, and it is found in the way described.",
            f"So the reply to {quoted(question, 120)} is whatever passes these checks on {subject}.",
            f"That is how the question about {subject} can be settled reliably.",
        )
    )
    return Solution(task, tuple(steps), answer, _honest(pick))


def _by_definition(prompt: Prompt, subject: str, pick: Pick) -> Solution:
    parts = sentences(prompt.definition)
    steps = [f"The first thing the definition demands is this: {quoted(parts[0], 220)}"]
    if len(parts) > 1:
        steps.append(f"It adds a further condition: {quoted(parts[1], 200)}")
    steps.append(f"The case it has to be applied to is {quoted(prompt.question, 240)}")
    steps.append(
        pick.one(
            (
                f"In this case the words that matter are {subject}, so each condition is held against them in turn.",
                f"Looking for those conditions in the case, one comes upon {subject}.",
            )
        )
    )
    return Solution(
        pick.one(
            (
                "A definition and a case are given, and the first has to be applied to the second.",
                "The work here is to follow a definition closely.",
            )
        ),
        tuple(steps),
        f"Applied with care, the definition leads to a reply built from {subject}: {sentence(clip(prompt.question, 200))}",
        _honest(pick),
    )


def _last_question(text: str) -> str:
    asked = [s for s in sentences(text) if s.rstrip("\"'”’)").endswith("?")]
    return asked[-1] if asked else " ".join(text.split())


def _honest(pick: Pick) -> str:
    return pick.one(
        (
            "The built-in demo model works from the prompt alone, so the facts themselves are left to a reference work.",
            "Since only the prompt was used, the last word belongs to a reliable source.",
            "This describes the way to the answer; the facts themselves have to come from a source one trusts.",
            "Nothing here was looked up, which is why the deciding fact is named but not asserted.",
        )
    )
