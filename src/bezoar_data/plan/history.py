"""What locks of finished runs, of those that the journal knows, teach of the steps of a pipeline.

A lock speaks of a step only if the step is the same there (use, version, settings) and so are the models that answered
before and in it: which answers of a demo model were dropped says nothing of another's.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.runs.lock import Lock, LockedStep
from bezoar_data.steps.verdicts import answer_name


@dataclass(slots=True)
class StepPast:
    """One step in earlier runs: rows in and out, and of each of its models the different answers and their tokens."""

    rows_in: int = 0
    rows_out: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    """By the field that holds the model, as in the next two."""
    prompt_tokens: Counter[str] = field(default_factory=Counter)
    completion_tokens: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of the pipeline's steps. `other` names steps that ran under the same id but were not the same."""

    steps: Mapping[str, StepPast]
    other: frozenset[str]


def read_past(compiled: Compiled, runs: Iterable[Path]) -> Past:
    """Learn from the locks of all these run folders."""
    steps: dict[str, StepPast] = {}
    other: set[str] = set()
    nodes = {node.id: node for node in compiled.nodes}
    for lock in _locks(runs):
        models = {m.role: (m.provider, m.model) for m in lock.models if not m.fallback}
        for step in lock.steps:
            if (node := nodes.get(step.id)) is None:
                continue
            if not (_is_same(node, step) and _same_models(compiled, node, models)):
                other.add(node.id)
                continue
            past = steps.setdefault(node.id, StepPast())
            past.rows_in += step.rows_in
            past.rows_out += step.rows_out
            fields = {answer_name(node.id, to): to for to in node.roles}
            for used in lock.usage:
                if (to := fields.get(used.step)) is not None:
                    past.answers[to] += used.answers
                    past.prompt_tokens[to] += used.prompt_tokens
                    past.completion_tokens[to] += used.completion_tokens
    return Past(steps, frozenset(other))


def _locks(runs: Iterable[Path]) -> Iterator[Lock]:
    for path in sorted({Path(os.path.realpath(run / "dataset" / "lock.json")) for run in runs}):
        if not path.exists():
            continue
        with suppress(InputError):  # of another version, or half a folder: nothing to learn here
            yield Lock.read(path)


def _is_same(node: Node, step: LockedStep) -> bool:
    mine = json.loads(json.dumps(dict(node.settings), default=str))
    return (step.use, step.version, dict(step.settings)) == (node.use, node.version, mine)


def _same_models(compiled: Compiled, node: Node, models: Mapping[str, tuple[str, str]]) -> bool:
    steps = (node.id, *compiled.ancestors(node.id))
    roles = {role for name in steps for role in compiled.node(name).roles.values()}
    return all((compiled.roles[r].provider, compiled.roles[r].model) == models.get(r) for r in roles)
