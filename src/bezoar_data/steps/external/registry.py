"""External steps by the names pipeline files use, without importing them or distilabel.

distilabel's stand in `distilabel.json`, made from its classes (`describe`). Of a step of a module no more
is known before a run imports it than its text says (`source_text`): where that says nothing, what it takes is not
checked, and what it writes is what the file says under `writes:`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.settings_validation import type_name
from bezoar_data.steps.catalogue.entry import Setting
from bezoar_data.steps.external.entry import ADAPTERS, KINDS, PREFIX, ExternalEntry, Variant
from bezoar_data.steps.external.refused import REFUSED, TRUSTS
from bezoar_data.steps.external.summaries import EXAMPLES, SETTINGS, SUMMARIES

FILE = Path(__file__).parent / "distilabel.json"
FORMAT = 1
PARTS = ("when", "reads", "may_read", "writes", "may_write")


@cache
def distilabel_steps() -> Mapping[str, ExternalEntry]:
    """distilabel's steps that can be used, by the name pipeline files use."""
    content = json.loads(FILE.read_bytes())
    if content["format"] != FORMAT:
        raise ValueError(f"{FILE} has format {content['format']}, this version reads {FORMAT}")
    steps, shared = content["steps"], content["shared"]
    return MappingProxyType({f"{PREFIX}{name}": _entry(name, value, shared) for name, value in steps.items()})


def unknown_distilabel_step(use: str) -> Problem:
    """What is wrong with the name of a step of distilabel's that is not in the catalogue."""
    reason = REFUSED.get(use.removeprefix(PREFIX))
    if reason is not None:
        return Problem("refused-step", f"'{use}' cannot be used here: {reason.why}", hint=reason.instead)
    hint = did_you_mean(use, [*distilabel_steps(), *(f"{PREFIX}{name}" for name in REFUSED)])
    return Problem("unknown-step", f"distilabel has no step '{use.removeprefix(PREFIX)}'", hint=hint)


def module_step(use: str, settings: Mapping[str, Any], *, starts: bool) -> ExternalEntry:
    """A step of a module as it is written in a file: nothing of it is imported, so next to nothing is known."""
    asks = isinstance(settings.get("model"), str)
    roles = (Setting("model", "llm", "role", "", False, role=True),) if asks else ()
    way = "source" if starts else "task" if asks else "row"
    return _made(use, way, summary="A step of a module.", settings=roles, seen=False)


def _entry(name: str, value: Mapping[str, Any], shared: Mapping[str, Any]) -> ExternalEntry:
    roles = value.get("roles", ())
    common = {k: v for k, v in shared.items() if k in value.get("shares", ())}
    properties = {**{r: {"type": "string", "minLength": 1} for r in roles}, **value["settings"], **common}
    required = [*roles, *value.get("required", ())]
    settings = tuple(
        Setting(
            s,
            "llm" if s in roles else s,
            "role" if s in roles else type_name(schema),
            SETTINGS.get(s, "") if s in roles or s in common else "",
            s in required,
            schema.get("default"),
            role=s in roles,
        )
        for s, schema in properties.items()
    )
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    if "$defs" in value:
        schema["$defs"] = value["$defs"]
    variants = tuple(
        Variant(v.get("when", {}), *(tuple(v.get(part, ())) for part in PARTS[1:])) for v in value["columns"]
    )
    return _made(
        f"{PREFIX}{name}",
        value["way"],
        summary=SUMMARIES[name],
        settings=settings,
        schema=schema,
        variants=variants,
        removes=tuple(value.get("removes", ())),
        trusts=name in TRUSTS,
        example=_example(name, settings, variants),
    )


def _made(use: str, way: str, *, summary: str, schema: Mapping[str, Any] | None = None, **more: Any) -> ExternalEntry:
    first = next(iter(more.get("variants", ())), Variant({}))
    return ExternalEntry(
        use=use,
        target=ADAPTERS[way],
        kind=KINDS[way],
        version=1,
        summary=summary,
        doc=summary,
        reads=first.reads,
        writes=first.writes,
        optional_writes=first.may_write,
        schema=schema or {},
        way=way,
        **more,
    )


def _example(name: str, settings: Sequence[Setting], variants: Sequence[Variant]) -> str:
    required = ", ".join(f"{s.name}: {'teacher' if s.role else 2}" for s in settings if s.required)
    given = EXAMPLES.get(name, required)
    reads = variants[0].reads[:1] if variants else ()
    columns = "".join(f"\n  columns: {{{c}: my_{c}}}" for c in reads if "{" not in c)
    return f"- use: {PREFIX}{name}" + (f"\n  with: {{{given}}}" if given else "") + f"{columns}\n"
