"""Any LLM class of distilabel as a provider: `distilabel:OpenAILLM`, `distilabel:LlamaCppLLM`...

For endpoints that distilabel has a class for and this package has not. The class does the asking; journal, limits,
budget and retries are ours, so its own retries are off. It says neither why an answer ended nor, in some
classes, how many tokens it took. Only classes that distilabel itself exports are made, never a path from a file, and
keys come from the environment.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import threading
from collections.abc import Collection, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import SecretStr, ValidationError

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.llms.keys import sending_problems
from bezoar_data.llms.providers.base import Completion, Provider, Request, key_problems, read_key
from bezoar_data.llms.providers.common.libraries import failure, quiet_libraries, words
from bezoar_data.llms.providers.common.usage import split_bill
from bezoar_data.llms.retry_policy import Refusal, Transient

MAX_TOKENS = 1024
"""Said where the models file sets no `max_tokens`: distilabel's own default is 128, and cut answers do not show."""
GENERATION = "generation_kwargs"
_ABSTRACT = frozenset({"LLM", "AsyncLLM", "MixtureOfAgentsLLM"})
"""The last takes other LLMs, which no models file can hold."""
_NEVER_ASKED = frozenset({"api_key", "api_base", "base_url", "api_version"})
"""Of the arguments of one generation: distilabel's LiteLLM takes an address there, and finds keys by itself."""
_NEVER = frozenset({"api_key", "token", "http_client", "default_headers", "jobs_ids", "use_offline_batch_generation"})
_NAMES = {
    "model": ("model", "model_id", "model_path"),
    "base_url": ("base_url", "host"),
    "revision": ("revision",),
    "extra_headers": ("default_headers",),
    "api_key_env": ("api_key", "token"),
}
"""Under which names the classes take what a models file says."""
_ADDRESSES = ("host", "endpoint", "base_url")
_ENDPOINTS = ("endpoint_namespace", "endpoint_name")
_VALUES = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "top_k": ("top_k",),
    "repetition_penalty": ("repetition_penalty",),
    "stop": ("stop", "stop_sequences"),
    "max_tokens": ("max_new_tokens", "max_tokens"),
    "seed": ("seed",),
}


