"""A new project: a pipeline, models, a card, a recipe, a step of one's own with its test, ready to run offline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bezoar_data.config.shipped import shipped_folder
from bezoar_data.project.copying import schema_files
from bezoar_data.project.files import NewFile

_TEMPLATE = Path(__file__).parent / "template"
_NAMES = {"gitignore": ".gitignore"}
"""Files that a tool would act on if they lay in the package under their names."""
TAKEN = (
    *(f"pipelines/models/{name}.yaml" for name in ("offline", "openai", "anthropic", "ollama", "vllm")),
    "pipelines/answers/offline.jsonl",
    "recipes/templates/alpaca-modified.jinja",
)
"""Shipped files that a new project has too."""


def project_files() -> list[NewFile]:
    """The files of a new project, sorted by path."""
    files = [*_from_template(), *_taken(), *schema_files()]
    return sorted((NewFile(f.path, f.content) for f in files), key=lambda f: f.path)


def _from_template() -> Iterator[NewFile]:
    for path in _TEMPLATE.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            relative = path.relative_to(_TEMPLATE)
            yield NewFile(relative.with_name(_NAMES.get(relative.name, relative.name)), path.read_bytes())


def _taken() -> Iterator[NewFile]:
    for place in TAKEN:
        yield NewFile(Path(place), (shipped_folder() / place).read_bytes())
