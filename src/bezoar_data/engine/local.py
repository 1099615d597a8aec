"""Running the same pipeline through distilabel's own runners, for comparison and compatibility.

Its runner hangs or loses rows where one vanishes in a last batch, casts every batch to the first one's types, and
goes on after an error that should end the run (distilabel 1.5.3). So no row vanishes here: a dropped one travels on
with its mark, each row travels as one text (`steps.pack`), and kept and dropped are parted afterwards.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import datasets

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.config.problems import Problem
from bezoar_data.engine.counts import Counts
from bezoar_data.engine.judge_stats import Judging
from bezoar_data.engine.options import Options
from bezoar_data.engine.ray_cluster import cluster
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.runs.row import MADE_FROM_MANY, RESERVED, Row
from bezoar_data.runs.spool import Spool
from bezoar_data.steps.pack import PACKED
from bezoar_data.steps.verdicts import RUN_ENDED, TAKEN_IN


def refuse_for_local(compiled: Compiled, options: Options) -> None:
    """distilabel's runner asks from a process for each step: what must be exact over all of them cannot be promised."""
    problems = []
    engine = f"--engine {options.engine}"
    if options.max_cost is not None:
        hint = f"leave {engine} out, or run without a budget"
        problems.append(Problem("local-budget", f"{engine} cannot hold a budget", hint=hint))
    if options.retry_failed:
        hint = f"leave {engine} out"
        problems.append(Problem("local-retry", f"{engine} does not know --retry-failed", hint=hint))
    for role, model in compiled.roles.items():
        if model.mode == "batch":
            hint = f"leave {engine} out, or mode: batch"
            problems.append(Problem("local-batch", f"{engine} cannot ask '{role}' in batches", hint=hint))
    for node in _uneven_joins(compiled):
        message = f"{engine} hangs where branches of unequal length come together, as before '{node.following[0]}'"
        problems.append(Problem("local-join", message, hint=f"leave {engine} out"))
    if problems:
        raise InputError(problems)


def run_local(
    compiled: Compiled, spool: Spool, counts: Counts, judging: Judging, scratch: Path, options: Options
) -> None:
    """Run with `distilabel.pipeline.Pipeline`, or its `RayPipeline`, without their cache, and part kept rows from
    dropped ones into `spool`. The latter waits for ever for a step whose process is lost (1.5.3).

    Raises what ended the run inside a child process, and `BezoarError` if the runner lost a row.
    """
    expected = _limit_sources(compiled, options.limit)
    on_ray = options.engine == "distilabel-ray"
    pipeline = compiled.pipeline.ray() if on_ray else compiled.pipeline
    pipeline._cache_dir = scratch / "distilabel"
    # distilabel reads its result back through the `datasets` cache; inside the scratch folder it leaves no copy.
    datasets.config.HF_DATASETS_CACHE = scratch / "datasets"
    os.environ.setdefault("DISTILABEL_LOG_LEVEL", "WARNING")
    logging.getLogger("distilabel").setLevel(logging.WARNING)
    datasets.disable_progress_bars()
    with cluster(options.ray) if on_ray else nullcontext():
        distiset = pipeline.run(use_cache=False)
    packed = [r for split in distiset.values() for part in split.values() for r in part[PACKED]] if distiset else []
    rows = [Row.decode({RESERVED: text}) for text in packed]
    judging.all_judged(rows)
    seen = set()
    taken_in: Counter[str] = Counter()
    made: Counter[str] = Counter()
    for row in rows:
        for failure in row.lineage.soft_failures:
            counts.soft_failure(failure)
        for flag in row.lineage.flags:
            counts.flag(flag, row.lineage)
        if row.lineage.order[0] < MADE_FROM_MANY:
            seen.add(row.lineage.order[0])
        if row.lineage.drop is not None and row.lineage.drop.reason == TAKEN_IN:
            taken_in[row.lineage.drop.step] += 1
            made[row.lineage.drop.step] += int(row.lineage.drop.detail or 0)
        else:
            _part(row, spool, counts)
    if len(seen) != expected:
        raise BezoarError(
            f"distilabel's runner gave back {len(seen)} of {expected} rows; nothing was written. "
            f"Run without --engine {options.engine}, which loses none"
        )
    _count_rows(compiled, counts, spool, taken_in, made)
    spool.flush()


def _uneven_joins(compiled: Compiled) -> list[Node]:
    """Where branches come together that may bring different numbers of rows: they start from different sources, or make
    rows. distilabel's runner takes as many batches from each, and waits for ever for the rest of the shorter one
    (1.5.3)."""
    uneven = []
    for node in compiled.nodes:
        branches = [compiled.ancestors(name) | {name} for name in node.after]
        own = frozenset[str]().union(*branches) - frozenset.intersection(*branches) if branches else ()
        if any(n.is_source or getattr(n.step, "makes", False) for n in compiled.nodes if n.id in own):
            uneven.append(node)
    return uneven


def _limit_sources(compiled: Compiled, limit: int | None) -> int:
    """Set the limit, and read the sources once here: a source that gives no row or raises hangs distilabel."""
    expected = 0
    for node in compiled.sources:
        if limit is not None:
            node.step.limit = limit if node.step.limit is None else min(limit, node.step.limit)
        columns: dict[str, None] = {}
        for row in node.step.rows():
            expected += 1
            columns |= dict.fromkeys(row.columns)
        node.step.writes_too(columns)
    return expected


def _part(row: Row, spool: Spool, counts: Counts) -> None:
    mark = row.lineage.drop
    if mark is None:
        spool.keep(row)
    elif mark.reason == RUN_ENDED:
        error: BezoarError = InputError(Problem("run-ended", mark.detail))
        if mark.raw is not None and int(mark.raw) != InputError.exit_code:
            error = BezoarError(mark.detail)
            error.exit_code = int(mark.raw)
        raise error
    else:
        counts.drop(mark, row.lineage)
        spool.drop(row)


def _count_rows(compiled: Compiled, counts: Counts, spool: Spool, taken_in: Counter[str], made: Counter[str]) -> None:
    """Rows in and out of each step, from the end back: what left the last step is what is kept. `taken_in` are the
    rows that steps took in as material for others, which count for the step before; `made` those made of one each."""
    out = {node.id: 0 for node in compiled.nodes}
    out[compiled.last.id] = spool.count()
    for node in reversed(compiled.nodes):
        count = counts.steps[node.id]
        count.rows_out = out[node.id]
        count.rows_in = count.rows_out + count.dropped.total()
        of_many = 0 if made[node.id] else count.rows_in if getattr(node.step, "makes", False) else 0
        came = count.rows_in - made[node.id] - of_many + taken_in[node.id]
        for before in node.after:
            out[before] = max(out[before], came)
