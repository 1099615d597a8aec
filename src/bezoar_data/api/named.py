"""What a person may name as a model to evaluate, and the target that it is.

A recipe is its base and its stages; RECIPE:STAGE one of them; else a stage's or a model's folder, an id of the Hub, a
GGUF; and, to be asked through the gateway, SERVICE:MODEL[@URL] or a role of a models file, FILE:ROLE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.discovery import find_files
from bezoar_data.config.files.models import LOCAL_PROVIDER, Model, Sampling, load_models_file
from bezoar_data.config.files.named_model import services
from bezoar_data.config.files.recipe import BASE
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.evaluation.targets import Target, behind, stages_before
from bezoar_data.llms.gateway.asking import OpenModels
from bezoar_data.llms.providers.base import known_providers
from bezoar_data.llms.weights.named import is_gguf, known_weights
from bezoar_data.runs.stage_record import STAGE_FILE, StageRecord
from bezoar_data.training.bases import base_start, commit_of
from bezoar_data.training.generation.named import Named, model_named
from bezoar_data.training.stages.registry import load_recipe

_FILE = re.compile(r"(?P<path>.+\.ya?ml)(?::(?P<part>[\w-]+))?")
_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class Found:
    """A model that was named: one whose weights are loaded, or one that the gateway asks."""

    name: str
    group: str
    """The recipe it is of, else its own name: where its results lie."""
    named: Named | None = None
    model: Model | None = None
    answers: tuple[Path, ...] = ()
    base: Path | None = None
    """Where the base of its recipe lies, if that is a folder."""


def models_found(
    models: Sequence[str], *, trained: Path, stages: Sequence[str] = (), revision: str | None = None
) -> list[Found]:
    """All that is named, each under a name of its own. Raises `InputError`."""
    found: list[Found] = []
    whole = [text for text in models if (file := _FILE.fullmatch(text)) and file["part"] is None]
    if stages and not whole:
        message, hint = "--stage chooses of a recipe, and no whole recipe is named", "leave it out"
        raise InputError(Problem("unused-option", message, hint=hint))
    for text in models:
        asked = asked_model(text)
        found += [asked] if asked is not None else _with_weights(text, trained, stages, revision)
    names = [one.name for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        hint = "evaluate them one by one, each with an --out of its own"
        raise InputError(Problem("duplicate-name", f"two models are called {', '.join(twice)}", hint=hint))
    return found


def asked_model(text: str) -> Found | None:
    """A model that the gateway asks; None for one whose weights are loaded, which need not be there."""
    file = _FILE.fullmatch(text)
    if file and next(find_files([Path(file["path"])]))[1] == "models":
        return _role(Path(file["path"]), file["part"])
    kind, colon, _ = text.partition(":")
    if colon and (kind in services() or kind in known_providers()):
        return _in_one_word(text)
    if text.lower() in known_weights() or is_gguf(text):
        model = Model(provider=LOCAL_PROVIDER, model=text)
        return _alone(Path(text).stem if is_gguf(text) else text, model=model)
    return None


def group_of(found: Sequence[Found]) -> str:
    """The folder of their results: the recipe's where all are of one."""
    groups = {one.group for one in found}
    return groups.pop() if len(groups) == 1 else "models"


def behind_gateway(found: Sequence[Found]) -> Mapping[str, Model]:
    """Those that the gateway asks, as roles. How words are drawn is for each task to say."""
    plain = {"sampling": Sampling(temperature=0, max_tokens=256), "fallbacks": ()}
    return {one.name: one.model.model_copy(update=plain) for one in found if one.model is not None}


def target_of(found: Found, gateway: OpenModels | None) -> Target:
    """What `evaluate` takes. `gateway` has the role of a model that it asks."""
    if found.named is None:
        assert gateway is not None  # noqa: S101
        return behind(gateway, found.name)
    named, record = found.named, _record(found.named)
    base = found.base or (Path(named.weights) if named.adapter is not None else None)
    before = stages_before(base, record) if base is not None else ()
    return Target(found.name, named.weights, named.adapter, named.revision, record, before)


def _with_weights(text: str, trained: Path, stages: Sequence[str], revision: str | None) -> list[Found]:
    if file := _FILE.fullmatch(text):
        return list(_of_recipe(Path(file["path"]), [file["part"]] if file["part"] else stages, trained))
    try:
        named = model_named(text)
    except InputError as error:
        near = did_you_mean(text.partition(":")[0], [*services(), *known_providers()]) if ":" in text else ""
        raise InputError(replace(p, hint=near or p.hint) for p in error.problems) from error
    folder = named.adapter or (Path(named.weights) if Path(named.weights).is_dir() else None)
    if folder is None:  # what a branch stands for may be another one tomorrow
        named = replace(
            named, revision=commit_of(named.weights, revision or named.revision) or revision or named.revision
        )
    record = _record(named)
    plain = record.stage if record is not None else folder.resolve().name if folder else named.weights.split("/")[-1]
    return [_alone(plain, named=named)]


def _of_recipe(path: Path, wanted: Sequence[str], trained: Path) -> Iterator[Found]:
    loaded, problems = load_recipe(path), list[Problem]()
    recipe = loaded.file
    for stage in wanted or [BASE, *(stage.id for stage in recipe.stages)]:
        try:
            named = model_named(f"{path}:{stage}", trained)
            base = Path(base_start(loaded, trained / recipe.name / BASE).weights) if stage != BASE else None
            yield Found(stage, recipe.name, named, base=base)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(dict.fromkeys(problems))


def _role(path: Path, role: str | None) -> Found:
    loaded = load_models_file(path, known_providers())
    roles = loaded.file.roles
    if role not in roles:
        message = f"the models file has no role '{role}'" if role else "a models file names several models"
        hint = did_you_mean(role or "", list(roles)) or f"name one: {path}:{next(iter(roles))}"
        raise InputError(Problem("unknown-role", message, Place(str(path)), hint))
    return _alone(roles[role].model, model=roles[role], answers=loaded.answers)


def _in_one_word(text: str) -> Found:
    try:
        model = load_models_file(None, known_providers(), {"model": text}).file.roles["model"]
    except InputError as error:
        place = Place(text)
        raise InputError(replace(p, place=place) for p in error.problems) from error
    return _alone(model.model, model=model)


def _alone(name: str, **more: Any) -> Found:
    plain = _NOT_IN_A_NAME.sub("-", name).strip("-.") or "model"
    return Found(plain, plain, **more)


def _record(named: Named) -> StageRecord | None:
    folder = named.adapter or Path(named.weights)
    return StageRecord.read(folder / STAGE_FILE) if (folder / STAGE_FILE).is_file() else None
