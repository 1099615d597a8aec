"""How much memory a stage will take, before a weight is loaded: the sum of its parts, from counts and assumptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bezoar_data.training.estimate.kernels import trains_in_half
from bezoar_data.training.estimate.model_config import ModelConfig

_PER_TOKEN = {
    # (bytes of a number, adapter alone is trained): bytes kept for each hidden and each intermediate number of a block
    (2, True): (28.5, 6),
    (2, False): (24.2, 8),
    (4, True): (36.5, 12),
    (4, False): (40.2, 16),
}
"""Activations of a block with gated feed-forward part, as autograd keeps them of transformers' Llama; a test counts
them. Other blocks keep about as much."""
_SINGLE = 12.5
"""Bytes more for each hidden number where an adapter in single precision reads it, as in queries, keys and values."""
_SCORES = {2: 6, 4: 4}
"""Bytes kept for each attention score, where an implementation writes them down."""
_TILE = 4096 * 4096 * 4
"""Logits are made in tiles (TRL), never all at once."""
_WORKSPACE = 0.1
"""Share of everything else for temporary tensors and what an allocator cannot use."""
_NF4 = {True: 0.5 + 0.127 / 8, False: 0.5 + 4 / 64}
"""Bytes of a weight in four bits, by whether its scales are quantised too."""


def memory(
    model: ModelConfig,
    batch: tuple[int, int],
    full: Mapping[str, Any],
    quantisation: Mapping[str, Any] | None,
    trained: int,
    *,
    all_weights: bool,
    attention: str,
    checkpointing: bool,
    has_reference: bool = False,
) -> dict[str, int]:
    """Bytes by what holds them. `batch` is the sequences of one forward pass and the tokens of the longest, `trained`
    counts the weights that are trained, `full` are the trainer's settings with defaults."""
    rows, longest = batch
    half = trains_in_half(full)
    size = 2 if half else 4
    four_bits = (quantisation or {}).get("load_in_4bit")
    # All weights are trained in single precision; a new adapter on unquantised weights too.
    kept_in = 4 if all_weights else size
    trained_in = 2 if four_bits else 4
    blocks = model.in_blocks * (
        _NF4[bool((quantisation or {}).get("bnb_4bit_use_double_quant"))] if four_bits else kept_in
    )
    weights = blocks + (model.weights - model.in_blocks) * kept_in
    tokens = rows * longest
    hidden, inner = _PER_TOKEN[size, not all_weights]
    if not all_weights and trained_in == 4:
        hidden += _SINGLE
    block = tokens * (model.hidden * hidden + model.intermediate * inner)
    if attention == "eager":
        block += tokens * longest * model.heads * _SCORES[size]
    inputs = tokens * model.hidden * size
    ends = tokens * model.hidden * 8
    parts = {
        "weights": weights,
        "adapter": 0 if all_weights else trained * trained_in,
        "gradients": trained * trained_in,
        "optimizer": trained * _optimizer(str(full["optim"]), trained_in),
        "activations": (model.layers * inputs + block if checkpointing else model.layers * block) + ends,
        "logits": min(_TILE, tokens * model.vocabulary * 4),
    }
    if has_reference and all_weights:
        parts["reference"] = weights
    parts["workspace"] = sum(parts.values()) * _WORKSPACE
    return {name: round(value) for name, value in parts.items() if value}


def _optimizer(name: str, size: int) -> float:
    """Bytes of an optimizer's state for each trained weight; what is not known is taken for Adam."""
    if "8bit" in name:
        return 2
    if name.startswith(("sgd", "adafactor")):
        return 0.1
    return size if name.startswith(("lion", "rmsprop", "adagrad")) else 2 * size
