"""What of a lock tells the way of a row: the steps, which of them read a source, how long answers might be.

The whole lock (`runs.lock`) is checked key by key when it is read, by libraries that take longer to load than a row
takes to be found. Who only follows rows reads these few keys, which every format of the lock has.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data._version import __version__
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem

LOCK_FORMAT = 5
"""The newest format of the lock."""
_MISSING = "name a run's folder (runs/orca), or its dataset folder"


@dataclass(frozen=True, slots=True)
class OutlinedStep:
    id: str
    use: str
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """`read_by` names the step that read a source, by the source's name; `limits` the `max_tokens` with which a step
    asked a model, None where there was none."""

    steps: tuple[OutlinedStep, ...]
    read_by: Mapping[str, str]
    limits: Mapping[tuple[str, str], int | None]

    @classmethod
    def read(cls, path: Path) -> Outline:
        """Of the lock at `path`. Raises `InputError` for one that is not there, cannot be read, or is of a newer
        format."""
        try:
            value = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise _wrong(path, "no-lock", f"there is no {path.name} here") from None
        except (OSError, ValueError, RecursionError) as error:
            raise _wrong(path, "lock-malformed", f"{path.name} cannot be read: {error}") from None
        try:
            if value["format"] > LOCK_FORMAT:
                message = f"{path.name} has format {value['format']}; bezoar-data {__version__} reads {LOCK_FORMAT}"
                raise _wrong(path, "lock-format", message, "a newer bezoar-data wrote it: upgrade to read it")
            return cls._of(value)
        except (KeyError, TypeError, AttributeError) as error:
            raise _wrong(path, "lock-malformed", f"{path.name} is malformed: {error!r}") from None

    @classmethod
    def _of(cls, value: Mapping[str, Any]) -> Outline:
        return cls(
            steps=tuple(OutlinedStep(step["id"], step["use"], tuple(step["after"])) for step in value["steps"]),
            read_by={source["name"]: source["step"] for source in value["sources"]},
            limits={
                (step, model["model"]): model["sampling"].get("max_tokens")
                for model in value["models"]
                for step in model["steps"]
            },
        )


def step_of(name: str, steps: Collection[str]) -> str:
    """The step that answers of this name belong to: `step`, or `step.field` of one that asks several models."""
    return name if name in steps else next((step for step in steps if name.startswith(f"{step}.")), name)


def _wrong(path: Path, code: str, message: str, hint: str = _MISSING) -> InputError:
    return InputError(Problem(code, message, Place(str(path)), hint))
