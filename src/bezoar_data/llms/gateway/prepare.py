"""What models need before a run that takes long: weights fetched, while a person looks on."""

from __future__ import annotations

from collections.abc import Iterable

from bezoar_data.config.files.models import Model
from bezoar_data.llms.providers.base import builtin_class


def prepare_models(models: Iterable[Model], *, quiet: bool = False) -> None:
    """Let each model's provider do what it does once, fallbacks included. Raises `InputError`."""
    for model in models:
        for one in model.fallback_chain():
            if (kind := builtin_class(one.provider)) is not None:
                kind(one).prepare(quiet=quiet)
