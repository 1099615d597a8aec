"""Quirks of responses that are no answer: statuses, bodies of another form, parameters that are not taken.

Each speaks the words of the endpoint that it names, as they stand in its documents or in the report beside it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from support.quirks.base import Made, Quirk, chat, failed, good

Body = dict[str, Any]


def _says(status: int, error: Any, **headers: str) -> Quirk:
    return lambda body, nth: failed(status, error, **headers)


def _until_gone(status: int, field: str, error: Any) -> Quirk:
    """Refuses every request that has the field; `system`, `n` and `messages` are looked for where they stand."""

    def quirk(body: Body, nth: int) -> Made:
        there = {
            "system": any(m["role"] == "system" for m in body.get("messages", ())),
            "n": body.get("n", 1) > 1,
        }.get(field, field in body)
        return failed(status, error) if there else good(body, nth)

    return quirk


def _first(times: int, made: Quirk) -> Quirk:
    """So many times, then good answers."""
    return lambda body, nth: made(body, nth) if nth <= times else good(body, nth)


def _openai(message: str, code: str | None = None, param: str | None = None, **more: Any) -> Body:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code, **more}}


def _blank(then: bool) -> Quirk:
    """DeepSeek's lines that keep a connection open, and then the answer or nothing."""

    def quirk(body: Body, nth: int) -> Made:
        async def write(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            for _ in range(3):
                await response.write(b"\n")
                await asyncio.sleep(0.01)
            await response.write(json.dumps(good(body, nth)).encode() if then else b"")
            await response.write_eof()
            return response

        return write

    return quirk


def _stream(body: Body, nth: int) -> Made:
    text = 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\n'
    return web.Response(text=text, content_type="text/event-stream")


def _page(status: int, title: str) -> Quirk:
    text = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>blocked by a security policy</body></html>"
    return lambda body, nth: web.Response(text=text, status=status, content_type="text/html")


_MODERATED = {
    "error": {
        "code": 403,
        "message": 'This model requires moderation on OpenAI. Your input was flagged for "violence".',
        "metadata": {"reasons": ["violence"], "flagged_input": "A ferry...", "provider_name": "OpenAI"},
    },
    "user_id": "u",
}
_AZURE = _openai(
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    "content_filter",
    "prompt",
    innererror={"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"violence": {"filtered": True}}},
)
_QUOTA = [
    {
        "error": {
            "code": 429,
            "message": "You exceeded your current quota",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.3s"}],
        }
    }
]
_WRONG_KEY = [
    {
        "error": {
            "code": 400,
            "message": "API key not valid. Please pass a valid API key.",
            "status": "INVALID_ARGUMENT",
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
        }
    }
]
_GROQ = {
    "error": {
        "message": "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 7000, please "
        "reduce your message size and try again.",
        "type": "tokens",
        "code": "rate_limit_exceeded",
    }
}
_UNKNOWN_NAME = 'Invalid JSON payload received. Unknown name "top_k": Cannot find field.'

STATUSES: dict[str, Quirk] = {
    # What a filter refuses.
    "openrouter_403_moderation": _says(403, _MODERATED),
    "azure_filter": _says(400, _AZURE),
    "anthropic_filter": _says(400, _openai("Output blocked by content filtering policy")),
    "bedrock_filter": _says(400, {"message": "The content is blocked by Bedrock's guardrail"}),
    "deepseek_risk": _says(400, {"detail": "Content Exists Risk"}),  # deepseek-ai/DeepSeek-V2#30
    "dashscope_inspection": _says(  # camel-ai/owl#432
        400, _openai("Input data may contain inappropriate content.", "data_inspection_failed")
    ),
    "gemini_block_reason": lambda body, nth: {  # 2389-research/tracker#543
        "choices": [],
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
    },
    "azure_prompt_results": lambda body, nth: {
        "choices": [],
        "prompt_filter_results": [{"content_filter_results": {"hate": {"filtered": True, "severity": "high"}}}],
    },
    "firewall_page": _page(403, "Attention Required! | Cloudflare"),  # OpenHands/OpenHands#4480
    # What is too long.
    "vllm_context": _says(
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 2048 tokens. However, you requested 3000 tokens",
            "type": "BadRequestError",
            "code": 400,
        },
    ),
    "llamacpp_context": _says(
        400,
        {
            "error": {
                "code": 400,
                "message": "request (3031 tokens) exceeds the available context size (2048 tokens), try increasing it",
                "type": "exceed_context_size_error",
            }
        },
    ),
    "openai_context": _says(400, _openai("Please shorten it.", "context_length_exceeded", "messages")),
    "tgi_context": _says(
        422, {"error": "Input validation error: `inputs` must have less than 1024 tokens. Too many tokens"}
    ),
    "lmstudio_context_200": lambda body, nth: {  # lmstudio-ai/lmstudio-bug-tracker#2322
        "error": "Trying to keep the first 6547 tokens when context the overflows. However, the model is loaded with "
        "context length of only 4096 tokens, which is not enough."
    },
    "openrouter_raw_context": _says(  # diegosouzapw/OmniRoute#3044
        400,
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": json.dumps({"error": {"message": "Prompt is too long: 9 tokens > 8 maximum"}})},
            }
        },
    ),
    "github_models_413": _says(  # eslint/tsc-meetings#593
        413,
        {"error": {"code": "tokens_limit_reached", "message": "Request body too large for gpt-4o model. Max size: 8"}},
    ),
    # What an endpoint does not take.
    "max_completion_tokens": _until_gone(
        400,
        "max_tokens",
        _openai(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'.",
            "unsupported_parameter",
            "max_tokens",
        ),
    ),
    "only_max_tokens": _until_gone(
        400, "max_completion_tokens", _openai("Unrecognized request argument supplied: max_completion_tokens")
    ),
    "no_temperature": _until_gone(
        400,
        "temperature",
        _openai(
            "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is "
            "supported.",
            "unsupported_value",
            "temperature",
        ),
    ),
    "kimi_only_1": _until_gone(  # NousResearch/hermes-agent#9125
        400, "temperature", _openai("invalid temperature: only 1 is allowed for this model")
    ),
    "not_both": _until_gone(  # gptme/gptme#1110
        400, "top_p", _openai("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    ),
    "gemini_unknown_name": _until_gone(  # Vali-98/ChatterUI#227
        400, "top_k", [{"error": {"code": 400, "message": _UNKNOWN_NAME, "status": "INVALID_ARGUMENT"}}]
    ),
    "unknown_field": _until_gone(
        422,
        "repetition_penalty",
        "Failed to deserialize the JSON body: unknown field `repetition_penalty`, expected one of `model`, `messages`, "
        "`max_tokens`, `temperature`, `top_p`",
    ),
    "no_system": _until_gone(400, "system", {"error": {"message": "System role not supported", "code": 400}}),
    "gemma_no_system": _until_gone(  # microsoft/vscode#258088
        400,
        "system",
        [{"error": {"code": 400, "message": "Developer instruction is not enabled for models/gemma-3-27b-it"}}],
    ),
    "roles_alternate": _until_gone(  # microsoft/autogen#1037
        400, "system", {"object": "error", "message": "Conversation roles must alternate user/assistant/user/..."}
    ),
    "o1_no_system": _until_gone(  # janhq/jan#4392
        400,
        "system",
        _openai(
            "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
            "unsupported_value",
            "messages[0].role",
        ),
    ),
    "no_response_format": _until_gone(
        400,
        "response_format",
        _openai("This model does not support response format `json_schema`.", param="response_format"),
    ),
    "deepseek_no_schema": _until_gone(  # ItzCrazyKns/Vane#969
        400, "response_format", _openai("This response_format type is unavailable now", "invalid_request_error")
    ),
    "deepseek_no_schema_422": _until_gone(  # BerriAI/litellm#7580
        422,
        "response_format",
        "Failed to deserialize the JSON body into the target type: response_format: response_format.type "
        "`json_schema` is unavailable now at line 1 column 1193",
    ),
    "groq_n": _until_gone(400, "n", _openai("'n' : number must be at most 1")),
    "ignores_n": lambda body, nth: chat(f"the answer of request {nth}, said in a few words"),
    # What is asked wrongly, each time.
    "fastapi_422": _says(
        422,
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "mirostat"],
                    "msg": "Extra inputs are not permitted",
                    "input": "This model's maximum context length",
                }
            ]
        },
    ),
    "bad_value": _says(
        400, _openai("Invalid 'max_tokens': integer above maximum value, expected <= 4096", param="max_tokens")
    ),
    "gemini_wrong_key": _says(400, _WRONG_KEY),
    "no_credit_400": _says(400, _openai("Your credit balance is too low to access the API.")),
    "openai_quota": _says(429, _openai("You exceeded your current quota", "insufficient_quota")),
    "openrouter_402": _says(402, {"error": {"code": 402, "message": "This request requires more credits"}}),
    "ollama_404": _says(404, {"error": {"message": 'model "q" not found, try pulling it first', "type": "api_error"}}),
    "fastapi_404": _says(404, {"detail": "Not Found"}),
    # What is no answer of an API.
    "portal": _page(200, "Sign in to the guest network"),
    "lmstudio": lambda body, nth: {
        "error": "Unexpected endpoint or method. (POST /chat/completions). Returning 200 anyway"
    },
    "detail_200": lambda body, nth: {"detail": "Unknown route"},
    "sse_anyway": _stream,
    "deepseek_blank": _blank(then=True),
    "deepseek_blank_then_close": _blank(then=False),
    "choices_empty": lambda body, nth: {"id": "x", "choices": []},
    # What is to be waited for.
    "groq_413": _first(1, _says(413, _GROQ)),
    "groq_413_for_ever": _says(413, _GROQ),
    "gemini_429_list": _first(1, _says(429, _QUOTA)),
    "openrouter_200_429": _first(1, lambda body, nth: {"error": {"code": 429, "message": "Rate limit exceeded"}}),
    "rate_limit_in_words_200": _first(
        1, lambda body, nth: {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}
    ),
    "openrouter_200_502": lambda body, nth: {"error": {"code": 502, "message": "Provider returned error"}},
    "minimax_200": _first(
        1, lambda body, nth: {"choices": None, "base_resp": {"status_code": 1002, "status_msg": "rate limit"}}
    ),
    "overloaded_200": _first(
        1, lambda body, nth: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    ),
}
