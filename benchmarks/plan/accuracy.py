"""How often do the requests and the cost of a run lie where the plan said, and how wide is what it said?

    python benchmarks/plan/accuracy.py

Each shipped pipeline that asks models is planned and run, at the size of a real run, against a local endpoint with
prices that answers by a script and counts tokens by a rule of its own: once knowing nothing, and under other seeds once
the journal and the lock of that first run are there. Results go to RESULTS.md beside this file.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from bezoar_data import load_pipeline  # noqa: E402
from bezoar_data.pipeline.load import load  # noqa: E402
from bezoar_data.plan.interval import Interval  # noqa: E402
from bezoar_data.plan.planner import plan_pipeline  # noqa: E402
from bezoar_data.runs.folder import RunFolder  # noqa: E402
from support.fault_server import FaultServer  # noqa: E402
from support.large import LARGE, settings  # noqa: E402

PIPELINES = ("orca", "lamini", "evol-instruct")
SEEDS = range(1, 11)
FIRSTS = range(101, 109)
Planned = tuple[Interval, float]
PRICE = {"input": 0.5, "output": 2.0, "read": "2026-11-20"}


def main() -> None:
    lines = ["# How near plans come", "", (__doc__ or "").partition("\n\n    python")[0], ""]
    lines += [
        "| pipeline | known | runs | requests inside | cost inside | requests, high to low | cost, high to low |",
        "|---|---|---|---|---|---|---|",
    ]
    with FaultServer(scripted=True) as server, tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models.yaml"
        roles = {
            role: model(role, server.url, most) for role, most in (("teacher", 1024), ("judge", 512), ("evaluator", 32))
        }
        models.write_text(json.dumps({"version": 1, "roles": roles}))
        for name in PIPELINES:
            at = Path(folder) / name
            fresh = [compare(name, models, at / f"fresh-{seed}" / name, seed) for seed in SEEDS]
            known = after(name, models, at, 42, SEEDS)
            others = [one for first in FIRSTS for one in after(name, models, at, first, range(1, 5))]
            lines += [line(name, "nothing", fresh), line(name, "one run, another seed", known)]
            lines += [line(name, f"the same, of {len(FIRSTS)} other seeds", others)]
            print("\n".join(lines[-3:]))
    lines += ["", NOTE, ""]
    (HERE / "RESULTS.md").write_text("\n".join(lines))


NOTE = """\
Inside should be nine of ten. LaMini's are wide because five steps follow
each other, and the ends of their sums are added up as if all erred in one direction."""


def model(role: str, url: str, most: int) -> dict[str, object]:
    return {"provider": "openai", "model": role, "base_url": url, "price": PRICE, "sampling": {"max_tokens": most}}


def after(name: str, models: Path, at: Path, first: int, seeds: range) -> list[tuple[Planned, Planned]]:
    """The comparisons under these seeds, each with the journal and lock of the same first run."""
    folder, compared = at / f"first-{first}", []
    compare(name, models, folder / name, first)
    for seed in seeds:
        copy = at / f"known-{first}-{seed}"
        shutil.copytree(folder, copy)
        compared.append(compare(name, models, copy / name, seed))
    return compared


def compare(name: str, models: Path, out: Path, seed: int) -> tuple[Planned, Planned]:
    """The planned intervals of requests and cost, each with what the run took."""
    path = ROOT / "pipelines" / f"{name}.yaml"
    journal = out.parent / "journal.sqlite"
    checked = load(path, models=models, overrides=[*LARGE[name], f"seed={seed}"])
    made = plan_pipeline(checked, RunFolder(out), journal)
    asked = (
        load_pipeline(path, models=models, set={**settings(name), "seed": seed}, out=out, journal=journal)
        .run(quiet=True)
        .as_json()["asked"]
    )
    assert made.requests is not None
    assert made.cost is not None
    return (made.requests, asked["requests"]), (made.cost, asked["cost"])


def line(name: str, known: str, runs: list[tuple[Planned, Planned]]) -> str:
    inside, width = [], []
    for pairs in zip(*runs, strict=True):
        inside.append(sum(interval.low <= took <= interval.high for interval, took in pairs))
        ratios = [interval.high / interval.low for interval, _ in pairs]
        width.append(f"{median(ratios):.2f} (at most {max(ratios):.2f})")
    return f"| {name} | {known} | {len(runs)} | {inside[0]} | {inside[1]} | {width[0]} | {width[1]} |"


if __name__ == "__main__":
    main()
