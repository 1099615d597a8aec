"""Talking to models from Python: a conversation, several side by side, or a list of prompts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.training.generation.asking import MAX_TOKENS, Answer, Decoding, Model, Wrote, load_model
from bezoar_data.training.generation.named import TRAINED, Named, compared_with, model_named
from bezoar_data.training.generation.prompts import answers, as_prompts, read_prompts, write_answers


class Chat:
    """A conversation with one model: `say` something, and it answers; `turns` is what was said so far."""

    def __init__(self, named: Named, model: Model, system: str | None = None) -> None:
        self.name, self.model = named.name, model
        self._head = [{"role": "system", "content": system}] if system else []
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.turns: list[dict[str, str]] = list(self._head)

    def say(self, text: str, wrote: Wrote | None = None) -> Answer:
        """The answer. `wrote` is told all of it so far after each token, and ends it by False. One that was refused
        (`finish_reason`) leaves the conversation as it was."""
        turns = [*self.turns, {"role": "user", "content": text}]
        (answer,) = self.model.answer([turns], wrote)
        if answer.finish_reason != "refused":
            self.turns = [*turns, {"role": "assistant", "content": answer.text}]
        return answer


def chat(
    model: str | Path,
    *,
    temperature: float | None = None,
    max_tokens: int = MAX_TOKENS,
    seed: int = 0,
    system: str | None = None,
    trained: str | Path = TRAINED,
    quiet: bool = False,
) -> Chat:
    """A conversation with a stage (its folder, RECIPE, RECIPE:STAGE), a model's folder, a GGUF, or OWNER/NAME of the
    Hub. `temperature`: by default the model's own generation settings. `trained` holds
    the folders of recipes. Raises `InputError` where it cannot be loaded."""
    decoding = Decoding(temperature, max_tokens, seed)
    (talk,) = chats(model, (), decoding, system=system, trained=trained, quiet=quiet)
    return talk


def chats(
    model: str | Path,
    compare: Sequence[str | Path],
    decoding: Decoding,
    *,
    system: str | None = None,
    trained: str | Path = TRAINED,
    quiet: bool = False,
) -> list[Chat]:
    """A conversation with the model and with each of `compare`: `base`, another stage of its recipe by its name, or any
    model. Raises `InputError` where one cannot be loaded."""
    return [Chat(one, load_model(one, decoding, quiet=quiet), system) for one in _named(model, compare, trained)]


def generate(
    model: str | Path,
    prompts: str | Path | Sequence[str | dict[str, Any]],
    *,
    compare: Sequence[str | Path] = (),
    out: str | Path | None = None,
    batch_size: int = 8,
    temperature: float | None = None,
    max_tokens: int = MAX_TOKENS,
    seed: int = 0,
    system: str | None = None,
    trained: str | Path = TRAINED,
    quiet: bool = False,
    say: Callable[[str], None] = lambda text: None,
    wrote: Callable[[list[str]], None] = lambda lines: None,
) -> list[dict[str, Any]]:
    """Answer prompts: a file of them, or a list of texts, `{"prompt": ...}` or `{"messages": [...]}`.

    Returns of each prompt, for the model and then for each of `compare`, its own values with `model`, `answer`,
    `finish_reason` and `tokens`. With `out` they are left in that file as JSON Lines, and the same call goes on after
    an interruption; `say` is told how far it is. Without it, `wrote` is given the lines of each batch as they come.
    Raises `InputError`.
    """
    named = _named(model, compare, trained)
    read = read_prompts(Path(prompts), system) if isinstance(prompts, str | Path) else as_prompts(prompts, system)
    target = Path(out) if out is not None else None
    if target is not None and not target.parent.is_dir():
        raise InputError(Problem("out-unusable", "there is no such folder", Place(str(target.parent))))
    decoding = Decoding(temperature, max_tokens, seed)
    models = [(one.name, load_model(one, decoding, quiet=quiet)) for one in named]
    if target is not None:
        write_answers(target, named, models, read, batch_size, say)
        return [json.loads(line) for line in target.read_text("utf-8").split("\n")[:-1]]
    found: list[dict[str, Any]] = []
    for lines in answers(models, read, batch_size):
        wrote(lines)
        found += map(json.loads, lines)
    return found


def _named(model: str | Path, compare: Sequence[str | Path], trained: str | Path) -> list[Named]:
    folder = Path(trained)
    first = model_named(str(model), folder)
    return [first, *(compared_with(str(other), str(model), first, folder) for other in compare)]
