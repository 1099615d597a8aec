"""Merging shards: their answers come into one journal, and from there the run goes on as one that was never cut.

The merged run takes each answer from the journal, so its dataset, lock and card are those of a run without shards.
Where a later phase asks about single rows, it stops there and writes the rows with which that phase begins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.engine.cut import Cut
from bezoar_data.engine.lock import RowTotals
from bezoar_data.engine.options import Options
from bezoar_data.engine.progress import Progress
from bezoar_data.engine.run import Result, driven, run
from bezoar_data.engine.shard import Shard
from bezoar_data.engine.shards.collect import DONE, fetched, segments_of
from bezoar_data.engine.shards.run_shard import BEGUN, FACTS, facts_of, refuse_another_pipeline
from bezoar_data.engine.shards.store import Store
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.importing import import_entries
from bezoar_data.llms.journal.maintenance import last_number
from bezoar_data.pipeline.compile import Compiled
from bezoar_data.pipeline.phases import Phases
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.lock import RenderCard

_SHARD = re.compile(r"(\d+)-of-(\d+)")
_TOLD = 8
"""Missing shards that are named."""


@dataclass(frozen=True, slots=True)
class PhaseBegun:
    """A merge that ends where a later phase begins, with so many rows."""

    name: str
    phase: int
    phases: int
    rows: int
    collected_at: str


def merge_shards(
    compiled: Compiled, folder: RunFolder, options: Options, store: Store, *, render: RenderCard, progress: Progress
) -> Result | PhaseBegun:
    """Merge the shards of the phase that is under way. Raises what `run` raises."""
    phases = Phases.of_pipeline(compiled)
    facts = facts_of(compiled, options.limit)
    phase = _under_way(store, phases, facts)
    shards = [s for p in range(1, phase + 1) if p in phases.asking for s in _shards(store, p, facts)]
    take_in(store, shards, compiled.journal)
    return go_on(compiled, folder, options, store, phase, render=render, progress=progress)


def go_on(
    compiled: Compiled,
    folder: RunFolder,
    options: Options,
    store: Store,
    phase: int,
    *,
    render: RenderCard,
    progress: Progress,
) -> Result | PhaseBegun:
    """Take all rows through the phase from the journal, and on: to the end, or to where a later phase begins."""
    phases = Phases.of_pipeline(compiled)
    cut = Cut(compiled, phases, phase)
    if cut.is_whole:
        return run(compiled, folder, options, render=render, progress=progress)
    with driven(compiled, folder, replace(options, cut=cut), RowTotals(compiled), progress=progress) as done:
        begun = done.scratch / "rows.jsonl.gz"
        rows = cut.write(done.spool, begun)
        store.put(BEGUN.format(phase + 1), begun.read_bytes())
        store.put_json(FACTS.format(phase + 1), {**facts_of(compiled, options.limit), "rows": rows})
        done.record.done(done.stats.facts(), 0)
    return PhaseBegun(compiled.loaded.file.name, phase + 1, phases.last, rows, store.shown)


def _under_way(store: Store, phases: Phases, facts: Mapping[str, Any]) -> int:
    """The phase whose shards are to be merged: the last that has begun."""
    for phase in range(phases.last, 1, -1):
        if (there := store.get_json(FACTS.format(phase))) is not None:
            refuse_another_pipeline(there, facts, f"phase {phase}")
            return phase
    return min(1, phases.last)


def _shards(store: Store, phase: int, facts: Mapping[str, Any]) -> list[Shard]:
    """The shards of a phase, all of which are done. Raises `InputError` where some are missing."""
    found: dict[int, dict[int, Mapping[str, Any] | None]] = {}
    for name in store.names(f"phase-{phase}"):
        if m := _SHARD.fullmatch(name):
            found.setdefault(int(m[2]), {})[int(m[1])] = store.get_json(f"phase-{phase}/{name}/{DONE}")
    for of, shards in sorted(found.items()):
        if all(shards.get(i) is not None for i in range(of)):
            for i, said in shards.items():
                refuse_another_pipeline(said or {}, facts, f"shard {i}/{of} of phase {phase}")
            return [Shard(i, of, phase) for i in range(of)]
    again = f" --phase {phase}" if phase > 1 else ""
    hint = f"run each with --shard 0/N{again} to --shard N-1/N{again}, and --collect this address"
    if not found:
        raise InputError(Problem("no-shards", f"no shard of phase {phase} is collected in {store.shown}", hint=hint))
    of, shards = max(found.items(), key=lambda one: sum(said is not None for said in one[1].values()))
    missing = [f"{i}/{of}" for i in range(of) if shards.get(i) is None]
    named = ", ".join(missing[:_TOLD]) + (", ..." if len(missing) > _TOLD else "")
    message = f"of the {of} shards of phase {phase}, {len(missing)} are not done: {named}"
    raise InputError(Problem("shards-missing", message, hint=hint))


def leftovers(store: Store) -> list[Shard]:
    """All shards that have sent answers, those of lower rows first."""
    found = []
    for phase in store.names(""):
        for name in store.names(phase) if (p := re.fullmatch(r"phase-(\d+)", phase)) else ():
            if (m := _SHARD.fullmatch(name)) and p:
                found.append(Shard(int(m[1]), int(m[2]), int(p[1])))
    return sorted(found, key=lambda s: (s.phase, s.number / s.of, s.of))


def take_in(store: Store, shards: list[Shard], to: Path) -> None:
    """The shards' answers into the journal, those of lower rows first: what they answered is not taken in again from
    others, as a run that was never cut would have asked it once."""
    with ExitStack() as stack:
        journal = stack.enter_context(Journal.open(to))
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="bezoar-shards-")))
        for shard in shards:
            said = store.get_json(f"{shard.folder}/{DONE}")
            names = segments_of(store, shard) if said is None else list(said.get("segments", ()))
            if missing := sorted(set(names) - set(segments_of(store, shard))):
                message = f"{missing[0]} is gone from {store.shown}"
                raise InputError(Problem("shards-missing", message, hint=f"run shard {shard} again"))
            before = last_number(journal)
            for path in fetched(store, names, scratch):
                import_entries(journal, [path], new_after=before)
                path.unlink()
