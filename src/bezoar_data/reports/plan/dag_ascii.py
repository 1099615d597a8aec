"""A DAG as a picture of characters: one line of symbols for each step, its edges in lanes beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the picture. `step` is the step whose symbol stands in it; `lanes` what stands left of the text."""

    lanes: str
    step: str = ""


def draw(steps: Sequence[str], edges: Sequence[tuple[str, str]], symbol: Callable[[str], str]) -> Iterator[Line]:
    """The lines of a DAG whose steps come in topological order. After a step's line comes one with its lanes only,
    which may be repeated under it as often as there is more to say."""
    following: Mapping[str, list[str]] = {step: [c for p, c in edges if p == step] for step in steps}
    lanes: list[str] = []  # the step that each lane leads to; empty: free
    for step in steps:
        mine = [i for i, leads_to in enumerate(lanes) if leads_to == step]
        if len(mine) > 1:
            yield Line(_bend(lanes, mine[0], mine[1:], "╯"))
        for i in mine[1:]:
            lanes[i] = ""
        at = mine[0] if mine else _free(lanes)
        lanes[at] = step
        yield Line(" ".join(symbol(step) if i == at else _lane(leads_to) for i, leads_to in enumerate(lanes)), step)
        children = following[step]
        lanes[at] = children[0] if children else ""
        new = []
        for child in children[1:]:
            new.append(_free(lanes))
            lanes[new[-1]] = child
        if new:
            yield Line(_bend(lanes, at, new, "╮"))
        while lanes and not lanes[-1]:
            lanes.pop()
        yield Line(" ".join(map(_lane, lanes)))


def _free(lanes: list[str]) -> int:
    if "" in lanes:
        return lanes.index("")
    lanes.append("")
    return len(lanes) - 1


def _lane(leads_to: str) -> str:
    return "│" if leads_to else " "


def _bend(lanes: Sequence[str], at: int, others: Sequence[int], end: str) -> str:
    """A line in which lanes part from, or come back to, the lane `at`."""
    first, last = min(at, *others), max(at, *others)
    marks = []
    for i, leads_to in enumerate(lanes):
        mark = _lane(leads_to)
        if i == at:
            mark = "├" if at == first else "┤" if at == last else "┼"
        elif i in others:
            mark = end if i == last else ("╰" if end == "╯" else "╭") if i == first else "┴" if end == "╯" else "┬"
        elif first < i < last:
            mark = "┼" if leads_to else "─"
        marks.append(mark + ("─" if first <= i < last else " "))
    return "".join(marks).rstrip()
