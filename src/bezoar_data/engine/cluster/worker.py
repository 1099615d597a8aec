"""The process on a cluster's node that runs one shard after another, as an actor of Ray's: started, placed and started
again by Ray, and told by the driver what to run."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bezoar_data._version import __version__
from bezoar_data.config.errors import INTERNAL_ERROR, BezoarError
from bezoar_data.engine.cluster.values import Ended, Home, Job, News, Orders, Place
from bezoar_data.engine.options import Options
from bezoar_data.engine.progress import Progress
from bezoar_data.engine.shards.run_shard import run_shard
from bezoar_data.engine.shards.store import Store
from bezoar_data.engine.stats import RunStats
from bezoar_data.engine.steering import Steering
from bezoar_data.llms.gateway.prepare import prepare_models
from bezoar_data.llms.redact import redact
from bezoar_data.pipeline.compile import compile_pipeline
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.project import JOURNAL

COLLECT_EVERY = 30.0
"""Seconds between two times that a worker sends its answers: what a node that is lost for good takes with it."""


class Mailbox(Store):
    """The store as a worker sees it: the driver fetches what is put there, and gave what may be read."""

    def __init__(self, files: Mapping[str, Any], fetch: Callable[[Any], bytes]) -> None:
        self.shown = "the driver"
        self._files = dict(files)
        self._fetch = fetch
        self._sent: list[tuple[str, bytes]] = []
        self._arrived = 0
        self._changed = threading.Condition()

    def put(self, name: str, value: bytes) -> None:
        """Returns when the driver has it."""
        with self._changed:
            self._sent.append((name, value))
            number = self._arrived + len(self._sent)
            self._changed.wait_for(lambda: self._arrived >= number)
            self._files.setdefault(name, None)

    def get(self, name: str) -> bytes | None:
        found = self._files.get(name)
        return None if found is None else self._fetch(found)

    def names(self, folder: str) -> list[str]:
        return sorted(name.removeprefix(f"{folder}/") for name in self._files if name.startswith(f"{folder}/"))

    def pending(self, arrived: int) -> tuple[tuple[str, bytes], ...]:
        """What the driver does not have yet, of whom it is known that so many files have arrived."""
        with self._changed:
            del self._sent[: max(0, arrived - self._arrived)]
            self._arrived = max(self._arrived, arrived)
            self._changed.notify_all()
            return tuple(self._sent)


class Told(Progress):
    """Keeps what is to be shown until the driver asks for it."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self._lock = threading.Lock()
        self._notes: list[str] = []
        self._happened: list[tuple[str, Mapping[str, Any]]] = []
        self._facts: Mapping[str, Any] = {}
        self._failed: Mapping[str, Mapping[str, int]] = {}

    def note(self, text: str) -> None:
        with self._lock:
            self._notes.append(text)

    def on_event(self, what: str, facts: Mapping[str, Any]) -> None:
        with self._lock:
            self._happened.append((what, dict(facts)))

    def follow(self, stats: RunStats, save: Callable[[Mapping[str, Any]], None]) -> None:
        self._stats = stats

    def close(self) -> None:
        self._look()
        self._stats = None

    def news(self, job: Job, within: bool = True, sent: tuple[tuple[str, bytes], ...] = ()) -> News:
        self._look()
        with self._lock:
            notes, events = tuple(self._notes), tuple(self._happened)
            self._notes, self._happened = [], []
        return News(job.shard, job.turn, within, self._facts, self._failed, notes, events, sent)

    def _look(self) -> None:
        if (stats := self._stats) is not None:
            self._facts, self._failed = stats.facts(), stats.failed()


class Worker:
    """An actor with several threads: `run` takes one of them for as long as a shard takes."""

    def __init__(self) -> None:
        self._running = threading.Lock()
        self._steering = Steering()
        self._now: tuple[Job, Told, Mailbox] | None = None

    def hello(self) -> Place:
        import ray

        node = ray.get_runtime_context().get_node_id()
        return Place(node, platform.node(), os.getpid(), __version__)

    def run(self, job: Job) -> Ended:
        """Run a shard to its end. One that is under way, of which the driver has lost sight, is stopped first."""
        import ray

        self._steering.stop()
        with self._running:
            self._steering = Steering()
            told, mailbox = Told(), Mailbox(job.files, ray.get)
            self._now = (job, told, mailbox)
            try:
                self._run(job, told, mailbox, ray.get_runtime_context().get_node_id())
            except BezoarError as error:
                return Ended.by(error, told.news(job))
            except Exception as error:
                said = redact(f"internal error in a worker: {type(error).__name__}: {error}")
                return Ended(told.news(job), said, INTERNAL_ERROR)
            return Ended(told.news(job))

    def poll(self, orders: Orders) -> News | None:
        """Take orders, and say how it stands. None before the first shard."""
        if self._now is None:
            return None
        job, told, mailbox = self._now
        if orders.stop:
            self._steering.stop()
        within = self._steering.share.hold(orders.parts)
        return told.news(job, within, mailbox.pending(orders.arrived))

    def leave_nothing(self, home: Home) -> None:
        """Take away what the run has left on this node: all of it is with the driver."""
        shutil.rmtree(folder_on(self.hello().node, home).path, ignore_errors=True)

    def _run(self, job: Job, told: Told, mailbox: Mailbox, node: str) -> None:
        _go_to(job.home.cwd)
        root = folder_on(node, job.home)
        own = root.of_shard(job.shard.folder)
        compiled = compile_pipeline(job.checked, own.path / JOURNAL.name)
        prepare_models(compiled.roles.values(), quiet=True)
        options = Options(
            "stream", job.limit, retry_failed=job.retry_failed, also=_known(job, node, root), steering=self._steering
        )
        run_shard(compiled, own, options, job.shard, mailbox, progress=told, every=COLLECT_EVERY)


def _go_to(folder: str) -> None:
    """Go where the driver is, as files are named from there; a job with a working directory has brought that along."""
    import ray

    if not ray.get_runtime_context().runtime_env.get("working_dir") and Path(folder).is_dir():
        os.chdir(folder)


def folder_on(node: str, home: Home) -> RunFolder:
    """The folder of a run's workers on a node: in the run's own on the driver's, among temporary files elsewhere."""
    if node == home.node:
        return RunFolder(Path(home.folder))
    return RunFolder(Path(tempfile.gettempdir()) / f"bezoar-data-{os.getuid()}" / f"{home.run}-{node[:12]}")


def _known(job: Job, node: str, root: RunFolder) -> Path:
    """The driver's journal, brought here where this is another node."""
    if node == job.home.node:
        return Path(job.home.journal)
    import ray

    path = root.path / f"known-{job.shard.folder.replace('/', '-')}.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(ray.get(job.known))
    return path
