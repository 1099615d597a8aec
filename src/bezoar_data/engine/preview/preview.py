"""The preview: a few rows through the whole pipeline, on the real engine, and everything that was said about them.

The rows are those that the whole run would begin with, and their questions are the same, so that the run finds their
answers in the journal. That holds as far as it costs nothing: a step that must see all rows and comes before any
model gets all of them; one that comes after a model gets the few. Nothing is written but the journal.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import DONE, TOO_MANY_FAILED
from bezoar_data.engine.counts import Counts, StepCount
from bezoar_data.engine.event_loop import run_engine
from bezoar_data.engine.observer import NOT_SAMPLED
from bezoar_data.engine.options import Options
from bezoar_data.engine.preview.recorder import READ, RowTrace, StepTrace, TraceRecorder, after_model
from bezoar_data.engine.progress import Progress
from bezoar_data.engine.stats import RunStats
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.runs.row import Columns
from bezoar_data.runs.spool import Spool
from bezoar_data.steps.base import GlobalMakingStep


@dataclass(frozen=True, slots=True)
class PreviewedStep:
    """What a step did with the few rows."""

    id: str
    use: str
    roles: tuple[str, ...]
    rows_in: int
    rows_out: int
    dropped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PreviewedRow:
    """One row from its beginning to its end. `made_by` is the step that made it, of the rows `parents`; empty for a
    source's row. `ends` is `kept`, `dropped`, or `made` where it was material for others."""

    id: str
    source: str
    made_by: str
    parents: tuple[str, ...]
    columns: Columns
    """As it came; a made row's are those its step wrote, and stand in its first step."""
    steps: tuple[StepTrace, ...]
    ends: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A few rows through a pipeline. `exit_code` is 0, or 1 when more of them failed than the pipeline tolerates."""

    pipeline: str
    wanted: int
    steps: tuple[PreviewedStep, ...]
    rows: tuple[PreviewedRow, ...]
    lost: tuple[PreviewedRow, ...]
    """Of the rows that were dropped before they came to a model, the first for each step and reason."""
    notes: tuple[str, ...]
    asked: Mapping[str, Any]
    demo: bool
    seconds: float
    exit_code: int


def preview(compiled: Compiled, rows: int, options: Options, *, progress: Progress) -> Preview:
    """Take `rows` rows of each source through a pipeline compiled for this alone.

    Raises what a run raises; the answers got so far are then in the journal.
    """
    compiled, notes = _asked_directly(compiled)
    recorder = TraceRecorder(compiled, rows)
    for node in compiled.nodes:
        if isinstance(node.step, GlobalMakingStep):
            node.step.at_most(rows)
    counts = Counts(node.id for node in compiled.nodes)
    stats = RunStats(counts, dict, lambda: None)
    with tempfile.TemporaryDirectory(prefix="bezoar-preview-") as scratch:
        spool = Spool(Path(scratch) / "spool.sqlite")
        try:
            run_engine(
                compiled,
                spool,
                counts,
                options,
                progress=progress,
                stats=stats,
                save=lambda _: None,
                observer=recorder,
            )
        finally:
            progress.close()
        kept, demo = _ended(spool, recorder)
        spool.close()
    facts = stats.facts()
    steps = tuple(_step(node, counts.steps[node.id]) for node in compiled.nodes)
    decided = sum(step.rows_in for step in steps if step.id in _beginnings(compiled))
    failed = counts.failed > compiled.loaded.file.tolerate * max(decided, 1)
    order = {node.id: rank for rank, node in enumerate(compiled.nodes)}
    shown = sorted(recorder.shown().values(), key=lambda s: s.row.lineage.order)
    return Preview(
        pipeline=compiled.loaded.file.name,
        wanted=rows,
        steps=steps,
        rows=tuple(_row(trace, order, kept) for trace in shown),
        lost=tuple(_row(trace, order, kept) for trace in recorder.lost()),
        notes=(*notes, *_notes(compiled, recorder, rows)),
        asked=facts["asked"],
        demo=demo,
        seconds=facts["seconds"],
        exit_code=TOO_MANY_FAILED if failed else DONE,
    )


def _asked_directly(compiled: Compiled) -> tuple[Compiled, list[str]]:
    """The same pipeline with no model asked in batches: nobody waits hours for five rows. The answers serve the run."""
    models = compiled.checked.models
    batched = [role for role, model in compiled.roles.items() if model.mode == "batch"]
    if models is None or not batched:
        return compiled, []
    direct = {role: models.file.roles[role].model_copy(update={"mode": "direct"}) for role in batched}
    file = models.file.model_copy(update={"roles": {**models.file.roles, **direct}})
    changed = replace(compiled, checked=replace(compiled.checked, models=replace(models, file=file)))
    return changed, [f"{', '.join(batched)}: asked directly here, at full price; the run asks in batches"]


def _ended(spool: Spool, recorder: TraceRecorder) -> tuple[set[str], bool]:
    """Which rows came through, and whether demo models had a part in them. What was dropped between steps, at a join,
    is recorded with the row."""
    kept, demo = set(), False
    for row in spool.kept():
        if recorder.sample(row):
            recorder.traces.setdefault(row.id, RowTrace(row))
            kept.add(row.id)
            demo = demo or row.lineage.demo
    for row in spool.dropped():
        mark, trace = row.lineage.drop, recorder.traces.get(row.id)
        if mark is None or mark.reason == NOT_SAMPLED or trace is None:
            continue
        demo = demo or row.lineage.demo
        if all(step.verdict != "dropped" for step in trace.steps):
            trace.steps.append(StepTrace(mark.step, "dropped", mark.reason, mark.detail, mark.raw))
    return kept, demo


def _step(node: Node, count: StepCount) -> PreviewedStep:
    dropped = {reason: n for reason, n in sorted(count.dropped.items()) if reason != NOT_SAMPLED}
    came = count.rows_in - count.dropped[NOT_SAMPLED]
    return PreviewedStep(node.id, node.use, tuple(node.roles.values()), came, count.rows_out, dropped)


def _row(trace: RowTrace, order: Mapping[str, int], kept: set[str]) -> PreviewedRow:
    row, steps = trace.row, sorted(trace.steps, key=lambda step: order[step.step])
    ends = "kept" if row.id in kept else steps[-1].verdict if steps else "kept"
    if any(step.verdict == "dropped" for step in steps):
        ends = "dropped"
    lineage = row.lineage
    columns = {} if trace.made_by else dict(row.columns)
    return PreviewedRow(row.id, lineage.source, trace.made_by, lineage.parent_ids, columns, tuple(steps), ends)


def _beginnings(compiled: Compiled) -> set[str]:
    return {n.id for n in compiled.nodes if n.is_source or getattr(n.step, "makes", False)}


def _notes(compiled: Compiled, recorder: TraceRecorder, rows: int) -> Iterator[str]:
    """Where the preview is not what the run will be."""
    for node in compiled.nodes:
        if node.is_source and node.id in recorder.capped:
            yield f"{node.id}: only its first {READ:,} rows were read; the run reads all"
        elif node.kind == "global" and after_model(node, compiled):
            what = "draws from" if isinstance(node.step, GlobalMakingStep) else "sees"
            yield f"{node.id}: {what} these rows alone here; in the run it has all of them, and may decide otherwise"
        elif hasattr(node.step, "target"):
            yield f"{node.id}: stops at {rows:,} rows here; the run's first questions are the same"
