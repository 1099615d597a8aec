"""The embedded judge's other verdicts: scores for attributes, and which of two answers is better.

Both rest on the same checks of form as its accept-or-reject verdict (`checks`), and say what they do not know: nothing
here tells whether an answer is true or safe.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .checks import CHECKS
from .judged import Finding, Judged, agreement
from .text import Pick, listed

_COHERENCE = {"disordered": 0, "script": 0, "looping": 1, "markers": 2, "truncated": 2, "empty": 0}
"""What a fault of form leaves of coherence; the others concern the matter."""

_WRONG = frozenset(("wrong_option", "off_topic", "empty", "refusal", "echo"))
_LETTERS = (3.9, 4.3, 4.8, 5.5)
"""Mean letters of a word from which an answer counts as one step more complex."""

_LENGTHS = (12, 45, 140, 320)
"""Words from which an answer counts as one step longer."""

_MARGIN = 0.15
"""Share of the task's or the reference's words by which one answer must be ahead of the other."""

_PIECE = r"<{tag}>\n(.*?)\n</{tag}>"


def read_compared(messages: Sequence[Mapping[str, str]]) -> tuple[Judged, Judged] | None:
    """The task with each of the two answers shown, the first one first; None where there are no two to compare."""
    said = [m.get("content", "") for m in messages if m.get("role") == "user"]
    text = next((s for s in said if "<first_response>" in s), "")

    def piece(tag: str) -> str | None:
        found = re.search(_PIECE.format(tag=tag), text, re.DOTALL)
        return found[1] if found else None

    task, first, second = piece("instruction"), piece("first_response"), piece("second_response")
    if task is None or first is None or second is None:
        return None
    system, reference = piece("system_message") or "", piece("reference") or ""
    return Judged(task, first, system, reference), Judged(task, second, system, reference)


def score(judged: Judged, rating: int, pick: Pick) -> dict[str, object]:
    """Scores from 0 to 4 with their reason. `rating` is what the answer gets from 1 to 5 when it is accepted or not."""
    fault = _fault(judged)
    agrees = agreement(judged)
    if fault is not None:
        correct = 0 if fault.code in _WRONG else 1
    else:
        correct = 3 if agrees is None else min(4, round(1 + 4 * agrees))
    known = "Whether it is true was not checked" if agrees is None else "It was held against the reference word by word"
    opening = fault.reason if fault else pick.one(("It has no fault of form.", "Its form is in order."))
    return {
        "reason": f"{opening} {known}, nor whether it is safe.",
        "helpfulness": rating - 1,
        "correctness": correct,
        "coherence": _COHERENCE.get(fault.code, 3) if fault else 4,
        "complexity": _steps(_letters(judged), _LETTERS),
        "verbosity": _steps(len(judged.response_words), _LENGTHS),
        "safety": "pass",
    }


def compare(first: Judged, second: Judged, ratings: tuple[int, int]) -> dict[str, object]:
    """Which of the two is better, by the ratings they would get, then by what they share with reference and task."""
    if ratings[0] != ratings[1]:
        better, worse = ("first", "second") if ratings[0] > ratings[1] else ("second", "first")
        fault = _fault(second if better == "first" else first)
        why = fault.reason if fault else "It takes up less of the task."
        return {"reason": f"Of the {worse} response: {why} The {better} one is ahead of it.", "better": better}
    for measure, what in ((agreement, "the reference"), (_taken_up, "the task")):
        ahead = (measure(first) or 0.0) - (measure(second) or 0.0)
        if abs(ahead) >= _MARGIN:
            better = "first" if ahead > 0 else "second"
            return {"reason": f"The {better} response has more in common with {what}.", "better": better}
    faults = [name for name, one in (("first", first), ("second", second)) if _fault(one)]
    why = f"the {listed(faults)} shows a fault of form" if faults else "neither shows a fault of form"
    return {"reason": f"Both deal with the task alike, and {why}.", "better": "tie"}


def _fault(judged: Judged) -> Finding | None:
    return next((finding for check in CHECKS if (finding := check(judged)) is not None), None)


def _taken_up(judged: Judged) -> float:
    return judged.shared_bits / max(1.0, judged.task_bits)


def _letters(judged: Judged) -> float:
    words = judged.response_words
    return sum(map(len, words)) / len(words) if words else 0.0


def _steps(value: float, steps: Sequence[float]) -> int:
    return sum(value >= step for step in steps)
