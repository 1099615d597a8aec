"""A scripted teacher, evaluator and judge that answer whatever the shipped schemes ask, each in the form it asks for.

What they say depends on the messages and the number of the sample alone. Lengths vary as a model's do, and tokens are
counted by a rule of their own, so that a plan cannot know either. Answers sometimes say the same, verdicts differ.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Mapping
from typing import Any

_SYLLABLES = ["ba", "den", "fo", "gu", "kar", "le", "mi", "nos", "pu", "ra", "set", "ti", "von", "wu", "ya", "zel"]
_VERBS = ["Explain", "List", "Compare", "Describe", "Write about", "Find the error in", "Translate", "Sort"]
_COMPARED = re.compile(r"<(first|second)_response>\n(.*?)\n</\1_response>", re.DOTALL)


def scripted_text(messages: Any, schema: Mapping[str, Any] | None, sample: int = 0) -> str:
    """The answer to these messages: by the schema if there is one, else by the scheme that asks."""
    text = messages[-1]["content"]
    chance = _chance(messages, sample)
    if schema is not None and "properties" in schema:
        return json.dumps(_instance(schema, text, chance))
    if "<example>" in text:
        wanted = int(match[1]) if (match := re.search(r"Invent (\d+) new", text)) else 20
        return "\n".join(f"<example>{_instruction(chance)}</example>" for _ in range(wanted))
    if "#Given Prompt#:" in text:
        given = text.split("#Given Prompt#:", 1)[1].rsplit("#", 2)[0].strip()
        return f"{given} {_words(chance, 10, 20)}." if "#Rewritten Prompt#:" in text else _instruction(chance)
    if "<<<" in text:
        first, second = (part.split(">>>")[0].strip() for part in text.split("<<<")[-2:])
        said = "Equal" if first == second or chance.random() < 0.1 else "Not Equal"
        return said if schema is None else json.dumps(said)
    # Some say what others say too: near-duplicates are to be found.
    return f"{_words(random.Random(0), 60, 60)}." if chance.random() < 0.05 else f"{_words(chance, 45, 100)}."


def scripted_completion(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a chat completion that answers this request."""
    schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
    limit = body.get("max_tokens") or body.get("max_completion_tokens") or 10**9
    choices, used = [], 0
    for i in range(body.get("n") or 1):
        text = scripted_text(body["messages"], schema, i + (body.get("seed") or 0))
        words = text.split(" ")
        while (tokens := count(" ".join(words))) > limit:
            words.pop()
        used += tokens
        reason = "stop" if len(words) == len(text.split(" ")) else "length"
        message = {"role": "assistant", "content": " ".join(words)}
        choices.append({"index": i, "message": message, "finish_reason": reason})
    asked = sum(count(message["content"]) + 4 for message in body["messages"])
    usage = {"prompt_tokens": asked, "completion_tokens": used, "total_tokens": asked + used}
    return {"object": "chat.completion", "model": body.get("model"), "choices": choices, "usage": usage}


def count(text: str) -> int:
    """Tokens: one for each five letters of a word, or part of them."""
    return sum(-(-len(word) // 5) for word in text.split())


def _chance(messages: Any, sample: int) -> random.Random:
    said = json.dumps([[m["role"], m["content"]] for m in messages])
    return random.Random(hashlib.sha256(f"{sample}|{said}".encode()).digest())


def _instance(schema: Mapping[str, Any], text: str, chance: random.Random) -> dict[str, Any]:
    """An object of this schema. A status goes with its rating, and of two responses the same one is better whichever
    stands first."""
    values = {name: _value(kind, chance) for name, kind in schema["properties"].items()}
    if "rating" in values and "status" in values:
        scale = schema["properties"]["rating"]["enum"]
        values["status"] = "Accept" if scale.index(values["rating"]) >= len(scale) // 2 else "Reject"
    if "better" in values:
        shown = dict(_COMPARED.findall(text))
        values["better"] = max(shown, key=lambda side: hashlib.sha256(shown[side].encode()).digest())
    return values


def _value(kind: Mapping[str, Any], chance: random.Random) -> Any:
    if "enum" in kind:
        return chance.choice(kind["enum"])
    if kind["type"] == "array":
        return [_instruction(chance) for _ in range(20)]
    return f"It says {_words(chance, 5, 12)}."


def _instruction(chance: random.Random) -> str:
    """A new instruction, or one of a few that come up again and again with small changes."""
    if chance.random() < 0.15:
        return f"{_words(random.Random(chance.randrange(9)), 12, 12)} {_words(chance, 1, 1)}."
    return f"{chance.choice(_VERBS)} {_words(chance, 4, 24)}."


def _words(chance: random.Random, least: int, most: int) -> str:
    count = chance.randint(least, most)
    return " ".join("".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(count))
