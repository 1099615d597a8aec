"""A tiny base with random weights, and a tokenizer trained on the recipe's own rows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bezoar_data.config.files.recipe import RandomModel

_PAD, _EOS = "<pad>", "</s>"

_SPREAD = 0.2
"""Standard deviation of the random weights. With the usual 0.02 the model's logits are all but flat, and an adapter
inside its attention could hardly move them."""


def make_tokenizer(config: RandomModel, texts: Iterable[str]) -> Any:
    """Byte-level BPE: every text can be written with it, and no token stands for an unknown one."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        special_tokens=[_PAD, _EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Its threads would warn in every process that is forked later.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    bare.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bare, pad_token=_PAD, eos_token=_EOS, model_max_length=config.max_position_embeddings
    )


def save_random_base(folder: Path, config: RandomModel, tokenizer: Any, seed: int) -> None:
    """Leave model and tokenizer in an empty folder, as any base has them."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    llama = LlamaConfig(
        **{**config.model_dump(), "vocab_size": len(tokenizer)},
        initializer_range=_SPREAD,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(seed)
    model = LlamaForCausalLM(llama)
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
