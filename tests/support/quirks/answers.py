"""Quirks of answers that came with HTTP 200 and choices: thinking, finish reasons, refusals, marks, usage."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from support.quirks.base import USAGE, Quirk, chat, good, text_for

THOUGHT = "Okay, zirconium first. Wait, no, the user asks for something else."
"""What a model thinks. Its words stand in no answer: found anywhere but in the journal, thinking has leaked."""
THINKING_WORDS = ("zirconium", "Wait, no", "the user asks")

SPELLINGS = {
    # DeepSeek-R1, Qwen3, QwQ behind LM Studio, older Ollama, vLLM without a reasoning parser (vllm-project/vllm#21130)
    "think": "<think>\n{thinking}\n</think>\n\n{answer}",
    "thinking": "<thinking>{thinking}</thinking>\n{answer}",
    "reasoning": "<reasoning>\n{thinking}\n</reasoning>\n{answer}",
    # a chat template that opens the thinking in the prompt
    "close_only": "{thinking}\n</think>\n\n{answer}",
    "close_only_inline": "{thinking}</think>{answer}",
    # Mistral's Magistral
    "mistral": "[THINK]{thinking}[/THINK]{answer}",
    # gpt-oss (home-llm#292, kekzl/imp#768), and where a server dropped its marks (Augustas11/macprovider#743)
    "harmony": "<|channel|>analysis<|message|>{thinking}<|end|><|start|>assistant<|channel|>final<|message|>{answer}",
    "harmony_json": "<|channel|>analysis<|message|>{thinking}<|end|><|start|>assistant<|channel|>final "
    "<|constrain|>json<|message|>{answer}<|return|>",
    "harmony_bare": "analysis{thinking}assistantfinal{answer}",
    # ByteDance's Seed-OSS
    "seed": "<seed:think>{thinking}</seed:think>{answer}",
    # Gemma 4 (lmstudio-ai/lmstudio-bug-tracker#2013, qwersyk/Newelle#427)
    "gemma": "<|channel>thought\n{thinking}\n<channel|>{answer}",
    "kimi": "◁think▷{thinking}◁/think▷{answer}",
    "command_a": "<|START_THINKING|>{thinking}<|END_THINKING|><|START_RESPONSE|>{answer}<|END_RESPONSE|>",
    "marked": "<|im_start|>assistant\n<think>\n{thinking}\n</think>\n\n{answer}<|im_end|>",
}
"""How models write thinking into an answer, and who does."""


def thinks(spelling: str) -> Quirk:
    return lambda body, nth: chat(SPELLINGS[spelling].format(thinking=THOUGHT, answer=text_for(body)))


def ends(finish: Any, text: Callable[[str], Any] = lambda good: good, usage: Any = USAGE, **message: Any) -> Quirk:
    """A quirk that makes its content out of a good answer."""
    return lambda body, nth: chat(text(text_for(body)), finish, usage, **message)


def each_thinks(body: dict[str, Any], nth: int) -> dict[str, Any]:
    """The spellings in turn, by the first number in the prompt; every seventh answer thinks and comes to no end."""
    prompt = (body.get("messages") or [{}])[-1].get("content", "")
    number = int(found[0]) if (found := re.search(r"\d+", prompt)) else sum(map(ord, prompt))
    spelling = list(SPELLINGS)[number % len(SPELLINGS)]
    answer = "Not Equal" if "<<<" in prompt else text_for(body)
    whole = SPELLINGS[spelling].format(thinking=THOUGHT, answer=answer)
    return chat(f"<think>\n{THOUGHT}", "length") if number % 7 == 6 else chat(whole)


def _then_good(made: Quirk) -> Quirk:
    """Once, then good answers."""
    return lambda body, nth: made(body, nth) if nth == 1 else good(body, nth)


def _several(usage: Any = USAGE, finishes: tuple[str, ...] = (), **top: Any) -> Quirk:
    """As many choices as are wanted."""

    def quirk(body: dict[str, Any], nth: int) -> dict[str, Any]:
        made = chat(text_for(body), usage=usage)
        choices = [
            {"index": i, "message": {"role": "assistant", "content": f"{text_for(body)} {i}"}, "finish_reason": "stop"}
            for i in range(body.get("n", 1))
        ]
        for choice, finish in zip(choices, finishes, strict=False):
            choice["finish_reason"] = finish
        return {**made, "choices": choices, **top}

    return quirk


_HIDDEN = {**USAGE, "completion_tokens_details": {"reasoning_tokens": 20}}
_BILLED = {"prompt_tokens": 9, "completion_tokens": 165}

ANSWERS: dict[str, Quirk] = {
    "good": good,
    **{f"thinks_{spelling}": thinks(spelling) for spelling in SPELLINGS},
    "each_thinks": each_thinks,
    # Thinking that came apart
    "reasoning_content": ends("stop", reasoning_content=THOUGHT),
    "reasoning_object": ends("stop", reasoning={"summary": [{"type": "summary_text", "text": THOUGHT}]}),
    "reasoning_details": ends("stop", reasoning_details=[{"type": "reasoning.text", "text": THOUGHT, "index": 0},
                                                         {"type": "reasoning.encrypted", "data": "AAAA"}]),
    "mistral_parts": ends("stop", lambda good: [{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]},
                                                {"type": "text", "text": good}]),
    "reasoning_part": ends("stop", lambda good: [{"type": "reasoning", "text": THOUGHT},
                                                 {"type": "output_text", "text": good}]),
    "parts": ends("stop", lambda good: [{"type": "text", "text": good[:20]}, {"type": "text", "text": good[20:]}]),
    # Nothing but thinking: ollama#15288; QwenLM/Qwen3#1297, vllm-project/vllm#17609 and #53284 (an answer that a
    # reasoning parser takes for thinking); ml-explore/mlx-lm#1352; hidden thinking that took all tokens
    "ollama_reasoning_empty": ends("stop", lambda good: "", reasoning=THOUGHT),
    "ollama_reasoning_length": ends("length", lambda good: "", reasoning=THOUGHT),
    "answer_taken_for_thinking": ends("stop", lambda good: None, reasoning_content=THOUGHT, tool_calls=[]),
    "mlx_no_content": ends("stop", lambda good: ..., reasoning=THOUGHT),
    "hidden_thinking": ends("length", lambda good: "", _HIDDEN),
    "hidden_thinking_stop": ends("stop", lambda good: None, _HIDDEN),
    "unclosed": ends("stop", lambda good: f"<think>\n{THOUGHT} {good}"),
    "unclosed_length": ends("length", lambda good: f"<think>\n{THOUGHT}"),
    "content_missing_length": ends("length", lambda good: ...),
    # No content
    "content_null_once": _then_good(ends("stop", lambda good: None, tool_calls=None)),
    "content_empty_list_once": _then_good(ends("stop", lambda good: [])),
    # Ends: OpenRouter (maximhq/bifrost#5425), DeepSeek (genkit-ai/genkit#6259), z.AI, Gemini (googleapis/python-genai
    # #1836: MALFORMED_FUNCTION_CALL although no tool was named), SGLang and vLLM (abort)
    **{f"once_{end}": _then_good(ends(end, lambda good: good[:40], usage)) for end, usage in (
        ("error", {"prompt_tokens": None, "completion_tokens": None, "total_tokens": 0}),
        ("insufficient_system_resource", USAGE), ("network_error", USAGE), ("MALFORMED_FUNCTION_CALL", USAGE),
        ("abort", USAGE))},
    **{f"ends_{end}": ends(end) for end in (
        "stop", "STOP", "eos_token", "eos", "COMPLETE", "end_turn", "stop_sequence", "FinishReason.STOP", "galactic",
        "OTHER",
        "length", "model_length", "MAX_TOKENS", "max_tokens", "model_context_window_exceeded",
        "FINISH_REASON_MAX_TOKENS",
        "SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "sensitive", "content_filter",
        "content_filter: hate", "content-filter", "guardrail_intervened", "ERROR_TOXIC")},
    "finish_null": ends(None),
    "safety_without_content": ends("SAFETY", lambda good: ...),
    # Refusals
    "refusal_field": ends("stop", lambda good: None, refusal="I'm sorry, I can't assist with that request."),
    "refusal_part": ends("stop", lambda good: [{"type": "refusal", "refusal": "I'm sorry, I can't."}]),
    # Marks of chat templates, and a model that goes on with the other side's turn
    "chatml_marks": ends("stop", lambda good: f"<|im_start|>assistant\n{good}<|im_end|>"),
    "llama2_marks": ends("stop", lambda good: f"<s> {good} </s>"),
    "llama3_marks": ends("stop", lambda good: f"<|start_header_id|>assistant<|end_header_id|>\n\n{good}<|eot_id|>"),
    "gemma_marks": ends("stop", lambda good: f"{good}<end_of_turn>\n<eos>"),
    "inst_mark": ends("stop", lambda good: f"[/INST] {good}"),
    "goes_on": ends("length", lambda good: f"{good}<|im_end|>\n<|im_start|>user\nAnd what of 7?"),
    # Usage: ggml-org/llama.cpp#27318 (the first sample alone), none, null
    "llamacpp_n": _several({**_BILLED, "completion_tokens": 55}, system_fingerprint="b6721-48fd2e"),
    "all_counted_n": _several(_BILLED),
    "no_usage": ends("stop", usage=None),
    "null_usage": ends("stop", usage={"prompt_tokens": None, "completion_tokens": None, "total_tokens": 0}),
    "one_filtered": _several(finishes=("stop", "content_filter", "stop")),
    "one_failed": _several(_BILLED, ("error", "stop", "stop")),
    # ollama#17889: prompts cut at the context size
    "cut_prompt": ends("stop", usage={"prompt_tokens": 4096, "completion_tokens": 20, "total_tokens": 4116}),
}  # fmt: skip
