"""What earlier runs teach: locks of finished runs beside the journal, and the journal's answers themselves.

A lock speaks of a step only if the step is the same there (id, kind, version, settings) and so are the models that
answered before and in it: what a demo model's answers were sorted out for says nothing of another's.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.plan.priors import LEAST, Lengths, Share
from bezoar_data.runs.lock import Lock, LockedStep
from bezoar_data.runs.run_record import RunRecord
from bezoar_data.steps.verdicts import answer_name

_USED = ("answers", "prompt_tokens", "completion_tokens")


@dataclass(slots=True)
class StepPast:
    """One step in earlier runs: rows in and out, and for each of its models' names the answers and their tokens."""

    rows_in: int = 0
    rows_out: int = 0
    asks: dict[str, int] = field(default_factory=dict)
    """All questions, equal ones among them; where no run tells, the answers to different ones."""
    answers: dict[str, int] = field(default_factory=dict)
    prompt_tokens: dict[str, int] = field(default_factory=dict)
    completion_tokens: dict[str, int] = field(default_factory=dict)

    def lengths(self, name: str, guessed: float) -> Lengths | None:
        """Of answers whose mean length is known alone, beside the guessed mean."""
        count, took = self.answers.get(name, 0), self.completion_tokens.get(name, 0)
        return Lengths(count, took / count / guessed) if count >= LEAST and took and guessed else None


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of the pipeline's steps. `other` names steps that ran under the same id but were not the same."""

    steps: Mapping[str, StepPast]
    other: frozenset[str]

    def share(self, step: str, likely: tuple[float, float]) -> Share | None:
        past = self.steps.get(step)
        return None if past is None else Share.learned(past.rows_out, past.rows_in, likely)


def read_past(compiled: Compiled, folder: Path) -> Past:
    """Learn from the locks of all run folders in `folder`."""
    steps: dict[str, StepPast] = {}
    other: set[str] = set()
    for lock, asks in _locks(folder):
        models = {m.role: (m.provider, m.model) for m in lock.models if not m.fallback}
        usage: dict[str, Counter[str]] = defaultdict(Counter)
        for used in lock.usage:
            usage[used.step].update({key: getattr(used, key) for key in _USED})
        done = {step.id: step for step in lock.steps}
        for node in compiled.nodes:
            step = done.get(node.id)
            if step is None:
                continue
            if not (_is_same(node, step) and _same_models(compiled, node, models)):
                other.add(node.id)
                continue
            past = steps.setdefault(node.id, StepPast())
            past.rows_in += step.rows_in
            past.rows_out += step.rows_out
            for to in node.roles:
                name = answer_name(node.id, to)
                for key, sums in zip(_USED, (past.answers, past.prompt_tokens, past.completion_tokens), strict=True):
                    sums[name] = sums.get(name, 0) + usage[name][key]
                past.asks[name] = past.asks.get(name, 0) + asks.get(name, usage[name]["answers"])
    return Past(steps, frozenset(other))


def _locks(folder: Path) -> Iterator[tuple[Lock, dict[str, int]]]:
    """The locks of finished runs, each with the questions that its steps asked."""
    for path in sorted(folder.glob("*/dataset/lock.json")):
        try:
            lock = Lock.read(path)
        except InputError:
            continue  # of another version, or half a folder: nothing to learn here
        yield lock, _asks(path.parents[1] / "run.json")


def _asks(path: Path) -> dict[str, int]:
    try:
        run = RunRecord.read(path)
        steps = run.asked.get("steps", {}) if run.state == "done" else {}
        return {name: sum(model["asks"] for model in models.values()) for name, models in steps.items()}
    except (InputError, KeyError, TypeError, AttributeError):
        return {}


def _is_same(node: Node, step: LockedStep) -> bool:
    mine = json.loads(json.dumps(dict(node.settings), default=str))
    return (step.use, step.version, step.settings) == (node.use, node.version, mine)


def _same_models(compiled: Compiled, node: Node, models: Mapping[str, tuple[str, str]]) -> bool:
    roles: set[str] = set()
    left, seen = [node.id], set()
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            at = compiled.node(name)
            roles |= set(at.roles.values())
            left += at.after
    return all((compiled.roles[r].provider, compiled.roles[r].model) == models.get(r) for r in roles)
