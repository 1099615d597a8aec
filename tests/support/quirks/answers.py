"""Quirks of answers that came with HTTP 200 and choices: thinking, finish reasons, refusals, marks, usage."""

from __future__ import annotations

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


ANSWERS: dict[str, Quirk] = {
    "good": good,
    **{f"thinks_{spelling}": thinks(spelling) for spelling in SPELLINGS},
}
