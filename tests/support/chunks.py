"""A store that keeps equal chunks of bytes once, as the Hub does: where content-defined chunks of 64 KB would end."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import numpy as np

_GEAR = np.array([random.Random(b).getrandbits(32) for b in range(256)], dtype=np.uint32)
_LEAST, _MOST = 8 * 1024, 128 * 1024


def chunks(raw: bytes) -> list[bytes]:
    """The bytes cut where a rolling hash of the last 32 of them (Gear) has 16 zero bits, between 8 and 128 KB."""
    gear = _GEAR[np.frombuffer(raw, dtype=np.uint8)]
    rolling = gear.copy()
    for k in range(1, 32):
        rolling[k:] += gear[:-k] << np.uint32(k)
    ends = np.flatnonzero(rolling >> np.uint32(16) == 0) + 1
    cut, found = 0, []
    for end in [*map(int, ends), len(raw)]:
        while end - cut > _MOST:
            found.append(raw[cut : cut + _MOST])
            cut += _MOST
        if end - cut >= _LEAST or end == len(raw):
            found.append(raw[cut:end])
            cut = end
    return found


def share_kept(before: Path, after: Path) -> float:
    """The share of the bytes of `after`'s files that a store has already which holds those of `before`."""
    known = {hashlib.sha256(c).digest() for f in sorted(before.rglob("*.parquet")) for c in chunks(f.read_bytes())}
    sizes = [
        (len(c), hashlib.sha256(c).digest() in known)
        for f in sorted(after.rglob("*.parquet"))
        for c in chunks(f.read_bytes())
    ]
    return sum(size for size, there in sizes if there) / sum(size for size, _ in sizes)
