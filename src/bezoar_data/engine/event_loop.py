"""Driving the streaming engine over a compiled pipeline: its event loop, its journal and gateway, and what stops it.

Works on the command line, where the loop has the main thread and signals stop the run; and in a notebook, where a loop
is running already: then the run has a thread of its own, and Ctrl-C reaches the thread that waits for it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any

from bezoar_data.config.signals import handlers_kept, stop_signals, terminal_is_gone
from bezoar_data.engine.counts import Counts
from bezoar_data.engine.observer import Observer
from bezoar_data.engine.options import Options
from bezoar_data.engine.progress import Progress
from bezoar_data.engine.stats import RunStats
from bezoar_data.engine.stream import StreamEngine
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.gateway.fallbacks import address_notes
from bezoar_data.llms.gateway.recorded import RecordedGateway
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.places import note_addresses
from bezoar_data.pipeline.compile import Compiled
from bezoar_data.runs.spool import Spool

_CLOSE_WITHIN = 10.0
"""Seconds that a run on a thread of its own gets to close its journal once it was stopped twice."""


def run_engine(
    compiled: Compiled,
    spool: Spool,
    counts: Counts,
    options: Options,
    *,
    progress: Progress,
    stats: RunStats,
    save: Callable[[Mapping[str, Any]], None],
    observer: Observer | None = None,
) -> None:
    """Take every row of the pipeline to its end, into `spool`. `save` is given the run's state now and then.

    Raises `InputError`, `BudgetStop`, `ProviderAway` or `Interrupted`.
    """

    async def main(controller: StopController) -> None:
        journal = Journal.open(compiled.journal, answers=compiled.checked.answers, near=options.near, also=options.also)
        show_notes(journal, progress)
        for note in address_notes(journal, compiled.roles) if options.lookups is None else ():
            progress.note(note)
        try:
            gateway = _gateway(compiled, journal, options, progress)
            async with gateway:
                told = options.asked
                stats.asked = gateway.snapshot if told is None else lambda: told(gateway.snapshot())
                window, limit = _window(compiled), options.limit
                engine = StreamEngine(
                    compiled, gateway, spool, counts,
                    window=window, limit=limit, observer=observer, cut=options.cut,
                )  # fmt: skip
                progress.follow(stats, save)
                controller.take(engine.stop)
                if options.steering is not None:
                    options.steering.take(controller.stop)
                try:
                    await engine.run()
                finally:
                    controller.release()
                    note_addresses(journal.path, gateway.answered_at())
        finally:
            journal.close()

    run_in_event_loop(main)


def _gateway(compiled: Compiled, journal: Journal, options: Options, progress: Progress) -> Gateway:
    if options.lookups is not None:
        return RecordedGateway(compiled.roles, journal, options.lookups)
    return Gateway(
        compiled.roles,
        journal,
        retry_failed=options.retry_failed,
        max_cost=options.max_cost,
        on_event=progress.on_event,
        share=None if options.steering is None else options.steering.share,
    )


def show_notes(journal: Journal, progress: Progress) -> None:
    """Show what the journal had to repair, and from now on what it notices."""
    for note in journal.notes:
        progress.note(note)
    journal.tell = progress.note


def _window(compiled: Compiled) -> int:
    """Rows in flight: enough to keep every endpoint busy while some rows are slow, and no more. A role asked in
    batches needs all the rows of a batch at once."""
    rows = 128 + 2 * sum(model.in_flight for model in compiled.roles.values())
    models = [m for model in compiled.roles.values() for m in (model, *model.fallbacks)]
    return max(rows, 50_000) if any(m.mode == "batch" for m in models) else rows


class StopController:
    """Stops a run from outside: the first time cleanly, the second time at once."""

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._stop: Callable[[], None] | None = None
        self.stopping = False

    def take(self, stop: Callable[[], None]) -> None:
        """From now on `stop` ends the run cleanly. To be called in the run's loop, which then takes Ctrl-C,
        SIGTERM and a closed terminal where it has the main thread."""
        self._loop, self._task, self._stop = asyncio.get_running_loop(), asyncio.current_task(), stop
        try:
            for number in stop_signals():
                before = signal.getsignal(number)
                self._loop.add_signal_handler(number, self._on_signal, number)
                self._before[number] = before
        except (ValueError, RuntimeError, NotImplementedError):
            pass  # not the main thread: its owner takes signals
        if self.stopping:
            self._stop_cleanly()

    def release(self) -> None:
        for number, before in self._before.items():
            with suppress(ValueError):
                if number == signal.SIGINT:  # whose second one, as Python has it, ends the loop at once
                    assert self._loop is not None  # noqa: S101 (its handlers were added)
                    self._loop.remove_signal_handler(number)
                else:  # the loop would let them kill the process in between, and removes its own as it closes
                    signal.signal(number, before)
        self._before = {}
        self._stop = None

    def stop(self) -> None:
        """Stop cleanly, from any thread."""
        self.stopping = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has just ended by itself
                self._loop.call_soon_threadsafe(self._stop_cleanly)

    def leave(self) -> None:
        """Stop at once, from any thread: answers in flight are lost."""
        if self._loop is not None and self._task is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._task.cancel)

    def _on_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP and number in self._before:
            self._before[number] = signal.SIG_IGN  # the second one must not come to who had it before
            terminal_is_gone()
        self._stop_cleanly()

    def _stop_cleanly(self) -> None:
        stop = self._stop
        if stop is not None:
            self.release()
            stop()
            with suppress(OSError):  # whoever read it may be gone
                print("stopping: waiting for answers in flight (again to leave at once)", file=sys.stderr)  # noqa: T201


def run_in_event_loop(main: Callable[[StopController], Coroutine[Any, Any, None]]) -> None:
    """Run `main` in an event loop to its end, also where a loop is running already (a notebook): then on a thread of
    its own, while this one waits and takes Ctrl-C for it."""
    controller = StopController()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with handlers_kept():
            asyncio.run(main(controller))
        return
    done: Future[None] = Future()

    def run() -> None:
        try:
            done.set_result(asyncio.run(main(controller)))
        except BaseException as error:
            done.set_exception(error)

    thread = threading.Thread(target=run, name="bezoar-data run", daemon=True)
    with _signals_for(controller):
        thread.start()
        try:
            done.result()
        except KeyboardInterrupt:
            thread.join(_CLOSE_WITHIN)
            raise


@contextmanager
def _signals_for(controller: StopController) -> Iterator[None]:
    """While this thread waits for a run on another one, Ctrl-C stops that run. Not by catching `KeyboardInterrupt`:
    where asyncio runs this thread's loop, it takes the first Ctrl-C for itself."""

    def on_signal(_number: int, _frame: object) -> None:
        if controller.stopping:
            controller.leave()
            raise KeyboardInterrupt
        controller.stop()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
