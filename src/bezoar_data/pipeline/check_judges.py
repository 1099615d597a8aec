"""Whether judges are called after the models that they are: their columns carry the name into the data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bezoar_data.config.files.models import LoadedModels
from bezoar_data.config.files.pipeline import LoadedPipeline
from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.steps.catalogue import StepEntry

FAMILIES = (
    "chatgpt", "claude", "command", "deepseek", "falcon", "gemini", "gemma", "glm", "gpt", "granite", "grok", "kimi",
    "llama", "mistral", "mixtral", "nemotron", "olmo", "palm", "phi", "prometheus", "qwen", "smollm", "vicuna", 
    "zephyr",
)  # fmt: skip
"""What models are called that people have judge."""

_NAMED = re.compile(rf"(?P<family>{'|'.join(FAMILIES)})(?:_?(?P<version>\d+)|_|$)")


def check_judge_names(
    loaded: LoadedPipeline, entries: Sequence[StepEntry | None], models: LoadedModels
) -> Iterator[Problem]:
    """A warning for each judge that is called after a model and asks none of that name: `as: gpt4` with another."""
    for i, (use, entry) in enumerate(zip(loaded.file.steps, entries, strict=True)):
        name = use.settings.get("as")
        if entry is None or not use.use.startswith("judge.") or not isinstance(name, str):
            continue
        named = _NAMED.match(name)
        if named is None:
            continue
        roles = [use.settings.get(setting) for setting in entry.role_settings]
        asked = [models.file.roles[role] for role in roles if isinstance(role, str) and role in models.file.roles]
        ids = [model.model for first in asked for model in first.fallback_chain()]
        wanted = named["family"] + (named["version"] or "")
        if ids and not any(wanted in re.sub(r"[^a-z0-9]", "", one.lower()) for one in ids):
            message = f"the judge is called '{printable(name, 60)}', but '{printable(ids[0], 100)}' judges"
            hint = "leave `as` out: its columns are then called after the role, whichever model judges"
            found = loaded.document.problem("judge-misnamed", message, ("steps", i, "with", "as"), hint=hint)
            yield replace(found, level="warning")
