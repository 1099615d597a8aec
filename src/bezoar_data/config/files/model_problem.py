"""What is wrong with a models file as a whole, and with a model when it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.config.yaml.document import Document


@dataclass(frozen=True, slots=True)
class ModelProblem(Problem):
    """What is wrong with a model, as it shows when it is asked: there only its name and address are known."""

    model: str = ""
    base_url: str | None = None


def without_roles(document: Document) -> Iterator[Problem]:
    """Models that stand at the file's first level."""
    value = document.value
    if not isinstance(value, dict) or "roles" in value:
        return
    for name, part in value.items():
        if isinstance(part, dict) and {"provider", "model"} & set(part):
            message = f"'{printable(str(name))}' is a model, and models belong under 'roles:'"
            hint = "write 'roles:' above it, and move the models two spaces to the right"
            yield document.problem("no-roles", message, (str(name),), hint=hint, key=True)
