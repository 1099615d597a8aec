"""Win rates from a file of annotations in AlpacaEval's format: who is preferred, answer by answer, already asked.

`preference` goes from 1, the baseline's answer is better, to 2, the model's is; its mean less 1 is the win rate that
AlpacaEval publishes (Dubois et al. 2024, arXiv 2404.04475, whose length-controlled rate is another one).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import similar_file_hint
from bezoar_data.config.problems import Place, Problem
from bezoar_data.measures.preferences import Size, WinRate, win_rate

_DRAW = 0
"""AlpacaEval's older annotators write a draw so."""
_MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Annotated:
    """A model against the baseline."""

    model: str
    baseline: str
    unreadable: int
    """Annotations without a preference: left out, as AlpacaEval does."""
    found: WinRate | None
    """None where none has one."""

    def as_json(self) -> dict[str, Any]:
        figures = self.found.as_json() if self.found is not None else None
        return {"model": self.model, "baseline": self.baseline, "unreadable": self.unreadable, "win_rate": figures}


def read_annotations(path: Path) -> list[Annotated]:
    """The win rate of every model in a file: a JSON list, or JSON Lines. Raises `InputError` with every mistake.

    A row has `preference`, the model's name under `generator_2` or `model`, the baseline's under `generator_1`, and
    both answers under `output_1` and `output_2`, or their lengths under `chars_baseline` and `chars_model`.
    """
    problems: list[Problem] = []
    by_model: dict[tuple[str, str], list[tuple[float | None, str | Size, str | Size]]] = {}
    for number, row in enumerate(_rows(path), 1):
        try:
            pair, read = _read(row)
        except ValueError as error:
            problems.append(Problem("bad-annotation", f"annotation {number}: {error}", Place(str(path))))
            continue
        by_model.setdefault(pair, []).append(read)
    if problems:
        raise InputError(problems[:_MAX_PROBLEMS])
    if not by_model:
        raise InputError(Problem("no-annotations", f"{path.name} holds no annotation", Place(str(path))))
    return [_annotated(*pair, rows) for pair, rows in by_model.items()]


def _annotated(model: str, baseline: str, rows: list[tuple[float | None, str | Size, str | Size]]) -> Annotated:
    read = [(score, first, second) for score, first, second in rows if score is not None]
    if not read:
        return Annotated(model, baseline, len(rows), None)
    scores, first, second = zip(*read, strict=True)
    return Annotated(model, baseline, len(rows) - len(read), win_rate(scores, first, second))


def _rows(path: Path) -> list[Any]:
    try:
        text = path.read_text("utf-8-sig")
        if text.lstrip().startswith("["):
            rows: list[Any] = json.loads(text)
            return rows
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except OSError as error:
        message = f"it cannot be read: {error.strerror}"
        raise InputError(Problem("missing-file", message, Place(str(path)), similar_file_hint(path))) from None
    except ValueError as error:
        raise InputError(
            Problem("bad-json", f"this is neither JSON nor JSON Lines: {error}", Place(str(path)))
        ) from None


def _read(row: Any) -> tuple[tuple[str, str], tuple[float | None, str | Size, str | Size]]:
    """Model and baseline; preference from 0 to 1, and both answers. Raises `ValueError`."""
    if not isinstance(row, Mapping):
        raise ValueError("it is not an object")
    model = row.get("generator_2") or row.get("model")
    if not isinstance(model, str):
        raise ValueError("it names no model, neither under 'generator_2' nor under 'model'")
    baseline = str(row.get("generator_1") or "the baseline")
    return (model, baseline), (_preference(row), _answer(row, 1, "chars_baseline"), _answer(row, 2, "chars_model"))


def _preference(row: Mapping[str, Any]) -> float | None:
    value = row.get("preference")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value == _DRAW or 1 <= value <= 2):
        raise ValueError(f"its preference is {value!r}, and not from 1 to 2")
    return 0.5 if value == _DRAW else float(value) - 1


def _answer(row: Mapping[str, Any], number: int, length: str) -> str | Size:
    text, characters = row.get(f"output_{number}"), row.get(length)
    if isinstance(text, str):
        return text
    if isinstance(characters, int) and not isinstance(characters, bool):
        return Size(characters)
    raise ValueError(f"it has neither 'output_{number}' nor '{length}': a win rate is reported with lengths")
