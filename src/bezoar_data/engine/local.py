"""Running the same pipeline through distilabel's own runner, for comparison and compatibility.

Its runner hangs or loses rows where one vanishes in a last batch, casts every batch to the first one's types, and
goes on after an error that should end the run (distilabel 1.5.3). So no row vanishes here: a dropped one travels on
with its mark, the last step packs each row into one text column, and kept and dropped are parted afterwards.
"""

# No `from __future__ import annotations`: distilabel reads the annotations of `process` as objects, not as text.

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from distilabel.steps.base import Step, StepInput

from bezoar_data.engine.counts import Counts
from bezoar_data.pipeline.compile import Compiled
from bezoar_data.runs.row import MADE_FROM_MANY, Row
from bezoar_data.runs.spool import Spool
from bezoar_data.spec.errors import BezoarError, InputError, Problem
from bezoar_data.steps.verdicts import RUN_ENDED, TAKEN_IN

_PACKED = "row"


class Pack(Step):
    """Each row as one JSON text, so that distilabel's writer has one column of one type to write."""

    @property
    def outputs(self) -> list[str]:
        return [_PACKED]

    def process(self, inputs: StepInput) -> Iterator[list[dict[str, Any]]]:  # type: ignore[override]
        yield [{_PACKED: orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY).decode()} for row in inputs]


def run_local(compiled: Compiled, spool: Spool, counts: Counts, scratch: Path, *, limit: int | None) -> None:
    """Run with `distilabel.pipeline.Pipeline`, without its cache, and part kept rows from dropped ones into `spool`.

    Raises what ended the run inside a child process, and `BezoarError` if the runner lost a row.
    """
    import datasets

    expected = _limit_sources(compiled, limit)
    pipeline = compiled.pipeline
    pipeline._cache_dir = scratch / "distilabel"
    last = next(s for s in pipeline.dag.G if not list(pipeline.dag.get_step_successors(s)))
    pack = Pack(name="bezoar-pack", pipeline=pipeline)
    pipeline.dag.get_step(last)["step"].connect(pack)
    # distilabel reads its result back through the `datasets` cache; inside the scratch folder it leaves no copy.
    datasets.config.HF_DATASETS_CACHE = scratch / "datasets"
    os.environ.setdefault("DISTILABEL_LOG_LEVEL", "WARNING")
    logging.getLogger("distilabel").setLevel(logging.WARNING)
    datasets.disable_progress_bars()
    distiset = pipeline.run(use_cache=False)
    rows = [r for split in distiset.values() for part in split.values() for r in part[_PACKED]] if distiset else []
    later, behind, orders = _columns_from(compiled), _left_behind(compiled), _orders(compiled)
    seen = set()
    taken_in: Counter[str] = Counter()
    for text in rows:
        row = Row.decode(orjson.loads(text))
        if row.lineage.order[0] < MADE_FROM_MANY:
            seen.add(row.lineage.order[0])
        if row.lineage.drop is not None and row.lineage.drop.reason == TAKEN_IN:
            taken_in[row.lineage.drop.step] += 1
        else:
            if row.lineage.parent_ids:
                where = row.lineage.drop.step if row.lineage.drop else compiled.last.id
                held = {k: v for k, v in row.columns.items() if v is not None or k not in behind[where]}
                row.columns = {k: held[k] for k in orders[where] if k in held} | held
            _part(row, later, spool, counts)
    if len(seen) != expected:
        raise BezoarError(
            f"distilabel's runner gave back {len(seen)} of {expected} rows; nothing was written. "
            "Run without --engine local, which loses none"
        )
    _count_rows(compiled, counts, spool, taken_in)
    spool.flush()


def _limit_sources(compiled: Compiled, limit: int | None) -> int:
    """Set the limit, and read the sources once here: a source that gives no row or raises hangs distilabel."""
    expected = 0
    for node in compiled.sources:
        node.step.limit = limit
        expected += sum(1 for _ in node.step.rows())
    return expected


def _columns_from(compiled: Compiled) -> Mapping[str, set[str]]:
    """For each step, the columns it and the steps after it make: empty ones on a row dropped there are not its own.
    What is dropped by a step that makes rows is a row it made, with all of the step's columns."""
    later: dict[str, set[str]] = {}
    for node in reversed(compiled.nodes):
        own = () if getattr(node.step, "makes", False) else node.step.outputs
        later[node.id] = set(own).union(*(later[name] for name in node.following))
    return later


def _left_behind(compiled: Compiled) -> Mapping[str, set[str]]:
    """For each step, the columns that rows made on the way to it have no more. distilabel gives all rows of a batch the
    same columns, so made rows get those of the rows they were made from back, empty."""
    written: dict[str, set[str]] = {}
    behind: dict[str, set[str]] = {}
    for node in compiled.nodes:
        own = set(node.step.outputs)
        if hasattr(node.step, "optional_writes"):
            own.update(node.step._columns(node.step.optional_writes))
        before = set().union(*(written[name] for name in node.after))
        gone = set().union(*(behind[name] for name in node.after))
        if getattr(node.step, "makes", False):
            before, gone = set(), gone | before
        written[node.id], behind[node.id] = before | own, gone - own
    return behind


def _orders(compiled: Compiled) -> Mapping[str, tuple[str, ...]]:
    """For each step, the columns of rows made on the way to it in the order they were made in. distilabel gives them
    the order of whichever row comes first in a batch."""
    orders: dict[str, tuple[str, ...]] = {}
    for node in compiled.nodes:
        makes = getattr(node.step, "makes", False)
        before = () if makes else (column for name in node.after for column in orders[name])
        orders[node.id] = tuple(dict.fromkeys((*before, *node.step.outputs)))
    return orders


def _part(row: Row, later: Mapping[str, set[str]], spool: Spool, counts: Counts) -> None:
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
        row.columns = {k: v for k, v in row.columns.items() if v is not None or k not in later[mark.step]}
        counts.drop(mark)
        spool.drop(row)


def _count_rows(compiled: Compiled, counts: Counts, spool: Spool, taken_in: Counter[str]) -> None:
    """Rows in and out of each step, from the end back: what left the last step is what is kept. `taken_in` are the
    rows that steps took in as material for others, which count for the step before."""
    out = {node.id: 0 for node in compiled.nodes}
    out[compiled.last.id] = spool.count()
    for node in reversed(compiled.nodes):
        count = counts.steps[node.id]
        count.rows_out = out[node.id]
        count.rows_in = count.rows_out + count.dropped.total()
        came = taken_in[node.id] if getattr(node.step, "makes", False) else count.rows_in
        for before in node.after:
            out[before] = max(out[before], came)
