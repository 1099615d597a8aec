"""What checking files found, as text for a terminal, as JSON and for a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.problems import Problem
from bezoar_data.config.render import render_problems
from bezoar_data.reports.page import element, piece


@dataclass(frozen=True, slots=True)
class Validation:
    """The mistakes found in some files. True if there is no error among them; warnings are none."""

    files: tuple[Path, ...]
    problems: tuple[Problem, ...]
    unchecked: tuple[str, ...] = ()
    """What no look at the files can tell."""

    def __bool__(self) -> bool:
        return self.ok

    @property
    def ok(self) -> bool:
        return not any(p.level == "error" for p in self.problems)

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "problems": [p.as_json() for p in self.problems], "unchecked": list(self.unchecked)}

    def __str__(self) -> str:
        if self.problems:
            return render_problems(self.problems)
        said = f"{len(self.files)} pipeline{'s' if len(self.files) > 1 else ''} checked: no mistakes found"
        return "\n".join([said, *(f"not checked: {line}" for line in self.unchecked)])

    def _repr_html_(self) -> str:

        if self.problems:
            return piece(element("pre", str(self)))
        return piece(element("p", str(self), classes="good"))
