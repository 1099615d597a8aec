"""One run from a compiled pipeline to a finished run folder.

Everything is built in a scratch folder inside the run folder and moved into place at the end, so that a run that stops
half way leaves the last finished dataset untouched, and the journal with every answer it got.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import DONE, TOO_MANY_FAILED, BezoarError, InputError, NothingLeft
from bezoar_data.config.sanitize import clean_text
from bezoar_data.engine.contamination import contamination
from bezoar_data.engine.counts import Counts
from bezoar_data.engine.cut import Cut
from bezoar_data.engine.endings import Endings
from bezoar_data.engine.event_loop import run_engine, show_notes
from bezoar_data.engine.local import refuse_for_local, run_local
from bezoar_data.engine.lock import RowTotals, build_lock, put_in_place
from bezoar_data.engine.observer import Observer
from bezoar_data.engine.options import DISTILABEL, Options
from bezoar_data.engine.progress import Progress
from bezoar_data.engine.review.answers import ReviewMerger
from bezoar_data.engine.stats import RunStats
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.places import note_run
from bezoar_data.llms.journal.recorded import RecordedAnswers
from bezoar_data.llms.redact import redact
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.pipeline.inputs import input_file_names
from bezoar_data.runs.dataset import write_dataset, write_dropped
from bezoar_data.runs.folder import RunFolder, write_json, write_text
from bezoar_data.runs.ingredients import Ingredients
from bezoar_data.runs.lock import Lock, ModelUsage, RenderCard
from bezoar_data.runs.measured import read_measured
from bezoar_data.runs.previous import Build, keeping, put_record_back, set_record_aside
from bezoar_data.runs.record import parse
from bezoar_data.runs.run_record import RunRecord
from bezoar_data.runs.spool import Spool, Took


@dataclass(frozen=True, slots=True)
class Result:
    """How a finished run ended. `exit_code` is 0, or 1 when more rows failed than the pipeline tolerates or none is
    left."""

    folder: RunFolder
    lock: Lock
    counts: Counts
    usage: Mapping[str, Any]
    seconds: float
    exit_code: int
    endings: Endings
    unsigned: bool
    """Whether the dataset that was there had a signature, which is not of this one."""
    replaced: Build | None
    """The dataset that was there, if it was another build."""


def run(compiled: Compiled, folder: RunFolder, options: Options, *, render: RenderCard, progress: Progress) -> Result:
    """Run a pipeline to its end and leave its files in `folder`.

    Raises `InputError` (exit 2), `BudgetStop` (3), `ProviderAway` (5) or `Interrupted` (130); after each but the
    first, the same call goes on from the journal. And `NothingLeft` (1).
    """
    seen = RowTotals(compiled)
    with driven(compiled, folder, options, seen, progress=progress) as done:
        return _finish(compiled, folder, done, seen, options, render)


@dataclass(frozen=True, slots=True)
class Driven:
    """A run whose rows are all at their end, in the spool, and are not written yet."""

    scratch: Path
    spool: Spool
    counts: Counts
    stats: RunStats
    record: RunRecorder
    dump: Mapping[str, Any]
    """The pipeline as distilabel writes it."""


def _nothing_around(_: Path) -> AbstractContextManager[None]:
    return nullcontext()


@contextmanager
def driven(
    compiled: Compiled,
    folder: RunFolder,
    options: Options,
    seen: Observer,
    *,
    progress: Progress,
    around: Callable[[Path], AbstractContextManager[None]] = _nothing_around,
) -> Iterator[Driven]:
    """Take every row to its end, as far as `options.cut` lets it, in the folder's scratch; what is made of them is the
    caller's. `around` is given the scratch folder, and entered while rows are on their way. Raises as `run` does."""
    if options.engine in DISTILABEL:
        refuse_for_local(compiled, options)
    counts = Counts(node.id for node in compiled.nodes)
    with _calm_collector(), _nothing_half_written(folder), folder.locked() as scratch:
        set_record_aside(folder.path, scratch)
        record = RunRecorder(folder, compiled.loaded.file.name, options.engine, options.cut)
        spool = Spool(scratch / "spool.sqlite")
        dump = compiled.dump()  # before distilabel's own runner changes settings
        slow = [node.id for node in compiled.nodes if node.role is not None]
        stats = RunStats(counts, dict, lambda: expected_rows(compiled, options.limit), slow)
        try:
            with around(scratch):
                _drive(compiled, spool, counts, options, seen, scratch, stats, record, progress)
            if options.lookups is None:
                note_run(compiled.journal, folder.path)
        except BaseException as error:
            wrong = isinstance(error, InputError) and not any(step.rows_in for step in counts.steps.values())
            if not (wrong and put_record_back(folder.path, scratch)):
                record.stopped(stats.facts(), error)
            raise
        finally:
            progress.close()
        yield Driven(scratch, spool, counts, stats, record, dump)
        spool.close()


