"""What a model, its settings for generation and its tokenizer say of the end of a text: the same, once a stage is done.

A chat model that is served stops at the ids in `generation_config.json`. They are the token that ends a reply in the
template it was trained with, the tokenizer's end of text, and what the base stopped at already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bezoar_data.training.data.template import Template


def set_ends(model: Any, template: Template) -> None:
    """Make the model's configuration and its settings for generation agree with the template."""
    tokenizer, generation = template.tokenizer, getattr(model, "generation_config", None)
    own = model.config.get_text_config()
    # A model that scores texts has none of its own for generation.
    known = own if generation is None else generation
    ids = dict.fromkeys([template.end_id, tokenizer.eos_token_id, *ids_of(known.eos_token_id)])
    ends = [i for i in ids if i is not None]
    for config in (own, *([] if generation is None else [generation])):
        config.eos_token_id = ends[0] if len(ends) == 1 else ends
        config.pad_token_id = tokenizer.pad_token_id
        if tokenizer.bos_token_id is not None:
            config.bos_token_id = tokenizer.bos_token_id
    # Switched off for training alone.
    model.config.use_cache = True
    if generation is not None:
        generation.use_cache = True


def save_beside(folder: Path, model: Any, template: Template) -> None:
    """Leave the tokenizer with the template, and the settings for generation, which an adapter's folder lacks."""
    tokenizer = template.tokenizer
    before = tokenizer.chat_template
    tokenizer.chat_template = template.served
    tokenizer.save_pretrained(folder)
    tokenizer.chat_template = before
    if getattr(model, "generation_config", None) is not None:
        model.generation_config.save_pretrained(folder)


def ids_of(value: Any) -> list[int]:
    """The ids of a setting that is none, one or several."""
    return list(value) if isinstance(value, Iterable) else [] if value is None else [int(value)]


def fit_embeddings(model: Any, tokenizer: Any) -> Any:
    """The model with a row for each of the tokenizer's tokens. A new one begins as the mean of the others, so that it
    is the same wherever it is made."""
    import torch

    had = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) <= had:
        return model
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        for layer in filter(None, (model.get_input_embeddings(), model.get_output_embeddings())):
            layer.weight[had:] = layer.weight[:had].float().mean(0).to(layer.weight.dtype)
    return model


def new_rows(model: Any, tokenizer: Any, had: int, adapter: Mapping[str, Any]) -> dict[str, Any]:
    """The adapter's setting that trains the rows of new tokens whole, in each layer that has them; nothing where there
    are none, or where the adapter trains them already."""
    names = {id(module): name.rpartition(".")[2] for name, module in model.named_modules()}
    inside, outside = model.get_input_embeddings(), model.get_output_embeddings()
    shared = outside is None or inside.weight is outside.weight
    layers = {names[id(layer)] for layer in ((inside,) if shared else (inside, outside))}
    layers -= {*(adapter.get("modules_to_save") or ())}
    if len(tokenizer) <= had or not layers or adapter.get("trainable_token_indices"):
        return {}
    return {"trainable_token_indices": {layer: list(range(had, len(tokenizer))) for layer in sorted(layers)}}


def read_bias(model: Any) -> None:
    """Let layers that peft wraps for their rows say that they have no bias: TRL asks the last layer for it."""
    for module in model.modules():
        original = getattr(module, "original_module", None)
        if original is not None and getattr(original, "bias", None) is None and not hasattr(module, "bias"):
            module.bias = None
