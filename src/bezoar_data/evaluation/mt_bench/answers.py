"""A model's answers, turn by turn: its own template, FastChat's temperatures, each answer kept as soon as it is there.

The second turn sees the model's own first. Where answers are drawn, the seed is that of the questions that are answered
together, so that an interrupted evaluation goes on to the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from bezoar_data.evaluation.harness import quiet
from bezoar_data.evaluation.kept_lines import keep, read_kept
from bezoar_data.evaluation.mt_bench.files import Files, Question
from bezoar_data.evaluation.record import hash_of

_QUARTER = 4


@dataclass(frozen=True, slots=True)
class Given:
    """A model's answer to one turn."""

    question: str
    turn: int
    """0 or 1."""
    key: str
    """The hash of all that decides it."""
    prompt: str
    text: str
    room: int
    """How many tokens it could have at most: fewer than wanted where the model's context ends."""
    cut: bool
    """Whether the beginning of the prompt had to go."""


Answers = Mapping[tuple[str, int], Given]
"""By question and turn."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How a model is asked; but for task and batches, what decides its answers beside the questions."""

    task: str
    identity: Any
    seed: int
    max_tokens: int
    batch_size: int


def kept_answers(path: Path, files: Files, asking: Asking) -> dict[tuple[str, int], Given]:
    """The answers of an earlier evaluation that are answers to these questions asked in this way."""
    kept = {given.key: given for given in _read(path)}
    keys = {(question.id, turn): _key(question, turn, files, asking) for question, turn in files.turns()}
    return {place: kept[key] for place, key in keys.items() if key in kept}


def answer(model: Any, files: Files, asking: Asking, path: Path, say: Callable[[str], None]) -> Answers:
    """The model's answers to all turns: those that `path` keeps, and the others, which it is asked. `model` is the
    harness's, of whatever kind."""
    found = kept_answers(path, files, asking)
    wanted = sum(1 for _ in files.turns())
    for together in _batches(files, asking.batch_size):
        for turn in (0, 1):
            asked = [question for question in together if turn < len(question.turns)]
            if all((question.id, turn) in found for question in asked):
                continue
            keys = {question.id: _key(question, turn, files, asking) for question in asked}
            given = _ask(model, asked, turn, found, keys, asking)
            keep(path, map(asdict, given))
            found |= {(one.question, one.turn): one for one in given}
            say(f"{len(found):,} of {wanted:,} answers")
    return found


def instances(model: Any, asked: Sequence[Question], turn: int, found: Answers, asking: Asking) -> list[Any]:
    """Questions that are answered together, as requests of the harness. `found` are the first turn's answers."""
    from lm_eval.api.instance import Instance

    prompts = [model.apply_chat_template(_messages(question, turn, found)) for question in asked]
    room = min(_room(model, prompt, asking.max_tokens)[0] for prompt in prompts)
    temperature = asked[0].temperature
    drawn = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
    settings = {"until": [], "max_gen_toks": room, **drawn}
    return [
        Instance("generate_until", {}, (prompt, settings), i, metadata=(asking.task, i, 1))
        for i, prompt in enumerate(prompts)
    ]


def longest_answers(files: Files, asking: Asking) -> Answers:
    """Answers as long as they may be, to plan with."""
    text = "word " * asking.max_tokens
    return {
        (question.id, turn): Given(question.id, turn, "", "", text, asking.max_tokens, cut=False)
        for question, turn in files.turns()
    }


def all_instances(model: Any, files: Files, asking: Asking, found: Answers) -> Iterator[Any]:
    """All that a model is asked, where `found` are its first turns' answers."""
    for together in _batches(files, asking.batch_size):
        for turn in (0, 1):
            if asked := [question for question in together if turn < len(question.turns)]:
                yield from instances(model, asked, turn, found, asking)


def _ask(
    model: Any, asked: Sequence[Question], turn: int, found: Answers, keys: Mapping[str, str], asking: Asking
) -> list[Given]:
    import torch

    requests = instances(model, asked, turn, found, asking)
    torch.manual_seed(int(hash_of([asking.seed, turn, sorted(keys)])[:8], 16))
    with quiet():
        texts = model.generate_until(requests, disable_tqdm=True)
    given = []
    for question, request, text in zip(asked, requests, texts, strict=True):
        prompt, settings = request.args
        room = settings["max_gen_toks"]
        cut = _room(model, prompt, asking.max_tokens)[1]
        # Behind an API a prompt is messages still, as JSON.
        written = str(getattr(prompt, "prompt", prompt))
        given.append(Given(question.id, turn, keys[question.id], written, text, room, cut))
    return given


def _messages(question: Question, turn: int, found: Answers) -> list[dict[str, str]]:
    messages = [{"role": "user", "content": question.turns[0]}]
    if turn:
        messages.append({"role": "assistant", "content": found[question.id, 0].text})
        messages.append({"role": "user", "content": question.turns[1]})
    return messages


def _room(model: Any, prompt: str, wanted: int) -> tuple[int, bool]:
    """How many tokens an answer may have, and whether the prompt is cut for it: what the model's context leaves, but
    not less than a quarter of that. Behind an API it is not known, and as wanted."""
    length = getattr(model, "max_length", None)
    if not isinstance(length, int) or not hasattr(model, "tok_encode"):
        return wanted, False
    left = length - len(model.tok_encode(prompt))
    room = min(wanted, max(left, length // _QUARTER))
    return room, room > left


def _batches(files: Files, size: int) -> Iterator[tuple[Question, ...]]:
    """Questions that are answered together: those of one temperature."""
    for _, alike in groupby(sorted(files.questions, key=_temperature), key=_temperature):
        rest = list(alike)
        for start in range(0, len(rest), size):
            yield tuple(rest[start : start + size])


def _temperature(question: Question) -> float:
    return question.temperature


def _key(question: Question, turn: int, files: Files, asking: Asking) -> str:
    """What decides an answer. Not how many are asked together: what was answered once stays."""
    seed = asking.seed if question.temperature else None
    asked = [question.id, question.temperature, question.turns[: turn + 1]]
    return hash_of([asking.identity, asking.max_tokens, seed, files.template, asked])


def _read(path: Path) -> Iterator[Given]:
    for line in read_kept(path):
        try:
            yield Given(**line)
        except TypeError:
            continue  # of another version
