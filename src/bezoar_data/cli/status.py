"""`bezoar-data status`: how a run stands, from another terminal or after it ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.cli.options import AsJson
from bezoar_data.config.sanitize import clean_text
from bezoar_data.engine.stats import clock, one_line
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.run_record import RunRecord


def status(
    run: Annotated[Path, typer.Argument(help="The run folder, e.g. runs/orca.", metavar="RUN")],
    as_json: AsJson = False,
) -> None:
    """Show how a run stands: running, done, stopped or killed, with rows, rates, requests and money.

    Example: bezoar-data status runs/orca
    """
    folder = RunFolder(run)
    shards = [RunFolder(path.parent) for path in sorted(folder.path.glob("shards/*/*/run.json"))]
    whole = folder if folder.run_json.exists() or not shards else None
    found = {one.path: (RunRecord.read(one.run_json), one) for one in (*([whole] if whole else []), *shards)}
    states = {path: _state(record, one) for path, (record, one) in found.items()}
    if as_json:
        values = [{**record.as_json(), "state": states[path]} for path, (record, _) in found.items()]
        first = values[0] if whole else {}
        said = {"ok": True, **first, **({"shards": values[1 if whole else 0 :]} if shards else {})}
        typer.echo(json.dumps(said, ensure_ascii=False))
    else:
        typer.echo("\n".join(_text(record, states[path]) for path, (record, _) in found.items()))


def _state(record: RunRecord, folder: RunFolder) -> str:
    return "killed" if record.state == "running" and not folder.is_locked() else record.state


def _text(record: RunRecord, state: str) -> str:

    says = {
        "running": f"running as process {record.pid}",
        "done": f"done, exit code {record.exit_code}",
        "stopped": f"stopped: {str(record.reason).removeprefix('stopped; ')}",
        "killed": "killed; run the same command again to continue",
    }
    part = f" shard {record.shard}," if record.shard else ""
    part += f" phase {record.phase}" if record.phase else ""
    lines = [f"{record.name}{part}: {says[state]}, started {record.started}"]
    if record.steps:
        lines.append(f"  {one_line(record.as_json())} · {clock(record.seconds)} so far")
        width = max(map(len, record.steps))
        for name, step in record.steps.items():
            dropped = ", ".join(f"{n:,} {reason}" for reason, n in step.dropped.items())
            out = f"  {name:<{width}}  {step.rows_in:>9,} in  {step.rows_out:>9,} out"
            lines.append(f"{out}  {f'dropped: {dropped}' if dropped else ''}".rstrip())
        for endpoint in record.asked.get("endpoints", ()):
            figures = ", ".join(f"{k} {v}" for k, v in endpoint.items() if k != "address" and v)
            lines.append(f"  {endpoint['address']}: {figures}")
        for worker in record.asked.get("workers", ()):
            at = f" shard {worker['shard']}, {worker['in_flight']} in flight," if worker.get("shard") else ""
            where = f" on {worker['host']}, process {worker['pid']}" if worker.get("pid") else ""
            lines.append(f"  worker {worker['worker']}: {worker['state']}{at}{where}")
    return clean_text("\n".join(lines))
