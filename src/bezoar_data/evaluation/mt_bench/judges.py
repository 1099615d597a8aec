"""What a judge is asked, and what it said: single answers from 1 to 10, and two answers in both orders.

The prompts are the file's, filled in as FastChat does. A judge is asked at temperature 0, with room for its reasons;
every answer of it is in the journal, so nothing is paid for twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem
from bezoar_data.evaluation.mt_bench.answers import Answers
from bezoar_data.evaluation.mt_bench.files import Files, Prompt, Question
from bezoar_data.evaluation.mt_bench.reading import READINGS, Reading, both_orders, rating, winner
from bezoar_data.evaluation.record import hash_of
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.gateway.asking import OpenModels
from bezoar_data.measures.preferences import Choice

MAX_TOKENS = 2048
"""FastChat's limit of a verdict; a model that is set to more keeps it."""
UNKNOWN_DATE = "unknown"


@dataclass(frozen=True, slots=True)
class Said:
    """A judge's answer: its words, the journal's key, or why there is none."""

    text: str
    key: str
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Rated:
    """A judge's verdict of one turn."""

    question: Question
    turn: int
    item: str
    """What pairs it with the same turn of another model: the hash of all that the judge was given but the answer."""
    prompt: str
    said: Said
    ratings: Mapping[Reading, float | None]


@dataclass(frozen=True, slots=True)
class Preferred:
    """A judge's verdicts of one turn of two models, a and b: with a shown first, and with b."""

    question: Question
    turn: int
    item: str
    said: tuple[Said, Said]
    winners: Mapping[Reading, tuple[Choice | None, Choice | None]]
    """By place: `a` is what was shown first."""

    def verdict(self, reading: Reading) -> Choice | None:
        return both_orders(*self.winners[reading])


@dataclass(frozen=True, slots=True)
class Judge:
    """A role of the models that are open."""

    models: OpenModels
    role: str

    @property
    def name(self) -> str:
        return self.models.roles[self.role].model

    def identity(self) -> dict[str, Any]:
        """What decides its verdicts."""
        model = self.models.roles[self.role]
        return {
            "provider": model.provider, "model": model.model, "revision": model.revision,
            "sampling": model.sampling.model_dump(mode="json") | judge_sampling(model),
        }  # fmt: skip

    def date(self, said: Sequence[Answer | Refused]) -> str:
        """The day (UTC) of the newest of its answers."""
        newest = self.models.answered_at(said)
        return datetime.fromtimestamp(newest, UTC).date().isoformat() if newest else UNKNOWN_DATE

    def ask(self, asks: Sequence[Ask], step: str) -> list[Answer | Refused]:
        return self.models.ask(self.role, asks, step=step, sampling=judge_sampling(self.models.roles[self.role]))


def single_asks(files: Files, answers: Answers) -> list[Ask]:
    """A question to the judge for each turn."""
    return [Ask(_single(files, question, turn, answers)) for question, turn in files.turns()]


def pair_asks(files: Files, first: Answers, second: Answers) -> list[Ask]:
    """Two questions for each turn, one after the other: the first model's answer shown first, and the second's. Raises
    `InputError` where the prompts have none for it."""
    _need_pairs(files)
    orders = ((first, second), (second, first))
    return [Ask(_pair(files, question, turn, *order)) for question, turn in files.turns() for order in orders]


def judge_sampling(model: Model) -> dict[str, Any]:
    """How verdicts are drawn, whatever the model is set to for other questions."""
    return {"temperature": 0, "max_tokens": max(MAX_TOKENS, model.sampling.max_tokens or 0)}


def rate(judge: Judge, files: Files, answers: Answers, reading: Reading, step: str) -> tuple[list[Rated], str]:
    """The judge's rating of every turn, and the day of the newest. Read strictly, an answer that cannot be read is
    asked for once more."""
    places, asks = list(files.turns()), single_asks(files, answers)
    first = judge.ask(asks, step)
    last = _again(judge, asks, first, reading, step, lambda text: rating(text, "strict") is None)
    rated = []
    for (question, turn), ask, published, strict in zip(places, asks, first, last, strict=True):
        said = {"published": _said(published), "strict": _said(strict)}
        ratings = {how: rating(said[how].text, how) for how in READINGS}
        item = _item(files, question, turn, "single")
        rated.append(Rated(question, turn, item, ask.messages[-1]["content"], said[reading], ratings))
    return rated, judge.date([*first, *last])


