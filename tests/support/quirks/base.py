"""What quirks are made of: a good answer, and the shape it comes in."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Made = dict[str, Any] | web.Response | Callable[[web.Request], Awaitable[web.StreamResponse]]
"""What a quirk answers: a body sent with 200, a whole response, or what writes one itself, slowly or not to its end."""
Quirk = Callable[[dict[str, Any], int], Made]
"""Makes an answer from (the request's body, how many requests this quirk has got, this one included)."""

USAGE = {"prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 70}
VERDICT = json.dumps({"reason": "It says how it got there, in plain words.", "rating": 4, "status": "Accept"})


def text_for(body: dict[str, Any]) -> str:
    """A good answer, another one for each prompt: a verdict where one is asked for."""
    prompt = json.dumps(body.get("messages") or body.get("prompt"))
    if "JSON" in prompt:
        return VERDICT
    k = sum(map(ord, prompt)) % 9973
    words = " ".join(f"w{(k * 7 + i * i * 31) % 9991}" for i in range(25))
    return f"First the parts are added, then the whole is divided. That gives {k}. {words}."


def chat(content: Any, finish: Any = "stop", usage: Any = USAGE, **message: Any) -> dict[str, Any]:
    """A chat completion. `content` ... leaves the key out; `usage` None likewise. `message` are further keys of it."""
    said = {"role": "assistant", **({} if content is ... else {"content": content}), **message}
    made = {"id": "c1", "object": "chat.completion", "created": 1, "model": "q"}
    made["choices"] = [{"index": 0, "message": said, "finish_reason": finish}]
    return made if usage is None else {**made, "usage": usage}


def good(body: dict[str, Any], nth: int) -> dict[str, Any]:
    """An answer with nothing odd about it."""
    return chat(text_for(body))


def failed(status: int, error: Any, **headers: str) -> web.Response:
    """A response with this status and JSON body."""
    return web.Response(
        body=json.dumps(error).encode(), status=status, content_type="application/json", headers=headers
    )
