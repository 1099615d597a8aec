"""Reading a recipe with the cards it names, and every mistake in it: the stages, their settings, cards and rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.card import Card, check_front, load_card
from bezoar_data.config.files.discovery import refuse_other_kind
from bezoar_data.config.files.licence_names import licence_problem
from bezoar_data.config.files.recipe import BASE, TOKENIZERS_OWN, TRLS, LoadedRecipe, Stage, TrainingStage, recipe_model
from bezoar_data.config.files.trainer_settings import LORA, QUANTISATION, TAKEN, shared_settings, trainer_settings
from bezoar_data.config.paths import relative_to_cwd, similar_file_hint
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.sanitize import printable
from bezoar_data.config.settings_validation import check_settings
from bezoar_data.config.validation import check
from bezoar_data.config.where import Where
from bezoar_data.config.yaml.document import Document, YamlPath, load_yaml

Columns = Callable[[Path], Collection[str] | None]
"""The columns of the dataset that a card describes, where they are known."""

Kinds = Mapping[str, type[Stage]]
"""The kinds of stages, by the `use` that names them."""


def check_recipe(path: Path, stages: Sequence[type[Stage]], columns: Columns) -> LoadedRecipe:
    """Read and check a recipe and the cards it names. Raises `InputError` with every mistake found.

    `stages` are the kinds of stages there are. Nothing of the training libraries is imported.
    """
    refuse_other_kind(path, "recipe")
    document = load_yaml(path, lenient=True)
    file, problems = check(document, recipe_model(tuple(stages)))
    kinds = {stage.kind(): stage for stage in stages}
    problems += _check_chain(document, kinds)
    problems += _check_all_settings(document, kinds)
    if file is not None:
        recipe = LoadedRecipe(file, document, path)
        problems += _check_base(recipe)
        problems += _check_cards(recipe, columns)
    taken = {p.place for p in document.problems}
    problems = [p for p in problems if p in document.problems or p.place not in taken]
    raise_errors(problems)
    if file is None:
        raise InputError(problems)
    return LoadedRecipe(file, document, path, tuple(problems))


def _written_stages(document: Document) -> list[tuple[int, dict[str, Any]]]:
    """The stages of a file's value, right or wrong, as far as they are mappings."""
    stages = document.value.get("stages") if isinstance(document.value, dict) else None
    return [(i, s) for i, s in enumerate(stages if isinstance(stages, list) else []) if isinstance(s, dict)]


def _check_chain(document: Document, kinds: Kinds) -> Iterator[Problem]:
    """Ids that are unique, and stages that go on from earlier ones which leave what they need."""
    stages = _written_stages(document)
    ids = {i: s.get("id", s.get("use")) for i, s in stages}
    seen: dict[str, Mapping[str, Any]] = {}
    before = BASE
    for i, stage in stages:
        name, start = ids[i], stage.get("from", before)
        if isinstance(name, str):
            if name in seen or name == BASE:
                hint = "give it an 'id:' of its own"
                path: YamlPath = ("stages", i, "id" if "id" in stage else "use")
                message = f"two stages have the id '{printable(name)}'" if name != BASE else "'base' is the base model"
                yield document.problem("duplicate-id", message, path, hint=hint)
            before = name
        if isinstance(start, str):
            yield from _check_start(document, kinds, i, stage, start, seen, ids)
        kind = kinds.get(str(stage.get("use")))
        for field, head in (kind.needs if kind is not None else {}).items():
            yield from _check_needed(document, kinds, seen, ("stages", i, field), stage.get(field), head)
        if isinstance(name, str):
            seen.setdefault(name, stage)


def _check_needed(
    document: Document, kinds: Kinds, seen: Mapping[str, Mapping[str, Any]], path: YamlPath, name: Any, head: str
) -> Iterator[Problem]:
    """An earlier stage that is needed beside the one that a stage goes on from."""
    if not isinstance(name, str):
        return
    if name != BASE and name not in seen:
        message = f"there is no earlier stage '{printable(name)}'"
        yield document.problem("unknown-stage", message, path, hint=did_you_mean(name, [BASE, *seen]))
    elif (head == "scores") != _scores(document, kinds, seen, name):
        what = "no model that scores texts" if head == "scores" else "a model that scores texts, and says none"
        message = f"'{printable(name)}' leaves {what}"
        yield document.problem("wrong-stage", message, path, hint="name another stage")


