"""Words that several messages need."""

from __future__ import annotations


def many(count: int, what: str) -> str:
    """A count with its noun: "1 row", "1,234 rows"."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def the_judge(name: str) -> str:
    """A judge by its name, which is often just that."""
    return "the judge" if name == "judge" else f"the judge {name}"
