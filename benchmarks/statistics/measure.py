"""How often `compare` is wrong: alarms on ties, differences that are missed, and what an unpaired test would see.

    python benchmarks/statistics/measure.py

Every figure is of simulated pairs of models whose true difference is known; seeds are fixed. Takes about a minute.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from scipy.stats import norm

from bezoar_data.measures.paired import mcnemar, smallest_difference

TIES, TRIES = 20_000, 2_000
RESULTS = Path(__file__).parent / "RESULTS.md"
p_of = cache(mcnemar)


def draws(items: int, gain: float, discordant: float, times: int, seed: int) -> np.ndarray:
    """How many items the first, and the second, of two models alone has right."""
    shares = [(discordant - gain) / 2, (discordant + gain) / 2, 1 - discordant]
    return np.random.default_rng(seed).multinomial(items, shares, size=times)[:, :2]


def share_found(items: int, gain: float, discordant: float, times: int, seed: int) -> float:
    return float(np.mean([p_of(int(b), int(c)) <= 0.05 for b, c in draws(items, gain, discordant, times, seed)]))


def alarms() -> list[str]:
    lines = ["| items | one alone is right on | alarms in 20,000 ties | bound |", "|---|---|---|---|"]
    for seed, items in enumerate((50, 100, 250, 500, 1000, 5000)):
        for discordant in (0.05, 0.1, 0.2, 0.4):
            found = share_found(items, 0, discordant, TIES, seed)
            wide = items >= 250 and discordant >= 0.2
            assert abs(found - 0.05) <= 0.008 if wide else found <= 0.056, (items, discordant, found)
            lines.append(f"| {items} | {discordant:.0%} | {found:.2%} | {'5 ± 0.8 %' if wide else 'at most 5.6 %'} |")
    return lines


def power() -> list[str]:
    lines = [
        "| items | one alone is right on | announced difference | found in 2,000 | bound |",
        "|---|---|---|---|---|",
    ]
    for seed, items in enumerate((100, 250, 1000, 5000)):
        for discordant in (0.15, 0.25, 0.4):
            gain = smallest_difference(items, discordant)
            if gain is None:
                lines.append(f"| {items} | {discordant:.0%} | none | - | - |")
                continue
            found = share_found(items, gain, discordant, TRIES, 100 + seed)
            assert abs(found - 0.8) <= 0.03, (items, discordant, found)
            lines.append(f"| {items} | {discordant:.0%} | {gain:.3f} | {found:.1%} | 80 ± 3 % |")
    return lines


def unpaired() -> list[str]:
    """Two models right on 50 % and 54 % of the items, correlated by 0.5: how many items each test needs."""
    first, second, correlation = 0.50, 0.54, 0.5
    covariance = correlation * (first * (1 - first) * second * (1 - second)) ** 0.5
    discordant = first + second - 2 * (first * second + covariance)
    z = norm.ppf(0.975) + norm.ppf(0.8)
    alone = z**2 * (first * (1 - first) + second * (1 - second)) / (second - first) ** 2
    paired = next(n for n in range(200, 20_000, 10) if (smallest_difference(n, discordant) or 1) <= second - first)
    rng, times = np.random.default_rng(9), 2_000
    seen = []
    for _ in range(times):
        b, c = rng.multinomial(paired, [(discordant - 0.04) / 2, (discordant + 0.04) / 2, 1 - discordant])[:2]
        both = rng.binomial(paired - b - c, (first - (discordant - 0.04) / 2) / (1 - discordant))
        right = np.array([both + b, both + c])
        error = np.sqrt((right * (paired - right)).sum() / paired**3)
        seen.append(abs(right[1] - right[0]) / paired / error > norm.ppf(0.975))
    ratio = alone / paired
    assert 1.7 <= ratio <= 2.3, ratio
    return [
        "| test | items for 80 % power |",
        "|---|---|",
        f"| paired (mid-p) | {paired:,} |",
        f"| unpaired (z) | {alone:,.0f}, {ratio:.2f} times as many |",
        "",
        f"On the {paired:,} items of the paired test, the unpaired one finds it in {np.mean(seen):.0%} of {times:,}.",
    ]


def main() -> None:
    parts = [
        "# How often `compare` is wrong\n\n`python benchmarks/statistics/measure.py`, simulated pairs, fixed seeds.",
        "## Alarms where two models are equal (level 5 %)\n\n" + "\n".join(alarms()),
        "## A true difference of the announced size\n\n" + "\n".join(power()),
        "## Paired against unpaired, right on 50 % and 54 %, correlation 0.5\n\n" + "\n".join(unpaired()),
    ]
    text = "\n\n".join(parts) + "\n"
    RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
