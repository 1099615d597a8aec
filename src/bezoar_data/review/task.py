"""What people review: which columns of which judge's rows, read from the run's lock or given by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.runs.conversations.turns import Unread, read_turns
from bezoar_data.runs.conversations.turns import as_text as turns_as_text
from bezoar_data.runs.lock import Lock, LockedStep
from bezoar_data.runs.parquet import rows_of
from bezoar_data.runs.published import data_files, dataset_folder
from bezoar_data.runs.row import RESERVED
from bezoar_data.steps.catalogue.registry import load_catalogue

ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
"""What can be rated from 0 to 4, as HelpSteer2 does (arXiv 2406.08673)."""

UNSTATED = "unknown"
"""In the place of a licence: nobody says under which."""
_JUDGES = ("judge.accept", "judge.compare")
FIRST, SECOND = "first", "second"
"""The places of two answers that are compared."""


@dataclass(frozen=True, slots=True)
class ReviewTask:
    """One review of one run. `other` is the second answer where two are compared; empty names are not there."""

    run: str
    judge: str
    instruction: str
    response: str
    other: str
    system: str
    reference: str
    context: str
    rubric: str
    attributes: tuple[str, ...]
    blind: bool
    overlap: int
    licence: str = ""
    """Under which corrected responses may be used."""
    contact: str = ""
    """Whom annotators ask."""
    protocol: str = ""
    """By which people rate, in place of a verdict."""

    @property
    def corrects(self) -> bool:
        """Whether people may write a better response."""
        return not self.compares and not self.protocol

    @property
    def compares(self) -> bool:
        return bool(self.other)

    @property
    def verdict(self) -> str:
        """The column of the judge's verdict; empty without a judge."""
        return f"{self.judge}_{'preference' if self.compares else 'status'}" if self.judge else ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> ReviewTask:
        """The task of what was kept of it in Argilla."""
        known = {one.name: about[one.name] for one in fields(cls) if one.name in about}
        return cls(**{**known, "attributes": tuple(known["attributes"])})


def read_lock(run: Path) -> Lock:
    return Lock.read(dataset_folder(run) / "lock.json")


def review_task(
    run: Path,
    *,
    judge: str | None,
    columns: Mapping[str, str],
    attributes: tuple[str, ...],
    blind: bool,
    overlap: int,
    licence: str = "",
    contact: str = "",
    protocol: str = "",
) -> ReviewTask:
    """The review of a run. `columns` (instruction, response, other, ...) stand before the judge's.

    Raises `InputError`."""
    lock = read_lock(run)
    steps = [step for step in lock.steps if step.use in _JUDGES]
    names_of = _names(lock)
    known = {names_of.get(step.id) or _settings(step)["as"]: step for step in steps}
    if judge is not None and judge not in known:
        hint = did_you_mean(judge, list(known)) if known else "no judge judged one answer or compared two"
        raise InputError(Problem("unknown-judge", f"no judge '{judge}' judged these rows", Place(str(run)), hint))
    named, step = (judge, known[judge]) if judge else next(iter(known.items()), ("", None))
    if step and columns.get("other") and step.use != "judge.compare":
        step = None  # a judge of single answers has nothing to say of two
    found = _columns(step) if step else {}
    found.update(columns)
    if not found.get("instruction") or not found.get("response"):
        hint = "name the columns: --instruction COLUMN --response COLUMN (and --other COLUMN to compare two answers)"
        raise InputError(
            Problem("nothing-to-review", "no judge's settings name the columns to show", Place(str(run)), hint)
        )
    if wrong := [a for a in attributes if a not in ATTRIBUTES]:
        raise InputError(
            Problem("unknown-attribute", f"there is no attribute '{wrong[0]}'", hint=did_you_mean(wrong[0], ATTRIBUTES))
        )
    names = list(lock.columns)
    if "context" not in found and "context" in names and "context" not in found.values():
        found["context"] = "context"
    _check_columns(run, {k: v for k, v in found.items() if k != "rubric" and v}, names, given=columns)
    parts = ("instruction", "response", "other", "system", "reference", "context")
    shown = {name: found.get(name, "") if found.get(name, "") in names else "" for name in parts}
    return ReviewTask(
        run=lock.pipeline.name,
        judge=named if step else "",
        rubric=_settings(step).get("rubric", "") if step else "",
        attributes=attributes,
        blind=blind,
        overlap=overlap,
        licence=licence,
        contact=contact,
        protocol=protocol,
        **shown,
    )


def read_rows(run: Path) -> list[dict[str, Any]]:
    return [row for file in data_files(dataset_folder(run)) for row in rows_of(file)]


def as_text(value: Any) -> str:
    """A column's value as people read it: text as it is, turns with who says them."""
    if isinstance(value, str):
        return value
    turns = read_turns(value, "user")
    if turns and not isinstance(turns, Unread):
        return turns_as_text(turns)
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def source_of(row: Mapping[str, Any]) -> str:
    """The source of a row, from its lineage."""
    try:
        return str(json.loads(row.get(RESERVED) or "{}").get("source", ""))
    except ValueError:
        return ""


def _settings(step: LockedStep) -> dict[str, str]:
    """A judge's settings that are text, with defaults: a lock holds those that were written."""
    known = {s.name: s.default for s in load_catalogue()[step.use].settings}
    return {name: value for name, value in {**known, **step.settings}.items() if isinstance(value, str)}


def _names(lock: Lock) -> dict[str, str]:
    """The name of each step's judge, as the rows have it: the default has not always been today's."""
    return {one.step: one.name for one in (*lock.judges, *lock.judging.comparisons)}


def _columns(step: LockedStep) -> dict[str, str]:
    settings = _settings(step)
    if step.use == "judge.compare":
        settings = {**settings, "response": settings["a"], "other": settings["b"]}
    return {k: settings[k] for k in ("instruction", "response", "other", "system", "reference") if settings.get(k)}


def _check_columns(run: Path, found: Mapping[str, str], names: list[str], given: Mapping[str, str]) -> None:
    needed = {k: v for k, v in found.items() if k in given or k in ("instruction", "response", "other")}
    problems = [
        Problem("unknown-column", f"there is no column '{column}'", Place(str(run)), did_you_mean(column, names))
        for column in needed.values()
        if column not in names
    ]
    if problems:
        raise InputError(problems)
