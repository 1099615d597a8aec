"""A base's sizes, from its configuration alone: how many weights it has, and how many of them a stage trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.config.files.recipe import LoadedRecipe
from bezoar_data.training.bases import source


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Counts of a decoder model."""

    weights: int
    in_blocks: int
    """Of them, those of the blocks' matrices: what quantisation shrinks."""
    layers: int
    hidden: int
    intermediate: int
    heads: int
    vocabulary: int
    positions: int | None
    """The longest sequence it has positions for; None where any goes."""


def read_config(recipe: LoadedRecipe) -> Any | None:
    """The base's configuration; None where it is on the Hub and cannot be fetched."""
    from transformers import AutoConfig, LlamaConfig

    base = recipe.file.base
    if base.make is not None:
        return LlamaConfig(**base.make.model_dump())
    start = source(recipe)
    try:
        return AutoConfig.from_pretrained(start.weights, **start.options())
    except (OSError, ValueError):
        return None


def empty_model(config: Any) -> Any:
    """The model without memory for its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def config_of(model: Any) -> ModelConfig:
    """What an empty model counts."""
    from torch import nn

    config = model.config.get_text_config()
    head, table = model.get_output_embeddings(), model.get_input_embeddings()
    blocks = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Linear) and m is not head)
    hidden = config.hidden_size
    return ModelConfig(
        weights=sum(p.numel() for p in model.parameters()),
        in_blocks=blocks,
        layers=config.num_hidden_layers,
        hidden=hidden,
        intermediate=getattr(config, "intermediate_size", None) or 4 * hidden,
        heads=config.num_attention_heads,
        vocabulary=table.weight.shape[0],
        positions=getattr(config, "max_position_embeddings", None),
    )


def adapter_weights(config: Any, adapter: Mapping[str, Any]) -> int:
    """How many weights a new adapter has on this model; 0 where peft refuses it, as training will."""
    import torch
    from peft import LoraConfig, get_peft_model

    try:
        with torch.device("meta"):
            model = get_peft_model(empty_model(config), LoraConfig(task_type="CAUSAL_LM", **adapter))
    except (ValueError, TypeError, ImportError):
        return 0
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
