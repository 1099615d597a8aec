"""What the models that a pipeline asks lack: an address, a key, and under a budget a price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bezoar_data.config.files.model_problem import ModelProblem
from bezoar_data.config.files.models import LOCAL_PROVIDER, LoadedModels, Model
from bezoar_data.config.files.pipeline import LoadedPipeline, PipelineFile
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.config.yaml.document import YamlPath
from bezoar_data.llms.endpoint.budget import budget_problems
from bezoar_data.llms.providers.base import Provider, builtin_providers, key_problems, provider_class
from bezoar_data.llms.weights.named import is_gguf, known_weights
from bezoar_data.steps.catalogue import StepEntry

OF_A_KEY = ("no-key", "bad-key", "key-not-allowed", "key-in-clear")
OF_THIS_MACHINE = (*OF_A_KEY, "provider-not-installed")
"""What another machine may well have: needed to run, not to be right."""


_ALONE = {"judge.reward": "reward"}
"""Of our providers, the one that can answer a step, where no other can."""

OLD = 180
"""Days after which a price is told to be old: providers change them about twice a year."""


def check_models(roles: Sequence[str], models: LoadedModels, *, budget: bool, to_run: bool) -> list[Problem]:
    """What is wrong with the models of these roles, fallbacks included, each problem at the model's place.

    Without `to_run`, what only this machine lacks is a warning, and no code but our own providers' is imported.
    """
    problems: list[Problem] = []
    for role in roles:
        for path, model in _line(("roles", role), models.file.roles[role]):
            for p in _problems(role, model, budget=budget, to_run=to_run):
                warning = p.code in OF_THIS_MACHINE and not to_run
                at: YamlPath = (*path, "api_key_env") if p.code in OF_A_KEY else path
                place = p.place or models.document.place(at, key=at == path)
                problems.append(replace(p, place=place, level="warning" if warning else p.level))
    return problems


def at_the_model(problems: Sequence[Problem], models: LoadedModels | None, roles: Sequence[str]) -> list[Problem]:
    """The problems, those that showed when a model was asked at the model's line, with the roles that it has."""
    return [
        _at_the_model(p, models, roles) if models is not None and isinstance(p, ModelProblem) and p.place is None else p
        for p in problems
    ]


def _at_the_model(problem: ModelProblem, models: LoadedModels, roles: Sequence[str]) -> Problem:
    found = {
        role: path
        for role in roles
        for path, model in _line(("roles", role), models.file.roles[role])
        if model.model == problem.model and (model.endpoints is not None or model.base_url == problem.base_url)
    }
    if not found:
        return problem
    who = " and ".join(f"'{role}'" for role in found)
    path = next(iter(found.values()))
    place = models.document.place((*path, _AT.get(problem.code, "model")), key=True)
    return replace(problem, message=f"the role{'s' if len(found) > 1 else ''} {who}: {problem.message}", place=place)


_AT = {"unauthorised": "api_key_env", "no-answer": "base_url", "no-usable-answer": "base_url"}
"""The key at which a problem of a model is shown."""


def check_named(named: Mapping[str, str], roles: Sequence[str]) -> Iterator[Problem]:
    """Models named in one word for roles that nobody asks: the answers a person expects would come from others."""
    for role, word in named.items():
        if role not in roles:
            place = Place(f"--{role} {printable(word, 200)}")
            hint = f"its steps ask: {', '.join(roles)}" if roles else "it asks no model"
            yield Problem("unused-role", f"no step of this pipeline asks the role '{role}'", place, hint)


