"""Models that a run serves itself, by Ray Serve's own LLM app: vLLM behind an address that speaks OpenAI's format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem
from bezoar_data.llms.redact import redact

_NAME = "bezoar-data"
_HERE = ("localhost", "127.0.0.1", "::1")


@contextmanager
def serving(models: Iterable[Model]) -> Iterator[None]:
    """Serve those of the models that say so, until the end. Returns once they answer; raises `InputError`."""
    wanted = {one.model: one for model in models for one in model.fallback_chain() if one.serve is not None}
    if not wanted:
        yield
        return
    serve = _start(list(wanted.values()))
    try:
        yield
    finally:
        serve.delete(_NAME)


def llm_config(model: Model) -> dict[str, Any]:
    """A model as Ray's `LLMConfig` has it."""
    how = model.serve
    assert how is not None  # noqa: S101
    engine: dict[str, Any] = {"tensor_parallel_size": how.gpus}
    return {
        "model_loading_config": {"model_id": model.model, "model_source": how.model or model.model},
        "deployment_config": {"num_replicas": how.replicas},
        "engine_kwargs": engine | ({"revision": model.revision} if model.revision else {}),
    }


def _start(models: list[Model]) -> Any:
    addresses = {str(model.base_url) for model in models}
    if len(addresses) > 1:
        hint = "one address serves all of them: give them the same base_url"
        raise InputError(Problem("served-at", f"models are to be served at {', '.join(sorted(addresses))}", hint=hint))
    try:
        import vllm  # noqa: F401
        from ray import serve
        from ray.serve.llm import LLMConfig, build_openai_app
    except ImportError as error:
        hint = 'pip install "ray[llm]" on each node; or serve it yourself (vllm serve MODEL) and name its base_url'
        raise InputError(Problem("no-serve", f"`serve:` needs Ray Serve with vLLM: {error}", hint=hint)) from None
    where = urlsplit(addresses.pop())
    host = "127.0.0.1" if where.hostname in _HERE else "0.0.0.0"  # noqa: S104 (workers elsewhere ask it)
    try:
        serve.start(http_options={"host": host, "port": where.port or 8000})
        app = build_openai_app({"llm_configs": [LLMConfig(**llm_config(model)) for model in models]})
        serve.run(app, name=_NAME)
    except Exception as error:  # Ray, vLLM and the Hub raise their own
        said = redact(f"{type(error).__name__}: {error}").partition("\n")[0]
        hint = "`serve status` and the logs of Ray tell more; are there as many GPUs as replicas need?"
        raise InputError(Problem("serve-failed", f"Ray Serve cannot serve the models: {said}", hint=hint)) from None
    return serve
