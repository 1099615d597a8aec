"""One run from a compiled pipeline to a finished run folder.

Everything is built in a scratch folder inside the run folder and moved into place at the end, so that a run that stops
half way leaves the last finished dataset untouched, and the journal with every answer it got.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from bezoar_data.engine.counts import Counts
from bezoar_data.engine.lock import build_lock
from bezoar_data.engine.progress import Progress
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from bezoar_data.pipeline.compile import Compiled
from bezoar_data.runs.dataset import Written, write_dataset, write_dropped
from bezoar_data.runs.folder import RunFolder, lock_hash, replace_folder, write_json, write_text
from bezoar_data.runs.spool import Spool
from bezoar_data.spec.errors import DONE, TOO_MANY_FAILED, BezoarError

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
    started = time.time()
    counts = Counts(node.id for node in compiled.nodes)
    with folder.held() as scratch:
        spool = Spool(scratch / "spool.sqlite")
        tally: Mapping[str, Any] = {}
        try:
            if options.engine == "local":
                _run_local(compiled, spool, counts, scratch, folder, options)
            else:
                tally = _run_stream(compiled, spool, counts, folder, options, progress)
        except BezoarError as error:
            _note_end(folder, compiled, counts, started, options, error)
            raise
        finally:
            progress.close()
        result = _finish(compiled, folder, spool, counts, options, card, scratch, tally, started)
        spool.close()
    return result


def _run_stream(
    compiled: Compiled, spool: Spool, counts: Counts, folder: RunFolder, options: Options, progress: Progress
) -> Mapping[str, Any]:
    async def main() -> Mapping[str, Any]:
        from bezoar_data.engine.stream import StreamEngine

        journal = Journal.open(folder.journal)
        try:
            for note in journal.notes:
                progress.note(note)
            gateway = Gateway(compiled.roles, journal, retry_failed=options.retry_failed, max_cost=options.max_cost)
            async with gateway:
                window = 128 + 2 * sum(m.limits.concurrency for m in compiled.roles.values())
                engine = StreamEngine(compiled, gateway, spool, counts, window=window, limit=options.limit)
                progress.follow(counts, gateway.tally)
                restore = _on_interrupt(engine.stop)
                try:
                    await engine.run()
                finally:
                    restore()
                return gateway.tally.snapshot()
        finally:
            journal.close()

    return _run_loop(main)


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


def _run_local(
    compiled: Compiled, spool: Spool, counts: Counts, scratch: Path, folder: RunFolder, options: Options
) -> None:
    from bezoar_data.engine.local import run_local

    Journal.open(folder.journal).close()
    run_local(compiled, spool, counts, scratch, limit=options.limit)


def _finish(
    compiled: Compiled,
    folder: RunFolder,
    spool: Spool,
    counts: Counts,
    options: Options,
    card: CardWriter,
    scratch: Path,
    tally: Mapping[str, Any],
    started: float,
) -> Result:
    file = compiled.loaded.file
    building = scratch / "dataset"
    written = write_dataset(spool, building, splits=file.splits, seed=file.seed, expected=compiled.expected_columns)
    dropped = scratch / "dropped.parquet"
    count = write_dropped(spool, dropped)
    lock = build_lock(compiled, counts, written, count, spool, folder.journal, limit=options.limit)
    name = lock_hash(lock)
    previous = folder.dataset / "README.md"
    text = card(lock, name, written.first_row, previous.read_text("utf-8") if previous.exists() else None)
    write_json(building / "lock.json", lock)
    write_text(building / "README.md", text)
    replace_folder(building, folder.dataset)
    dropped.replace(folder.dropped)
    write_text(folder.pipeline, compiled.resolved)
    exit_code = _exit_code(compiled, counts, written)
    seconds = time.time() - started
    write_json(
        folder.run_json,
        {
            **_run_facts(compiled, counts, started, options),
            "state": "done",
            "exit_code": exit_code,
            "lock": name,
            "rows_per_second": round(counts.steps[compiled.nodes[0].id].rows_in / seconds, 1),
            "asked": dict(tally),
        },
    )
    return Result(folder, lock, name, counts, tally, seconds, exit_code)


def _exit_code(compiled: Compiled, counts: Counts, written: Written) -> int:
    total = sum(counts.steps[n.id].rows_in for n in compiled.sources)
    return TOO_MANY_FAILED if counts.failed > compiled.loaded.file.tolerate * total else DONE


def _note_end(
    folder: RunFolder, compiled: Compiled, counts: Counts, started: float, options: Options, error: BezoarError
) -> None:
    """Say in run.json how a run ended that did not finish. The dataset stays the last finished one's."""
    facts = _run_facts(compiled, counts, started, options)
    write_json(folder.run_json, {**facts, "state": "stopped", "exit_code": error.exit_code, "reason": str(error)})


def _run_facts(compiled: Compiled, counts: Counts, started: float, options: Options) -> dict[str, Any]:
    return {
        "name": compiled.loaded.file.name,
        "engine": options.engine,
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - started, 3),
        "steps": {name: count.as_json() for name, count in counts.steps.items()},
    }
