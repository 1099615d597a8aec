"""Files of prompts, and files of their answers: written batch by batch, moved into place when whole.

A run that was cut short goes on after its last whole batch, to the same bytes: which prompts share a batch depends on
the file alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.folder import write_text
from bezoar_data.runs.row import digest
from bezoar_data.training.generation.asking import Answer, Model, in_batches
from bezoar_data.training.generation.named import Named

_HALF = re.compile("[\ud800-\udfff]")
"""Half of a pair of surrogates: no text that a tokenizer takes."""
Models = Sequence[tuple[str, Model]]
"""Loaded models and what they are called."""
_WRITTEN = ("model", "answer", "finish_reason", "tokens")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt: the turns to answer, and the line's own values, which its answer keeps."""

    turns: list[dict[str, str]]
    values: Mapping[str, Any]


def read_prompts(path: Path, system: str | None) -> list[Prompt]:
    """The prompts of a file: JSON Lines with `prompt` or `messages`, or else a text with one on each line. `system` is
    put before those that bring no system message. Raises `InputError` with every line that is none."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(Problem("bad-prompts", f"it is not UTF-8: {error}", Place(str(path)))) from error
    read = _json_line if path.suffix in (".jsonl", ".json") else _text_line
    told = ((Place(str(path), number), read(line.rstrip("\r"))) for number, line in enumerate(lines, 1) if line.strip())
    return _all(told, Place(str(path)), system)


def as_prompts(values: Sequence[str | Mapping[str, Any]], system: str | None) -> list[Prompt]:
    """Prompts that are given as values: each a text, or a mapping as a line of JSON has it. Raises `InputError`."""
    told = (
        (Place(f"prompt {number}"), _of_values({"prompt": value} if isinstance(value, str) else value))
        for number, value in enumerate(values, 1)
    )
    return _all(told, Place("prompts"), system)


def _all(told: Iterable[tuple[Place, Prompt | str]], whole: Place, system: str | None) -> list[Prompt]:
    """All prompts; a text tells why there is none. Raises `InputError` with all of these."""
    found, problems = [], []
    for place, prompt in told:
        if isinstance(prompt, str):
            problems.append(Problem("bad-prompts", prompt, place))
        else:
            found.append(prompt)
    if not found and not problems:
        problems.append(Problem("bad-prompts", "there is no prompt in it", whole))
    raise_errors(problems)
    head = [{"role": "system", "content": system}] if system else []
    return [Prompt([*([] if _has_system(p.turns) else head), *p.turns], p.values) for p in found]


def _has_system(turns: Sequence[Mapping[str, str]]) -> bool:
    return turns[0]["role"] == "system"


def _text_line(line: str) -> Prompt | str:
    return Prompt([{"role": "user", "content": line}], {"prompt": line})


def _json_line(line: str) -> Prompt | str:
    try:
        values = json.loads(line)
    except ValueError as error:
        return f"no JSON: {error}"
    return _of_values(values)


def _of_values(values: object) -> Prompt | str:
    if not isinstance(values, Mapping) or ("prompt" in values) == ("messages" in values):
        return "it needs 'prompt' or 'messages', one of them"
    if taken := [name for name in _WRITTEN if name in values]:
        return f"the answer is written under '{taken[0]}': give what is there another name"
    turns = values.get("messages", [{"role": "user", "content": values.get("prompt")}])
    whole = isinstance(turns, list) and turns and all(_is_turn(turn) for turn in turns)
    if not whole or turns[-1]["role"] == "assistant":
        return "a prompt is a text; messages are turns of role and content, and the last is not the assistant's"
    return Prompt([{"role": turn["role"], "content": turn["content"]} for turn in turns], values)


def _is_turn(turn: object) -> bool:
    if not isinstance(turn, dict) or set(turn) != {"role", "content"}:
        return False
    return all(isinstance(text, str) and text.strip() and not _HALF.search(text) for text in turn.values())


def answers(models: Models, prompts: Sequence[Prompt], batch: int) -> Iterator[list[str]]:
    """Lines of JSON, batch by batch: of each prompt one for each model, in their order."""
    for part in in_batches(prompts, batch):
        turns = [prompt.turns for prompt in part]
        found = [(name, model.answer(turns)) for name, model in models]
        yield [_line(prompt, name, said[i]) for i, prompt in enumerate(part) for name, said in found]


def _line(prompt: Prompt, name: str, answer: Answer) -> str:
    written = (name, answer.text, answer.finish_reason, answer.tokens)
    line = json.dumps({**prompt.values, **dict(zip(_WRITTEN, written, strict=True))}, ensure_ascii=False)
    return line.encode("utf-8", "backslashreplace").decode()  # half of a pair, as JSON escapes it


def write_answers(
    out: Path, named: Sequence[Named], models: Models, prompts: Sequence[Prompt], batch: int, say: Callable[[str], None]
) -> None:
    """Leave the file of all answers at `out`. What a run that was cut short has written is kept and gone on from."""
    _refuse_other(out)
    part = out.with_name(f".{out.name}.part")
    turns = [[prompt.turns, dict(prompt.values)] for prompt in prompts]
    asked = [
        [one.name, list(one.files()), model.sampling.model_dump(mode="json")]
        for one, (_, model) in zip(named, models, strict=True)
    ]
    key = digest("answers", asked, batch, turns)
    done = _whole(part, key, batch * len(models))
    there = len(done) // len(models)
    if done:
        say(f"goes on after {there:,} of {len(prompts):,} prompts")
    with part.open("w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in [key, *done])
        file.flush()
        for count, lines in enumerate(answers(models, prompts[there:], batch), 1):
            file.writelines(line + "\n" for line in lines)
            file.flush()
            say(f"{min(there + count * batch, len(prompts)):,} of {len(prompts):,} answered")
    lines = part.read_text("utf-8").split("\n")[1:]
    write_text(out, "\n".join(lines))
    part.unlink()


def _refuse_other(out: Path) -> None:
    """Refuse a file that holds something else than answers: it may be a person's only one. Raises `InputError`."""
    if not out.is_file():
        return
    with out.open("rb") as file:
        first = file.readline().strip()
    try:
        value = json.loads(first) if first else dict.fromkeys(_WRITTEN)
    except ValueError:
        value = None
    if not (isinstance(value, dict) and {*_WRITTEN} <= value.keys()):
        message = "this file holds no answers, and would be lost"
        raise InputError(Problem("bad-out", message, Place(str(out)), "name another file with --out"))


def _whole(part: Path, key: str, batch: int) -> list[str]:
    """The lines of whole batches, each of so many lines, that a run with this key has left."""
    try:
        first, *lines = part.read_text("utf-8").split("\n")
    except (OSError, ValueError):
        return []
    lines = lines[:-1]  # what comes after the last line end was cut
    return lines[: len(lines) // batch * batch] if first == key else []
