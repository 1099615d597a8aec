"""What a person may name as a model to talk to: a stage, a recipe's stage, a folder, a GGUF, an id on the Hub.

A stage is asked with the tokenizer, template and end of text that it was trained with; an adapter lies on its base as
it was before quantisation, and is not merged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.recipe import BASE
from bezoar_data.config.paths import expand_home, relative_to_cwd, similar_file_hint
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.sanitize import printable
from bezoar_data.config.shipped import as_named
from bezoar_data.llms.weights.named import is_gguf, known_weights
from bezoar_data.runs.reward_head import reward_head
from bezoar_data.runs.stage_record import ADAPTER, STAGE_FILE, TrainedStage, is_trained, trained_stage
from bezoar_data.training.bases import base_start
from bezoar_data.training.folder import TrainingFolder
from bezoar_data.training.models import Start
from bezoar_data.training.stages.registry import load_recipe

_RECIPE = re.compile(r"(?P<path>.+\.ya?ml)(?::(?P<stage>[\w-]+))?")
_HUB = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_TEMPLATE = "chat_template.jinja"
TRAINED = Path("trained")
"""Where recipes are trained by default, each in a folder of its name."""


@dataclass(frozen=True, slots=True)
class Named:
    """A model that was named, found, and not loaded yet."""

    name: str
    """As it is shown."""
    weights: str
    """A folder, an id on the Hub, or what names a GGUF."""
    revision: str | None = None
    adapter: Path | None = None
    gguf: bool = False
    template: Path | None = None
    """The template that serves where the model has none of its own: that of a stage it is compared with."""

    @property
    def folder(self) -> Path | None:
        """Where the tokenizer, template and generation settings lie, if not with the weights."""
        return self.adapter

    def files(self) -> Iterator[tuple[str, int, int]]:
        """What it depends on here: names, sizes and times of its files."""
        for place in (Path(self.weights), self.adapter):
            found = sorted(place.iterdir()) if place is not None and place.is_dir() else [place]
            for file in found:
                if file is not None and file.is_file():
                    state = file.stat()
                    yield str(file), state.st_size, state.st_mtime_ns


def model_named(text: str, trained: Path = TRAINED) -> Named:
    """What `MODEL_OR_STAGE` stands for. `trained` holds the folders of recipes, each under the recipe's name. Raises
    `InputError`."""
    if found := _RECIPE.fullmatch(text):
        return _of_recipe(text, Path(found["path"]), found["stage"], trained)
    if text.lower() in known_weights() or is_gguf(text):
        return Named(text, text, gguf=True)
    path = expand_home(text)
    if path.is_dir():
        return _of_folder(text, path)
    if path.is_file():
        hint = "a folder, a GGUF file, or a recipe with its stage: recipes/tiny.yaml:orca"
        raise InputError(Problem("no-model", "this file is not a model", Place(text), hint))
    if (on_the_hub := _HUB.fullmatch(text)) and not text.startswith("."):
        return Named(text, on_the_hub["id"], on_the_hub["revision"])
    message = f"'{printable(text, 200)}' names no model: there is no such folder"
    hint = (
        similar_file_hint(path) or "a stage's folder, RECIPE:STAGE, a model's folder, a GGUF, or OWNER/NAME of the Hub"
    )
    raise InputError(Problem("no-model", message, hint=hint))


def compared_with(text: str, named: str, first: Named, trained: Path = TRAINED) -> Named:
    """Another model beside the one that was `named`: `base`, another stage of its recipe by its name alone, or any."""
    found = _beside(text, named, trained) or model_named(text, trained)
    template = (first.adapter or Path(first.weights)) / _TEMPLATE
    return replace(found, template=template) if template.is_file() else found


def _beside(text: str, named: str, trained: Path) -> Named | None:
    if recipe := _RECIPE.fullmatch(named):
        path = recipe["path"]
        stages = [stage.id for stage in load_recipe(Path(path)).file.stages]
        return model_named(f"{path}:{text}", trained) if text in (BASE, *stages) else None
    folder = expand_home(named)
    if not (folder.is_dir() and is_trained(folder)):
        return None
    stage = trained_stage(folder)
    if text == BASE:
        return _base_of(stage)
    beside = stage.path.parent / text
    return _of_folder(text, beside) if (beside / STAGE_FILE).is_file() else None


def _of_recipe(text: str, path: Path, stage: str | None, trained: Path) -> Named:
    recipe = load_recipe(path)
    folder = TrainingFolder(trained / recipe.file.name)
    if stage == BASE:
        return _of_start(text, base_start(recipe, folder.base))
    stages = [one.id for one in recipe.file.stages]
    if stage is not None and stage not in stages:
        message = f"the recipe has no stage '{stage}'"
        raise InputError(Problem("no-stage", message, Place(str(path)), did_you_mean(stage, [*stages, BASE])))
    finished = [one for one in stages if (folder.stage(one) / STAGE_FILE).is_file()]
    if not finished or (stage is not None and stage not in finished):
        what = f"the stage '{stage}'" if stage else "no stage of it"
        message = f"{what} is {'not ' if stage else ''}finished in {relative_to_cwd(folder.path)}"
        raise InputError(
            Problem("no-stage", message, Place(str(path)), _where(path, stages, trained, recipe.file.name))
        )
    return _of_folder(text if stage else f"{text}:{finished[-1]}", folder.stage(stage or finished[-1]))


def _where(path: Path, stages: Sequence[str], trained: Path, name: str) -> str:
    """What to do about a stage that is not where it was looked for."""
    if not any((trained / one / STAGE_FILE).is_file() for one in stages):
        return f"train it: bezoar-data train {as_named(path)}"
    if trained.resolve().name == name:
        return f"--trained names the folder that holds {name}: --trained {relative_to_cwd(trained.resolve().parent)}"
    return f"stages of it are in {relative_to_cwd(trained)} itself: name one by its folder"


def _of_start(name: str, start: Start) -> Named:
    if start.revision is None and start.weights.startswith(("/", ".")) and not Path(start.weights).exists():
        raise InputError(Problem("no-model", "the base is not there", Place(start.weights)))
    return Named(name, start.weights, start.revision, gguf=is_gguf(start.weights))


def _of_folder(name: str, path: Path) -> Named:
    """A stage, the stages of a recipe, an adapter, or a model as transformers saves it."""
    found = trained_stage(path) if is_trained(path) else None
    if reward_head(path if found is None else found.path) is not None:
        message = "this model scores texts, and says none"
        raise InputError(Problem("no-language-model", message, Place(str(path)), "it is a judge: 'provider: reward'"))
    if found is not None:
        return _of_stage(name, found)
    if (path / ADAPTER).is_file():
        return Named(name, _base_path(path), adapter=path)
    if (path / "config.json").is_file():
        return Named(name, str(path))
    hint = "it needs config.json with weights, or adapter_config.json"
    raise InputError(Problem("no-model", "this folder holds no model", Place(str(path)), hint))


def _of_stage(name: str, stage: TrainedStage) -> Named:
    standing = stage.record.base_lineage
    if standing is None:
        return Named(name, str(stage.path))
    beside = stage.path.parent / str(standing.get("stage", BASE))
    if ("stage" in standing or _kept_here(standing)) and beside.is_dir():
        return Named(name, str(beside), adapter=stage.path)
    if "model" in standing and not standing.get("folder"):
        return Named(name, standing["model"], standing.get("commit") or standing.get("revision"), adapter=stage.path)
    return Named(name, _base_path(stage.path), adapter=stage.path)


def _kept_here(base: Mapping[str, Any]) -> bool:
    """Whether the base's weights lie beside the stages: it was made there, or brought into another form."""
    return "model" not in base or bool(base.get("convert"))


