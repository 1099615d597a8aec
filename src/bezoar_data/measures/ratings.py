"""How near a model's scores come to ratings, and how often it ranks two answers as they are ranked."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from bezoar_data.measures.agreement import kappa
from bezoar_data.measures.intervals import grouped_share, rounded

GOODNESS: Mapping[str, float] = {"helpfulness": 0.65, "correctness": 0.8, "coherence": 0.45}
"""What HelpSteer2's authors counted each attribute in the one number by which they chose answers and rewarded them.
Unweighted attributes do not count."""


def attribute_errors(
    predicted: Sequence[float], rated: Sequence[float | None], scale: tuple[float, float]
) -> dict[str, float | int | None]:
    """Error, correlation and agreement of one attribute's scores; a rating that is missing counts nowhere.

    `kappa` is Cohen's, with quadratic weights, of the scores rounded to whole numbers of the scale, as HelpSteer2
    states the agreement of people (arXiv 2406.08673). None: not defined, as with one rating throughout.
    """
    import numpy as np

    both = [(p, float(r)) for p, r in zip(predicted, rated, strict=True) if r is not None and not math.isnan(r)]
    if not both:
        return {"rows": 0, "mse": None, "mae": None, "pearson": None, "kappa": None}
    scores, labels = np.asarray(both, dtype=float).T
    moves = len(both) > 1 and scores.std() > 0 and labels.std() > 0
    levels = range(math.floor(scale[0]), math.ceil(scale[1]) + 1)
    rows, columns = (np.clip(np.rint(x), levels[0], levels[-1]).astype(int) - levels[0] for x in (scores, labels))
    counts = np.bincount(rows * len(levels) + columns, minlength=len(levels) ** 2)
    agreed = float(kappa(counts, len(levels), [float(level) for level in levels]))
    return {
        "rows": len(both),
        "mse": rounded(((scores - labels) ** 2).mean()),
        "mae": rounded(np.abs(scores - labels).mean()),
        "pearson": rounded(np.corrcoef(scores, labels)[0, 1]) if moves else None,
        "kappa": None if math.isnan(agreed) else rounded(agreed),
    }


def ranked_pairs(
    predicted: Sequence[float], rated: Sequence[float], groups: Sequence[Hashable]
) -> tuple[list[bool], list[Hashable], int]:
    """Of each two answers to one prompt that are rated differently: whether the scores rank them so, and the prompt;
    and how many were rated alike. Equal scores rank nothing."""
    hits: list[bool] = []
    of_prompt: list[Hashable] = []
    ties = 0
    members: dict[Hashable, list[int]] = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    for group, answers in members.items():
        for at, i in enumerate(answers):
            for j in answers[at + 1 :]:
                if rated[i] == rated[j]:
                    ties += 1
                    continue
                better, worse = (i, j) if rated[i] > rated[j] else (j, i)
                hits.append(predicted[better] > predicted[worse])
                of_prompt.append(group)
    return hits, of_prompt, ties


def ranking(hits: Sequence[bool], groups: Sequence[Hashable] | None = None, ties: int = 0) -> dict[str, Any]:
    """The share of pairs that are ranked right, with its interval, over prompts."""
    return {"pairs": len(hits), "ties": ties, "accuracy": grouped_share(hits, groups).as_json()}
