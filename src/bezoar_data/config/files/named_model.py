"""A model named in one word: `--teacher openai:gpt-4o-mini`, `--judge ollama:qwen2.5:7b@http://other:11434/v1`.

The word is `SERVICE:MODEL`, where a service is one of `services.yaml`, or `PROVIDER:MODEL` for any other kind of
provider (`llamacpp:smollm2-135m-instruct`, or `checks`, which needs no name), with `@ADDRESS` where it is not the usual
one. It stands for an entry of a models file, and replaces the role's entry there.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.sanitize import looks_like_key, printable
from bezoar_data.config.yaml.document import Document, YamlPath, parse_yaml

SAMPLING: Mapping[str, Mapping[str, Any]] = {
    "teacher": {"temperature": 0.7, "max_tokens": 1024},
    "judge": {"temperature": 0, "max_tokens": 512},
    "evaluator": {"temperature": 0, "max_tokens": 32},
}
"""How each role's answers are drawn from a model that is named in one word: as in the shipped models files."""

FOLLOWS = {"evaluator": "teacher"}
"""Roles that the model named for another role answers for too."""


@cache
def services() -> Mapping[str, Mapping[str, Any]]:
    """What `services.yaml` says of each service."""
    text = files(__package__).joinpath("services.yaml").read_text("utf-8")
    value: Mapping[str, Mapping[str, Any]] = parse_yaml(text, "services.yaml").value
    return value


def with_named(document: Document | None, named: Mapping[str, str], providers: Collection[str]) -> Document:
    """A models file in which the roles `named` are answered by the models that their words say, and the roles that
    follow them too. None means no file. Raises `InputError` with every word that cannot be read."""
    problems: list[Problem] = []
    roles: dict[str, Any] = {}
    places: dict[YamlPath, Place] = {}
    for role, word in named.items():
        place = Place(f"--{role} {printable(word, 200)}")
        try:
            entry = _entry(word, place, providers)
        except InputError as error:
            problems += error.problems
            continue
        for one in (role, *(f for f, to in FOLLOWS.items() if to == role)):
            roles[one] = {**entry, "sampling": dict(SAMPLING.get(one, SAMPLING["teacher"]))}
            places["roles", one] = place
    if problems:
        raise InputError(problems)
    document = document or Document(" ".join(f"--{role} {word}" for role, word in named.items()), {"version": 1})
    value = json.loads(json.dumps(document.value)) if isinstance(document.value, dict) else {}
    written = value.get("roles")
    value["roles"] = {**(written if isinstance(written, dict) else {}), **roles}
    return document.with_value(value, places)


def _entry(word: str, place: Place, providers: Collection[str]) -> dict[str, Any]:
    name, at, address = word.rpartition("@http")
    written, url = (name, f"http{address}") if at else (word, None)
    kind, _, model = written.strip().partition(":")
    service = services().get(kind)
    if service is None:
        if kind not in providers:
            hint = did_you_mean(kind, sorted({*services(), *providers}))
            if not model:
                hint = f"write SERVICE:MODEL, such as openai:{printable(kind)} ({hint})"
            message = f"'{printable(kind)}' is neither a service nor a provider"
            raise _wrong("unknown-provider", message, place, hint)
        if kind == "distilabel" and model:  # the one kind that says more behind a colon
            family, _, model = model.partition(":")
            kind = f"{kind}:{family}"
        entry: dict[str, Any] = {"provider": kind, "model": model or kind, **({"base_url": url} if url else {})}
        return entry
    if not model:
        raise _wrong("no-model-name", f"'{printable(kind)}' needs a model", place, f"write {kind}:MODEL")
    prices = service.get("prices", {})
    entry = {"model": model, **{k: v for k, v in service.items() if k != "prices"}}
    if model in prices:
        entry["price"] = prices[model]
    if url is not None and url.rstrip("/") != service.get("base_url"):
        # Another address is somebody else's: it gets no key, and neither price nor terms are known.
        entry = {"provider": service["provider"], "model": model, "base_url": url}
    return entry


def _wrong(code: str, message: str, place: Place, hint: str) -> InputError:
    return InputError(Problem(code, message, place, hint, secret=looks_like_key(place.file)))


def models_by_name(named: Path, *folders: Path) -> Path:
    """A models file as `--models` names it: by its path, or in one word where one of `folders`, or the project's
    `pipelines/models`, has it. Raises `InputError` for a word that none has."""
    if named.suffix or len(named.parts) > 1 or named.exists():
        return named
    places = [*folders, Path("pipelines", "models")]
    known = {file.stem: file for folder in reversed(places) for file in sorted(folder.glob("*.yaml"))}
    if named.name in known:
        return known[named.name]
    hint = did_you_mean(named.name, list(known)) or "name it by its path"
    message = f"there is no models file '{printable(named.name)}'"
    raise InputError(Problem("missing-file", message, Place(f"--models {printable(named.name)}"), hint))