def _base_of(stage: TrainedStage) -> Named:
    """What the first of a stage's recipe started from."""
    base = stage.record.base
    if _kept_here(base):
        return _of_folder(BASE, stage.path.parent / BASE)
    if not base.get("folder"):
        return Named(BASE, base["model"], base.get("commit") or base.get("revision"))
    first = stage.path.parent / stage.record.stages[0].stage
    if not (first / ADAPTER).is_file():
        hint = "name the base itself, or the stage as RECIPE:STAGE"
        raise InputError(Problem("no-model", "it is not known here where the base is", Place(str(stage.path)), hint))
    return Named(BASE, _base_path(first))


def _base_path(adapter: Path) -> str:
    """What an adapter's own file names as the weights it is for."""
    value: dict[str, Any] = {}
    try:
        value = json.loads((adapter / ADAPTER).read_text("utf-8"))
    except (OSError, ValueError):
        pass
    base = value.get("base_model_name_or_path")
    place = Place(str(adapter / ADAPTER))
    if not base:
        raise InputError(Problem("no-model", "it names no weights that the adapter is for", place))
    for path in (Path(base), adapter / base):
        if path.is_dir():
            return str(path)
    if str(base).startswith(("/", ".")) or not _HUB.fullmatch(base):
        message = "the weights that the adapter is for are not here"
        raise InputError(
            Problem("no-model", f"{message}: {base}", place, "name the stage as RECIPE:STAGE, or merge it")
        )
    return str(base)
