"""What two locks say differently: settings, prompts, models, versions, counts at each step, cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from bezoar_data.runs.lock import Lock, LockedModel, LockedStep
from bezoar_data.runs.record import as_json

_OF_STEP = ("use", "after", "role", "settings", "files")
_COUNTED = ("rows_in", "rows_out", "dropped", "missed", "noted")


class _Nothing:
    def __repr__(self) -> str:
        return "-"


NOTHING = _Nothing()
"""The value of what one of the two does not have."""


class Change(NamedTuple):
    """A value that is another in the second run. `path` says of what; one that is `NOTHING` is not there."""

    path: tuple[str, ...]
    before: Any
    after: Any

    def as_json(self) -> dict[str, Any]:
        there = {"before": self.before, "after": self.after}
        return {"path": list(self.path), **{name: value for name, value in there.items() if value is not NOTHING}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The changes of each kind."""

    settings: tuple[Change, ...]
    prompts: tuple[Change, ...]
    models: tuple[Change, ...]
    versions: tuple[Change, ...]
    counts: tuple[Change, ...]
    cost: tuple[Change, ...]

    def changed_steps(self) -> set[str]:
        """The steps of which something was set otherwise, their prompts and versions included. What models were asked
        shows in the rows' answers."""
        changes = (*self.settings, *self.prompts, *self.versions)
        return {change.path[1] for change in changes if change.path[0] == "steps"}


def facts(first: Lock, second: Lock) -> Facts:
    """What the second lock says otherwise."""
    sides = (first, second)

    def between(*values: Mapping[str, Any]) -> tuple[Change, ...]:
        before, after = values
        return tuple(changes(before, after))

    return Facts(
        settings=between(*map(_settings, sides)),
        prompts=between(*({"steps": {step.id: dict(step.texts) for step in lock.steps}} for lock in sides)),
        models=between(*map(_models, sides)),
        versions=between(*map(_versions, sides)),
        counts=between(*map(_counts, sides)),
        cost=between(*map(_cost, sides)),
    )


def changes(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[Change]:
    """The values that differ, deep in mappings, by their paths; the order is the first mapping's, then the second's."""
    for key in dict.fromkeys([*before, *after]):
        one, other, here = before.get(key, NOTHING), after.get(key, NOTHING), (*path, key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from changes(one, other, here)
        elif one != other:
            yield Change(here, one, other)


def _settings(lock: Lock) -> dict[str, Any]:
    pipeline = as_json(lock.pipeline)
    sources = {f"{s.step}: {s.name}": {"revision": s.revision, "sha256": s.sha256} for s in lock.sources}
    return {
        "pipeline": {name: pipeline[name] for name in pipeline if name != "sha256"},
        "steps": {step.id: _of_step(step) for step in lock.steps},
        "sources": sources,
    }


def _of_step(step: LockedStep) -> dict[str, Any]:
    value = as_json(step)
    return {name: value[name] for name in _OF_STEP}


def _models(lock: Lock) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for model in lock.models:
        number = sum(name.partition(" ")[0] == model.role for name in found)
        found[f"{model.role} fallback {number}" if model.fallback else model.role] = _model(model)
    return found


def _model(model: LockedModel) -> dict[str, Any]:
    value = as_json(model)
    return {name: value[name] for name in value if name not in ("role", "fallback")}


def _versions(lock: Lock) -> dict[str, Any]:
    return {"software": dict(lock.software), "steps": {step.id: step.version for step in lock.steps}}


def _counts(lock: Lock) -> dict[str, Any]:
    steps = {step.id: {name: as_json(step)[name] for name in _COUNTED} for step in lock.steps}
    return {"steps": steps, "rows": asdict(lock.counts)}


def _cost(lock: Lock) -> dict[str, Any]:
    used = ("answers", "prompt_tokens", "completion_tokens", "cost")
    usage: dict[str, dict[str, Any]] = {}
    for one in lock.usage:
        usage.setdefault(one.step, {})[one.model] = {name: getattr(one, name) for name in used}
    return {"steps": usage, "total": {"cost": lock.cost}}


def in_order(*locks: Lock) -> Sequence[str]:
    """The steps of all of them, those of the last in its order, each other one behind the step that it follows."""
    names = [step.id for step in locks[-1].steps]
    for lock in locks[:-1]:
        before: str | None = None
        for step in lock.steps:
            if step.id not in names:
                names.insert(names.index(before) + 1 if before in names else 0, step.id)
            before = step.id
    return names
