"""One run from a compiled pipeline to a finished run folder.

Everything is built in a scratch folder inside the run folder and moved into place at the end, so that a run that stops
half way leaves the last finished dataset untouched, and the journal with every answer it got.
"""

from __future__ import annotations

import asyncio
import gc
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bezoar_data.engine.counts import Counts
from bezoar_data.engine.lock import Seen, build_lock
from bezoar_data.engine.progress import Progress
from bezoar_data.engine.record import RunRecord
from bezoar_data.engine.watch import RunWatch
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.runs.dataset import write_dataset, write_dropped
from bezoar_data.runs.folder import RunFolder, lock_hash, replace_folder, write_json, write_text
from bezoar_data.runs.spool import Spool
from bezoar_data.spec.errors import DONE, TOO_MANY_FAILED, InputError, Problem

Engine = Literal["stream", "local"]

CardWriter = Callable[[Mapping[str, Any], str, Mapping[str, Any] | None, str | None], str]
"""Renders the card from (lock, its hash, an example row, the card as it stood): cards live above the engine."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run may be told besides its files."""

    engine: Engine = "stream"
    limit: int | None = None
    max_cost: float | None = None
    retry_failed: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """How a finished run ended. `exit_code` is 0, or 1 when more rows failed than the pipeline tolerates."""

    folder: RunFolder
    lock: Mapping[str, Any]
    lock_hash: str
    counts: Counts
    tally: Mapping[str, Any]
    seconds: float
    exit_code: int


def run(compiled: Compiled, folder: RunFolder, options: Options, *, card: CardWriter, progress: Progress) -> Result:
    """Run a pipeline to its end and leave its files in `folder`.

    Raises `InputError` (exit 2), `BudgetStop` (3), `ProviderAway` (5) or `Interrupted` (130); after each but the
    first, the same call goes on from the journal.
    """
    if options.engine == "local":
        _refuse_for_local(compiled, options)
    counts = Counts(node.id for node in compiled.nodes)
    with _calm_collector(), _nothing_half_written(folder), folder.held() as scratch:
        record = RunRecord(folder, compiled.loaded.file.name, options.engine)
        spool = Spool(scratch / "spool.sqlite")
        compiled.pipeline.save(scratch / "distilabel.yaml", overwrite=True, format="yaml")
        slow = [node.id for node in compiled.nodes if node.role is not None]
        watch = RunWatch(counts, dict, lambda: expected_rows(compiled, options.limit), slow)
        try:
            if options.engine == "local":
                from bezoar_data.engine.local import run_local

                with Journal.open(folder.journal) as journal:
                    _tell_notes(journal, progress)

                progress.follow(watch, record.running)
                run_local(compiled, spool, counts, scratch, limit=options.limit)
            else:
                _run_stream(compiled, spool, counts, folder, options, progress, watch, record)
        except BaseException as error:
            record.stopped(watch.facts(), error)
            raise
        finally:
            progress.close()
        result = _finish(compiled, folder, spool, counts, options, card, scratch, watch, record)
        spool.close()
    return result


def _refuse_for_local(compiled: Compiled, options: Options) -> None:
    """distilabel's runner asks from a process for each step: what must be exact over all of them cannot be promised."""
    problems = []
    if options.max_cost is not None:
        hint = "leave --engine local out, or run without a budget"
        problems.append(Problem("local-budget", "--engine local cannot hold a budget", hint=hint))
    if options.retry_failed:
        hint = "leave --engine local out"
        problems.append(Problem("local-retry", "--engine local does not know --retry-failed", hint=hint))
    for role, model in compiled.roles.items():
        if model.mode == "batch":
            hint = "leave --engine local out, or mode: batch"
            problems.append(Problem("local-batch", f"--engine local cannot ask '{role}' in batches", hint=hint))
    if problems:
        raise InputError(problems)


