"""The settings of the training libraries that a recipe may give, by the names they have there.

A recipe passes TRL's and peft's own names through, so that nobody has to learn ours. Importing those libraries takes
seconds; checking a recipe reads `trainer_settings.json` instead, which
`python -m bezoar_data.config.files.trainer_settings --write` makes from the classes of the versions that the extra
`train` installs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

FILE = Path(__file__).with_name("trainer_settings.json")

SFT, DPO, LORA, QUANTISATION = "SFTConfig", "DPOConfig", "LoraConfig", "BitsAndBytesConfig"

TAKEN: Mapping[str, str] = {
    name: why
    for why, names in {
        "each stage has a folder of its own": ("output_dir", "run_name"),
        "a run knows where it stands": ("do_train", "do_eval", "do_predict", "resume_from_checkpoint"),
        "publishing is a command of its own": (
            *("push_to_hub", "hub_token", "hub_model_id", "hub_strategy"),
            *("hub_always_push", "hub_private_repo", "hub_revision"),
        ),
        "it is said under 'base'": ("model_init_kwargs", "trust_remote_code", "revision", "base_model_name_or_path"),
        "'template' and the card's views say it": ("chat_template_path", "eos_token", "dataset_text_field"),
        "rows are prepared here, not by TRL": ("dataset_kwargs", "dataset_num_proc", "shuffle_dataset"),
        "it follows from the stage": (
            *("peft_type", "task_type", "auto_mapping", "peft_version", "inference_mode", "runtime_config"),
        ),
        "a base is trained in 4 bits or whole": ("load_in_8bit",),
        "the launcher says it": ("local_rank", "parallelism_config"),
    }.items()
    for name in names
}
"""Settings of the libraries that a recipe may not give, and why."""

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null", dict: "object"}
_DTYPES = ("bfloat16", "float16", "float32")


@cache
def trainer_settings() -> Mapping[str, Mapping[str, Any]]:
    """JSON schemas of the settings, by the name of the class that takes them."""
    classes: Mapping[str, Mapping[str, Any]] = json.loads(FILE.read_bytes())["classes"]
    return classes


@cache
def shared_settings() -> Mapping[str, Any]:
    """The schema of settings that hold for several stages: those that every trainer has, and means alike."""
    sft, dpo = trainer_settings()[SFT], trainer_settings()[DPO]
    alike = {
        name: {**schema, "description": f"{name} of TRL's SFTConfig and DPOConfig."}
        for name, schema in sft["properties"].items()
        if schema.get("type") == dpo["properties"].get(name, {}).get("type")
    }
    return {**sft, "properties": alike}


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the file of settings with the installed libraries, or write it."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="python -m bezoar_data.config.files.trainer_settings", description=main.__doc__
    )
    parser.add_argument("--write", action="store_true", help="write the file instead of comparing")
    options = parser.parse_args(arguments)
    text = _render()
    if options.write:
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.is_file() or FILE.read_text(encoding="utf-8") != text:
        sys.stderr.write(f"{FILE} is not current; run this again with --write\n")
        return 1
    return 0


def _render() -> str:
    from importlib.metadata import version

    from peft import LoraConfig
    from transformers import BitsAndBytesConfig
    from trl import DPOConfig, SFTConfig

    classes = {
        SFT: _schema("TRL's SFTConfig", _fields(SFTConfig)),
        DPO: _schema("TRL's DPOConfig", _fields(DPOConfig)),
        LORA: _schema("peft's LoraConfig", _fields(LoraConfig)),
        QUANTISATION: _schema("transformers' BitsAndBytesConfig", _parameters(BitsAndBytesConfig)),
    }
    made_from = {package: version(package) for package in ("peft", "transformers", "trl")}
    return json.dumps({"made_from": made_from, "classes": classes}, indent=1, sort_keys=True) + "\n"


def _fields(cls: type[Any]) -> Iterator[tuple[str, Any, Any]]:
    """The settings of a dataclass: name, type, default."""
    import dataclasses
    import typing

    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        made = field.default_factory
        if field.init and field.name not in TAKEN:
            yield field.name, hints[field.name], field.default if made is dataclasses.MISSING else made()


def _parameters(cls: type[Any]) -> Iterator[tuple[str, Any, Any]]:
    """The same of a class that is none. Its parameters have no types: their defaults tell them."""
    import inspect

    told: Mapping[str, Any] = {
        "bnb_4bit_quant_type": Literal["fp4", "nf4"],
        "bnb_4bit_compute_dtype": Literal[*_DTYPES, None],
        "bnb_4bit_quant_storage": Literal["uint8", *_DTYPES, None],
        "llm_int8_skip_modules": list[str] | None,
    }
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.kind is not parameter.VAR_KEYWORD and name not in TAKEN:
            yield name, told.get(name, type(parameter.default)), parameter.default


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
