"""Does the answer decline the task? A check of its own, for there are many ways to say no."""

# ruff: noqa: E501 - a long pattern stays on one line

from __future__ import annotations

import re

from .judged import MAKING, Finding, Judged
from .text import clip

_NOT = (
    r"(?:can(?: ?not|['’]t|t)|could(?: not|n['’]t)|will not|won['’]t|must (?:\w+ )?(?:decline|refuse)|have to (?:\w+ )?(?:decline|refuse|pass)|need to decline"
    r"|(?:am|['’]m|are|was) (?:\w+ )?(?:unable|not (?:\w+ )?(?:able|allowed|permitted|comfortable|qualified|programmed|trained|designed|in a position|sure I can|going to))"
    r"|(?:do not|don['’]t) (?:feel|think I should|have|know)|would (?:rather|prefer) (?:not|to)|['’]d (?:rather|prefer) (?:not|to)|refuse|decline)"
)
_DO = (
    r"(?:help|assist|answer|provide|fulfil|fulfill|comply|do (?:that|this|so|it)|complete|generate|write|respond|reply|discuss|engage|support|offer|give|share|create"
    r"|process|continue|carry out|perform|talk|say|tell|go into|access|the ability|(?:enough |the |any )?(?:information|knowledge|context)|(?:any )?idea|an opinion)"
)
_REFUSAL = re.compile(
    rf"\b(?:I|we)\b['’]?(?:\s+\w+)?\s*{_NOT}\b[^.!?\n]{{0,40}}\b{_DO}(?:ing)?\b"
    r"|\bas an? (?:AI|artificial intelligence|(?:large )?language model|virtual assistant|chatbot)\b"
    rf"|\b(?:sorry|apolog\w+|regret\w*|unfortunately|I['’]m afraid)\b[^.!?\n]{{0,60}}(?:\b(?:I|we)\b[^.!?\n]{{0,20}}{_NOT}|\bnot (?:possible|something|enough|able)\b|\brequest\b)"
    r"|\bagainst (?:my|our|the) (?:\w+ )?(?:guidelines|polic\w+|programming|principles|rules)\b|\bviolat\w+ (?:my|our) \w+"
    r"|\b(?:my|our) (?:training|guidelines|policy|policies|instructions|programming)\b[^.!?\n]{0,30}\b(?:not|prevent|forbid|prohibit)"
    r"|\bI(?:['’]m| am) (?:just|only) an? |\bI have (?:no (?:idea|information|access|way of knowing)|been (?:instructed|told) not)"
    r"|\b(?:beyond|outside(?: of)?) (?:my|our) (?:capabilit\w+|abilit\w+|scope|knowledge|reach)|\bI have to pass\b|\bassistant declined\b"
    r"|^(?:sorry|nope|no)?[!,. ]*(?:can(?:not|['’]t)|unable to|request denied)\b"
    r"|^(?:sorry[!,. ]+)?(?:I (?:do not|don['’]t) know|let['’]s talk about something else|this (?:task|request) cannot be)"
    r"|\bnot (?:be )?appropriate (?:for me )?to (?:answer|respond|discuss)|\b(?:no answer|nothing) can be given\b",
    re.I,
)


_SELF = re.compile(r"\b(?:I|me|my|myself|we|our)\b|\bI['’]|\b(?:request|prompt|assistant|model)\b")
_DENIAL = re.compile(
    r"\b(?:no|not|nothing|cannot|can't|never|nor|neither|unable|declin\w+|refus\w+|sorry|apolog\w+|rather|prefer|outside|beyond|lack|denied"
    r"|blocked|unanswered|stop|skip|without)\b|n['’]t\b",
    re.I,
)


def refusal(judged: Judged) -> Finding | None:
    """A set phrase of declining near the beginning, or a short answer that denies something of itself and says
    nothing of the task."""
    head = judged.response[:300]
    match = _REFUSAL.search(head)
    if match and not (len(judged.response_words) > 120 and match.start() > 80):
        return Finding(
            "refusal", 1, f"The answer declines the task instead of doing it (“{clip(match.group(0), 60)}”)."
        )
    if len(judged.response_words) > 40 or judged.shared_bits > 5 or not _SELF.search(head):
        return None
    denial = _DENIAL.search(head)
    if denial and judged.task_bits > 12 and not MAKING.search(judged.instruction):
        return Finding(
            "refusal", 1, f"The answer speaks of itself instead of the task and declines it (“{clip(head, 60)}”)."
        )
    return None
