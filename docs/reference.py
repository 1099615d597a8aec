"""The reference pages of the site, made from what the program itself reads: `--help`, the steps, the JSON schemas.

Nothing of it is checked in, so nothing of it can go stale: `docs/make_site.py` writes these pages for every build.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from bezoar_data.cli.main import app
from bezoar_data.project.schemas import schema_texts
from bezoar_data.steps.known import known_steps

FILES = {
    "pipeline": "what to make",
    "models": "which models answer",
    "card": "what a dataset is: the front matter of its README",
    "recipe": "what to train",
    "suite": "what to evaluate",
    "ablation": "which steps to leave out",
    "expectations": "what a dataset must keep to",
    "events": "what `--events` writes, a line of JSON for each",
}
OF_TRL = 30
"""A part with more keys is a class of TRL or PEFT, whose own reference says more of it."""


@cache
def pages() -> dict[str, str]:
    """Path → Markdown."""
    files = {f"reference/{name}.md": file_page(name, about) for name, about in FILES.items()}
    return {"reference/commands.md": commands_page(), "reference/steps.md": steps_page(), **files}


def commands_page() -> str:
    codes = "Exit codes: [what is promised](../promises.md#exit-codes)."
    parts = [f"# Commands\n\nWhat `bezoar-data COMMAND --help` says. {codes}"]
    for names, text in _helps(get_command(app), ("bezoar-data",)):
        parts.append(f"## {' '.join(names[1:]) or 'bezoar-data'}\n\n```text\n{text}\n```")
    return "\n\n".join(parts) + "\n"


def _helps(command: Any, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    context = Context(command, info_name=" ".join(names), max_content_width=100, terminal_width=100)
    yield names, command.get_help(context).rstrip()
    if isinstance(command, TyperGroup):
        for name in command.list_commands(context):
            yield from _helps(command.get_command(context, name), (*names, name))


def steps_page() -> str:
    others = "Steps of distilabel, and yours: [external steps](../external-steps.md)."
    parts = [f"# Steps\n\nWhat `bezoar-data steps show NAME` says. {others}"]
    for name, step in known_steps().items():
        if name.startswith("distilabel:"):
            continue
        lines = [f"## {name}", f"*{step.kind} step, version {step.version}*", _plain(step.doc)]
        lines.append("\n".join(f"- {_plain(line)}" for line in step.describe_columns()))
        if step.settings:
            rows = [
                (f"`{s.name}`", s.type, "required" if s.required else _value(s.default), s.description or "")
                for s in step.settings
            ]
            lines.append(_table(("setting", "type", "default", "what"), rows))
        if step.example:
            lines.append(f"```yaml\n{step.example.rstrip()}\n```")
        parts.append("\n\n".join(line for line in lines if line))
    return "\n\n".join(parts) + "\n"


def file_page(name: str, about: str) -> str:
    schema = json.loads(schema_texts()[f"{name}.schema.json"])
    parts = [f"# {name.capitalize()} file: {about}", _plain(schema.get("description", "")), _keys(schema)]
    for title, part in schema.get("$defs", {}).items():
        known = part.get("properties", {})
        if len(known) > OF_TRL:
            named = f"The {len(known)} settings of this class of TRL or PEFT, by its names"
            parts.append(f"## {title}\n\n{named}; its own reference explains them.")
        else:
            parts.append(f"## {title}\n\n{_plain(part.get('description', ''))}\n\n{_keys(part)}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _keys(schema: Mapping[str, Any]) -> str:
    wanted = set(schema.get("required", ()))
    rows = [
        (f"`{key}`", _type(of), "required" if key in wanted else _value(of.get("default")), of.get("description", ""))
        for key, of in schema.get("properties", {}).items()
    ]
    return _table(("key", "type", "default", "what"), rows) if rows else ""


def _type(of: Mapping[str, Any]) -> str:
    """A key's type in a few words."""
    if "$ref" in of:
        title = of["$ref"].rpartition("/")[2]
        return f"[{title}](#{title.lower()})"
    if "const" in of:
        return _value(of["const"])
    if "enum" in of:
        shown = ", ".join(_value(one) for one in of["enum"][:8])
        return shown + (", …" if len(of["enum"]) > 8 else "")
    for several in ("anyOf", "oneOf"):
        if several in of:
            return " or ".join(dict.fromkeys(_type(one) for one in of[several] if one.get("type") != "null"))
    if of.get("type") == "array":
        return f"list of {_type(of['items'])}" if of.get("items") else "list"
    if of.get("type") == "object" and isinstance(of.get("additionalProperties"), dict):
        return f"names with {_type(of['additionalProperties'])}"
    words = {"string": "text", "integer": "whole number", "object": "mapping", "boolean": "true or false"}
    kind = of.get("type", "any")
    return " or ".join(words.get(one, one) for one in ([kind] if isinstance(kind, str) else kind))


def _value(value: Any) -> str:
    return "" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def _plain(text: str) -> str:
    """Text outside of code as it stands: no link, no HTML, no Jinja."""
    signs = str.maketrans({"[": "\\[", "<": "&lt;", "{": "&#123;"})
    return "`".join(part if place % 2 else part.translate(signs) for place, part in enumerate(text.split("`")))


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"

    body = [line((*cells[:-1], _plain(cells[-1]))) for cells in rows]
    return "\n".join([line(head), line(("---",) * len(head)), *body])
