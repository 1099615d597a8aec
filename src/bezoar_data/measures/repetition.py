"""How much a text repeats itself: loops, lines said again, runs of words that stood before."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST_UNIT = 20
_LEAST_LOOP = 8
_RUN = re.compile(r"(\S{1,8}?)\1{24,}")
_LEAST_RUN = 200
_RULE = frozenset("-=_*#.~+|─═")
"""Characters that people draw lines with."""
_PIECE = re.compile(r"[^\n.!?。！？]+")
_LEAST_PIECE = 15


def longest_loop(words: Sequence[str], least: int) -> tuple[int, Sequence[str]]:
    """How often some unit of up to twenty words stands in a row, at most, and that unit. Loops shorter than eight words
    in all ("ha ha ha") do not count; `least` is the number from which a loop is looked for."""
    best: tuple[int, Sequence[str]] = (1, ())
    for size in range(1, _LONGEST_UNIT + 1):
        if size * least > len(words):
            break
        same = 0
        for i in range(size, len(words) + 1):
            if i < len(words) and words[i] == words[i - size]:
                same += 1
                continue
            times = same // size + 1
            if times > best[0] and times >= least and times * size >= _LEAST_LOOP:
                best = (times, words[i - same - size : i - same])
            same = 0
    return best


def longest_run(text: str) -> tuple[int, str]:
    """How often up to eight characters stand in a row without a space between, at most, and those characters. Runs of
    fewer than 200 characters in all do not count, nor do lines drawn with dashes and the like."""
    runs = (m for m in _RUN.finditer(text) if len(m[0]) >= _LEAST_RUN and not _RULE.issuperset(m[1]))
    longest = max(runs, key=lambda m: len(m[0]), default=None)
    return (len(longest[0]) // len(longest[1]), longest[1]) if longest else (1, "")


def repeated_lines(text: str) -> tuple[float, str]:
    """The share of the text's characters in lines or sentences that stood before, and the longest such one. Pieces of a
    few characters (numbers of a list, brackets) do not count."""
    seen: set[str] = set()
    whole = again = 0
    longest = ""
    for piece in _PIECE.findall(text):
        line = " ".join(piece.split()).casefold()
        whole += len(line)
        if len(line) < _LEAST_PIECE:
            continue
        if line in seen:
            again += len(line)
            longest = max(longest, line, key=len)
        seen.add(line)
    return (again / whole if whole else 0.0), longest


def repeated_runs(words: Sequence[str], n: int) -> float:
    """The share of words that lie in a run of n words which stood before, without overlapping it."""
    first: dict[tuple[str, ...], int] = {}
    covered = end = 0
    for i in range(len(words) - n + 1):
        run = tuple(words[i : i + n])
        before = first.setdefault(run, i)
        if before + n <= i:
            covered += i + n - max(end, i)
            end = i + n
    return covered / len(words) if words else 0.0
