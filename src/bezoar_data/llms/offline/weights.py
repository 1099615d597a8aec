"""How much a shared word says about a shared topic: little for `people`, much for `photosynthesis`.

The shipped list holds the most common word stems with the bits each carries; a stem that is not on it is rare and
counts as much as the rarest one. Counted by `benchmarks/offline/build_tables.py` in openly licensed text.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

COMMON = Path(__file__).with_name("words.txt")

RAREST = 10.0


@lru_cache(maxsize=1)
def _common() -> dict[str, float]:
    lines = (line.split(" ") for line in COMMON.read_text(encoding="utf-8").splitlines())
    return {stem: float(bits) for stem, bits in lines}


def weight(stem: str) -> float:
    """Bits that sharing this stem is worth. Small numbers are everywhere; long ones are nearly as good as names."""
    if stem.isdigit():
        return min(2.0 + 2.0 * (len(stem) - 1), RAREST)
    return _common().get(stem, RAREST)
