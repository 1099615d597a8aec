"""OpenBezoar's three models as one scripted endpoint: a quirk for `QuirkServer`.

The generator is asked for plain completions, GPT-4 and the Llama-2 evaluator for chat. Answers depend on the prompt
alone, so that any order gives the same rows.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from support.quirks.base import USAGE, chat

GENERATOR = "h2oai/h2ogpt-gm-oasst1-en-2048-falcon-40b-v2"
JUDGE = "gpt-4-0613"
EVALUATOR = "meta-llama/Llama-2-13b-chat-hf"

_WORDS = [
    "river",
    "bridge",
    "market",
    "winter",
    "garden",
    "letter",
    "engine",
    "forest",
    "island",
    "lantern",
    "harbour",
    "valley",
]


class PaperModels:
    """Answers for all three, and keeps every body it was sent, by model."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[dict[str, Any]]] = {}

    def __call__(self, body: dict[str, Any], nth: int) -> dict[str, Any]:
        self.bodies.setdefault(body["model"], []).append(body)
        if body["model"] == EVALUATOR:
            return chat("Not Equal")
        if body["model"] == JUDGE:
            return chat(_verdict(json.dumps(body["messages"])))
        choice = {"index": 0, "text": f" {_generated(body['prompt'])}", "finish_reason": "stop"}
        return {"id": "cmpl-1", "object": "text_completion", "model": GENERATOR, "choices": [choice], "usage": USAGE}


def _generated(prompt: str) -> str:
    if "JSON object" in prompt:
        return _verdict(prompt)
    if found := re.search(r"Invent (\d+) new", prompt):
        return "\n".join(f"<example>{_request(prompt, i)}</example>" for i in range(int(found[1])))
    if "#Given Prompt#" in prompt:
        return _request(prompt, 0)
    return (
        f"It was found near the {_word(prompt, 1)}, where the {_word(prompt, 2)} begins, in the year {_hash(prompt)}."
    )


def _request(prompt: str, number: int) -> str:
    words = (_word(prompt, 7 * number + i) for i in range(4))
    return f"Describe the {' and the '.join(words)} in {100 + number} words."


def _verdict(prompt: str) -> str:
    accepted = _hash(prompt) % 4 > 0
    reason = (
        f"The part on the {_word(prompt, 3)} {'follows from' if accepted else 'goes against'} the {_word(prompt, 4)}."
    )
    verdict = {"reason": reason, "rating": 4 if accepted else 2, "status": "Accept" if accepted else "Reject"}
    return json.dumps(verdict)


def _word(prompt: str, number: int) -> str:
    return _WORDS[_hash(f"{number} {prompt}") % len(_WORDS)]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:2], "big")
