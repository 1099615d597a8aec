"""`--set` on the command line: values of a pipeline file replaced for one run, checked as if they stood in the file.

`steps.<id>.<setting>=value` replaces a setting of a step (what stands under its `with:`), also inside a setting that
is itself a mapping; `seed`, `tolerate`, `max_cost`, `max_file_size`, `splits` and `splits.<name>` replace those of the
pipeline. The value is read as YAML, so that numbers and lists are what they look like.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.step_graph import written_steps
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.sanitize import looks_like_key, printable
from bezoar_data.config.yaml.document import Document, YamlPath, parse_yaml

_TOP = ("seed", "tolerate", "max_cost", "max_file_size", "splits")
_ELSEWHERE = {
    "models": "use --models FILE to name the models",
    "name": "write it in the file",
    "version": "write it in the file",
    "card": "write it in the file",
    "description": "write it in the file",
}


def apply_overrides(
    document: Document, overrides: Sequence[str]
) -> tuple[Document, frozenset[YamlPath], list[Problem]]:
    """The document with the overrides in place, the paths they replaced, and what was wrong with them.

    Of two overrides of one value the later wins.
    """
    if not overrides or not isinstance(document.value, dict):
        return document, frozenset(), []
    value = json.loads(json.dumps(document.value))
    places: dict[YamlPath, Place] = {}
    problems: list[Problem] = []
    for text in overrides:
        place = Place(f"--set {printable(text, 200)}")
        try:
            path, new = _parse(text, place, value)
            _put(value, path, new, place)
        except InputError as error:
            problems += error.problems
            continue
        places = {known: p for known, p in places.items() if known[: len(path)] != path}
        places[path] = place
    return document.with_value(value, places), frozenset(places), problems


def _parse(text: str, place: Place, value: Any) -> tuple[YamlPath, Any]:
    """The path and the value that one override sets."""
    name, equals, written = text.partition("=")
    parts = name.strip().split(".")
    if not equals or not all(parts):
        raise _wrong("bad-override", "this should be NAME=VALUE", place, "for example steps.load_flan.path=data.tsv")
    return _path(parts, place, value), _value(written, place)


def _path(parts: list[str], place: Place, value: Any) -> YamlPath:
    top = parts[0]
    if top == "steps":
        return _step_path(parts, place, value)
    if top in _TOP and len(parts) <= (2 if top == "splits" else 1):
        return tuple(parts)
    if top in _ELSEWHERE:
        raise _wrong("bad-override", f"'{top}' cannot be set here", place, _ELSEWHERE[top])
    hint = did_you_mean(top, ("steps", *_TOP))
    if not hint.startswith("did you mean"):
        hint = "known: steps.<id>.<setting>, splits.<name>, " + ", ".join(_TOP)
    raise _wrong("unknown-key", f"'{printable('.'.join(parts))}' cannot be set", place, hint)


def _step_path(parts: list[str], place: Place, value: Any) -> YamlPath:
    ids = {step.id: step.index for step in reversed(written_steps(value)) if step.id is not None}
    if len(parts) < 3:
        raise _wrong(
            "bad-override", "a setting of a step is steps.<id>.<setting>", place, f"known ids: {', '.join(ids)}"
        )
    if parts[1] not in ids:
        message = f"there is no step with the id '{printable(parts[1])}'"
        raise _wrong("unknown-step", message, place, did_you_mean(parts[1], list(ids)))
    if parts[2] == "with":
        hint = f"write steps.{printable(parts[1])}.{printable('.'.join(parts[3:]) or '<setting>')}"
        raise _wrong("bad-override", "'with' is left out here", place, hint)
    return ("steps", ids[parts[1]], "with", *parts[2:])


def _value(written: str, place: Place) -> Any:
    if not written.strip():
        raise _wrong("bad-override", "there is no value after '='", place, "write '' for an empty text, null for none")
    try:
        return parse_yaml(written, place.file).value
    except InputError as error:
        # Lines and columns of the value alone would mislead: the option as a whole is the place.
        raise InputError([Problem(p.code, p.message, place, p.hint) for p in error.problems]) from None


def _put(value: Any, path: YamlPath, new: Any, place: Place) -> None:
    """Set `new` at `path`, making mappings on the way. What is not a mapping there is left for the file's own check."""
    for part in path[:-1]:
        if isinstance(part, int):
            value = value[part]
            continue
        if value.get(part) is None:
            value[part] = {}
        if not isinstance(value[part], dict | list):
            message = f"'{printable(part)}' holds no keys that could be set"
            raise _wrong("bad-override", message, place)
        value = value[part]
    if not isinstance(value, dict):
        raise _wrong("bad-override", "only keys of a mapping can be set, not entries of a list", place)
    value[str(path[-1])] = new


def _wrong(code: str, message: str, place: Place, hint: str = "") -> InputError:
    return InputError(Problem(code, message, place, hint, secret=looks_like_key(place.file)))
