"""A shard's run: its own rows of one phase, as far as it can take them without the others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import DONE, TOO_MANY_FAILED, InputError
from bezoar_data.config.problems import Problem
from bezoar_data.engine.cut import Cut
from bezoar_data.engine.observer import Observer
from bezoar_data.engine.options import Options
from bezoar_data.engine.progress import Progress
from bezoar_data.engine.run import driven
from bezoar_data.engine.shard import Shard
from bezoar_data.engine.shards.collect import EVERY, Collector, fetched
from bezoar_data.engine.shards.store import Store
from bezoar_data.pipeline.compile import Compiled
from bezoar_data.pipeline.phases import Phases
from bezoar_data.runs.folder import RunFolder

BEGUN = "phase-{}/rows.jsonl.gz"
"""The rows with which a phase begins, as the merge of the one before writes them."""
FACTS = "phase-{}/run.json"
"""What those rows are of."""


@dataclass(frozen=True, slots=True)
class ShardDone:
    """A shard that has come to its end. `rows` are its own, `brought_back` answers that it had collected elsewhere."""

    name: str
    shard: Shard
    phases: int
    rows: int
    failed: int
    brought_back: int
    usage: Mapping[str, Any]
    seconds: float
    collected_at: str
    exit_code: int


def facts_of(compiled: Compiled, limit: int | None) -> dict[str, Any]:
    """What must be the same for all shards of a run."""
    return {"pipeline": hashlib.sha256(compiled.resolved.encode()).hexdigest(), "limit": limit}


def run_shard(
    compiled: Compiled,
    folder: RunFolder,
    options: Options,
    shard: Shard,
    store: Store,
    *,
    progress: Progress,
    every: float = EVERY,
) -> ShardDone:
    """Run a shard's rows of its phase, and collect their answers in the store `every` so many seconds.

    Raises what `run` raises; after each but `InputError`, the same call goes on, here or on another machine.
    """
    phases = Phases.of_pipeline(compiled)
    _refuse_other_phases(shard, phases)
    facts = facts_of(compiled, options.limit)
    collector = Collector(store, shard, compiled.journal, tell=progress.note)
    cut = Cut(compiled, phases, shard.phase - 1, shard)
    brought_back = 0

    @contextmanager
    def collecting(scratch: Path) -> Iterator[None]:
        nonlocal brought_back
        cut.begun = _begun(store, shard, facts, scratch)
        brought_back = collector.bring_back(scratch)
        with collector.going_on(every):
            yield

    options = replace(options, cut=cut)
    with driven(compiled, folder, options, Observer(), progress=progress, around=collecting) as done:
        failed, said = done.counts.failed, done.stats.facts()
        exit_code = TOO_MANY_FAILED if failed > compiled.loaded.file.tolerate * cut.own else DONE
        collector.done({**facts, "rows": cut.own, "failed": failed})
        done.record.done(said, exit_code)
    return ShardDone(
        compiled.loaded.file.name, shard, phases.last, cut.own, failed, brought_back, said["asked"], said["seconds"],
        store.shown, exit_code,
    )  # fmt: skip


def _refuse_other_phases(shard: Shard, phases: Phases) -> None:
    if shard.phase in phases.asking:
        return
    message = f"in phase {shard.phase} no model is asked about single rows: it has no shards; merge-shards runs it"
    if not 1 <= shard.phase <= phases.last:
        message = f"this pipeline has {phases.last} phases: there is no phase {shard.phase}"
    raise InputError(Problem("no-phase", message, hint="`bezoar-data plan` numbers the phases"))


def _begun(store: Store, shard: Shard, facts: Mapping[str, Any], scratch: Path) -> Path | None:
    """The rows with which the shard's phase begins, brought here. None where the first phase begins at the sources."""
    there = store.get_json(FACTS.format(shard.phase))
    if there is None and shard.phase == 1:
        return None
    path = next(fetched(store, [BEGUN.format(shard.phase)], scratch / "begun"), None)
    if there is None or path is None:
        message = f"phase {shard.phase} has not begun: its rows are not in {store.shown}"
        raise InputError(Problem("phase-not-begun", message, hint=f"merge phase {shard.phase - 1}: merge-shards"))
    refuse_another_pipeline(there, facts, f"phase {shard.phase}")
    return path


def refuse_another_pipeline(there: Mapping[str, Any], facts: Mapping[str, Any], whose: str) -> None:
    """Raise `InputError` where something in the store is not of this pipeline, with these settings and this limit."""
    for name, said in facts.items():
        if there.get(name) != said:
            what = "another --limit" if name == "limit" else "a pipeline file or settings other than these"
            message = f"{whose} in the store is of {what}"
            raise InputError(Problem("other-shards", message, hint="collect each run at an address of its own"))
