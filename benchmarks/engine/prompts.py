"""The rows every contender is given and the one right answer to each: made from the row's number, so that server,
drivers and checks agree without sharing a file. Standard library only: the server and every peer's check import it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ROW = re.compile(r"^Row (\d{7}): ")
_GOODS = ("rolls", "tiles", "seedlings", "lanterns", "notebooks", "buttons", "oranges", "bricks")
_CRATES = ("trays", "boxes", "crates", "shelves", "baskets", "carts")
_WORDS = (
    *("first", "each", "tray", "holds", "the", "same", "so", "multiply", "then", "take", "away", "what", "was", "sold"),
    *("and", "count", "the", "rest", "once", "more", "because", "a", "check", "by", "adding", "back", "shows"),
    *("whether", "every", "step", "was", "right", "before", "one", "writes", "down", "the", "result"),
)


def prompt(number: int) -> str:
    """The question of row `number`: about fifty tokens, no two alike."""
    mixed = _digest(f"question {number}")
    goods, crates = _GOODS[mixed[0] % len(_GOODS)], _CRATES[mixed[1] % len(_CRATES)]
    many, each, sold = 5 + mixed[2] % 40, 6 + mixed[3] % 30, 1 + mixed[4] % 29
    return (
        f"Row {number:07d}: A shop fills {many} {crates} with {each} {goods} each and sells {sold} {goods} before "
        f"noon. How many {goods} are left at noon, and how did you find out? Explain every step in plain words."
    )


def answer(question: str) -> str:
    """The right answer to a question: about twenty tokens that follow from its text alone."""
    mixed = _digest(question)
    words = " ".join(_WORDS[b % len(_WORDS)] for b in mixed[8:22])
    return f"Answer {mixed[:5].hex()}: {words}."


def row_number(question: str) -> int | None:
    """Which row a question belongs to, or None for any other text (a peer's health check, a probe for rate limits)."""
    found = _ROW.match(question)
    return int(found.group(1)) if found else None


def slow_rows(rows: int, share: float) -> frozenset[int]:
    """Exactly this share of the rows, spread at random but always the same ones."""
    ranked = sorted(range(rows), key=lambda i: _digest(f"slow {i}"))
    return frozenset(ranked[: round(rows * share)])


def write_rows(path: Path, rows: int) -> None:
    """The rows as the peers' drivers read them: one JSON object with `prompt` on each line."""
    with path.open("w", encoding="utf-8") as file:
        for i in range(rows):
            file.write(json.dumps({"prompt": prompt(i)}) + "\n")


def write_flan_rows(path: Path, rows: int) -> None:
    """The same questions as FLAN rows, which `load_flan` reads."""
    with path.open("w", encoding="utf-8") as file:
        for i in range(rows):
            row = {"inputs": prompt(i), "targets": "-", "task_source": "Flan2021", "task_name": "bench"}
            file.write(json.dumps({**row, "template_type": "zs_noopt"}) + "\n")


def faults(rows: int, answered: Iterator[tuple[Any, Any]]) -> list[str]:
    """What is wrong with a contender's output: rows missing, given twice, or with another row's answer."""
    seen = bytearray(rows)
    wrong = foreign = 0
    for question, text in answered:
        number = row_number(question) if isinstance(question, str) else None
        if number is None or number >= rows or question != prompt(number):
            foreign += 1
            continue
        seen[number] = min(seen[number] + 1, 255)
        wrong += not isinstance(text, str) or text.strip() != answer(question)
    missing, doubled = seen.count(0), sum(n > 1 for n in seen)
    found = {"rows missing": missing, "rows doubled": doubled, "wrong answers": wrong, "foreign rows": foreign}
    return [f"{n} {what}" for what, n in found.items() if n]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
