"""How likely each level of a rating is, by a model's one number, as SteerLM 2.0 reads a regression (arXiv 2406.08673).

The number, on the scale from 0 to 1, is the mean r of a Beta distribution with α = c r and β = c (1 - r); a level's
probability is what of it lies nearer to that level than to any other. So the expected level is the number itself, but
near the ends of the scale. The authors fitted c = 24; where they cut the levels apart they do not say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

CONCENTRATION = 24.0
_CLOSEST = 1e-3
"""To the ends of the scale, where the distribution has no density."""


def level_probabilities(
    score: float, scale: tuple[float, float], concentration: float = CONCENTRATION
) -> Sequence[float]:
    """Of each whole number of the scale, in order. They sum to 1."""
    from scipy.special import betainc

    steps = round(scale[1] - scale[0])
    mean = min(1 - _CLOSEST, max(_CLOSEST, (score - scale[0]) / steps))
    alpha, beta = concentration * mean, concentration * (1 - mean)
    below = [0.0, *(float(betainc(alpha, beta, (i + 0.5) / steps)) for i in range(steps)), 1.0]
    return [high - low for low, high in pairwise(below)]


def log_probability_of(
    wanted: Sequence[float],
    scores: Sequence[float],
    scale: tuple[float, float],
    concentration: float = CONCENTRATION,
) -> float:
    """That all attributes have the wanted levels, each by itself."""
    found = 0.0
    for level, score in zip(wanted, scores, strict=True):
        one = level_probabilities(score, scale, concentration)[round(level - scale[0])]
        found += math.log(max(one, 1e-300))
    return found
