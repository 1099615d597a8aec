"""Answers of a model to prompts, each made once: what is on disk under all that decides it is not asked for again.

The model is the harness's, whatever it stands for: weights here, with their adapter unmerged, or an endpoint.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import clean_text
from bezoar_data.evaluation.kept_lines import keep, read_kept
from bezoar_data.evaluation.targets import Target, has_template, load
from bezoar_data.runs.row import digest

Turns = Sequence[Mapping[str, str]]

_AT_ONCE = 4
"""Batches between two times that answers are written down."""


def answers_to(
    prompts: Sequence[Turns],
    target: Target,
    file: Path,
    *,
    max_tokens: int,
    batch_size: int,
    say: Callable[[str], None],
) -> list[str]:
    """The likeliest answer of the model to each conversation, kept in `file`. Raises `InputError`; what is answered by
    then stays."""
    identity = target.identity()
    keys = [digest("answer", identity, list(turns), max_tokens) for turns in prompts]
    known = {line["key"]: line["answer"] for line in read_kept(file)}
    missing = {key: turns for key, turns in zip(keys, prompts, strict=True) if key not in known}
    if missing:
        model = load(target, batch_size=batch_size)
        _need_room(model, target, max_tokens)
        asked = list(missing.items())
        part = len(asked) if target.gateway is not None else batch_size * _AT_ONCE
        for start in range(0, len(asked), part):
            some = asked[start : start + part]
            made = _ask(model, [turns for _, turns in some], max_tokens)
            known |= {key: text for (key, _), text in zip(some, made, strict=True)}
            keep(file, (_line(key, turns, target.name, known[key]) for key, turns in some))
            say(f"{target.name}: {min(start + part, len(asked)):,} of {len(asked):,} answered")
    return [known[key] for key in keys]


def _line(key: str, turns: Turns, model: str, answer: str) -> dict[str, Any]:
    return {"key": key, "messages": list(turns), "model": model, "answer": answer}


def answers_in(path: Path, prompts: Sequence[Turns]) -> list[str]:
    """The answers of a file that `generate` left to the same prompts, found again by their turns. Raises
    `InputError`."""
    found = {digest(turns_of(line)): _answer(line) for line in _lines(path)}
    missing = [turns for turns in prompts if found.get(digest(turns)) is None]
    if missing:
        first = clean_text(str(missing[0][-1]["content"]), one_line=True)[:80]
        message = f"{len(missing):,} of {len(prompts):,} prompts have no answer here, the first: {first}"
        hint = "it needs the lines that `bezoar-data generate` leaves for the same prompts"
        raise InputError(Problem("no-answer", message, Place(str(path)), hint))
    return [found[digest(turns)] or "" for turns in prompts]


def name_in(path: Path) -> str:
    """The model that the file's answers are of, as `generate` names it; else the file's own name. Raises
    `InputError`."""
    names = {str(line["model"]) for line in _lines(path) if line.get("model")}
    # A model's path on this machine is private.
    return names.pop().rpartition("/")[2] or path.stem if len(names) == 1 else path.stem


def turns_of(line: Mapping[str, Any]) -> Turns:
    """The conversation that a line of a file of prompts asks to go on with."""
    turns: Turns = line.get("messages") or [{"role": "user", "content": line.get("prompt")}]
    return turns


def _answer(line: Mapping[str, Any]) -> str | None:
    """None where there is none; empty where the model would not answer, as the line then says why."""
    text = line.get("answer")
    return None if not isinstance(text, str) else "" if line.get("finish_reason") == "refused" else text


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        hint = "it needs the lines that `bezoar-data generate` leaves"
        raise InputError(
            Problem("unreadable", f"the answers cannot be read: {error}", Place(str(path)), hint)
        ) from None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise InputError(Problem("bad-answers", f"it is not JSON: {error}", Place(str(path), number))) from error
        if not isinstance(value, dict):
            raise InputError(Problem("bad-answers", "it is not JSON object", Place(str(path), number)))
        yield value


def _ask(model: Any, prompts: Sequence[Turns], max_tokens: int) -> list[str]:
    from lm_eval.api.instance import Instance

    settings = {"until": [], "max_gen_toks": max_tokens, "do_sample": False, "temperature": 0.0}
    requests = [
        Instance(
            "generate_until", {}, (model.apply_chat_template([*turns]), dict(settings)), number, ("people", number, 1)
        )
        for number, turns in enumerate(prompts)
    ]
    return [text.strip() for text in model.generate_until(requests, disable_tqdm=True)]


def _need_room(model: Any, target: Target, max_tokens: int) -> None:
    if not has_template(model):
        hint = "answers are made through it; name a model that was trained on conversations"
        raise InputError(Problem("no-template", f"{target.name} has no chat template", Place(target.weights), hint))
    room = getattr(model, "max_length", None)
    if room is not None and max_tokens >= room:
        message = f"{target.name} takes {room:,} tokens, question and answer together"
        raise InputError(
            Problem("bad-value", f"{message}: {max_tokens:,} are too many for an answer", hint="fewer: --max-tokens")
        )
