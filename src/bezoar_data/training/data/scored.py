"""Replies that are scored whole, as examples: rated ones, or the two of a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card_front_matter import RATED
from bezoar_data.config.problems import Problem
from bezoar_data.runs.conversations.turns import Turns
from bezoar_data.training.data.examples import Counted, MakeExample
from bezoar_data.training.data.packing import Example
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import Template, Unusable

SIDES = ("chosen_ids", "rejected_ids")


def scored_pairs(view: Mapping[str, str], template: Template, longest: int | None, loss: str) -> MakeExample:
    """What makes a pair's example, with its margin where the loss reads one: asked for (`margin`), or a weight
    (`scaled`), without which a pair counts for nothing."""

    def make(row: Mapping[str, Any], counted: Counted) -> Example:
        pair = read_row(view, row)
        sides = [_whole(template, side, pair.tools, longest) for side in (pair.messages, pair.worse)]
        found: Example = {name: prompt + reply for name, (prompt, reply) in zip(SIDES, sides, strict=True)}
        if loss != "bt":
            if pair.margin is None:
                raise Unusable("no_margin")
            if loss == "scaled" and pair.margin <= 0:
                raise Unusable("tie")
            found["margin"] = pair.margin
        counted.tokens += sum(len(found[side]) for side in SIDES)
        counted.learnt += len(SIDES)
        return found

    return make


def need_attributes(view: Mapping[str, str], wanted: Sequence[str] | None) -> list[str]:
    """The attributes wanted of a view; None: all it has. Raises `InputError` where it rates something else."""
    has = [role.removeprefix(RATED) for role in view if role.startswith(RATED)]
    if unknown := [name for name in wanted or () if name not in has]:
        message = f"the card's view rates no '{unknown[0]}'"
        raise InputError(Problem("unknown-attribute", message, hint=f"it has {', '.join(has)}"))
    return list(wanted or has)


def rated_replies(
    view: Mapping[str, str],
    template: Template,
    longest: int | None,
    attributes: Sequence[str] | None,
    scale: tuple[float, float],
) -> MakeExample:
    """What makes a rated reply's example. `attributes` are those wanted; None: all of the view. Raises `InputError`."""
    names = need_attributes(view, attributes)

    def make(row: Mapping[str, Any], counted: Counted) -> Example:
        answer = read_row(view, row)
        given = answer.ratings or {}
        ratings = [given.get(name) for name in names]
        there = [rating for rating in ratings if rating is not None]
        if not there:
            raise Unusable("no_rating")
        if min(there) < scale[0] or max(there) > scale[1]:
            raise Unusable("rating")
        prompt, reply = _whole(template, answer.messages, answer.tools, longest)
        counted.tokens += len(prompt) + len(reply)
        counted.learnt += 1
        return {"input_ids": prompt + reply, "ratings": ratings, "names": names, "prompt": len(prompt)}

    return make


def scored_sequences(example: Example) -> list[int]:
    """The lengths of the texts that are scored."""
    return [len(example[key]) for key in ("input_ids", *SIDES) if key in example]


def _whole(template: Template, messages: Turns, tools: Any, longest: int | None) -> tuple[list[int], list[int]]:
    prompt, reply = template.encode_last(messages, tools)
    # What is cut is not what was rated.
    if longest is not None and len(prompt) + len(reply) > longest:
        raise Unusable("too_long")
    return prompt, reply
