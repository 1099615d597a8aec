"""The file of prompts: what it holds, and reading it with every mistake at its place.

It is data and not code because the wording is the part of the scheme that people most want to change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bezoar_data.spec.base import Strict
from bezoar_data.spec.check import validate
from bezoar_data.spec.errors import InputError, Problem
from bezoar_data.spec.yaml_text import Document, YamlPath, load_yaml

SHIPPED = Path(__file__).parent.parent / "text" / "evol_prompts.yaml"

OPERATIONS = ("add-constraints", "deepening", "concretizing", "increase-reasoning-steps")
"""The operations in depth that the authors drew from."""
COMPLICATE = "complicate-input"
"""The one of WizardLM's paper that neither its released code nor the authors used."""

_BLANK = re.compile(r"\{(\w+)\}")


class InDepth(Strict):
    prompt: str
    operations: dict[str, str]


class PromptsFile(Strict):
    version: Literal[1]
    in_depth: InDepth
    in_breadth: str
    comparison: str
    output_labels: tuple[str, ...] = ()
    label_phrases: Annotated[tuple[str, ...], Field(min_length=1)]
    stop_words: str

    def deeper(self, instruction: str, operation: str) -> str:
        """The prompt that asks for a more complex version of an instruction."""
        return _fill(
            self.in_depth.prompt, {"operation": self.in_depth.operations[operation], "instruction": instruction}
        )

    def broader(self, instruction: str) -> str:
        """The prompt that asks for a rarer one of the same field."""
        return _fill(self.in_breadth, {"instruction": instruction})

    def compared(self, first: str, second: str) -> str:
        """The prompt that asks whether two instructions are equal."""
        return _fill(self.comparison, {"first": first, "second": second})


def load_prompts(path: Path) -> PromptsFile:
    """Read a file of prompts. Raises `InputError` with every mistake in it."""
    document = load_yaml(path)
    file = validate(document, PromptsFile)
    problems = _problems(file, document)
    if problems:
        raise InputError(problems)
    return file


def _problems(file: PromptsFile, document: Document) -> list[Problem]:
    problems = []
    wanted: tuple[tuple[YamlPath, str, set[str]], ...] = (
        (("in_depth", "prompt"), file.in_depth.prompt, {"operation", "instruction"}),
        (("in_breadth",), file.in_breadth, {"instruction"}),
        (("comparison",), file.comparison, {"first", "second"}),
    )
    for path, text, names in wanted:
        for name in sorted(names - set(_BLANK.findall(text))):
            problems.append(document.problem("bad-value", f"there is no {{{name}}} in this prompt to fill in", path))
    for operation in (*OPERATIONS, COMPLICATE):
        if operation not in file.in_depth.operations:
            message = f"there are no words for the operation '{operation}'"
            problems.append(document.problem("missing-key", message, ("in_depth", "operations")))
    return problems


def _fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its blanks filled in, all at once: braces inside of a value are the value's own."""
    return _BLANK.sub(lambda m: values.get(m[1], m[0]), text)
