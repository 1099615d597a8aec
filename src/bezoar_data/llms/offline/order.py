"""Is this a plausible order of words? Tells sentences from a handful of shuffled words without a language model.

Each word becomes a class (itself, if it is among the most common, else the shape of its ending), and a shipped table
says how much more or less often two classes stand side by side in English than chance would have it. In sentences
the average over neighbours is well above zero; shuffled words lose it, as "the of" and "is a the" pile up.
The table is counted by `benchmarks/offline/build_tables.py` in openly licensed text and holds no text itself.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

TABLE = Path(__file__).with_name("order.txt")

CLASSES = (
    "<start>",
    "<end>",
    "<num>",
    "<Cap>",
    "<ing>",
    "<ed>",
    "<ly>",
    "<tion>",
    "<s>",
    "<er>",
    "<al>",
    "<ous>",
    "<y>",
    "<word>",
    "<short>",
    "<mark>",
    "<code>",
)
"""Shapes of words that are not in the table themselves; `<start>` and `<end>` are the ends of the text."""

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d[\d.,]*|[^\w\s]|_+|\n+")
_ENDINGS = (
    (("ing",), "<ing>"),
    (("ed",), "<ed>"),
    (("ly",), "<ly>"),
    (("tion", "sion", "ment", "ness", "ity", "ance", "ence"), "<tion>"),
    (("er", "or", "est"), "<er>"),
    (("al", "ic", "ive", "able", "ible"), "<al>"),
    (("ous", "ful", "less"), "<ous>"),
    (("s",), "<s>"),
    (("y",), "<y>"),
)


def tokens(text: str) -> list[str]:
    """Words as written, numbers and marks; a line break counts as a mark, for it ends things as a full stop does."""
    return ["\\n" if t[0] == "\n" else t.replace("’", "'") for t in _TOKEN.findall(text)]


@lru_cache(maxsize=1 << 15)
def shape(token: str) -> str:
    first = token[0]
    if first.isdigit():
        return "<num>"
    if not first.isalpha():
        return "<mark>" if first != "_" else "<code>"
    if first.isupper():
        return "<Cap>"
    if len(token) <= 3:
        return "<short>"
    for endings, name in _ENDINGS:
        if token.endswith(endings):
            return name
    return "<word>"


LONGEST = 1500
"""Characters looked at: disorder shows in the first lines or not at all."""


@lru_cache(maxsize=1)
def _table() -> tuple[dict[str, int], list[list[float]]]:
    first, *rows = TABLE.read_text(encoding="utf-8").splitlines()
    index = {name: i for i, name in enumerate(first.split(" "))}
    return index, [[(ord(mark) - ord("m")) / 2 for mark in row] for row in rows]


def order_score(text: str) -> tuple[float, int]:
    """Mean plausibility of neighbouring words, in bits over chance, and how many pairs it rests on.

    Pairs of two numbers or signs are passed over: a sum reads the same in any order. One pair counts for at most
    three bits, so that a single set phrase cannot make up for disorder elsewhere.
    """
    index, table = _table()
    sums = 0.0
    pairs = 0
    before, before_says = index["<start>"], True
    for token in tokens(text[:LONGEST]):
        at = index.get(token)
        if at is None:
            at = index[shape(token)]
        says = token[0].isalpha()
        if says or before_says:
            bits = table[before][at]
            sums += bits if bits < 3 else 3
            pairs += 1
        before, before_says = at, says
    if not pairs:
        return 0.0, 0
    if len(text) > LONGEST:
        return sums / pairs, pairs
    return (sums + min(table[before][index["<end>"]], 3)) / (pairs + 1), pairs + 1
