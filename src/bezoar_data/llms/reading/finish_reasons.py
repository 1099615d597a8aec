"""Why an answer ended: every spelling that endpoints are known to use, and the one word that stands for it here.

Spellings are compared without case, without `finish_reason_` or `FinishReason.` before them and without what stands
behind a colon. What is in no table is kept as it was said, and counted by name at the end of a run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

Ending = Literal["stop", "length", "content_filter", "refusal", "tool_calls", "failed", "unknown"]
"""`stop`: by itself. `length`: cut, the answer goes no further but is not whole. `content_filter`: stopped by a filter.
`refusal`: the model would not. `tool_calls`: it asked for a tool. `failed`: the endpoint gave up midway, and may do
better when it is asked again. `unknown`: nobody knows, or nobody said."""

SPELLINGS: Mapping[Ending, tuple[str, ...]] = {
    "stop": (
        "stop", "end_turn", "stop_sequence", "stop_token", "stop_criteria_met", "stop_string_found", "eos", "eos_token",
        "eos_found", "endoftext", "end_of_text", "end_of_turn", "end", "complete", "completed", "finish", "finished",
        "done", "normal", "success", "word", "tool_use",
    ),
    "length": (
        "length", "max_tokens", "max_output_tokens", "max_new_tokens", "max_completion_tokens", "max_length", "limit",
        "length_limit", "token_limit", "token_limit_reached", "max_predicted_tokens_reached", "model_length",
        "model_context_window_exceeded", "context_length", "context_length_reached", "context_length_exceeded",
        "error_limit", "incomplete", "pause_turn",
    ),
    "content_filter": (
        "content_filter", "content_filtered", "filtered", "safety", "recitation", "prohibited_content", "blocklist",
        "blocked", "spii", "image_safety", "language", "model_armor", "sensitive", "guardrail", "guardrails",
        "guardrail_intervened", "moderation", "flagged", "error_toxic", "data_inspection_failed",
    ),
    "refusal": ("refusal", "refused"),
    "tool_calls": ("tool_calls", "tool_call", "function_call"),
    "failed": (
        "error", "failed", "failure", "network_error", "server_error", "internal_error", "overloaded",
        "insufficient_system_resource", "insufficient_system_resources", "timeout", "time_limit", "abort", "aborted",
        "cancelled", "canceled", "user_cancel", "user_stopped", "interrupted", "not_finished", "load", "unload",
        "model_unloaded", "malformed_function_call", "malformed_response", "malformed_model_output",
        "malformed_tool_use", "unexpected_tool_call", "too_many_tool_calls", "missing_thought_signature",
    ),
    "unknown": ("", "none", "null", "unknown", "unspecified"),
}  # fmt: skip
"""What each kind is called by OpenAI and Azure, Anthropic, Gemini and Vertex, Mistral, Bedrock, Cohere, DeepSeek, z.AI,
OpenRouter, watsonx, DashScope, AI21, vLLM, SGLang, TensorRT-LLM, TGI, llama.cpp, Ollama and LM Studio."""

_ENDINGS: Mapping[str, Ending] = {word: ending for ending, words in SPELLINGS.items() for word in words}
_BEFORE = re.compile(r"^finish_?reason[_.]")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LONGEST = 60


@lru_cache(1024)
def ending_of(said: str) -> Ending:
    """What an endpoint's finish reason means."""
    word = said.partition(":")[0].strip()
    word = word if word.isupper() else _HUMP.sub("_", word)
    word = _BEFORE.sub("", word.lower().replace("-", "_").replace(" ", "_"))
    return _ENDINGS.get(word, "unknown")


@lru_cache(1024)
def finish_word(said: str) -> str:
    """The word for it that steps and the journal know; what is not known as it was said, or `unknown`."""
    ending = ending_of(said)
    if ending != "unknown":
        return ending
    return " ".join(said.split())[:_LONGEST] or "unknown"
