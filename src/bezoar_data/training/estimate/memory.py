"""How much memory and time a stage will take, before a weight is loaded. Estimates, from counts and named assumptions.

Memory is the sum of its parts (`memory`). Time is the floating-point operations a stage needs (`Work.flops`) over the
rate that a stage on this machine has shown, or, where none has run, an assumed share of what the device can do.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.training.estimate.kernels import trains_in_half
from bezoar_data.training.estimate.model_shape import Shape

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


@dataclass(frozen=True, slots=True)
class Work:
    """What a stage computes, counted from its examples."""

    use: str
    rows: int
    """Sequences of one forward pass."""
    longest: int
    """Tokens of the longest sequence."""
    passes: int
    """Forward passes with a backward one."""
    tokens: float
    """Tokens of all of them, padding included; of both replies' sequences where there are pairs."""
    watched: float
    """Tokens of all evaluations."""

    def flops(self, shape: Shape, trained: int, *, all_weights: bool) -> float:
        """Operations the method needs: forward, backward to the inputs, and to the weights that are trained. What is
        computed again to save memory does not count, as in PaLM's model FLOPs (arXiv 2204.02311, appendix B)."""
        attention = 4 * shape.layers * shape.hidden * (self.tokens / max(self.passes * self.rows, 1))
        forward = 2 * (shape.weights - shape.embedding) + attention
        backward = forward + attention + 2 * (shape.weights - shape.embedding if all_weights else trained)
        reference = forward if self.use == "dpo" else 0
        return self.tokens * (forward + backward + reference) + self.watched * (forward + reference)


def work(
    use: str, train: Sequence[Sequence[int]], held_out: Sequence[Sequence[int]], full: Mapping[str, Any], steps: int
) -> Work:
    """`train` and `held_out` are the lengths of each example's sequences, `full` the stage's settings."""
    batch = full["per_device_train_batch_size"]
    order = list(train)
    random.Random(0).shuffle(order)
    joined = bool(full.get("packing") or full.get("padding_free"))
    epoch = sum(_padded(order[i : i + batch], joined) for i in range(0, len(order), batch))
    passes = steps * full["gradient_accumulation_steps"]
    per_pass = epoch / max(-(-len(order) // batch), 1)
    sides = max((len(lengths) for lengths in order), default=1)
    longest = max((max(lengths) for lengths in order), default=0)
    watched = sum(max(lengths) * len(lengths) for lengths in held_out) * _evaluations(full, steps)
    return Work(use, batch * sides, longest, passes, passes * per_pass, watched)


def _padded(batch: Sequence[Sequence[int]], joined: bool) -> int:
    lengths = [n for example in batch for n in example]
    return sum(lengths) if joined else max(lengths, default=0) * len(lengths)


def _evaluations(full: Mapping[str, Any], steps: int) -> int:
    strategy = full.get("eval_strategy") or "no"
    if strategy == "no":
        return 0
    if strategy == "epoch":
        return max(round(full["num_train_epochs"]), 1)
    return int(steps // (full.get("eval_steps") or full.get("logging_steps") or steps))


def memory(
    shape: Shape,
    work: Work,
    full: Mapping[str, Any],
    quantisation: Mapping[str, Any] | None,
    trained: int,
    *,
    all_weights: bool,
    attention: str,
    checkpointing: bool,
) -> dict[str, int]:
    """Bytes by what holds them. `trained` counts the weights that are trained."""
    half = trains_in_half(full)
    size = 2 if half else 4
    four_bits = (quantisation or {}).get("load_in_4bit")
    # All weights are trained in single precision; a new adapter on unquantised weights too.
    kept_in = 4 if all_weights else size
    trained_in = 2 if four_bits else 4
    blocks = shape.in_blocks * (
        _NF4[bool((quantisation or {}).get("bnb_4bit_use_double_quant"))] if four_bits else kept_in
    )
    weights = blocks + (shape.weights - shape.in_blocks) * kept_in
    tokens = work.rows * work.longest
    hidden, inner = _PER_TOKEN[size, not all_weights]
    if not all_weights and trained_in == 4:
        hidden += _SINGLE
    block = tokens * (shape.hidden * hidden + shape.intermediate * inner)
    if attention == "eager":
        block += tokens * work.longest * shape.heads * _SCORES[size]
    inputs = tokens * shape.hidden * size
    ends = tokens * shape.hidden * 8
    parts = {
        "weights": weights,
        "adapter": 0 if all_weights else trained * trained_in,
        "gradients": trained * trained_in,
        "optimizer": trained * _optimizer(str(full["optim"]), trained_in),
        "activations": (shape.layers * inputs + block if checkpointing else shape.layers * block) + ends,
        "logits": min(_TILE, tokens * shape.vocabulary * 4),
    }
    if work.use == "dpo" and all_weights:
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
