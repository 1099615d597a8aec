"""Marks of prompt templates: tokens and headings that frame a conversation for a model and belong in no answer."""

from __future__ import annotations

import regex  # type: ignore[import-untyped]

from bezoar_data.measures.checks.fault import Fault, clip
from bezoar_data.measures.placeholder import MARK

TOKENS = regex.compile(
    r"<\|(?:im_start|im_end)\|>(?:[ \t]*(?:system|user|assistant)\b)?"
    r"|<\|start_header_id\|>\s*\w*\s*<\|end_header_id\|>"
    r"|<\|(?:endoftext|end|eot_id|eom_id|begin_of_text|end_of_text|system|user|assistant|prompter|answer|eos|bos|pad)\|>"
    r"|\[/?INST\]|<</?SYS>>|\A\s*<s>|<s>(?=\s*(?:\[INST\]|<<SYS>>))|</s>(?=\s*(?:\Z|<s>|\[INST\]))"
    r"|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>(?:[ \t]*(?:user|model)\b)?"
    r"|<｜[^｜<>\n]{1,40}｜>"
)
"""Tokens of chat templates. They never stand in ordinary prose; where they do, they confuse whoever trains on them."""

_OTHERS = regex.compile(
    r"^[ \t]*#{2,3}\s*(?:Instruction|Response|System|Input|Human|User|Assistant)\s*:"
    r"|\{\{[^{}\n]{0,60}\}\}|<(?:human|bot|user|assistant)>\s*:"
    r"|^(?:Human|USER|User|ASSISTANT|Assistant):[ \t]*\S|\blorem ipsum\b",
    regex.MULTILINE | regex.IGNORECASE,
)


def placeholder(text: str, asked: str = "") -> Fault | None:
    """The mark of a placeholder for an answer."""
    if MARK not in text or MARK in asked:
        return None
    return Fault("placeholder", "a placeholder", "It is a placeholder that says so, and no answer.")


def template_marks(text: str, asked: str = "") -> Fault | None:
    """A mark that stands in the text and not in what was asked: a question on templates may be answered with one."""
    for pattern in (TOKENS, _OTHERS):
        match = pattern.search(text)
        if match and match[0].strip() not in asked:
            shown = clip(match[0], 40)
            return Fault(
                "template_mark", f"'{shown}'", f"The answer still holds a piece of a prompt template (“{shown}”)."
            )
    return None
