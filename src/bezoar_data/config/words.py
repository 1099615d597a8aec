"""Words that several messages need."""

from __future__ import annotations


def many(count: int, what: str) -> str:
    """A count with its noun: "1 row", "1,234 rows"."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def the_judge(name: str) -> str:
    """A judge by its name, which is often just that."""
    return "the judge" if name == "judge" else f"the judge {name}"


def size_of(count: float) -> str:
    """Bytes as people read them."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def time_of(seconds: float) -> str:
    """Seconds as people read them."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