def prefer(
    judge: Judge, files: Files, first: Answers, second: Answers, reading: Reading, step: str
) -> tuple[list[Preferred], str]:
    """The judge's comparison of two models on every turn, in both orders, and the day of the newest."""
    places, asks = list(files.turns()), pair_asks(files, first, second)
    once = judge.ask(asks, step)
    last = _again(judge, asks, once, reading, step, lambda text: winner(text, "strict") is None)
    found = []
    for i, (question, turn) in enumerate(places):
        both = {"published": once[2 * i : 2 * i + 2], "strict": last[2 * i : 2 * i + 2]}
        said = {how: (_said(both[how][0]), _said(both[how][1])) for how in READINGS}
        winners = {how: (winner(said[how][0].text, how), winner(said[how][1].text, how)) for how in READINGS}
        found.append(Preferred(question, turn, _item(files, question, turn, "pair"), said[reading], winners))
    return found, judge.date([*once, *last])


def _again(
    judge: Judge, asks: Sequence[Ask], said: Sequence[Answer | Refused], reading: Reading, step: str, unreadable: Any
) -> list[Answer | Refused]:
    """The same, where the reading is strict and they cannot be read with what is said the second time."""
    last = list(said)
    if reading == "strict":
        again = [i for i, one in enumerate(said) if isinstance(one, Answer) and unreadable(one.text)]
        asked = [Ask(asks[i].messages, attempt=1) for i in again]
        for i, one in zip(again, judge.ask(asked, step) if asked else (), strict=True):
            last[i] = one
    return last


def _said(answer: Answer | Refused) -> Said:
    if isinstance(answer, Refused):
        return Said("", "", answer.reason)
    return Said(answer.text, answer.keys[0])


def _single(files: Files, question: Question, turn: int, answers: Answers) -> list[dict[str, str]]:
    texts = [answers[question.id, t].text for t in range(turn + 1)]
    if turn == 0:
        named = {"question": question.turns[0], "answer": texts[0]}
    else:
        named = {"question_1": question.turns[0], "question_2": question.turns[1], "answer_1": texts[0]}
        named["answer_2"] = texts[1]
    return _filled(files, question, turn, "single", named)


def _pair(files: Files, question: Question, turn: int, a: Answers, b: Answers) -> list[dict[str, str]]:
    if turn == 0:
        named = {"question": question.turns[0]}
        named |= {f"answer_{side}": answers[question.id, 0].text for side, answers in (("a", a), ("b", b))}
    else:
        named = {"question_1": question.turns[0], "question_2": question.turns[1]}
        for side, answers in (("a", a), ("b", b)):
            named |= {f"answer_{side}_{t + 1}": answers[question.id, t].text for t in (0, 1)}
    return _filled(files, question, turn, "pair", named)


def _filled(files: Files, question: Question, turn: int, kind: str, named: Mapping[str, str]) -> list[dict[str, str]]:
    prompt = _prompt(files, question, turn, kind)
    references = {f"ref_answer_{i}": text for i, text in enumerate(_references(files, question), 1)}
    text = prompt.template.format(**named, **references)
    return [{"role": "system", "content": prompt.system}, {"role": "user", "content": text}]


def _prompt(files: Files, question: Question, turn: int, kind: str) -> Prompt:
    return files.prompts[prompt_name(files, question, turn, kind)]


def prompt_name(files: Files, question: Question, turn: int, kind: str) -> str:
    """FastChat's name of the prompt for a turn: with a reference where one is due and given."""
    base = {"single": ("single-v1", "single-math-v1"), "pair": ("pair-v2", "pair-math-v1")}[kind]
    return base[bool(_references(files, question))] + ("-multi-turn" if turn else "")


def _references(files: Files, question: Question) -> tuple[str, ...]:
    return files.references.get(question.id, ()) if question.referenced else ()


def _item(files: Files, question: Question, turn: int, kind: str) -> str:
    prompt = _prompt(files, question, turn, kind)
    given = [question.turns[: turn + 1], _references(files, question)[: turn + 1], prompt.system, prompt.template]
    return hash_of([*given, turn])


def _need_pairs(files: Files) -> None:
    wanted = {prompt_name(files, question, turn, "pair") for question, turn in files.turns()}
    if missing := sorted(wanted - files.prompts.keys()):
        message = f"the prompts have none to compare with: {', '.join(missing)}"
        raise InputError(Problem("no-prompt", message, hint="take FastChat's judge_prompts.jsonl"))