def _check_start(
    document: Document,
    kinds: Kinds,
    i: int,
    stage: Mapping[str, Any],
    start: str,
    seen: Mapping[str, Mapping[str, Any]],
    ids: Mapping[int, Any],
) -> Iterator[Problem]:
    path: YamlPath = ("stages", i, "from") if "from" in stage else ("stages", i, "use")
    if start != BASE and start not in seen:
        if start == ids[i]:
            message, hint = "a stage cannot go on from itself", f"known: {', '.join([BASE, *seen])}"
        elif start in ids.values():
            message, hint = f"the stage '{printable(start)}' comes later", "write it before this one"
        else:
            message, hint = f"there is no stage '{printable(start)}'", did_you_mean(start, [BASE, *seen])
        yield document.problem("unknown-stage", message, path, hint=hint)
    elif (kind := kinds.get(str(stage.get("use")))) is not None:
        before = kinds.get(str(seen[start].get("use"))) if start != BASE else Stage
        has_adapter = document.value.get("adapter") is not None
        leaves_adapter = has_adapter and before is not None and issubclass(before, TrainingStage)
        if before is not None and kind.starts_from == "adapter" and not leaves_adapter:
            message = f"there is no adapter to {stage['use']} in '{printable(start)}'"
            hint = "let it come after a stage that trains an adapter, or leave it out"
            yield document.problem("nothing-to-merge", message, path, hint=hint)
        elif kind.head == "language" and _scores(document, kinds, seen, start):
            message = (
                f"'{printable(start)}' leaves a model that scores texts, and '{stage['use']}' trains one that says them"
            )
            yield document.problem("no-language-model", message, path, hint="say where it goes on from: 'from: base'")
        elif kind.starts_from == "weights" and leaves_adapter:
            message = f"'{stage['use']}' takes full weights, and '{printable(start)}' leaves an adapter"
            yield document.problem("not-merged", message, path, hint="put a 'merge' between them")


def _scores(document: Document, kinds: Kinds, seen: Mapping[str, Mapping[str, Any]], name: str) -> bool:
    """Whether a stage leaves a model that scores texts."""
    order = [BASE, *seen]
    while name in seen:
        kind = kinds.get(str(seen[name].get("use")))
        if kind is None or kind.head != "same":
            return kind is not None and kind.head == "scores"
        before = seen[name].get("from", order[order.index(name) - 1])
        name = before if before in order[: order.index(name)] else BASE
    return False


def _check_all_settings(document: Document, kinds: Kinds) -> Iterator[Problem]:
    value = document.value if isinstance(document.value, dict) else {}
    classes = trainer_settings()
    trainers = {use: kind.trainer for use, kind in kinds.items() if issubclass(kind, TrainingStage)}
    used = (trainers.get(str(stage.get("use"))) for _, stage in _written_stages(document))
    shared = shared_settings(tuple(trainers.values()), tuple(sorted({name for name in used if name})))
    yield from _check_settings(document, ("training",), "training", shared, value, trainers)
    yield from _check_settings(document, ("adapter",), "adapter", classes[LORA], value)
    yield from _check_settings(document, ("quantisation",), "quantisation", classes[QUANTISATION], value)
    for i, stage in _written_stages(document):
        if (trainer := trainers.get(str(stage.get("use")))) is not None:
            yield from _check_settings(document, ("stages", i, "training"), trainer, classes[trainer], stage)
            yield from _check_settings(document, ("stages", i, "adapter"), LORA, classes[LORA], stage)
    if value.get("adapter") is None:
        yield from _check_without_adapter(document, value)


def _check_without_adapter(document: Document, value: Mapping[str, Any]) -> Iterator[Problem]:
    """What a recipe that trains all weights cannot say."""
    hint = "add 'adapter:' to the recipe, such as {r: 16}"
    if value.get("quantisation") is not None:
        message = "quantised weights cannot be trained without 'adapter'"
        yield document.problem("missing-key", message, ("quantisation",), hint=hint, key=True)
    for i, stage in _written_stages(document):
        if stage.get("adapter") is not None:
            message = "a stage's 'adapter' changes that of the recipe, and there is none"
            yield document.problem("missing-key", message, ("stages", i, "adapter"), hint=hint, key=True)


def _check_settings(
    document: Document,
    path: YamlPath,
    owner: str,
    schema: Mapping[str, Any],
    parent: Mapping[str, Any],
    trainers: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Problem]:
    """`trainers` are those whose own settings may be written in a stage instead, by the stage's `use`."""
    settings = parent.get(str(path[-1]))
    if not isinstance(settings, dict):
        return
    for keys, code, message, hint in check_settings(owner, schema, settings):
        name = str(keys[0]) if keys else ""
        takers = [use for use, taker in trainers.items() if name in trainer_settings()[taker]["properties"]]
        if code == "unknown-key" and name in TAKEN:
            code, message, hint = "taken-setting", f"'{name}' cannot be set here", TAKEN[name]
        elif code == "unknown-key" and takers:
            message = f"'{name}' is for {' and '.join(takers)} stages only"
            hint = "write it in the 'training:' of the stage"
        yield document.problem(code, message, (*path, *keys), hint=hint, key=code in ("unknown-key", "taken-setting"))


