"""The file of prompts: what it holds, and reading it with every mistake at its place.

It is data and not code because the wording is the part of the scheme that people most want to change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bezoar_data.config.base import Strict
from bezoar_data.config.problems import Problem
from bezoar_data.config.validation import load_checked
from bezoar_data.config.yaml.document import Document, YamlPath

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
    request_verbs: str = ""

    @cached_property
    def verbs(self) -> frozenset[str]:
        """The verbs that a request begins with; none: it is not looked whether an instruction is one."""
        return frozenset(self.request_verbs.lower().split())

    @cached_property
    def headings(self) -> tuple[str, ...]:
        """The headings of the page that are not the output's own."""
        return tuple(p for p in self.label_phrases if p.lower() not in {label.lower() for label in self.output_labels})

    def deeper(self, instruction: str, operation: str) -> str:
        """The prompt that asks for a more complex version of an instruction."""
        return _fill(
            self.in_depth.prompt, {"operation": self.in_depth.operations[operation], "instruction": instruction}
        )

    def broader(self, instruction: str) -> str:
        """The prompt that asks for a rarer one of the same field."""
        return _fill(self.in_breadth, {"instruction": instruction})

    def to_deepen(self, prompt: str) -> str | None:
        """The instruction that a prompt of `deeper` holds; None for another prompt."""
        return _blank(self.in_depth.prompt, prompt, "instruction")

    def to_broaden(self, prompt: str) -> str | None:
        """The instruction that a prompt of `broader` holds; None for another prompt."""
        return _blank(self.in_breadth, prompt, "instruction")

    def compared(self, first: str, second: str) -> str:
        """The prompt that asks whether two instructions are equal."""
        return _fill(self.comparison, {"first": first, "second": second})


def load_prompts(path: Path) -> PromptsFile:
    """Read a file of prompts. Raises `InputError` with every mistake in it."""
    return load_checked(path, PromptsFile, _problems)


def _problems(file: PromptsFile, document: Document) -> list[Problem]:
    problems = []
    wanted: tuple[tuple[YamlPath, str, set[str]], ...] = (
        (("in_depth", "prompt"), file.in_depth.prompt, {"operation", "instruction"}),
        (("in_breadth",), file.in_breadth, {"instruction"}),
        (("comparison",), file.comparison, {"first", "second"}),
    )
    for path, text, names in wanted:
        problems += [
            document.problem("bad-value", f"there is no {{{name}}} in this prompt to fill in", path)
            for name in sorted(names - set(_BLANK.findall(text)))
        ]
    for operation in (*OPERATIONS, COMPLICATE):
        if operation not in file.in_depth.operations:
            message = f"there are no words for the operation '{operation}'"
            problems.append(document.problem("missing-key", message, ("in_depth", "operations")))
    return problems


def _blank(template: str, text: str, name: str) -> str | None:
    """What stands in a template's blank in a text that was made of it; None for a text that was not."""
    found = _filled(template).fullmatch(text)
    return found[name] if found else None


@lru_cache(maxsize=16)
def _filled(template: str) -> re.Pattern[str]:
    pieces = _BLANK.split(template)  # literal, name, literal, name...
    seen: set[str] = set()
    pattern = ""
    for i, piece in enumerate(pieces):
        if i % 2 == 0:
            pattern += re.escape(piece)
        else:
            pattern += f"(?P={piece})" if piece in seen else f"(?P<{piece}>.*)"
            seen.add(piece)
    return re.compile(pattern, re.DOTALL)


def _fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its blanks filled in, all at once: braces inside of a value are the value's own."""
    return _BLANK.sub(lambda m: values.get(m[1], m[0]), text)
