"""The tokenizer of a GGUF: the same ids as llama.cpp gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_DIGITS = ("smollm", "refact", "starcoder", "command-r", "codeshell", "exaone", "minerva-7b")
"""Byte-level BPE that splits each digit off first (llama.cpp's `llama-vocab.cpp`), which transformers does not know."""
_PLAIN = ("gpt-2", "gpt2", "default", "phi-2", "jina-es", "jina-de", "mpt", "olmo")


def split_as_llamacpp(tokenizer: Any, file: Path) -> None:
    """Let a tokenizer that transformers read from a GGUF split text before its merges as llama.cpp does. Raises
    `ValueError` where the file names a way that neither transformers nor this table knows: its ids would be others than
    those that the weights have learnt."""
    from tokenizers import pre_tokenizers
    from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS, get_gguf_tokenizer

    found = get_gguf_tokenizer(str(file))[1]
    way = str(found.get("pre_tokenizer_type"))
    if found.get("tokenizer_type") != "gpt2" or way in GGUF_PRE_TOKENIZER_SPLITS or way in _PLAIN:
        return
    if way not in _DIGITS:
        raise ValueError(
            f"it splits text in a way that is not known here, '{way}'; take the base's own folder as 'model'"
        )
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    split = [pre_tokenizers.Digits(individual_digits=True), bytes_of]
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(split)


def dequantised(model: Any) -> Any:
    """A model that transformers read from a GGUF, as one that was never quantised: it is saved and loaded as such."""
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.is_quantized, model.quantization_method, model.hf_quantizer = False, None, None
    return model