class DistilabelLLM(Provider):
    """One endpoint of a distilabel class. `extra_body` holds the class's settings, `generation_kwargs` among them."""

    kind = "distilabel"
    takes_name = True

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._llms: dict[str, asyncio.Future[Any]] = {}
        self._thread: _LoopThread | None = None
        # Models in this process are not made for several threads.
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bezoar-distilabel")

    @property
    def address(self) -> str:
        return self.model.base_url or f"{self.model.provider} ({self.model.model})"

    def problems(self) -> list[Problem]:
        classes, name = _classes(), _name(self.model)
        if name not in classes:
            message = (
                f"distilabel has no LLM class '{name}'" if name else "provider 'distilabel' needs the name of a class"
            )
            hint = did_you_mean(name, sorted(classes)) if name else "as in distilabel:OpenAILLM"
            return [Problem("unknown-class", message, hint=hint)]
        return [*_key_problems(self.model, classes[name]), *_setting_problems(self.model, classes[name])]

    async def open(self) -> None:
        quiet_libraries()
        await self._llm(self.model)

    async def close(self) -> None:
        for made in self._llms.values():
            if made.done() and not made.cancelled() and made.exception() is None:
                await asyncio.to_thread(made.result().unload)
        self._llms.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._thread is not None:
            self._thread.end()
            self._thread = None

    async def complete(self, request: Request) -> Sequence[Completion]:
        llm = await self._llm(request.model)
        values = _generation(request, llm)
        messages = [dict(m) for m in request.messages]
        try:
            if hasattr(llm, "agenerate"):
                n = request.n if "num_generations" in _parameters(type(llm)) else 1
                more = {"num_generations": n} if n > 1 else {}
                output = await self._on_loop(llm.agenerate(input=messages, **more, **values))
            else:
                n = request.n
                work = asyncio.get_running_loop().run_in_executor(
                    self._pool, lambda: llm.generate(inputs=[messages], num_generations=n, **values)
                )
                output = (await work)[0]
        except TypeError as error:
            raise Refusal(422, words(error)) from None
        except Exception as error:
            if _is_validation(error):
                raise Refusal(422, _validation(error)) from None
            raise failure(error) from None
        return _completions(output, n, _limit(values))

    async def _on_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Await on a loop of their own: a class that blocks its loop would hold up everything else on ours."""
        if self._thread is None:
            self._thread = _LoopThread()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._thread.loop))

    async def _llm(self, model: Model) -> Any:
        """The loaded LLM. Roles that share this object may differ in its settings."""
        name = json.dumps([model.provider, model.revision, _settings(model)], sort_keys=True, default=str)
        made = self._llms.get(name)
        if made is None:
            made = self._llms[name] = asyncio.ensure_future(asyncio.to_thread(_load, model))
        return await asyncio.shield(made)


class _LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="bezoar-distilabel-loop", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


def _classes() -> dict[str, Any]:
    """The LLM classes that distilabel exports, by name."""
    from distilabel.models import llms

    found = ((name, getattr(llms, name)) for name in llms.__all__ if name not in _ABSTRACT)
    return {name: made for name, made in found if inspect.isclass(made) and issubclass(made, llms.LLM)}


def _load(model: Model) -> Any:
    """Make and load the class. Raises `InputError` when that does not go."""
    cls = _classes()[_name(model)]
    try:
        llm = cls(**_arguments(model, cls))
        llm.load()
    except ImportError as error:
        message = f"provider '{model.provider}' cannot be loaded: {words(error)}"
        raise InputError(Problem("provider-not-installed", message, hint="install what it needs")) from None
    except Exception as error:
        told = _validation(error) if _is_validation(error) else words(error)
        message = f"provider '{model.provider}' does not accept the entry of model '{model.model}': {told}"
        hint = f"extra_body holds the settings of distilabel's {_name(model)}"
        raise InputError(Problem("bad-setting", message, hint=hint)) from None
    return llm


def _arguments(model: Model, cls: Any) -> dict[str, Any]:
    fields = cls.model_fields
    arguments = _settings(model)
    for said in ("model", "base_url", "revision", "extra_headers"):
        if (value := getattr(model, said)) and (name := _first(_NAMES[said], fields)):
            arguments.setdefault(name, value)
    if model.api_key_env and (name := _first(_NAMES["api_key_env"], fields)):
        arguments[name] = SecretStr(read_key(model, _recipient(model, cls), _own_variables(model, cls)) or "")
    if "max_retries" in fields:
        arguments.setdefault("max_retries", 0)  # the endpoint retries; two of that would multiply
    if "timeout" in fields:
        arguments.setdefault("timeout", int(model.limits.timeout) + 5)
    if "model_kwargs" in fields:
        arguments["model_kwargs"] = {"use_safetensors": True, **(arguments.get("model_kwargs") or {})}
    return arguments


def _key_problems(model: Model, cls: Any) -> list[Problem]:
    """What is wrong with the key, also with one that the class finds in the environment by itself."""
    to = _recipient(model, cls)
    if model.api_key_env is None and not to.startswith(model.provider):
        return [p for v in _variable_of(cls) if os.environ.get(v) for p in sending_problems(v, to)]
    return key_problems(model, to, _own_variables(model, cls))


def _recipient(model: Model, cls: Any) -> str:
    """Where the key goes: an address, else what the class knows, with the endpoint that it is to look up there."""
    said = {"base_url": model.base_url, **_settings(model)}
    address = next((said[name] for name in _ADDRESSES if isinstance(said.get(name), str)), None)
    endpoint = "/".join(str(said[name]) for name in _ENDPOINTS if said.get(name))
    return address or (f"{model.provider}/{endpoint}" if endpoint else model.provider)


def _variable_of(cls: Any) -> tuple[str, ...]:
    """The variable in which a class looks for its key."""
    own = cls.__private_attributes__.get("_api_key_env_var")
    return (own.default,) if own is not None and isinstance(own.default, str) else ()


def _own_variables(model: Model, cls: Any) -> tuple[str, ...]:
    return _variable_of(cls) if _recipient(model, cls) == model.provider else ()


def _settings(model: Model) -> dict[str, Any]:
    return {name: value for name, value in model.extra_body.items() if name != GENERATION}


def _generation(request: Request, llm: Any) -> dict[str, Any]:
    """The arguments of one generation: the models file's sampling values by the names the class knows."""
    known, values = _parameters(type(llm)), request.sampling
    given = dict(request.model.extra_body.get(GENERATION) or {})
    sampling = {**values.model_dump(exclude_none=True), "seed": request.sample_seed}
    sampling["stop"] = list(values.stop) or None
    sampling["max_tokens"] = values.max_tokens or MAX_TOKENS
    for name, value in sampling.items():
        if value is not None and (under := _first(_VALUES[name], known)):
            given.setdefault(under, value)
    if request.sample_seed is not None and "seed" not in known and "extra_body" in known:
        given["extra_body"] = {"seed": request.sample_seed, **(given.get("extra_body") or {})}
    return given


def _parameters(cls: Any) -> Mapping[str, Any]:
    return inspect.signature(cls.agenerate if hasattr(cls, "agenerate") else cls.generate).parameters


