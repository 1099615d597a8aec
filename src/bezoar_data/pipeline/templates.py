"""Templates in a step's settings: each variable must be a column that the step puts into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.sanitize import printable
from bezoar_data.config.yaml import Document
from bezoar_data.steps.catalogue import StepEntry

TEMPLATE, COLUMNS = "template", "columns"
"""How distilabel's tasks call a prompt's template and the columns it is filled with."""


def check_template(document: Document, i: int, entry: StepEntry, settings: Mapping[str, Any]) -> Iterator[Problem]:
    """A template that cannot be read, or names what no column fills: that place would silently stay empty."""
    filled = entry.setting(COLUMNS)
    template = settings.get(TEMPLATE)
    if entry.setting(TEMPLATE) is None or filled is None or not isinstance(template, str):
        return
    from jinja2 import TemplateSyntaxError, meta
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    path = ("steps", i, "with", TEMPLATE)
    try:
        named = meta.find_undeclared_variables(ImmutableSandboxedEnvironment().parse(template))
    except TemplateSyntaxError as error:
        why = printable(str(error.message), 200)
        yield document.problem("bad-template", f"the template cannot be read: {why}", path)
        return
    given = settings.get(COLUMNS, filled.default)
    columns = [given] if isinstance(given, str) else list(given or ())
    for name in sorted(named - set(columns)):
        hint = did_you_mean(name, columns) + f"; '{COLUMNS}' says which columns fill it"
        message = f"the template names '{printable(name)}', which is none of its columns"
        yield document.problem("missing-column", message, path, hint=hint)
