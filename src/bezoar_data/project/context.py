"""What a coding agent has to know to write the files of a project, on one page: made from the schemas and the
catalogue, so that it is never older than the code."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bezoar_data._version import __version__
from bezoar_data.config.shipped import shipped_folder
from bezoar_data.llms.providers.base import builtin_providers
from bezoar_data.project.schemas import schema_texts
from bezoar_data.steps.catalogue.entry import Setting, StepEntry
from bezoar_data.steps.catalogue.registry import load_catalogue

_PAGE = Path(__file__).parent / "context.md"
_MARK = re.compile(r"<!-- ([a-z]+)(?: ([a-z]+))? -->")
_COMMON = frozenset(
    {"seed", "action", "mark", "retries", "keep_truncated", "structured", "prompts",
     "num_perm", "loops", "lines", "runs", "run_words", "least_words", "slices", "wave"}
)  # fmt: skip
"""Settings that many steps have, or that few people change: the page names them once, or not at all."""
_PLAIN = frozenset(
    {
        "add_tokens", "answers", "base_url", "batch", "carbon", "demo", "description", "end_of_turn", "eos_token",
        "extra_body", "extra_headers", "id", "local", "mode", "model", "name", "policy", "quantisation", "reasoning",
        "revision", "samples", "seed", "stages", "steps", "supports", "thinking", "training", "use", "version", "with",
    }
)  # fmt: skip
"""Keys that say themselves what they are, or that few people need."""
_FROM = re.compile(r",? from local files or (?:the Hub|a Hub dataset)")
"""What the page says of all sources at once."""
_INNER: Mapping[str, Mapping[str, str]] = {"pipeline": {"A step": "StepUse"}, "models": {"A role": "Model"}}
"""Of a kind of file, what stands in it that a person writes too."""


def context_text() -> str:
    """The page, as Markdown."""
    made = {
        "keys": _keys,
        "providers": _providers,
        "stages": _stages,
        "steps": _steps,
        "version": _version,
    }
    return _MARK.sub(lambda mark: made[mark[1]](mark[2] or ""), _PAGE.read_text("utf-8"))


def skill_text() -> str:
    """The skill (`SKILL.md`): how a coding agent works on a project."""
    return (shipped_folder() / "skills" / "bezoar-data" / "SKILL.md").read_text("utf-8")


def _version(_: str) -> str:
    return f"bezoar-data {__version__}"


def _providers(_: str) -> str:
    return f"`provider`: {', '.join(sorted(builtin_providers()))}."


def _keys(kind: str) -> str:
    """The keys of a file, and of what stands in it."""
    schema = _schema(kind)
    lines = []
    for title, part in {"": schema, **{t: schema["$defs"][name] for t, name in _INNER.get(kind, {}).items()}}.items():
        required = part.get("required", ())
        keys = [f"{k}{'*' if k in required else ''}{_short(k, f)}" for k, f in part["properties"].items()]
        lines.append((f"{title}: " if title else "") + ", ".join(keys) + ".")
    return "\n\n".join(lines)


def _stages(_: str) -> str:
    """The kinds of stages with the keys that are theirs alone."""
    stages = [d for name, d in _schema("recipe")["$defs"].items() if name.endswith("Stage")]
    common = set.intersection(*(set(stage["properties"]) for stage in stages if "card" in stage["properties"]))
    lines = []
    for stage in stages:
        own = [key for key in stage["properties"] if key not in common]
        kind = stage["properties"]["use"]["const"]
        lines.append(f"- {kind}: {_clause(stage['description'])}." + (f" [{' '.join(own)}]" if own else ""))
    return f"All take {', '.join(sorted(common))}.\n" + "\n".join(lines)


def _steps(kind: str) -> str:
    """The steps of a kind, a line for each: what it does, columns read → written, [settings]."""
    entries = [entry for entry in load_catalogue().values() if entry.kind == kind]
    shared = set.intersection(*({s.name for s in entry.settings} for entry in entries))
    lines = [_step(entry, {*shared, *_COMMON}) for entry in entries]
    all_take = sorted(shared - _COMMON - {"limit"}) if kind == "source" else []
    return "\n".join([*([f"All take {', '.join(all_take)}."] if all_take else []), *lines])


def _step(entry: StepEntry, common: Collection[str]) -> str:
    reads, writes = entry.columns({s.name: f"{{{s.name}}}" for s in entry.settings if s.required})
    flow = f"{','.join(reads)} → {','.join(writes)}".strip() if writes else ",".join(reads)
    settings = [_setting(s) for s in entry.settings if s.name not in common and not s.role]
    parts = (
        f"- {entry.use}: {_FROM.sub('', _clause(entry.summary))}.",
        flow,
        f"[{' '.join(settings)}]" if settings else "",
    )
    return " ".join(part for part in parts if part)


def _setting(setting: Setting) -> str:
    names = f"={'|'.join(setting.names)}" if setting.names else ""
    return f"{setting.name}{'*' if setting.required else ''}{names}"


@cache
def _schema(kind: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(schema_texts()[f"{kind}.schema.json"])
    return value


def _short(name: str, field: Mapping[str, Any]) -> str:
    text = _clause(str(field.get("description", ""))).partition(" (")[0]
    return f" ({text[:1].lower()}{text[1:]})" if text and name not in _PLAIN else ""


def _clause(text: str) -> str:
    """The first clause of a text; what stands between backticks is one word of it."""
    for found in re.finditer(r"[.;:](?=\s|$)", text):
        if text.count("`", 0, found.start()) % 2 == 0:
            return text[: found.start()]
    return text