def _limit(values: Mapping[str, Any]) -> int | None:
    name = _first(_VALUES["max_tokens"], values)
    return None if name is None else values[name]


def _completions(output: Any, n: int, most: int | None) -> list[Completion]:
    texts = output.get("generations") if isinstance(output, dict) else None
    if not isinstance(texts, list) or not texts or not isinstance(texts[0], str):
        raise Transient("garbage", "the model gave no text")
    texts = [text for text in texts[:n] if isinstance(text, str)]
    counts = output.get("statistics") or {}
    prompts, answers = counts.get("input_tokens") or [], counts.get("output_tokens") or []
    shares = split_bill((sum(prompts), sum(answers)) if prompts and answers else None, len(texts))
    extra = {"logprobs": output["logprobs"]} if output.get("logprobs") else {}
    own = answers if len(answers) == len(texts) else [None] * len(texts)
    return [
        Completion(
            text,
            # Nobody says why it ended; one as long as it may be was cut.
            "length" if most is not None and used is not None and used >= most else "stop",
            prompt,
            answer if used is None else used,
            extra=extra,
        )
        for text, used, (prompt, answer) in zip(texts, own, shares, strict=True)
    ]


def _setting_problems(model: Model, cls: Any) -> list[Problem]:
    return [
        *_body_problems(model, cls.model_fields),
        *_generation_problems(model, _parameters(cls)),
        *_unsupported(model, cls.model_fields, _parameters(cls)),
    ]


def _body_problems(model: Model, fields: Mapping[str, Any]) -> list[Problem]:
    who, name, found = f"model '{model.model}'", _name(model), []
    for setting in model.extra_body:
        if setting in _NEVER:
            message = f"extra_body of {who} may not set '{setting}'"
            found.append(Problem("extra-body-taken", message, hint="a key's variable is named in api_key_env"))
        elif setting not in fields:
            message = f"extra_body of {who}: distilabel's {name} has no '{setting}'"
            found.append(Problem("unknown-setting", message, hint=did_you_mean(setting, sorted(fields))))
    if name == "LiteLLM" and "://" in model.model:
        message = f"{who} has an address in its name, to which litellm would take keys of the environment"
        found.append(Problem("extra-body-taken", message, hint="provider: litellm asks first"))
    if _says(model.extra_body, "trust_remote_code"):
        message = f"extra_body of {who} asks for trust_remote_code"
        found.append(Problem("remote-code", message, hint="code from a model's repository is not run here"))
    return found


def _generation_problems(model: Model, known: Collection[str]) -> list[Problem]:
    who, name = f"model '{model.model}'", _name(model)
    generation = model.extra_body.get(GENERATION) or {}
    if not isinstance(generation, dict):
        return [Problem("bad-setting", f"generation_kwargs of {who} is not a mapping", hint="write names and values")]
    message = f"generation_kwargs of {who}: distilabel's {name} has no "
    taken = [
        Problem("extra-body-taken", f"generation_kwargs of {who} may not set '{setting}'", hint="leave it out")
        for setting in sorted(_NEVER_ASKED & set(generation))
    ]
    return taken + [
        Problem("unknown-setting", f"{message}'{setting}'", hint=did_you_mean(setting, sorted(known)))
        for setting in generation
        if setting not in known
    ]


def _unsupported(model: Model, fields: Mapping[str, Any], known: Collection[str]) -> list[Problem]:
    who, name, found = f"model '{model.model}'", _name(model), []
    for said, names in _NAMES.items():
        if getattr(model, said) and not _first(names, fields):
            message = f"{who} has a '{said}', which distilabel's {name} does not support"
            found.append(Problem("unsupported-value", message, hint="leave it out"))
    for said, names in _VALUES.items():
        asked = getattr(model.sampling, said) not in (None, ())
        if asked and said not in ("seed", "max_tokens") and not _first(names, known):
            message = f"{who} has sampling.{said}, which distilabel's {name} does not support"
            hint = "leave it out, or say it in extra_body.generation_kwargs as the class expects it"
            found.append(Problem("unsupported-value", message, hint=hint))
    return found


def _says(value: Any, word: str) -> bool:
    """Whether a setting of this name is on anywhere inside."""
    if isinstance(value, dict):
        return bool(value.get(word)) or any(_says(inner, word) for inner in value.values())
    return isinstance(value, list) and any(_says(inner, word) for inner in value)


def _name(model: Model) -> str:
    return model.provider.partition(":")[2]


def _first(names: Sequence[str], known: Any) -> str | None:
    return next((name for name in names if name in known), None)


def _is_validation(error: Exception) -> bool:
    return isinstance(error, ValidationError)


def _validation(error: Any) -> str:
    """pydantic's errors without the values they are about: one of them may be a key."""
    told = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in told)
