"""Tokenizers and chat templates of ten families, made small: their kind of vocabulary, their tokens, their rules.

Where TRL brings the original's template (`trl/chat_templates`, compared there with the model's repository), it is read
from there. The others are written here after what is known of the originals' rules, and compared with none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

WORDS = [
    'Why is the sky blue? "Yes", said he: no, two.\n\nThe answer is 42. ### Response: [INST] system user assistant',
    '{"name": "weather", "arguments": {"city": "Paris"}} <think>\nthought\n</think> Räksmörgås you are brief and good',
] * 20


@dataclass(frozen=True)
class Family:
    """`make` gives the tokenizer as its base ships it, the template included."""

    name: str
    make: Callable[[], Any]
    ends: tuple[str, ...]
    """The tokens at which its `generation_config.json` stops."""


def _trl(name: str) -> str:
    found = find_spec("trl")
    assert found is not None
    assert found.origin is not None
    return (Path(found.origin).parent / "chat_templates" / f"{name}.jinja").read_text()


def byte_level(
    special: list[str], *, plain: tuple[str, ...] = (), bos: str | None = None, writes_bos: bool = False, **named: str
) -> Any:
    """GPT-2's kind: bytes, cut into words before they are merged, no space put in front."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bare.train_from_iterator(WORDS, trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, show_progress=False))
    return _finish(bare, special, plain, bos, writes_bos, named)


def sentence_piece(
    special: list[str],
    *,
    plain: tuple[str, ...] = (),
    bos: str = "<s>",
    prefix: bool = True,
    rstrip: bool = False,
    **named: str,
) -> Any:
    """Llama's kind: words and spaces in one, unknown letters as bytes, a space put before the text and after every
    special token (`prefix`; Gemma puts none)."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    bare = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    replace = normalizers.Replace(" ", "▁")
    bare.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), replace]) if prefix else replace
    whole = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    bare.decoder = decoders.Sequence([*whole, *([decoders.Strip(" ", 1, 0)] if prefix else [])])
    first = ["<unk>", bos, "</s>", *(f"<0x{i:02X}>" for i in range(256))]
    # No piece has a space but as its first letter, and a line break is a byte.
    line, word = pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.Split("▁", "merged_with_next")
    bare.pre_tokenizer = pre_tokenizers.Sequence([line, word])
    bare.train_from_iterator(
        WORDS, trainers.BpeTrainer(vocab_size=460, special_tokens=first, max_token_length=12, show_progress=False)
    )
    bare.pre_tokenizer = pre_tokenizers.Sequence([])
    named = {"unk_token": "<unk>", **named}
    return _finish(bare, special, plain, bos, True, named, rstrip=rstrip)


def _finish(
    bare: Any,
    special: list[str],
    plain: tuple[str, ...],
    bos: str | None,
    writes_bos: bool,
    named: dict[str, str],
    rstrip: bool = False,
) -> Any:
    import json

    from tokenizers import AddedToken, Tokenizer, processors
    from transformers import PreTrainedTokenizerFast

    # The bytes of SentencePiece are pieces as others, no tokens to be looked for in a text.
    value = json.loads(bare.to_str())
    value["added_tokens"] = [t for t in value["added_tokens"] if not t["content"].startswith("<0x")]
    bare = Tokenizer.from_str(json.dumps(value))
    bare.add_special_tokens([AddedToken(t, rstrip=rstrip, normalized=False) for t in special])
    bare.add_tokens([AddedToken(t, normalized=False) for t in plain])
    if writes_bos and bos is not None:
        bare.post_processor = processors.TemplateProcessing(
            single=f"{bos}:0 $A:0", pair=f"{bos}:0 $A:0 {bos}:1 $B:1", special_tokens=[(bos, bare.token_to_id(bos))]
        )
    template = named.pop("chat_template", None)
    made = PreTrainedTokenizerFast(tokenizer_object=bare, **({"bos_token": bos} if bos else {}), **named)
    made.chat_template = template
    return made


def qwen2_5() -> Any:
    """Qwen2.5-Instruct: no BOS; a system message of its own where there is none; `<|im_end|>` and a line break."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    plain = ("<tool_call>", "</tool_call>", "<|fim_prefix|>")
    return byte_level(
        special, plain=plain, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=_trl("qwen2_5")
    )


