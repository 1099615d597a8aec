"""A pair of replies as an example of TRL's DPOTrainer: one prompt, the better reply and the worse one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bezoar_data.training.data.examples import Counted, MakeExample, StageRows
from bezoar_data.training.data.packing import Example
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import Template, Unusable


def pair_examples(rows: StageRows, template: Template, settings: Mapping[str, Any]) -> MakeExample:
    """What makes a pair's example. The trainer cuts it."""
    longest = settings.get("max_length")
    keeps_start = settings.get("truncation_mode") != "keep_end"

    def make(row: Mapping[str, Any], counted: Counted) -> Example:
        pair = read_row(rows.view, row)
        thinking = template.reasons(pair.messages) or template.reasons(pair.worse)
        prompt, chosen = template.encode_last(pair.messages, pair.tools, thinking=thinking)
        again, rejected = template.encode_last(pair.worse, pair.tools, thinking=thinking)
        if prompt != again:
            raise Unusable("prompts_differ")
        length = len(prompt) + max(len(chosen), len(rejected))
        # The trainer cuts each side; an example without a token of its replies teaches nothing.
        if longest is not None and keeps_start and len(prompt) >= longest:
            raise Unusable("reply_cut_off")
        cut = [min(len(prompt) + len(side), longest or length) for side in (chosen, rejected)]
        counted.truncated += longest is not None and length > longest
        counted.tokens += sum(cut)
        counted.learnt += sum(min(len(side), n) for side, n in zip((chosen, rejected), cut, strict=True))
        return {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}

    return make


def pair_sequences(example: Example) -> list[int]:
    """The lengths of a pair's two sequences."""
    return [len(example["prompt_ids"]) + len(example[side]) for side in ("chosen_ids", "rejected_ids")]


def pair_faults(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Settings of TRL's DPOTrainer that do nothing there."""
    if settings["padding_free"]:
        yield "padding_free", "TRL's DPOTrainer pads all batches: 'padding_free' does nothing", "leave it out"
