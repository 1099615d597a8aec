"""What an answer cost, as endpoints tell it: the bill of a response, and each sample's share of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LLAMA_CPP = re.compile(r"b\d+-[0-9a-f]{6,}")
"""llama.cpp's `system_fingerprint`: its build. Up to now its servers count the first of several samples alone
(ggml-org/llama.cpp#27318)."""
_BYTES = 4.0
"""Bytes of text that a token usually stands for."""
_MOST_BYTES = 12.0
"""No tokenizer packs more into a token, over a whole text."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What is known of a sample's length: its text, thinking included, and its tokens where the endpoint lists them."""

    text: str
    tokens: int | None = None

    @property
    def bytes(self) -> int:
        return len(self.text.encode("utf-8", "surrogatepass"))


def read_usage(value: Any) -> tuple[int, int] | None:
    """(prompt, completion) tokens billed, if the endpoint tells both."""
    if not isinstance(value, dict):
        return None
    prompt, answer = value.get("prompt_tokens"), value.get("completion_tokens")
    if type(prompt) is not int or type(answer) is not int or prompt < 0 or answer < 0:
        return None
    return prompt, answer


def reasoning_tokens(value: Any) -> int:
    """How many tokens of the answer were thinking that nobody is shown, if the endpoint tells."""
    details = value.get("completion_tokens_details") if isinstance(value, dict) else None
    found = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return found if type(found) is int and found > 0 else 0


def shares(
    usage: tuple[int, int] | None, samples: Sequence[Sample], response: Mapping[str, Any]
) -> list[tuple[int | None, int | None]]:
    """A response's bill split over its samples, those counted too that its endpoint forgot."""
    if usage is None or len(samples) < 2 or not _counts_one(usage[1], samples, response):
        return split_bill(usage, len(samples))
    first = samples[0].bytes or 1
    counted = [s.tokens or math.ceil(usage[1] * s.bytes / first) for s in samples]
    counted[0] = usage[1]
    return [(usage[0] if i == 0 else 0, tokens) for i, tokens in enumerate(counted)]


def split_bill(usage: tuple[int, int] | None, n: int) -> list[tuple[int | None, int | None]]:
    """A bill split over its samples: the prompt to the first, the answers' tokens evenly. The sum stays the bill."""
    if usage is None:
        return [(None, None)] * n
    prompt, answer = usage
    each, rest = divmod(answer, n)
    return [(prompt if i == 0 else 0, each + (i < rest)) for i in range(n)]


def _counts_one(tokens: int, samples: Sequence[Sample], response: Mapping[str, Any]) -> bool:
    """Whether so many tokens are those of the first sample alone. Of a llama.cpp server that is believed where it fits
    the texts better, of any other where nothing else is possible."""
    if not tokens:
        return False
    listed = [s.tokens for s in samples]
    if None not in listed:
        return tokens == listed[0] and tokens < sum(n or 0 for n in listed)
    one, every = samples[0].bytes / tokens, sum(s.bytes for s in samples) / tokens
    if _is_llama_cpp(response):
        return abs(math.log(max(one, 0.01) / _BYTES)) < abs(math.log(max(every, 0.01) / _BYTES))
    return every > _MOST_BYTES and one <= _MOST_BYTES


def _is_llama_cpp(response: Mapping[str, Any]) -> bool:
    name = response.get("system_fingerprint")
    return isinstance(response.get("timings"), dict) or (isinstance(name, str) and bool(_LLAMA_CPP.match(name)))
