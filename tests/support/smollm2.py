"""The real small model that tests ask: SmolLM2-135M, fetched as a person's run fetches it."""

from __future__ import annotations

import fcntl
import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.files.models import Model
from bezoar_data.llms.weights import fetched, known_weights

NAME = "smollm2-135m-instruct"
needs_llamacpp = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp (extra 'local') is not installed"
)


def weights() -> Path:
    return fetched(known_weights()[NAME], quiet=True)


def smollm2(slots: int = 2, **values: Any) -> Model:
    """One thread: llama.cpp's threads wait spinning for each other, and tests run beside others."""
    sampling = {"temperature": 0, "max_tokens": 8, **values.pop("sampling", {})}
    local = {"threads": 1, "context": 512, **values.pop("local", {})}
    entry = {"provider": "llamacpp", "model": NAME, "limits": {"concurrency": slots}, **values}
    return Model.model_validate({**entry, "sampling": sampling, "local": local})


@contextmanager
def alone() -> Iterator[None]:
    """One process of all that run tests asks the model at a time."""
    with (Path(tempfile.gettempdir()) / "bezoar-tests-smollm2.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
