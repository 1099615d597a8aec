"""The embedded judge: rejects answers whose form gives them away, and says why.

It is a list of checks without a model. It cannot tell whether an answer is true, only whether it is empty, refusing,
looping, disordered, cut off, off topic, or at odds with the options of its task. How often it errs was measured on
answers it was not written against: see docs/offline-models.md. Its rows are marked `demo`.
"""

# ruff: noqa: E501 - a reason the judge gives, and a long pattern, stay on one line

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar

import orjson

from bezoar_data._version import __version__
from bezoar_data.llms.providers.base import Completion, Provider, Request
from bezoar_data.llms.retry_policy import Refusal

from .checks import CHECKS
from .judged import Finding, Judged, agreement, read_judged
from .scoring import compare, read_compared, score
from .text import Pick, clip, count_tokens, cut_tokens, listed, quoted, stem, topic_words

_GUESS = re.compile(r"\b(?:is|as|our|best|my) (?:only )?(?:a )?(?:\w+ )?guess\b", re.I)

Verdict = tuple[str, int, str]
"""Status, rating from 1 to 5, reason."""


def judge(judged: Judged, pick: Pick) -> Verdict:
    """The verdict on one answer: the first fault found rejects it; without a fault, its fit to the task rates it."""
    for check in CHECKS:
        finding = check(judged)
        if finding is not None:
            return "Reject", finding.rating, finding.reason
    return _praise(judged, pick)


def faults(judged: Judged) -> list[Finding]:
    """Every fault the checks find, not only the first: what a report on the judge itself looks at."""
    return [finding for check in CHECKS if (finding := check(judged)) is not None]


def _praise(judged: Judged, pick: Pick) -> Verdict:
    shared = [w for w in topic_words(judged.instruction[:3000], 12) if stem(w) in judged.answer_stems][:3]
    about = listed([quoted(w) for w in shared])
    agrees = agreement(judged)
    if agrees is not None and agrees < 0.2:
        return (
            "Accept",
            3,
            "The answer is complete and readable, but it has little in common with the reference answer.",
        )
    if len(judged.answer_stems) < 4:
        return (
            "Accept",
            3,
            f"The answer is short but complete (“{clip(judged.response.strip(), 50)}”); its form shows no fault, and only a fact check could say more.",
        )
    if _GUESS.search(judged.response):
        return "Accept", 3, "The answer is complete and on topic, and it says openly that its choice is a guess."
    share = judged.shared_bits / max(1.0, judged.task_bits)
    if share >= 0.35 and len(judged.response_words) >= 15:
        opening = pick.one(
            (
                "The answer is complete, in order and stays with the task",
                "The answer deals with the task from beginning to end",
                "The answer is clear, complete and on topic",
            )
        )
        return "Accept", 5, f"{opening}: it takes up {about}." if about else f"{opening}."
    opening = pick.one(
        (
            "The answer is complete and on topic",
            "The answer is readable and ends properly",
            "The answer has no fault of form",
        )
    )
    return (
        "Accept",
        4,
        f"{opening}; it takes up {about}." if about else f"{opening}, though it shares few words with the task.",
    )


class OfflineJudge(Provider):
    """Answers with a JSON object about what stands between the judge's markers: `reason`, `rating` and `status`; with
    scores instead, where the schema asks for attributes; with `reason` and `better`, where there are two responses."""

    kind: ClassVar[str] = "offline-judge"
    demo: ClassVar[bool] = True
    revision: ClassVar[str | None] = __version__
    needs_network: ClassVar[bool] = False

    async def complete(self, request: Request) -> Sequence[Completion]:
        answer = _answerer(request)
        asked = sum(count_tokens(m.get("content", "")) for m in request.messages)
        done = []
        for position, sample in enumerate(request.samples):
            text = orjson.dumps(answer(sample)).decode()
            text, cut = cut_tokens(text, request.max_tokens) if request.max_tokens else (text, False)
            done.append(
                Completion(text, "length" if cut else "stop", asked if position == 0 else 0, count_tokens(text))
            )
        return done


def _answerer(request: Request) -> Callable[[int], dict[str, object]]:
    """What answers each sample of the request. Raises `Refusal` where there is nothing to judge."""

    def pick(judged: Judged, sample: int) -> Pick:
        return Pick(judged.instruction, judged.response, request.model.sampling.seed, sample, request.attempt)

    compared = read_compared(request.messages)
    if compared is not None:
        ratings = tuple(judge(one, pick(one, 0))[1] for one in compared)
        return lambda sample: compare(*compared, (ratings[0], ratings[1]))
    judged = read_judged(request.messages)
    if judged is None:
        raise Refusal(
            400, "the offline judge needs a task in <instruction> and an answer in <response> in the user message"
        )
    if "helpfulness" in (request.schema or {}).get("properties", {}):
        return lambda sample: score(judged, judge(judged, pick(judged, sample))[1], pick(judged, sample))

    def accept(sample: int) -> dict[str, object]:
        status, rating, reason = judge(judged, pick(judged, sample))
        return {"reason": reason, "rating": rating, "status": status}

    return accept
