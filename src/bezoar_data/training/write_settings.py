"""Writes `config/files/trainer_settings.json`: what the training libraries take, read from their classes.

    python -m bezoar_data.training.write_settings [--write]

The trainers are those that the kinds of stages name, in the versions that the extra `train` installs.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from importlib.metadata import version
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from bezoar_data.config.files.recipe import TrainingStage
from bezoar_data.config.files.trainer_settings import FILE, LORA, QUANTISATION, TAKEN
from bezoar_data.config.generated import keep_current, parser
from bezoar_data.training.stages.registry import stage_configs

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null", dict: "object"}
_DTYPES = ("bfloat16", "float16", "float32")


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the file of settings with the installed libraries, or write it."""
    options = parser("bezoar_data.training.write_settings", main.__doc__).parse_args(arguments)
    return keep_current(FILE, _render(), write=options.write)


def _render() -> str:
    import trl
    from peft import LoraConfig
    from transformers import BitsAndBytesConfig

    trainers = [stage.trainer for stage in stage_configs() if issubclass(stage, TrainingStage)]
    classes = {name: _schema(f"TRL's {name}", _fields(getattr(trl, name))) for name in trainers}
    classes[LORA] = _schema("peft's LoraConfig", _fields(LoraConfig))
    classes[QUANTISATION] = _schema("transformers' BitsAndBytesConfig", _parameters(BitsAndBytesConfig))
    made_from = {package: version(package) for package in ("peft", "transformers", "trl")}
    return json.dumps({"made_from": made_from, "classes": classes}, indent=1, sort_keys=True) + "\n"


def _fields(cls: type[Any]) -> Iterator[tuple[str, Any, Any]]:
    """The settings of a dataclass: name, type, default."""
    hints = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        made = field.default_factory
        if field.init and field.name not in TAKEN:
            yield field.name, hints[field.name], field.default if made is dataclasses.MISSING else made()


def _parameters(cls: type[Any]) -> Iterator[tuple[str, Any, Any]]:
    """The same of a class that is none. Its parameters have no types: their defaults tell them."""
    types: Mapping[str, Any] = {
        "bnb_4bit_quant_type": Literal["fp4", "nf4"],
        "bnb_4bit_compute_dtype": Literal[*_DTYPES, None],
        "bnb_4bit_quant_storage": Literal["uint8", *_DTYPES, None],
        "llm_int8_skip_modules": list[str] | None,
    }
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.kind is not parameter.VAR_KEYWORD and name not in TAKEN:
            yield name, types.get(name, type(parameter.default)), parameter.default


def _schema(owner: str, fields: Iterator[tuple[str, Any, Any]]) -> dict[str, Any]:
    properties = {}
    for name, kind, default in fields:
        default = default.value if isinstance(default, Enum) else default
        plain = isinstance(default, str | int | float | list | dict | None)
        about = f"{name} of {owner}."
        properties[name] = {**_json(kind), "description": about, **({"default": default} if plain else {})}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _json(kind: Any) -> dict[str, Any]:
    """A Python type as JSON schema; `{}` where it says nothing that a file could get wrong."""
    if kind in _TYPES:
        return {"type": _TYPES[kind]}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        # A value such as 'niter_[number]' stands for many.
        return {"type": "string"} if any("[" in str(a) for a in arguments) else {"enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _json(arguments[0])}
    if origin is dict:
        return {"type": "object"}
    if origin is Union or type(kind).__name__ == "UnionType":
        return _any_of(arguments)
    return {"type": "object"} if hasattr(kind, "__dataclass_fields__") else {}


def _any_of(kinds: Sequence[Any]) -> dict[str, Any]:
    if any(isinstance(k, type) and issubclass(k, Enum) for k in kinds):
        kinds = [k for k in kinds if k is not str]  # the text is one of the enumerated
    parts = list(map(_json, kinds))
    if {} in parts:
        return {}
    types = [part["type"] for part in parts if list(part) == ["type"]]
    others = [part for part in parts if list(part) != ["type"]]
    if not others:
        return {"type": list(dict.fromkeys(types))}
    simple = [{"type": kind} for kind in dict.fromkeys(types)]
    return {"anyOf": [*others, *simple]} if simple or len(others) > 1 else others[0]


if __name__ == "__main__":
    raise SystemExit(main())
