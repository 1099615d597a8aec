"""What all scenarios share: the cores, the contenders, and one measured run of one of them against a fresh server."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import measure
from contenders import Contender, Job, Ours, Peer, Setting

Result = dict[str, Any]
"""What a scenario found, as JSON: kept in results.json, from which the page is rendered."""


@dataclass(frozen=True)
class Run:
    """One run as the server and the kernel saw it. Times are in seconds.

    `window` is from the first request the server saw to the last answer it gave; `whole` is the process from start to
    end; `first` is from its start to the first request. `faults` is empty if every row came out with its right answer.
    """

    window: float | None
    whole: float
    first: float | None
    faults: tuple[str, ...]
    hung: bool
    orphans: int
    most_in_flight: int
    server_busy: float
    asked: int
    extra: int
    facts: Result = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return not self.hung and not self.faults


@dataclass
class Session:
    """One call of the benchmark."""

    cores: measure.Cores
    work: Path
    ours: Ours
    peers: dict[str, Peer]
    missing: dict[str, str]
    repeats: int
    scale: float
    sweep: bool
    keep: bool

    def rows(self, full: int, least: int = 20) -> int:
        """The scenario's number of rows, or a part of it in a trial of the benchmark itself."""
        return max(least, round(full * self.scale))

    def everyone(self) -> list[Contender]:
        return [self.ours, *self.peers.values()]

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def folder(self, *names: str) -> Path:
        """An empty folder of this name."""
        path = self.work.joinpath(*names)
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def discard(self, path: Path) -> None:
        if not self.keep:
            shutil.rmtree(path, ignore_errors=True)

    def fresh(
        self,
        contender: Contender,
        setting: Setting,
        rows: int,
        *,
        timeout: float,
        latency: float = 0.05,
        slow_share: float = 0.0,
        slow_latency: float = 5.0,
    ) -> Run:
        """One run from an empty folder against a fresh server, checked and cleared away."""
        work = self.folder("run", contender.name)
        options = {"latency": latency, "slow_share": slow_share, "slow_latency": slow_latency}
        with measure.serving(self.cores.server, rows, options=options) as server:
            job = Job(rows, server.base_url, work, setting)
            contender.prepare(job)
            run = self.once(contender, job, server, timeout=timeout)
        self.discard(work)
        return run

    def once(
        self,
        contender: Contender,
        job: Job,
        server: measure.Server,
        *,
        timeout: float,
        kill_when: Callable[[], bool] | None = None,
        settle: float = 1.0,
        check: bool = True,
    ) -> Run:
        """One run of a prepared job against a running server."""
        before = server.stats()
        cpu = server.cpu_seconds()
        command = contender.command(job)
        log = job.work / "log"
        outcome = measure.run(command, self.cores.measured, log, timeout=timeout, kill_when=kill_when, settle=settle)
        cpu = server.cpu_seconds() - cpu
        stats = server.stats()
        asked = stats["asked"] - before["asked"]
        window = stats["last"] - stats["first"] if asked and not before["asked"] and stats["last"] else None
        faults: list[str] = []
        if check and not outcome.hung:
            if outcome.code:
                faults.append(f"ended with {outcome.code}: {outcome.last_words()}")
            faults += contender.faults(job)
        first = stats["first"] - outcome.started if asked and not before["asked"] else None
        run = Run(
            window=window,
            whole=outcome.seconds,
            first=first,
            faults=tuple(faults),
            hung=outcome.hung,
            orphans=outcome.orphans,
            most_in_flight=stats["most_in_flight"],
            server_busy=cpu / window if window else 0.0,
            asked=asked,
            extra=stats["extra"],
            facts={"code": outcome.code, **measure.json_line(outcome)},
        )
        self.say(f"  {contender.name:14} {job.setting!s:42} {_told(run, job.rows)}")
        return run


def _told(run: Run, rows: int) -> str:
    if run.hung:
        return f"HUNG after {run.whole:.0f} s, {run.asked} asked"
    window = f"{run.window:.2f} s, {rows / run.window:.0f} rows/s" if run.window else "no requests"
    return f"window {window}; whole {run.whole:.2f} s" + (f"; {'; '.join(run.faults)}" if run.faults else "")


def middle(values: list[float]) -> float | None:
    return median(values) if values else None


def summary(contender: Contender, setting: Setting, runs: list[Run]) -> Result:
    """The runs of one contender as JSON. Only runs whose output was right count for the medians."""
    good = [r for r in runs if r.good]
    return {
        "title": contender.title,
        "version": contender.version if isinstance(contender, Peer) else "",
        "setting": str(setting),
        "runs": len(runs),
        "good": len(good),
        "window": [round(r.window, 4) for r in good if r.window is not None],
        "whole": [round(r.whole, 4) for r in good],
        "first": [round(r.first, 4) for r in good if r.first is not None],
        "most_in_flight": max((r.most_in_flight for r in runs), default=0),
        "server_busy": round(max((r.server_busy for r in good), default=0.0), 3),
        "extra_requests": max((r.extra for r in runs), default=0),
        "orphans": max((r.orphans for r in runs), default=0),
        "hung": sum(r.hung for r in runs),
        "faults": sorted({f for r in runs for f in r.faults}),
    }


def interleaved(
    session: Session, settings: dict[str, Setting], once: Callable[[Contender, Setting], Run]
) -> dict[str, Result]:
    """Everyone in turn, `repeats` times over, each round starting with another: drifts of the machine hit all alike."""
    everyone = session.everyone()
    runs: dict[str, list[Run]] = {c.name: [] for c in everyone}
    for turn in range(session.repeats):
        session.say(f"round {turn + 1} of {session.repeats}")
        shift = turn % len(everyone)
        for contender in everyone[shift:] + everyone[:shift]:
            runs[contender.name].append(once(contender, settings[contender.name]))
    return {c.name: summary(c, settings[c.name], runs[c.name]) for c in everyone}