def _check_base(recipe: LoadedRecipe) -> Iterator[Problem]:
    base, document = recipe.file.base, recipe.document
    yield from _check_kind_of_base(recipe)
    if base.name is not None and base.name.startswith(("./", "../", "/")):
        path, key = recipe.resolve(base.name), "model" if base.model else "gguf"
        if not (path.is_dir() if base.model else path.is_file()):
            message = f"there is no {'folder' if base.model else 'file'} '{printable(relative_to_cwd(path), 200)}'"
            yield document.problem("missing-file", message, ("base", key), hint=similar_file_hint(path))
    fault = licence_problem(base.licence) if base.licence is not None else None
    if fault is not None:
        yield document.problem("unknown-licence", printable(fault[0], 200), ("base", "licence"), hint=fault[1])
    yield from _check_template(recipe)


def _check_kind_of_base(recipe: LoadedRecipe) -> Iterator[Problem]:
    base, document = recipe.file.base, recipe.document
    kinds = [name for name in ("model", "gguf", "make") if getattr(base, name) is not None]
    if not kinds:
        yield document.problem("missing-key", "the base needs 'model', 'gguf' or 'make'", ("base",), key=True)
    if len(kinds) > 1:
        message = f"the base takes one of 'model', 'gguf' and 'make', not {' and '.join(map(repr, kinds))}"
        yield document.problem("bad-value", message, ("base", kinds[-1]), key=True)
    for name in ("convert", "revision"):
        if base.model is None and getattr(base, name):
            message = f"'{name}' is for a base that is named as 'model'"
            yield document.problem("bad-value", message, ("base", name), key=True)


def _check_template(recipe: LoadedRecipe) -> Iterator[Problem]:
    document = recipe.document
    if recipe.file.template != TOKENIZERS_OWN and not recipe.file.template.startswith(TRLS):
        file = recipe.resolve(recipe.file.template)
        if file.suffix != ".jinja":
            hint = did_you_mean(recipe.file.template, [TOKENIZERS_OWN]) + "; a template of your own is a .jinja file"
            yield document.problem("bad-value", "this is not a chat template", ("template",), hint=hint)
        elif not file.is_file():
            message = f"there is no file '{printable(relative_to_cwd(file), 200)}'"
            yield document.problem("missing-file", message, ("template",), hint=similar_file_hint(file))


def _check_cards(recipe: LoadedRecipe, columns: Columns) -> Iterator[Problem]:
    read: dict[Path, tuple[Card | None, list[Problem]]] = {}
    for i, stage in enumerate(recipe.file.stages):
        if not isinstance(stage, TrainingStage):
            continue
        at: YamlPath = ("stages", i, "card")
        path = recipe.resolve(stage.card)
        if path.suffix != ".md":
            yield from _check_where(recipe, i, stage.where, None)
            continue  # a dataset of the Hub: its card is read when it is fetched
        if not path.is_file():
            message = f"there is no card '{printable(relative_to_cwd(path), 200)}'"
            hint = similar_file_hint(path) or "`bezoar-data card init PIPELINE` writes the card of a pipeline"
            yield recipe.document.problem("missing-file", message, at, hint=hint)
            continue
        if path not in read:
            read[path] = _read_card(path)
            yield from read[path][1]
        card = read[path][0]
        if card is not None:
            yield from _check_view(recipe, i, stage, card)
            known = card.columns if card.columns is not None else columns(path)
            yield from _check_where(recipe, i, stage.where, known)


def _read_card(path: Path) -> tuple[Card | None, list[Problem]]:
    try:
        card = load_card(path, lenient=True)
    except InputError as error:
        return None, list(error.problems)
    return card, check_front(card)


_MADE_BY = {
    "sft": "a step that answers, such as orca.explain, makes what it needs",
    "messages": "load_conversations makes what it needs",
    "preference": "pairs.best_worst, after a judge, or pairs.preferred makes what it needs",
    "rating": "judge.attributes, or people, make what it needs",
}
"""Where the columns of a view come from."""


def _check_view(recipe: LoadedRecipe, i: int, stage: TrainingStage, card: Card) -> Iterator[Problem]:
    views = card.bezoar.get("views")
    has = list(views) if isinstance(views, Mapping) else []
    wanted = (stage.view,) if stage.view is not None else stage.views
    if not any(kind in has for kind in wanted):
        message = f"the card has no view {' or '.join(map(repr, wanted))}, which '{stage.use}' trains on"
        hint = "; ".join(filter(None, (f"it has {', '.join(map(str, has))}", _MADE_BY.get(wanted[0]))))
        if not has:
            hint = "say under 'bezoar: views:' of the card which columns are what"
        yield recipe.document.problem(
            "missing-view", message, ("stages", i, "view" if stage.view else "card"), hint=hint
        )


def _check_where(recipe: LoadedRecipe, i: int, where: str | None, columns: Collection[str] | None) -> Iterator[Problem]:
    if where is not None:
        try:
            expression = Where.parse(where, recipe.document.place(("stages", i, "where")))
        except InputError as error:
            yield from error.problems
            return
        if columns is not None:
            yield from expression.check(columns)