def check_answering(
    loaded: LoadedPipeline, entries: Sequence[StepEntry | None], models: LoadedModels
) -> Iterator[Problem]:
    """Steps that neither the role's model nor a fallback can answer: rules that judge answers write none."""
    for i, (use, entry) in enumerate(zip(loaded.file.steps, entries, strict=True)):
        for name in entry.role_settings if entry is not None else ():
            role = use.settings.get(name)
            named = models.file.roles.get(role) if isinstance(role, str) else None
            chain = named.fallback_chain() if named is not None else []
            if not chain or any(_answers(model, use.use) for model in chain):
                continue
            can = " and ".join(sorted(provider_class(chain[0].provider).answers or ()))
            message = f"'{use.use}' asks the role '{role}', whose provider '{chain[0].provider}' answers {can} only"
            hint = f"give the role '{role}' a model, or name another role here"
            if use.use in _ALONE:
                message = f"'{use.use}' asks the role '{role}', whose provider '{chain[0].provider}' scores no texts"
                hint = f"give the role '{role}' a model of 'provider: {_ALONE[use.use]}'"
            yield loaded.document.problem("cannot-answer", message, ("steps", i, "with", name), hint=hint)


def reaches_out(models: LoadedModels | None, role: str) -> bool:
    """Whether a role's model or a fallback of it is somewhere else."""
    chain = models.file.roles[role].fallback_chain() if models is not None else []
    return any(m.provider not in builtin_providers() or provider_class(m.provider).needs_network for m in chain)


def _answers(model: Model, use: str) -> bool:
    if use in _ALONE and model.provider in builtin_providers():
        return model.provider == _ALONE[use]
    kind = provider_class(model.provider) if model.provider in builtin_providers() else None
    return kind is None or kind.answers is None or use in kind.answers


def used_roles(file: PipelineFile, entries: Sequence[StepEntry | None], models: LoadedModels) -> tuple[str, ...]:
    """The roles that steps use and the models file has. `entries` are those of the file's steps."""
    named = (
        use.settings.get(name)
        for use, entry in zip(file.steps, entries, strict=True)
        if entry is not None
        for name in entry.role_settings
    )
    return tuple(dict.fromkeys(r for r in named if isinstance(r, str) and r in models.file.roles))


def _line(path: YamlPath, model: Model) -> Iterator[tuple[YamlPath, Model]]:
    yield path, model
    for i, fallback in enumerate(model.fallbacks):
        yield from _line((*path, "fallbacks", i), fallback)


def _problems(role: str, model: Model, *, budget: bool, to_run: bool) -> list[Problem]:
    # distilabel's classes take seconds to import, and others' packages are code that nobody has asked to run yet.
    known = to_run or model.provider in builtin_providers()
    found: type[Provider] | None = provider_class(model.provider) if known else None
    if elsewhere := _weights_elsewhere(model):
        return [elsewhere]
    if model.serve is not None and model.provider != "openai":
        message = f"'serve' is for provider 'openai', as Ray Serve speaks its format, and this is '{model.provider}'"
        return [Problem("cannot-serve", message, hint="provider: openai")]
    each = model.at_each()
    problems = [p for there in each for p in (found(there).problems() if found is not None else key_problems(there))]
    if budget and (found is None or found.needs_network):
        problems = [*problems, *budget_problems(role, model)]
    return problems


def _weights_elsewhere(model: Model) -> Problem | None:
    """Weights for llama.cpp under a provider that cannot read them. A server may call its model as it likes."""
    known = is_gguf(model.model) or model.model in known_weights()
    others = model.provider in builtin_providers() and model.provider != LOCAL_PROVIDER
    if not known or not others or model.base_url is not None or model.endpoints is not None:
        return None
    message = f"'{printable(model.model, 200)}' is a GGUF, for llama.cpp: provider '{model.provider}' does not read it"
    hint = f"provider: {LOCAL_PROVIDER} runs it in this process; a server that holds it has a base_url"
    return Problem("gguf-elsewhere", message, hint=hint)


def old_prices(roles: Sequence[str], models: LoadedModels | None) -> Iterator[str]:
    """Prices that were read long ago: to be told before money is spent, and no mistake of the file, which would be
    right today and wrong in half a year."""
    if models is None:
        return
    for role in roles:
        for _, model in _line(("roles", role), models.file.roles[role]):
            price = model.price
            if price is None or not (price.input or price.output):
                continue
            days = (datetime.now(UTC).date() - price.read).days
            if days > OLD:
                yield (
                    f"the price of model '{model.model}' was read on {price.read}, {days} days ago: look at the "
                    "provider's page, and write the price with today's date"
                )