def _drive(
    compiled: Compiled,
    spool: Spool,
    counts: Counts,
    options: Options,
    seen: Observer,
    scratch: Path,
    stats: RunStats,
    record: RunRecorder,
    progress: Progress,
) -> None:
    if options.engine in DISTILABEL:
        assert isinstance(seen, RowTotals)  # noqa: S101 (shards have the streaming engine)
        with Journal.open(compiled.journal) as journal:
            show_notes(journal, progress)
        progress.follow(stats, record.running)
        run_local(compiled, spool, counts, seen.judging, scratch, options)
    else:
        run_engine(compiled, spool, counts, options, progress=progress, stats=stats, save=record.running, observer=seen)


class RunRecorder:
    """Writes a run's `run.json`, from its start to how it ended."""

    def __init__(self, folder: RunFolder, name: str, engine: str, cut: Cut | None = None) -> None:
        self._path = folder.run_json
        started = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
        self._head = {"name": name, "engine": engine, "pid": os.getpid(), "started": started}
        if cut is not None:
            shard = cut.shard
            phase = f"{cut.upto if shard is None else shard.phase} of {cut.phases.last}"
            self._head |= {"phase": phase, "shard": None if shard is None else str(shard)}
        self._write("running", {})

    def running(self, facts: Mapping[str, Any]) -> None:
        self._write("running", facts)

    def stopped(self, facts: Mapping[str, Any], error: BaseException) -> None:
        """The run ended early: by a clean stop, or by an error. The dataset stays the last finished one's."""
        code = error.exit_code if isinstance(error, BezoarError) else None
        reason = redact(str(error) or type(error).__name__)
        self._write("stopped", {**facts, "exit_code": code, "reason": reason})

    def done(self, facts: Mapping[str, Any], exit_code: int, lock: str | None = None) -> None:
        self._write("done", {**facts, "exit_code": exit_code, "lock": lock})

    def _write(self, state: str, facts: Mapping[str, Any]) -> None:
        try:
            write_json(self._path, parse(RunRecord, {**self._head, "state": state, **facts}).as_json())
        except OSError:
            pass  # a full disk must not hide why the run ended; `status` shows the state before


