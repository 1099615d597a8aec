"""One small question to a model, outside journal and budget: does it answer, and if not, what does its server have?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.llms.endpoint.usage import cost_of
from bezoar_data.llms.providers.base import Completion, Provider, ProviderError, Request, provider_class
from bezoar_data.llms.providers.common.received import received
from bezoar_data.llms.redact import redact, register_environment
from bezoar_data.llms.refusals import REFUSALS
from bezoar_data.llms.retry_policy import Refusal

QUESTION = ({"role": "user", "content": "Reply with the one word: ready"},)
PATIENCE = 60.0
"""Seconds for one small answer. A model on this machine is loaded first, which counts too."""


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """What a model said to the question, or why it said nothing. `seconds` is how long that took, `cost` US dollars
    (None: no price, or no bill), `known` the ids that its server lists where it did not know this one."""

    model: Model
    problems: tuple[Problem, ...] = ()
    answer: str | None = None
    seconds: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    known: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


def check_models(models: Sequence[Model]) -> list[ModelCheck]:
    """Ask each model once, all at the same time. A model that does not answer is a finding, not an error."""

    register_environment()

    async def all_of_them() -> list[ModelCheck]:
        return await asyncio.gather(*(_check(model) for model in models))

    return asyncio.run(all_of_them())


async def _check(model: Model) -> ModelCheck:
    try:
        provider = provider_class(model.provider)(model)
        problems = provider.problems()
    except InputError as error:
        return ModelCheck(model, error.problems)
    if problems:
        return ModelCheck(model, tuple(problems))
    try:
        await asyncio.to_thread(provider.prepare)
    except InputError as error:
        return ModelCheck(model, error.problems)
    if provider.rules:
        return ModelCheck(model, (), "rules, no model: there is nothing to ask")
    began = time.monotonic()
    try:
        completion = await asyncio.wait_for(_ask(provider), min(PATIENCE, model.limits.timeout))
    except TimeoutError:
        why = f"{provider.address} did not answer within {min(PATIENCE, model.limits.timeout):g} seconds"
        return ModelCheck(model, (Problem("no-answer", why),), seconds=time.monotonic() - began)
    except ProviderError as error:
        known = await provider.known() if isinstance(error, Refusal) else ()
        hint = did_you_mean(model.model, known) if known and model.model not in known else ""
        problem = Problem("no-answer", redact(f"{provider.address}: {error}"), hint=hint)
        return ModelCheck(model, (problem,), seconds=time.monotonic() - began, known=known)
    except InputError as error:
        return ModelCheck(model, error.problems, seconds=time.monotonic() - began)
    if completion.error is not None:
        rule = REFUSALS[completion.error]
        why = redact(f"{provider.address} answered, but {rule.means} ({completion.detail})")
        problem = Problem("no-answer", why, hint=rule.remedy)
        return ModelCheck(model, (problem,), seconds=time.monotonic() - began)
    prompt, said = completion.prompt_tokens, completion.completion_tokens
    cost = None if prompt is None or said is None else cost_of(model.price, prompt, said)
    return ModelCheck(model, (), completion.text.strip(), time.monotonic() - began, prompt, said, cost)


async def _ask(provider: Provider) -> Completion:
    request = Request(provider.model, QUESTION)
    await provider.open()
    try:
        while True:
            try:
                return received(await provider.complete(request))[0]
            except Refusal as refusal:
                # As a run does: without what the endpoint does not take.
                if provider.adapt(refusal, request) is None:
                    raise
    finally:
        await provider.close()