@contextmanager
def _calm_collector() -> Iterator[None]:
    """Keep Python's garbage collector from walking all that was imported each time some rows have passed: what stands
    now is set aside, and collections come less often. Measured at a fifth of a run's time."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _nothing_half_written(folder: RunFolder) -> Iterator[None]:
    """Where what was given was wrong, a run folder made only now goes again. The journal beside it stays."""
    was_there = folder.path.exists()
    try:
        yield
    except InputError:
        if not was_there:
            shutil.rmtree(folder.path, ignore_errors=True)
        raise


def _run_stream(
    compiled: Compiled,
    spool: Spool,
    counts: Counts,
    folder: RunFolder,
    options: Options,
    progress: Progress,
    watch: RunWatch,
    record: RunRecord,
) -> None:
    from bezoar_data.engine.stream import StreamEngine

    async def main() -> None:
        journal = Journal.open(folder.journal)
        told = _tell_notes(journal, progress)
        try:
            gateway = Gateway(
                compiled.roles,
                journal,
                retry_failed=options.retry_failed,
                max_cost=options.max_cost,
                listen=progress.heard,
            )
            async with gateway:
                watch.asked = gateway.snapshot
                engine = StreamEngine(compiled, gateway, spool, counts, window=_window(compiled), limit=options.limit)
                progress.follow(watch, record.running)
                restore = _on_interrupt(engine.stop)
                try:
                    await engine.run()
                finally:
                    restore()
        finally:
            _tell_notes(journal, progress, told)
            journal.close()

    _run_loop(main)


def _tell_notes(journal: Journal, progress: Progress, told: int = 0) -> int:
    """Say what the journal had to mend or pass over, from the `told`-th note on."""
    for note in journal.notes[told:]:
        progress.note(note)
    return len(journal.notes)


def _window(compiled: Compiled) -> int:
    """Rows in flight: enough to keep every endpoint busy while some rows are slow, and no more. A role asked in
    batches needs all the rows of a batch at once."""
    rows = 128 + 2 * sum(model.limits.concurrency for model in compiled.roles.values())
    models = [m for model in compiled.roles.values() for m in (model, *model.fallbacks)]
    return max(rows, 50_000) if any(m.mode == "batch" for m in models) else rows


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


def _run_loop(main: Callable[[], Any]) -> Any:
    """Run to the end, also where a loop is running already (a notebook): then on a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main())
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(main())).result()


def _on_interrupt(stop: Callable[[], None]) -> Callable[[], None]:
    """Ctrl-C and SIGTERM stop the run cleanly; a second one leaves at once. Gives back what undoes it."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def first() -> None:
        for number in signals:
            loop.remove_signal_handler(number)
        print("stopping: waiting for answers in flight (again to leave at once)", file=sys.stderr)  # noqa: T201
        stop()

    try:
        for number in signals:
            loop.add_signal_handler(number, first)
    except (ValueError, RuntimeError, NotImplementedError):
        return lambda: None  # not the main thread: its owner handles signals

    def restore() -> None:
        for number in signals:
            with suppress(ValueError):
                loop.remove_signal_handler(number)

    return restore


def _finish(
    compiled: Compiled,
    folder: RunFolder,
    spool: Spool,
    counts: Counts,
    options: Options,
    card: CardWriter,
    scratch: Path,
    watch: RunWatch,
    record: RunRecord,
) -> Result:
    """Build the dataset, its lock and its card in the scratch folder, then move everything into place."""
    file = compiled.loaded.file
    building = scratch / "dataset"
    seen = Seen(compiled)
    written = write_dataset(
        spool, building, splits=file.splits, seed=file.seed, expected=compiled.expected_columns, tell=seen
    )
    dropped = scratch / "dropped.parquet"
    count = write_dropped(spool, dropped, tell=seen)
    usage = spool.usage(folder.journal)
    lock = build_lock(compiled, counts, written, count, seen, usage, limit=options.limit)
    name = lock_hash(lock)
    previous = folder.dataset / "README.md"
    text = card(lock, name, written.first_row, previous.read_text("utf-8") if previous.exists() else None)
    write_json(building / "lock.json", lock)
    write_text(building / "README.md", text)
    replace_folder(building, folder.dataset)
    dropped.replace(folder.dropped)
    (scratch / "distilabel.yaml").replace(folder.distilabel)
    write_text(folder.pipeline, compiled.resolved)
    # Rows that the sources gave, and candidates that steps made: each of them may fail.
    total = sum(counts.steps[n.id].rows_in for n in compiled.nodes if n.is_source or _makes(n))
    exit_code = TOO_MANY_FAILED if counts.failed > file.tolerate * total else DONE
    facts = watch.facts()
    record.done(facts, exit_code, name)
    return Result(folder, lock, name, counts, facts["asked"], facts["seconds"], exit_code)