def qwen3() -> Any:
    """Qwen3: reasoning in `<think>`, of the last reply alone; `enable_thinking=False` puts an empty one in the
    prompt."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    plain = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>")
    return byte_level(
        special, plain=plain, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=_trl("qwen3")
    )


def llama_3() -> Any:
    """Meta-Llama-3-Instruct: BOS by the tokenizer and by the template; contents trimmed; `<|eot_id|>`, two line breaks
    after a header."""
    named = {"bos": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "chat_template": _trl("llama3")}
    special = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    return byte_level(special, writes_bos=True, **named)


def gemma() -> Any:
    """gemma-2-it: BOS by both; a system message is refused; contents trimmed; `<end_of_turn>` and a line break, while
    the end of text is `<eos>`; runs of white space and HTML are added tokens."""
    named = {"eos_token": "<eos>", "pad_token": "<pad>", "chat_template": _trl("gemma")}
    special = ["<bos>", "<eos>", "<pad>", "<start_of_turn>", "<end_of_turn>"]
    return sentence_piece(special, plain=("\n\n", "<table>", "<b>"), bos="<bos>", prefix=False, **named)


def phi_3() -> Any:
    """Phi-3-mini-4k-instruct: tokens swallow the white space after them (`rstrip`); `<|end|>` and a line break, and the
    end of text after the last turn."""
    named = {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "chat_template": _trl("phi3")}
    special = ["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"]
    return sentence_piece(special, rstrip=True, **named)


_ALTERNATE = "'Conversation roles must alternate user/assistant/user/assistant/...'"
_MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    f"{{{{ raise_exception({_ALTERNATE}) }}}}{{% endif %}}"
    "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% elif m['role'] == 'assistant' %}{{ m['content'] + eos_token + '\\n' }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)


def mistral() -> Any:
    """Mistral-7B-Instruct-v0.1: BOS once, turns must alternate, other roles are refused; here with a line break after
    the end, where the original has a space."""
    return sentence_piece([], eos_token="</s>", chat_template=_MISTRAL)


_SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helpful assistant<|im_end|>\\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def smollm2() -> Any:
    """SmolLM2-Instruct: ChatML; `<|im_start|>` is the BOS that no tokenizer writes; a system message of its own."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    named = {"bos": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
    return byte_level(special, chat_template=_SMOLLM2, **named)


_ZEPHYR = (
    "{% for message in messages %}\n"
    + "".join(
        f"{{% {'if' if role == 'user' else 'elif'} message['role'] == '{role}' %}}\n"
        f"{{{{ '<|{role}|>\\n' + message['content'] + eos_token }}}}\n"
        for role in ("user", "system", "assistant")
    )
    + ("{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}")
)


def zephyr() -> Any:
    """zephyr-7b-beta: names of speakers as plain text, the end of text after every turn, line breaks between; the
    template writes no BOS, the tokenizer does."""
    return sentence_piece([], eos_token="</s>", pad_token="</s>", chat_template=_ZEPHYR)


_LLAMA_2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}"
    "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
    "{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    f"{{{{ raise_exception({_ALTERNATE}) }}}}{{% endif %}}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)


def llama_2() -> Any:
    """Llama-2-chat: BOS before every question; contents trimmed, a space on either side of a reply."""
    return sentence_piece([], eos_token="</s>", chat_template=_LLAMA_2)


def open_llama() -> Any:
    """open_llama_3b_v2: no template; the tokenizer writes BOS."""
    return sentence_piece([], eos_token="</s>")


FAMILIES = [
    Family("qwen2.5", qwen2_5, ("<|im_end|>", "<|endoftext|>")),
    Family("qwen3", qwen3, ("<|im_end|>", "<|endoftext|>")),
    Family("llama-3", llama_3, ("<|end_of_text|>", "<|eot_id|>")),
    Family("gemma", gemma, ("<eos>",)),
    Family("phi-3", phi_3, ("<|endoftext|>", "<|end|>")),
    Family("mistral", mistral, ("</s>",)),
    Family("smollm2", smollm2, ("<|im_end|>",)),
    Family("zephyr", zephyr, ("</s>",)),
    Family("llama-2", llama_2, ("</s>",)),
    Family("openllama", open_llama, ("</s>",)),
]

TOOLS = [
    {
        "type": "function",
        "function": {"name": "weather", "description": "The weather.", "parameters": {"type": "object"}},
    }
]
_CALL = {"type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


def _talk(*said: str, first: str = "user") -> list[dict[str, Any]]:
    roles = ("user", "assistant") if first == "user" else ("system", "user", "assistant", "user", "assistant")
    return [{"role": roles[i % len(roles)], "content": text} for i, text in enumerate(said)]


KINDS: dict[str, list[dict[str, Any]]] = {
    "question": _talk("Why is the sky blue?", "The answer is 42."),
    "system": _talk("You are brief.", "Why?", "No, two.", first="system"),
    "several": _talk("Why?", "Yes.", "And two?", "The answer is no."),
    "system, several": _talk("You are good.", "Why?", "Yes.", "And?", "No.", first="system"),
    "calls": [
        {"role": "user", "content": "The weather in Paris?"},
        {"role": "assistant", "content": "", "tool_calls": [_CALL]},
        {"role": "tool", "content": "blue sky", "name": "weather"},
        {"role": "assistant", "content": "The sky is blue."},
    ],
    "reasoning": [
        {"role": "user", "content": "One and one?"},
        {"role": "assistant", "content": "Two.", "reasoning_content": "A thought: one, then one more."},
    ],
    "blank edges": _talk("  Why? \n", "\n Yes, two: \n"),
    "awkward": _talk('### Response:"[INST]"', '"Räksmörgås" 🦊:\n\n```\n<b>x</b>\n```'),
}
