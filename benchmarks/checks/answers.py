"""Answers to judge: good ones from public data, and what becomes of them when they are spoilt in known ways.

One half of the rows (`development`) was looked at while the rules were written; the other (`held-out`) was not. Which
half a row is in depends on its place alone. Rows that were read while exploring the files stand in the development half
by construction: the first half of dolly, every sixth seed task.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

FLAN_ROWS = 700
"""Rows taken of each FLAN CoT file in each half: enough for intervals of two points, quick to judge."""


@dataclass(frozen=True, slots=True)
class Item:
    """An instruction with an answer, and the reference if there is one. `held_out` says which half it belongs to."""

    source: str
    index: int
    instruction: str
    response: str
    held_out: bool
    reference: str = ""


def data_folder() -> Path:
    place = os.environ.get("BEZOAR_TEST_DATA")
    if not place or not Path(place).is_dir():
        raise SystemExit("set BEZOAR_TEST_DATA to the folder with dolly/, flan_cot/, mt_bench/ and the seed tasks")
    return Path(place)


def _odd(*parts: object) -> bool:
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()[0] % 2 == 1


def _lines(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def dolly(folder: Path) -> Iterator[Item]:
    for i, row in enumerate(_lines(folder / "dolly" / "dolly_sample.jsonl")):
        context = row["context"].strip()
        instruction = f"{row['instruction'].strip()}\n\n{context}" if context else row["instruction"].strip()
        yield Item("dolly", i, instruction, row["response"].strip(), i >= 50)


def seed_tasks(folder: Path) -> Iterator[Item]:
    for i, row in enumerate(_lines(folder / "self_instruct_seed_tasks.jsonl")):
        first = row["instances"][0]
        given = first["input"].strip()
        instruction = f"{row['instruction'].strip()}\n\n{given}" if given else row["instruction"].strip()
        yield Item("seed tasks", i, instruction, first["output"].strip(), i % 6 in (1, 3, 5))


def mt_bench(folder: Path) -> Iterator[Item]:
    asked = {q["question_id"]: q["turns"] for q in _lines(folder / "mt_bench" / "question.jsonl")}
    for row in _lines(folder / "mt_bench" / "reference_gpt4.jsonl"):
        number = row["question_id"]
        yield Item("mt_bench", number, asked[number][0], row["choices"][0]["turns"][0].strip(), _odd("mt", number))


def flan_cot(folder: Path) -> Iterator[Item]:
    for path in sorted((folder / "flan_cot").glob("*.tsv")):
        taken = {True: 0, False: 0}
        for i, line in enumerate(path.read_text(encoding="utf-8").split("\n")):
            held = _odd(path.stem, i)
            if not line or taken[held] >= FLAN_ROWS:
                continue
            taken[held] += 1
            question, answer, rationale = (part.replace("\\n", "\n").strip() for part in line.split("\t"))
            response = f"{rationale}\nThe answer is {answer}."
            yield Item(path.stem.removesuffix("_train"), i, question, response, held, answer)


def good_answers(*, held_out: bool) -> list[Item]:
    folder = data_folder()
    every = [*dolly(folder), *seed_tasks(folder), *mt_bench(folder), *flan_cot(folder)]
    return [item for item in every if item.held_out == held_out and item.response]


def _random(item: Item, what: str) -> random.Random:
    return random.Random(f"{what}/{item.source}/{item.index}")


def swapped(items: list[Item]) -> Iterator[Item]:
    """The answer to another question of the same source: the hardest swap, as form and subject matter stay alike."""
    for item in items:
        others = [o for o in items if o.source == item.source and o.response.lower() != item.response.lower()]
        if others:
            yield replace(item, response=_random(item, "swap").choice(others).response)


def cut(items: list[Item]) -> Iterator[Item]:
    """Ends at a random letter between a fifth and nine tenths of the answer, which has at least eight words."""
    for item in items:
        if len(item.response.split()) >= 8:
            at = int(len(item.response) * _random(item, "cut").uniform(0.2, 0.9))
            yield replace(item, response=item.response[:at])


def shuffled(items: list[Item]) -> Iterator[Item]:
    """The same words in random order; answers of at least five words."""
    for item in items:
        words = item.response.split()
        if len(words) >= 5:
            _random(item, "shuffle").shuffle(words)
            yield replace(item, response=" ".join(words))


def looped(items: list[Item]) -> Iterator[Item]:
    """One sentence or line of the answer, said three to eight times in place of the rest."""
    for item in items:
        parts = [p.strip() for p in item.response.replace(". ", ".\n").split("\n") if len(p.split()) >= 3]
        if parts:
            rng = _random(item, "loop")
            at = rng.randrange(len(parts))
            yield replace(item, response=" ".join(parts[:at] + [parts[at]] * rng.randint(3, 8)))


def refused(items: list[Item], refusals: list[str]) -> Iterator[Item]:
    for item in items:
        yield replace(item, response=_random(item, "refuse").choice(refusals))


def emptied(items: list[Item]) -> Iterator[Item]:
    for item in items:
        yield replace(item, response=_random(item, "empty").choice(["", " ", "\n", "\n\n  \n", "-", "..."]))


SPOILT: dict[str, Callable[[list[Item]], Iterator[Item]]] = {
    "swapped": swapped,
    "cut": cut,
    "shuffled": shuffled,
    "looped": looped,
    "empty": emptied,
}


def pairs_of_answers(folder: Path) -> Iterator[tuple[str, str]]:
    """Two answers to one request each: the last turns of HH-RLHF's chosen and rejected dialogues."""
    for row in _lines(folder / "hh_rlhf" / "harmless-base.jsonl"):
        yield tuple(row[side].rpartition("\n\nAssistant:")[2].strip() for side in ("chosen", "rejected"))


def ends_a_sentence(text: str) -> bool:
    """Whether a cut happens to fall where a sentence or line ends: nothing in the text can show such a cut."""
    return text.rstrip().endswith((".", "!", "?"))
