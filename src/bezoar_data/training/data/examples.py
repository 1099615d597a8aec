"""A stage's rows as examples for its trainer: tokenised, labelled, cut to length, and everything left out counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bezoar_data.training.data.datasets import StageRows
from bezoar_data.training.data.packing import Example, pack
from bezoar_data.training.data.template import IGNORED, Template, Unusable, conversation, preference


@dataclass
class Counted:
    """What became of the rows of one side."""

    rows: int = 0
    examples: int = 0
    tokens: int = 0
    learnt: int = 0
    """Tokens whose loss counts."""
    truncated: int = 0
    """Examples that were longer than `max_length`."""
    left_out: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "examples": self.examples,
            "tokens": self.tokens,
            "learnt_tokens": self.learnt,
            "truncated": self.truncated,
            "left_out": dict(sorted(self.left_out.items())),
        }


@dataclass(frozen=True, slots=True)
class Examples:
    """What a stage trains on and what it watches its loss on: one row each, or packed ones."""

    train: list[Example]
    held_out: list[Example]
    counts: Mapping[str, Counted]


def make_examples(use: str, rows: StageRows, template: Template, settings: Mapping[str, Any]) -> Examples:
    """The examples of a stage. `settings` are those of its trainer, with defaults: `max_length` and, of SFT,
    `completion_only_loss` count here."""
    make = _sft(rows, template, settings) if use == "sft" else _dpo(rows, template, settings)
    counts = {"train": Counted(), "validation": Counted()}
    train = _all(rows.train, make, counts["train"])
    held_out = _all(rows.held_out, make, counts["validation"])
    packs = settings.get("packing")
    if packs:
        train = pack(train, settings["max_length"])
    if packs if settings.get("eval_packing") is None else settings["eval_packing"]:
        held_out = pack(held_out, settings["max_length"])
    return Examples(train, held_out, counts)


_Make = Callable[[Mapping[str, Any], Counted], Example]


def _all(rows: Sequence[Mapping[str, Any]], make: _Make, counted: Counted) -> list[Example]:
    examples = []
    for row in rows:
        counted.rows += 1
        try:
            examples.append(make(row, counted))
            counted.examples += 1
        except Unusable as reason:
            counted.left_out[str(reason)] += 1
    return examples


def _sft(rows: StageRows, template: Template, settings: Mapping[str, Any]) -> _Make:
    """Of the reply alone, or of the whole text where `completion_only_loss: false` says so."""
    whole = settings.get("completion_only_loss") is False and not settings.get("assistant_only_loss")
    kept = _kept(settings)

    def make(row: Mapping[str, Any], counted: Counted) -> Example:
        encoded = template.encode(conversation(rows.view, row))
        ids, labels = encoded.ids, encoded.ids if whole else encoded.labels
        cut_ids, cut_labels = ids[kept], labels[kept]
        # The first token is never predicted.
        if all(label == IGNORED for label in cut_labels[1:]):
            raise Unusable("reply_cut_off")
        counted.truncated += len(cut_ids) < len(ids)
        counted.tokens += len(cut_ids)
        counted.learnt += sum(label != IGNORED for label in cut_labels[1:])
        return {"input_ids": cut_ids, "labels": list(cut_labels)}

    return make


def _dpo(rows: StageRows, template: Template, settings: Mapping[str, Any]) -> _Make:
    longest = settings.get("max_length")
    keeps_start = settings.get("truncation_mode") != "keep_end"

    def make(row: Mapping[str, Any], counted: Counted) -> Example:
        better, worse = preference(rows.view, row)
        prompt, chosen = template.encode_last(better)
        again, rejected = template.encode_last(worse)
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


def _kept(settings: Mapping[str, Any]) -> slice:
    longest = settings.get("max_length")
    if longest is None:
        return slice(None)
    return slice(-longest, None) if settings.get("truncation_mode") == "keep_end" else slice(None, longest)
