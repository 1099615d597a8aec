"""The engine's benchmark: us, the peers and a bare HTTP client on the same job against the same local server.

  python benchmarks/engine/bench.py --all
  python benchmarks/engine/bench.py --scenario throughput --scenario kill
  python benchmarks/engine/bench.py --all --scale 0.04        (a trial of the benchmark itself; writes no results)

Run it with the Python that has bezoar-data installed. The first call makes the peers' environments, which needs the
package index; after that nothing leaves the machine. Linux with two free cores.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import envs
import machine
import measure
import report
from contenders import PEERS, Ours, make_peers
from scenarios.kill import kill
from scenarios.memory import memory
from scenarios.replay import replay
from scenarios.startup import startup
from scenarios.stragglers import stragglers
from scenarios.throughput import throughput
from session import Result, Session

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE / "RESULTS.md"

SCENARIOS: dict[str, Callable[[Session], Result]] = {
    "startup": startup,
    "throughput": throughput,
    "stragglers": stragglers,
    "kill": kill,
    "replay": replay,
    "memory": memory,
}


def main() -> int:
    args = _arguments()
    trial = args.scale != 1.0
    kept: dict[str, Any] = {}
    if RESULTS.exists() and not trial:
        kept = json.loads(RESULTS.read_text(encoding="utf-8"))
    try:
        cores = measure.Cores.choose()
        described = machine.describe(cores)
        os.sched_setaffinity(0, {cores.server})
        peers, missing = make_peers(args.peer if args.peer is not None else list(PEERS), args.envs)
    except RuntimeError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    for name, why in missing.items():
        print(f"bench: without {name}: {why}", file=sys.stderr)
    work = Path(tempfile.mkdtemp(prefix="bezoar-bench-", dir=args.work))
    session = Session(
        cores=cores,
        work=work,
        ours=Ours(Path(sys.executable)),
        peers=peers,
        missing=missing,
        repeats=args.repeats,
        scale=args.scale,
        sweep=args.sweep,
        keep=args.keep,
    )
    failed = False
    for name in SCENARIOS if args.all else args.scenario:
        found = _run(name, session)
        if found is None:
            failed = True
            continue
        kept[name] = {"when": machine.now(), "machine": described, "commit": machine.commit(), "result": found}
        if not trial:  # after each scenario: an interrupted call keeps what it has measured
            RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
            PAGE.write_text(report.render(kept), encoding="utf-8")
    if args.keep:
        print(f"bench: everything is left in {work}", file=sys.stderr)
    else:
        shutil.rmtree(work, ignore_errors=True)
    print(report.render(kept, args.scale) if trial else report.bars(kept))
    return 1 if failed else 0


def _run(name: str, session: Session) -> Result | None:
    """What the scenario found, or None if it could not be carried out."""
    session.say(f"== {name}")
    started = time.monotonic()
    try:
        found = SCENARIOS[name](session)
    except RuntimeError as error:
        print(f"bench: {name}: {error}", file=sys.stderr)
        return None
    session.say(f"== {name} took {time.monotonic() - started:.0f} s")
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--scenario", action="append", choices=list(SCENARIOS), help="may be given more than once")
    what.add_argument("--all", action="store_true", help="every scenario, one after the other")
    parser.add_argument("--peer", action="append", choices=list(PEERS), help="only these peers; default: all")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of each measurement; the median counts")
    parser.add_argument("--no-sweep", dest="sweep", action="store_false", help="peers at the first of their settings")
    parser.add_argument("--envs", type=Path, default=envs.default_folder(), help="where the peers' environments go")
    parser.add_argument("--work", type=Path, help="where runs are made; default: the system's temporary folder")
    parser.add_argument("--keep", action="store_true", help="leave the runs' folders and logs")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="part of the rows, for a trial of the benchmark itself"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
