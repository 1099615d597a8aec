"""Answers with a known last word, to hold against references: worked solutions of public data, each with its own
answer and with that of another row of its task, in the ways in which models say what their answer is."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bezoar_data.measures.checks.options import options_in


@dataclass(frozen=True, slots=True)
class Worked:
    """A question with its reference and, where the data has one, the reasoning that leads to it."""

    source: str
    question: str
    reference: str
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """An answer to hold against a reference, and whether it gives the reference's answer."""

    source: str
    form: str
    asked: str
    response: str
    reference: str
    right: bool


FORMS: dict[str, Callable[[str, str, str], str]] = {
    "The answer is (B).": lambda work, answer, text: f"{work}\nThe answer is {answer}.",
    "So the correct answer is B": lambda work, answer, text: f"{work} So the correct answer is {answer.strip('()')}",
    "Answer: (B)": lambda work, answer, text: f"{work}\n\n**Answer:** {answer}",
    "#### (B)": lambda work, answer, text: f"{work}\n#### {answer}",
    "Therefore, TEXT is the right answer.": lambda work, answer, text: (
        f"{work}\nTherefore, {text} is the right answer."
    ),
    "The answer is TEXT, and then the reasoning": lambda work, answer, text: f"The answer is {text}.\n\n{work}",
    "(B) TEXT, and then the reasoning": lambda work, answer, text: (
        f"{answer}{'' if text == answer else ' ' + text}\n\n{work}"
    ),
}
"""How an answer is said: of the reasoning, the answer as the data writes it, and the text of that option."""


def flan_cot(folder: Path) -> Iterator[Worked]:
    for path in sorted((folder / "flan_cot").glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line:
                question, answer, reasoning = (part.replace("\\n", "\n").strip() for part in line.split("\t"))
                yield Worked(path.stem.removesuffix("_train"), question, answer, reasoning)


def gsm8k(folder: Path) -> Iterator[Worked]:
    for line in (folder / "gsm8k" / "test.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        reasoning, _, answer = row["answer"].rpartition("####")
        yield Worked("gsm8k", row["question"], answer.strip(), reasoning.strip())


def bbh(folder: Path) -> Iterator[Worked]:
    for path in sorted((folder / "bbh").glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8"))["examples"]:
            yield Worked(f"bbh/{path.stem}", row["input"], row["target"])


def cases(rows: list[Worked], form: str) -> Iterator[Case]:
    """Each row with its own answer, and with another row's: its reasoning stays, as a wrong answer's would."""
    say = FORMS[form]
    for i, row in enumerate(rows):
        rng = random.Random(f"{row.source}/{i}")
        others = [rng.choice(rows).reference for _ in range(50)]
        other = next((o for o in others if o.lower() != row.reference.lower()), None)
        for answer in (row.reference, other):
            if answer is not None:
                response = say(row.reasoning, answer, _text(answer, row.question)).strip()
                yield Case(row.source, form, row.question, response, row.reference, answer == row.reference)


def _text(answer: str, question: str) -> str:
    """The text of an option named by its letter, as this question has it; any other answer is its own text."""
    return next((o.text for o in options_in(question) if f"({o.letter})" == answer), answer)
