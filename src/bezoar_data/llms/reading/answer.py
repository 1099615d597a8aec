"""An answer as it is to be understood, be it one that comes in or one of an older journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bezoar_data.config.value_class import value_class
from bezoar_data.llms.reading.finish_reasons import Ending, ending_of, finish_word
from bezoar_data.llms.reading.special_tokens import cut_special_tokens
from bezoar_data.llms.reading.thinking import may_think, split_thinking
from bezoar_data.llms.refusals import RefusalReason

SPECIAL_TOKENS = "special_tokens"
"""Where in `extra` the marks stand that were cut off."""
REASONING = "reasoning"
"""Where in `extra` a model's thinking stands. It is journalled there, and goes nowhere else."""


@value_class(frozen=True, slots=True)
class Reading:
    """What was read of an answer. `error` is the reason code of one that is none: `text` is then what was said all the
    same, and `detail` says more."""

    text: str
    ending: Ending
    finish_reason: str
    extra: Mapping[str, Any]
    error: RefusalReason | None = None
    detail: str = ""


def read_answer(text: str, said: str, extra: Mapping[str, Any]) -> Reading | None:
    """What an answer's text, finish reason and extra values mean. None: all is as it stands, which is nearly always so.

    What is read of a reading is that reading again.
    """
    if text and (said == "stop" or said == "length") and not may_think(text):
        return None
    ending, word = ending_of(said), finish_word(said)
    found = dict(extra)
    if word != said and said and ending != "stop":
        found.setdefault("finish_reason", said)
    answer, tokens = cut_special_tokens(text)
    split = split_thinking(answer) if may_think(answer) else None
    if split is not None:
        answer, more = cut_special_tokens(split.answer or "")
        tokens += more
        if thinking := _together(found.get(REASONING), split.thinking):
            found[REASONING] = thinking
    if tokens:
        found[SPECIAL_TOKENS] = [*found.get(SPECIAL_TOKENS, ()), *tokens]
    error, detail = _refusal(answer, ending, said, found, ended=split is None or split.answer is not None)
    if error is None and answer is text and word == said:
        return None
    return Reading(answer, ending, word, found, error, detail)


def _refusal(
    answer: str, ending: Ending, said: str, extra: Mapping[str, Any], *, ended: bool
) -> tuple[RefusalReason | None, str]:
    """Why an answer is none, if it is none."""
    if ending == "content_filter":
        return "content_filter", f"finish reason '{said}'"
    if ending == "refusal":
        return "refused", " ".join(answer.split())[:600] or f"finish reason '{said}'"
    thought = extra.get(REASONING) or extra.get("reasoning_tokens")
    if answer.strip() or ending == "failed" or not (thought or ending == "length"):
        return None, ""
    how = "there is nothing after its thinking" if ended else "its thinking never ended"
    if ending == "length":
        how += ", cut by the token limit: set a larger sampling.max_tokens, or turn thinking off"
    return "only_thinking", how


def _together(before: Any, thinking: str) -> str:
    """Thinking that came apart from the answer, and thinking found in it; once, where both are the same."""
    if not isinstance(before, str) or not before or before.strip() == thinking:
        return thinking
    return f"{before}\n\n{thinking}" if thinking else before