@contextmanager
def _calm_collector() -> Iterator[None]:
    """Keep Python's garbage collector from going through all that was imported each time some rows have passed: what
    exists now is set aside, and collections come less often. Measured at a fifth of a run's time. Nor is it gone
    through here, which takes a tenth of a second: what is garbage of it is little, and stays until the run ends."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _nothing_half_written(folder: RunFolder) -> Iterator[None]:
    """Where what was given was wrong, a run folder made only now goes again. The journal stays."""
    was_there = folder.path.exists()
    try:
        yield
    except InputError:
        if not was_there:
            shutil.rmtree(folder.path, ignore_errors=True)
        raise


def expected_rows(compiled: Compiled, limit: int | None) -> int | None:
    """How many rows the sources will give, once all of them know. None where a step makes rows of its own."""
    if any(_makes(node) for node in compiled.nodes):
        return None
    total = 0
    for node in compiled.sources:
        expected = node.step.expected
        if expected is None:
            return None
        total += expected if limit is None else min(expected, limit)
    return total


def _makes(node: Node) -> bool:
    return bool(getattr(node.step, "makes", False))


def _usage(compiled: Compiled, spool: Spool) -> tuple[ModelUsage, ...]:
    """What the answers behind the rows took, by the journal and by recorded answers."""
    if not compiled.checked.answers:
        return spool.usage(compiled.journal)
    with closing(RecordedAnswers(compiled.checked.answers)) as recorded:

        def took(key: str) -> Iterator[Took]:
            for entry in recorded.entries(key):
                if entry.error is None or entry.completion_tokens is not None:
                    extra = json.dumps(dict(entry.extra), default=str)
                    tokens, prices = (
                        (entry.prompt_tokens, entry.completion_tokens),
                        (entry.price_input, entry.price_output),
                    )
                    yield entry.model, *tokens, entry.cost, extra, *prices

        return spool.usage(compiled.journal, took)


def _finish(
    compiled: Compiled, folder: RunFolder, done: Driven, seen: RowTotals, options: Options, render: RenderCard
) -> Result:
    """Build the dataset, its lock and its card in the scratch folder, then move everything into place."""
    scratch, spool, counts = done.scratch, done.spool, done.counts
    file = compiled.loaded.file
    building = scratch / "dataset"
    reviewing = ReviewMerger.of(folder.review, seen.judges)
    written = write_dataset(
        spool,
        building,
        splits=file.splits,
        seed=file.seed,
        max_file=file.max_file_bytes,
        expected=compiled.expected_columns,
        on_row=seen,
        review=reviewing if reviewing.answers else None,
        worth_showing=reviewing.is_accepted,
    )
    dropped, distilabel = scratch / "dropped.parquet", scratch / "distilabel.yaml"
    compiled.pipeline.save(distilabel, dump=done.dump, format="yaml")
    count = write_dropped(spool, dropped, on_row=seen)
    usage = _usage(compiled, spool)
    lock = build_lock(
        compiled,
        counts,
        written,
        count,
        seen,
        usage,
        contamination(compiled, counts, building),
        limit=options.limit,
        people=reviewing.measured(read_measured(folder.reliability, building)),
        review=reviewing.summary(),
    )
    endings = Endings.of(spool.endings(compiled.journal))
    checked = compiled.checked
    # Rows that the sources gave, and candidates that steps made: each of them may fail.
    total = sum(counts.steps[n.id].rows_in for n in compiled.nodes if n.is_source or _makes(n))
    nothing_left = total > 0 and lock.counts.kept == 0
    there = Build.of(folder.path)
    if nothing_left and there is not None and there.rows:
        facts = done.stats.facts()
        error = NothingLeft(_no_row_kept(counts, total, there), facts["asked"].get("cost", 0.0))
        done.record.stopped(facts, error)
        raise error
    with keeping(folder.path, scratch, lock.hash) as replaced:
        unsigned = put_in_place(building, folder, lock, written.example, render)
        dropped.replace(folder.dropped)
        distilabel.replace(folder.distilabel)
        write_text(folder.pipeline, compiled.resolved)
        ingredients = Ingredients(compiled.journal, checked.answers, input_file_names(checked), None)
        ingredients.note(folder, compiled.loaded.path)
        if checked.card is not None:
            write_text(folder.card, checked.card.read_text("utf-8"))
        else:
            folder.card.unlink(missing_ok=True)
    exit_code = TOO_MANY_FAILED if nothing_left or counts.failed > file.tolerate * total else DONE
    facts = done.stats.facts()
    done.record.done(facts, exit_code, lock.hash)
    return Result(folder, lock, counts, facts["asked"], facts["seconds"], exit_code, endings, unsigned, replaced)


def _no_row_kept(counts: Counts, total: int, there: Build) -> str:
    why = [
        f"{step} dropped {n:,} as {reason}" + (f" ({clean_text(words, one_line=True)[:200]})" if words else "")
        for step, count in counts.steps.items()
        for reason, n in sorted(count.dropped.items())
        for words in [count.words.get(reason)]
    ]
    return (
        f"no row was kept, of {total:,}: {'; '.join(why)}. The dataset that is here was not replaced: {there}. "
        "`bezoar-data preview` shows what the steps do to a few rows; a run with another --out writes what it dropped"
    )
