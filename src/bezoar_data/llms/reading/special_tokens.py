"""Marks of chat templates that a wrongly set server leaves round an answer: cut off at its start and its end.

Inside an answer they stay: there they are what it speaks of. So does one at the end that a sentence names ("the end is
marked by </s>"), and `<s>` and `</s>` where they are HTML. A turn that the model went on to write for the other side,
behind the end of its own, is not its answer.
"""

from __future__ import annotations

import re

_BEFORE = (
    "<s>", "<bos>", "<pad>", "<|begin_of_text|>", "<|startoftext|>", "<｜begin▁of▁sentence｜>", "[gMASK]", "<sop>",
    "<|START_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|START_RESPONSE|>", "<|begin_of_solution|>", "<|assistant|>",
    "<|Assistant|>", "<｜Assistant｜>", "[/INST]", "<|begin_of_box|>",
)  # fmt: skip
_TURN = (
    r"<\|im_start\|>(?:assistant|user|system)?\b\n?",
    r"<\|start_header_id\|>\s*(?:assistant|user|system)\s*<\|end_header_id\|>",
    r"<\|header_start\|>\s*(?:assistant|user|system)\s*<\|header_end\|>",
    r"<\|start_of_role\|>\s*(?:assistant|user|system)\s*<\|end_of_role\|>",
    r"<start_of_turn>(?:model|user)?\b",
    r"<\|turn>(?:model|user)?\b",
    r"<\|start\|>(?:assistant|user|system)\b(?:<\|message\|>)?",
)
_AFTER = (
    "</s>", "<eos>", "<pad>", "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|eot|>", "<|EOT|>", "<|eos|>",
    "<end_of_turn>", "<turn|>", "<|end_of_turn|>", "<|END_OF_TURN_TOKEN|>", "<|END_RESPONSE|>", "<|end_of_solution|>",
    "<|endoftext|>", "<|end_of_text|>", "<|end|>", "<|return|>", "<|endofassistant|>", "<｜end▁of▁sentence｜>",
    "<|user|>", "<|User|>", "<｜User｜>", "<|observation|>", "[INST]", "[/INST]", "<|end_of_box|>", "[EOS]",
)  # fmt: skip


def _any(words: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, words))


_ONE = re.compile(rf"{'|'.join(_TURN)}|{_any((*_BEFORE, *_AFTER))}")
_AT_START = re.compile(rf"(?:\s*(?:{_ONE.pattern}))+\s*")
_TURN_AT_END = re.compile(rf"(?:{'|'.join(_TURN)})\Z")
_NEXT_TURN = re.compile(rf"(?:{_any(_AFTER)})\s*(?:{'|'.join(_TURN)}|{_any(('<|user|>', '<|User|>', '<｜User｜>'))})")
_BOX = re.compile(r"<\|(?:begin|end)_of_box\|>")
_LONGEST_TURN = 80
_PARTS = ("|>", "｜>", "_turn>", "</s>", "<eos>", "<pad>", "INST]", "[EOS]")
"""One of these is in every mark that ends a turn. Looking for them is many times faster than for the marks."""
_NAMED = re.compile(r"[^\W\d_]|[:,(]")
"""What stands before a mark, and a space, that a sentence names."""


def cut_special_tokens(text: str) -> tuple[str, tuple[str, ...]]:
    """The text without the marks round it, and the marks that were cut off, in order."""
    if not ("<" in text or "[" in text) or "<|channel|>" in text:
        return text, ()  # whose channels still have to be told apart, by the same marks
    found: list[str] = []
    cut = text
    if (before := _AT_START.match(cut)) and not _is_html(cut, before[0]):
        found += _ONE.findall(before[0])
        cut = cut[before.end() :]
    if (going_on := _next_turn(cut)) and cut.count("```", 0, going_on.start()) % 2 == 0:
        found += _ONE.findall(going_on[0])
        cut = cut[: going_on.start()]
    at_end: list[str] = []
    while token := _token_at_end(cut):
        at_end.append(token)
        cut = cut.rstrip().removesuffix(token)
    if "_of_box|>" in cut:
        found += _BOX.findall(cut)
        cut = _BOX.sub("", cut)
    found += reversed(at_end)
    return (cut.strip(), tuple(token.strip() for token in found)) if found else (text, ())


def _next_turn(text: str) -> re.Match[str] | None:
    return _NEXT_TURN.search(text) if any(part in text for part in _PARTS) else None


def _token_at_end(text: str) -> str:
    """The mark with which the text ends; empty where there is none, or where it belongs to the text."""
    text = text.rstrip()
    if text.endswith(_AFTER):
        token = next(token for token in _AFTER if text.endswith(token))
    elif text.endswith((">", "user", "assistant", "model")) and (turn := _TURN_AT_END.search(text[-_LONGEST_TURN:])):
        token = turn[0]
    else:
        return ""
    said = text.removesuffix(token)
    if token == "</s>" and "<s>" in said:  # noqa: S105
        return ""
    named = said.endswith(" ") and _NAMED.fullmatch(said.rstrip()[-1:])
    return "" if named else token


def _is_html(text: str, before: str) -> bool:
    """`<s>` at the start and `</s>` further on, but not at the end: a word that is struck out."""
    return before.strip() == "<s>" and "</s>" in text.rstrip().removesuffix("</s>")
