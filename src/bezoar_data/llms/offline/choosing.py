"""The skill that names one of several options, and says how little or how much speaks for it."""

# ruff: noqa: E501 - a sentence the model says stays on one line

from __future__ import annotations

from .compose import READING, Solution
from .prompt import Option, Prompt
from .text import Pick, clip, content_stems, listed, quoted, sentences, stem, topic_words

_COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}


def choice(prompt: Prompt, pick: Pick) -> Solution | None:
    """One of the options, by shared words with the passage and the question; ties are broken by the prompt's hash."""
    options = prompt.options
    if len(options) < 2:
        return None
    near = _nearest_lines(prompt)
    best, common = _best_option(prompt, near, pick)
    guess = not common
    return Solution(
        _task(prompt, pick),
        (_what_is_asked(prompt, pick), *_reasons(prompt, best, common, near, pick)),
        _answer(best, guess, pick),
        pick.one(_GUESSING) if guess else pick.one(READING),
        _why_not_others(prompt, best, common, pick) if prompt.style.shows_others else (),
    )


_GUESSING = (
    "The words of the task do not settle the matter, so this is a guess and should be checked against a reliable source.",
    "Nothing in the wording proves it, so please treat the choice as a guess that a reference book can confirm or correct.",
    "Whoever needs certainty should look up the fact behind the question, because the wording leaves it open.",
)


def _nearest_lines(prompt: Prompt) -> tuple[str, ...]:
    """The two sentences of the passage that share most with the question."""
    if not prompt.passage or len(prompt.passage) > 8000:
        return ()
    asked = set(content_stems(prompt.question))
    ranked = sorted(sentences(prompt.passage), key=lambda line: -len(asked & set(content_stems(line))))
    return tuple(ranked[:2])


def _best_option(prompt: Prompt, near: tuple[str, ...], pick: Pick) -> tuple[Option, tuple[str, ...]]:
    """The option with most support, and its words that gave it; no words when it is a guess."""
    options = prompt.options
    question = set(content_stems(prompt.question))
    context = set(content_stems(" ".join(near))) if near else set()
    everywhere = set(content_stems(prompt.passage)) if near else set()
    stems = [content_stems(o.text) for o in options]
    in_all = set.intersection(*map(set, stems))
    scores = []
    for own in stems:
        new = [s for s in own if s not in in_all and (near or not s.isdigit())]  # an equal number is no evidence
        hits = sum(3 * (s in context) + (s in everywhere) + 0.7 * (s in question) for s in new)
        scores.append(hits / max(1, len(new)) ** 0.5)
    top = max(scores)
    ties = [i for i, s in enumerate(scores) if s == top]
    best = options[ties[pick.below(len(ties))]]
    if top == 0 or len(ties) == len(options):
        return best, ()
    known = context | everywhere | question
    return best, tuple(
        w for w in topic_words(best.text, 5) if stem(w) in known and stem(w) not in in_all and (near or not w.isdigit())
    )


def _task(prompt: Prompt, pick: Pick) -> str:
    if prompt.definition:
        return f"The definition asks us to do the following: {quoted(prompt.definition, 260)}"
    number = _COUNTS.get(len(prompt.options), str(len(prompt.options)))
    form = pick.one(
        (
            "We have a question with {} possible answers: {}",
            "The task gives {} options and asks for the one that fits: {}",
            "One of {} options has to be chosen for {}",
        )
    )
    return form.format(number, quoted(prompt.question, 240))


def _what_is_asked(prompt: Prompt, pick: Pick) -> str:
    if prompt.definition:
        return f"The case to be decided is {quoted(prompt.question, 220)}"
    key = topic_words(prompt.question, 4)
    if not key:
        return "The question is short, so the options themselves have to carry the meaning."
    named = listed([quoted(w) for w in key])
    forms = (
        "The words that matter most in the question are {}.",
        "At the heart of the question stand {}.",
        "What we look for has to do with {}.",
    )
    return (pick.one(forms) if len(key) > 1 else forms[2]).format(named)


def _reasons(prompt: Prompt, best: Option, common: tuple[str, ...], near: tuple[str, ...], pick: Pick) -> list[str]:
    shared = listed([quoted(w) for w in common])
    if near and common:
        return [
            f"The part of the text that bears on it says: {quoted(near[0], 220)}",
            f"Of the options, {best.name} has the most in common with the text, through {shared}.",
        ]
    if common:
        return [
            f"Reading the options beside it, {best.name} shares {shared} with the question, more than any other does."
        ]
    choices = f"The options are {listed([clip(o.name, 60) for o in prompt.options])}."
    if near and not all(o.text[:1].isdigit() for o in prompt.options):
        choices = (
            f"The part of the text that comes closest says {quoted(near[0], 200)}, and no option repeats its words."
        )
    return [choices, pick.one(_BY_GUESS).format(best.name)]


_BY_GUESS = (
    "No option shares more words with the task than the others, so {} is taken as a guess.",
    "The wording favours none of them, and {} is picked so that there is a definite answer to check.",
    "As far as the words go, all of them are possible, and {} is where our guess falls.",
)


def _answer(best: Option, guess: bool, pick: Pick) -> str:
    forms: tuple[str, ...]
    if guess:
        forms = (
            "The answer, as a guess, is {}.",
            "So our best guess is {}.",
            "If one has to choose, the answer is {}.",
        )
    else:
        forms = (
            "The answer is {}.",
            "So the best choice is {}.",
            "Therefore the answer to choose is {}.",
            "The option that fits best is {}.",
        )
    return pick.one(forms).format(best.name)


def _why_not_others(prompt: Prompt, best: Option, common: tuple[str, ...], pick: Pick) -> tuple[str, ...]:
    rest = [clip(o.name, 60) for o in prompt.options if o is not best][:8]
    forms: tuple[str, ...]
    if common:
        forms = (
            "The other options, {}, have fewer words in common with the task.",
            "Measured by the same words, {} fall behind.",
        )
    else:
        forms = (
            "The other options, {}, cannot be ruled out by the words alone.",
            "Nothing in the wording points to {}, though nothing excludes them either.",
            "To support {}, the task would have to say more than it does.",
        )
    if len(rest) == 1:
        return (f"The other option, {rest[0]}, has less in the wording to support it.",) if common else ()
    return (pick.one(forms).format(listed(rest)),)
