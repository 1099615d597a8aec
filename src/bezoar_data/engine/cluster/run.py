"""A run on a Ray cluster: its rows cut into shards, which workers run, and merged as shards are.

The driver goes through all that needs all rows; a worker gets the rows with which its shard's phase begins, asks about
them by our own engine with its own journal on its node's disk, and sends what was answered to the driver. So bytes,
lock and card are those of a run on one machine, and a run goes on by the same command: whatever was left by the one
before is taken into the journal first, and every worker looks there.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem
from bezoar_data.config.signals import handlers_kept, stop_signals, terminal_is_gone
from bezoar_data.engine.cluster.crew import Crew
from bezoar_data.engine.cluster.serving import serving
from bezoar_data.engine.cluster.sums import anew, count_up, summed
from bezoar_data.engine.cluster.values import Home, Job, Place
from bezoar_data.engine.counts import Counts
from bezoar_data.engine.cut import Cut
from bezoar_data.engine.options import Options
from bezoar_data.engine.progress import Progress
from bezoar_data.engine.ray_cluster import cluster, cpus_here
from bezoar_data.engine.run import Result, RunRecorder
from bezoar_data.engine.shard import Shard
from bezoar_data.engine.shards.collect import segments_of
from bezoar_data.engine.shards.merge import PhaseBegun, go_on, leftovers, take_in
from bezoar_data.engine.shards.run_shard import BEGUN, FACTS
from bezoar_data.engine.shards.store import Store
from bezoar_data.engine.stats import RunStats
from bezoar_data.engine.stream import Interrupted
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.importing import import_entries
from bezoar_data.llms.journal.schema import connect
from bezoar_data.llms.providers.base import provider_class
from bezoar_data.pipeline.compile import Compiled
from bezoar_data.pipeline.phases import Phases
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.lock import RenderCard

_EACH = 16
"""Requests in flight that a worker is there for at least, where nobody says how many workers there are to be."""


def refuse_for_ray(compiled: Compiled, options: Options) -> None:
    """What cannot be promised over many processes."""
    problems = []
    if options.max_cost is not None:
        hint = "leave --engine ray out, or run without a budget"
        problems.append(Problem("ray-budget", "--engine ray cannot hold a budget", hint=hint))
    for role, model in compiled.roles.items():
        if any(one.mode == "batch" for one in model.fallback_chain()):
            hint = "leave --engine ray out, or mode: batch"
            problems.append(Problem("ray-batch", f"--engine ray cannot ask '{role}' in batches", hint=hint))
    if problems:
        raise InputError(problems)


def run_on_ray(
    compiled: Compiled, folder: RunFolder, options: Options, *, render: RenderCard, progress: Progress
) -> Result:
    """Run a pipeline on a cluster to its end, and leave its files in `folder`. Raises what `run` raises, and
    `ClusterLost`; after each but `InputError` the same call goes on."""
    refuse_for_ray(compiled, options)
    phases = Phases.of_pipeline(compiled)
    here = RunFolder(folder.path / "workers")
    store = Store(str(here.collected))
    with cluster(options.ray) as ray, serving(compiled.roles.values()):
        home = _home(ray, folder, here, compiled.journal)
        crew = Crew(ray, _workers(ray, compiled, options), home, progress)
        told = replace(options, asked=lambda asked: summed([crew.asked(), anew(asked)]))
        with folder.locked():
            _take_in_all(here, store, compiled.journal)
        for phase in sorted(phases.asking):
            begun = go_on(compiled, folder, told, store, phase - 1, render=render, progress=progress)
            assert isinstance(begun, PhaseBegun)  # noqa: S101 (a phase that asks follows)
            on = _Phase(ray, compiled, options, crew, home, store, phase, begun.rows, phases)
            with folder.locked():
                on.run(folder, progress)
                take_in(store, on.shards, compiled.journal)
        result = go_on(compiled, folder, told, store, phases.last, render=render, progress=progress)
        assert isinstance(result, Result)  # noqa: S101 (it went through all phases)
        crew.clean()
    shutil.rmtree(here.path, ignore_errors=True)
    return result


@dataclass(frozen=True, slots=True)
class _Phase:
    """A phase whose rows workers ask about, each of them for one shard."""

    ray: ModuleType
    compiled: Compiled
    options: Options
    crew: Crew
    home: Home
    store: Store
    phase: int
    rows: int
    phases: Phases

    @property
    def shards(self) -> list[Shard]:
        of = max(1, min(self.crew.size, self.rows))
        return [Shard(i, of, self.phase) for i in range(of)]

    def run(self, folder: RunFolder, progress: Progress) -> None:
        """Have the crew run all shards, with progress and `run.json` of all of them together."""
        counts = Counts(node.id for node in self.compiled.nodes)
        slow = [n.id for n in self.compiled.nodes if n.role is not None and self.phases.of[n.id] == self.phase]
        stats = ClusterStats(counts, self.crew, self.rows, slow)
        cut = Cut(self.compiled, self.phases, self.phase)
        record = RunRecorder(folder, self.compiled.loaded.file.name, self.options.engine, cut)
        progress.follow(stats, record.running)
        try:
            with _stopping(self.crew):
                self.crew.run(self._jobs(), self.store)
        except BaseException as error:
            record.stopped(stats.facts(), error)
            raise
        finally:
            progress.close()
        record.running(stats.facts())

    def _jobs(self) -> Mapping[Shard, Callable[[Place], Job]]:
        files = {name: self._shared(name) for name in (BEGUN.format(self.phase), FACTS.format(self.phase))}
        known: list[Any] = []

        def job(shard: Shard, place: Place) -> Job:
            if place.node != self.home.node and not known:
                known.append(self.ray.put(_copy_of(self.compiled.journal)))
            sent = {name: self._shared(name) for name in segments_of(self.store, shard)}
            return Job(
                self.compiled.checked,
                shard,
                self.options.limit,
                self.options.retry_failed,
                self.home,
                {**files, **sent},
                known[0] if known else None,
            )

        return {shard: _of(job, shard) for shard in self.shards}

    def _shared(self, name: str) -> Any:
        return self.ray.put(self.store.get(name))


class ClusterStats(RunStats):
    """What all workers do, as the figures of one run."""

    def __init__(self, counts: Counts, crew: Crew, rows: int, slow: list[str]) -> None:
        super().__init__(counts, crew.asked, lambda: rows, slow)
        self._all, self._crew = counts, crew

    def facts(self) -> dict[str, Any]:
        count_up(self._all, [(news.facts, news.failed) for news in list(self._crew.news.values())])
        return super().facts()


def _of(job: Callable[[Shard, Place], Job], shard: Shard) -> Callable[[Place], Job]:
    return lambda place: job(shard, place)


def _home(ray: ModuleType, folder: RunFolder, here: RunFolder, journal: Path) -> Home:
    where = folder.path.resolve()
    run = hashlib.sha256(f"{platform.node()}|{where}".encode()).hexdigest()[:16]
    node = ray.get_runtime_context().get_node_id()
    return Home(node, str(Path.cwd()), str(here.path.resolve()), str(journal.resolve()), run)


def _workers(ray: ModuleType, compiled: Compiled, options: Options) -> int:
    """How many workers: as many as are wanted, or serve the requests that may be in flight; never more than may be, as
    each is to have one."""
    asked = [one for model in compiled.roles.values() for one in model.fallback_chain() if _is_endpoint(one)]
    most = min((one.limits.concurrency for one in asked), default=sys.maxsize)
    in_flight = sum({one.model_dump_json(include={"base_url", "endpoints"}): one.in_flight for one in asked}.values())
    cpus = int(ray.cluster_resources().get("CPU", 0)) or cpus_here()
    wanted = options.ray.workers or (min(cpus, in_flight // _EACH) if asked else cpus)
    return max(1, min(wanted, most))


def _is_endpoint(model: Model) -> bool:
    return provider_class(model.provider).needs_network


def _take_in_all(here: RunFolder, store: Store, to: Path) -> None:
    """What an earlier run's workers answered, which was not merged: into the journal, and away with the rest."""
    take_in(store, leftovers(store), to)
    with Journal.open(to) as journal:
        for path in sorted(here.path.glob("shards/phase-*/*/journal.sqlite")):
            with suppress(InputError):  # what cannot be read was sent, or is asked again
                import_entries(journal, [path])
    shutil.rmtree(here.path, ignore_errors=True)


def _copy_of(journal: Path) -> bytes:
    """The journal as it is now, for other nodes."""
    with tempfile.TemporaryDirectory(prefix="bezoar-known-") as folder:
        path = Path(folder) / "known.sqlite"
        with closing(connect(journal)) as source, closing(sqlite3.connect(path)) as copy:
            source.backup(copy)
        return path.read_bytes()


@contextmanager
def _stopping(crew: Crew) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal stop the workers cleanly, the second time at once."""

    def on_signal(number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP:
            terminal_is_gone()
        if crew.is_stopping:
            raise KeyboardInterrupt
        crew.stop(Interrupted("stopped; run the same command again to continue"))
        with suppress(OSError):
            print("stopping: waiting for answers in flight (again to leave at once)", file=sys.stderr)  # noqa: T201

    with handlers_kept():
        try:
            for number in stop_signals():
                signal.signal(number, on_signal)
        except ValueError:
            pass  # not the main thread: its owner takes signals
        yield
