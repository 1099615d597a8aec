"""How published sets spell conversations: the words for roles, and the keys of turns."""

from __future__ import annotations

ROLES = ("system", "user", "assistant", "tool")

CALL = "function_call"
"""The role of ShareGPT's turns that are a call, and the key of one in OpenAI's first function calls."""

_SPELLED = {
    "system": ("system", "developer", "sys"),
    "user": ("user", "human", "prompter", "usr"),
    "assistant": ("assistant", "gpt", "chatgpt", "bot", "chatbot", "model", "ai", "bard", "bing"),
    "tool": ("tool", "function", "observation", "ipython", "tool_response", "tool_result", "function_response"),
    CALL: (CALL, "tool_call", "tool_calls"),
}
ROLE_OF = {word: role for role, words in _SPELLED.items() for word in words}
"""What each spelling of a role means, in lower case."""

ROLE_KEYS = ("role", "from")
CONTENT_KEYS = ("content", "value")

TEXT_KEYS = {
    "name": ("name",),
    "tool_call_id": ("tool_call_id",),
    "reasoning_content": ("reasoning_content", "reasoning", "thinking"),
}
"""Where a turn holds other texts."""

LEARNT_KEYS = {"weight": True, "train": True, "training": True, "loss": True, "loss_mask": True, "mask": False}
"""Where a turn says whether it is learnt, and which value says so."""

TEXT_PARTS = ("text", "input_text", "output_text")
