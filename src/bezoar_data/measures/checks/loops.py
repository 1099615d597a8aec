"""Whether a text goes round in circles: `measures.repetition`, with bounds for a single answer, short ones too."""

from __future__ import annotations

import re
from collections import Counter

from bezoar_data.measures.checks.fault import Fault, clip
from bezoar_data.measures.repetition import longest_loop, longest_run, repeated_runs
from bezoar_data.measures.words import words_of

_TIMES = 3
_LEAST_WORDS = 30
_RUN = 8
_PART = re.compile(r"(?<=[.!?])\s+|\n+")
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)


def loops(text: str) -> Fault | None:
    text = _CODE.sub("\n", text)
    parts = [" ".join(words_of(part)) for part in _PART.split(text)]
    said = Counter(part for part in parts if len(part.split()) >= 3)
    if said:
        part, times = said.most_common(1)[0]
        if times >= _TIMES and 2 * times * len(part) >= sum(map(len, parts)):
            return _fault(part, f"{times} times")
    words = words_of(text)
    times, unit = longest_loop(words, _TIMES)
    if times >= _TIMES and not (len(unit) == 1 and unit[0].isdigit()):
        return _fault(" ".join(unit), f"{times} times in a row")
    times, characters = longest_run(text)
    if characters:
        return _fault(characters, f"{times} times in a row")
    if len(words) >= _LEAST_WORDS and (share := repeated_runs(words, _RUN)) >= 0.4:
        detail = f"{share:.0%} of the words in runs that stood before"
        return Fault("loop", detail, f"The answer goes round in circles: {detail}.")
    return None


def _fault(unit: str, times: str) -> Fault:
    shown = clip(unit)
    return Fault("loop", f"{times} '{shown}'", f"The answer repeats itself: “{shown}” stands in it {times}.")
