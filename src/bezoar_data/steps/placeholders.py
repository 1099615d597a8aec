"""Placeholders for answers that nobody has asked for yet.

`plan` drives a step's own generator without sending anything, so that prompts are the real ones and loops run as they
will. Where the journal has no answer, the step is given a placeholder, as long as an answer typically is and readable
to the step. The lengths assumed here hold until there are answers in the journal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from bezoar_data.llms.ask import Ask

Words = Callable[[int], str]
"""So many filler words, each about a token long."""

PLAIN = 200
"""Tokens of an answer in plain text, when the step says nothing better."""
FIELD = 40
"""Tokens of a text field in a JSON answer, such as a verdict's reason."""


def placeholder(ask: Ask, words: Words, *, tokens: int = PLAIN) -> str:
    """Filler words of about so many tokens, or JSON that fits the question's schema."""
    return words(tokens) if ask.schema is None else json.dumps(_fits(ask.schema, words))


def _fits(schema: Mapping[str, Any], words: Words) -> Any:
    """A value of the schema's kind. Of several values allowed it is the middle one."""
    if choices := schema.get("enum"):
        return choices[len(choices) // 2]
    kind = schema.get("type")
    if kind == "object":
        return {name: _fits(inner, words) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_fits(schema.get("items", {}), words) for _ in range(max(1, schema.get("minItems", 1)))]
    return {"integer": 1, "number": 1.0, "boolean": True}.get(str(kind)) or words(FIELD)
