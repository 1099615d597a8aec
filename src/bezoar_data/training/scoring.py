"""How well a model that scores texts does on what was held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bezoar_data.llms.reward.model import scores
from bezoar_data.measures.ratings import attribute_errors, ranked_pairs, ranking
from bezoar_data.runs.reward_head import RewardHead
from bezoar_data.training.data.packing import Example
from bezoar_data.training.data.scored import SIDES


def held_out_figures(model: Any, head: RewardHead, examples: Sequence[Example], pad: int, batch: int) -> dict[str, Any]:
    """Of ratings, error and agreement of each attribute; of both, how often the better of two replies scores higher."""
    texts = [example[key] for example in examples for key in ("input_ids", *SIDES) if key in example]
    model.eval()
    found = scores(model, texts, pad, batch=batch)
    if head.scale is None:
        rewards = [one for (one,) in found]
        hits = [better > worse for better, worse in zip(rewards[::2], rewards[1::2], strict=True)]
        return {"pairs": ranking(hits)}
    errors = {
        name: attribute_errors([one[i] for one in found], [example["ratings"][i] for example in examples], head.scale)
        for i, name in enumerate(head.attributes)
    }
    return {"attributes": errors, "pairs": _ranking(head, found, examples)}


def _ranking(head: RewardHead, found: Sequence[Sequence[float]], examples: Sequence[Example]) -> dict[str, Any]:
    """Of two replies to one prompt, by the one number that their ratings come to."""
    whole = [i for i, example in enumerate(examples) if None not in example["ratings"]]
    rated = [head.reward(examples[i]["ratings"]) for i in whole]
    prompts = [tuple(examples[i]["input_ids"][: examples[i]["prompt"]]) for i in whole]
    hits, groups, ties = ranked_pairs([head.reward(found[i]) for i in whole], rated, prompts)
    return ranking(hits, groups, ties)
