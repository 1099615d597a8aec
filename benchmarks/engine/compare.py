"""Two versions of bezoar-data on the same jobs, in alternating rounds: what a change costs.

  git worktree add ../old v0.1
  python benchmarks/engine/compare.py --old ../old

Prints, for each measure, the median over the rounds of new divided by old: throughput (rows a second) and replay (runs
a second, all answers cached), where more is better; start-up (seconds to the first request) and `--help`, where less
is. Processor seconds stand beside them: on a busy machine they tell more than the clock.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import measure
from contenders import Job, Ours, Setting
from session import Session

HERE = Path(__file__).parent
ROWS = {"throughput": 5_000, "replay": 20_000, "startup": 10, "help": 0}
SETTING = Setting(256)
Round = dict[str, float]


class Version(Ours):
    """One source tree, run by this Python."""

    def __init__(self, name: str, tree: Path) -> None:
        super().__init__(Path(sys.executable))
        self.name = name
        self.program = ["env", f"PYTHONPATH={tree / 'src'}", sys.executable, "-m", "bezoar_data.cli.main"]


def throughput(session: Session, version: Version) -> Round:
    run = session.fresh(version, SETTING, session.rows(ROWS["throughput"]), timeout=600)
    if not run.good or not run.window:
        raise RuntimeError(f"{version.name}: {run.faults}")
    return {"rows per second": session.rows(ROWS["throughput"]) / run.window}


def startup(session: Session, version: Version) -> Round:
    run = session.fresh(version, SETTING, ROWS["startup"], timeout=120)
    if not run.good or not run.first:
        raise RuntimeError(f"{version.name}: {run.faults}")
    return {"seconds to the first request": run.first}


def show_help(session: Session, version: Version) -> Round:
    outcome = measure.run([*version.program, "--help"], session.cores.measured, session.folder("help"), timeout=60)
    if outcome.code:
        raise RuntimeError(f"{version.name}: {outcome.last_words()}")
    return {"seconds for --help": outcome.seconds}


def replaying(session: Session, versions: list[Version], open_: ExitStack) -> Callable[[Session, Version], Round]:
    """Each version gets a finished run, which it then makes again from its journal."""
    rows, jobs = session.rows(ROWS["replay"]), {}
    server = open_.enter_context(measure.serving(session.cores.server, rows, options={"latency": 0.01}))
    for version in versions:
        job = jobs[version.name] = Job(rows, server.base_url, session.folder("replay", version.name), SETTING)
        version.prepare(job)
        session.once(version, job, server, timeout=900)

    def replay(session: Session, version: Version) -> Round:
        run = session.once(version, jobs[version.name], server, timeout=600)
        if not run.good or run.asked:
            raise RuntimeError(f"{version.name}: {run.asked} requests, {run.faults}")
        return {"replays per second": 1 / run.whole}

    return replay


def rounds(
    session: Session, versions: list[Version], once: Callable[[Session, Version], Round]
) -> Iterator[dict[str, Round]]:
    """The first round warms caches and is not counted. Who goes first alternates."""
    for turn in range(session.repeats + 1):
        found: dict[str, Round] = {}
        for version in versions[:: 1 if turn % 2 else -1]:
            before = _cpu()
            found[version.name] = once(session, version)
            found[version.name]["processor seconds"] = _cpu() - before
        if turn:
            yield found


def _cpu() -> float:
    """Of every process that was waited for. The server's is not measured, but it is in: the same for both."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", type=Path, required=True, help="a checkout to compare with")
    parser.add_argument("--new", type=Path, default=HERE.parents[1], help="default: this checkout")
    parser.add_argument("--measure", action="append", choices=list(ROWS), help="may be given more than once")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0, help="part of the rows")
    args = parser.parse_args()
    cores = measure.Cores.choose()
    os.sched_setaffinity(0, {cores.server})
    versions = [Version("old", args.old.resolve()), Version("new", args.new.resolve())]
    work = Path(tempfile.mkdtemp(prefix="bezoar-compare-"))
    session = Session(cores, work, versions[0], {}, {}, args.repeats, args.scale, False, False)
    lines = []
    try:
        for name in args.measure or ROWS:
            with ExitStack() as open_:
                simple = {"throughput": throughput, "startup": startup, "help": show_help}
                once = simple[name] if name in simple else replaying(session, versions, open_)
                found = list(rounds(session, versions, once))
            for what in found[0]["new"]:
                ratios = [f["new"][what] / f["old"][what] for f in found]
                middle = {v: median(f[v][what] for f in found) for v in ("old", "new")}
                lines.append(
                    f"{name:11} {what:29} old {middle['old']:9.3f}  new {middle['new']:9.3f}  "
                    f"new/old {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
                )
    except RuntimeError as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
