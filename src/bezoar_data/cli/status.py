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
    record = RunRecord.read(folder.run_json)
    state = "killed" if record.state == "running" and not folder.is_locked() else record.state
    if as_json:
        typer.echo(json.dumps({"ok": True, **record.as_json(), "state": state}, ensure_ascii=False))
    else:
        typer.echo(_text(record, state))


def _text(record: RunRecord, state: str) -> str:

    says = {
        "running": f"running as process {record.pid}",
        "done": f"done, exit code {record.exit_code}",
        "stopped": f"stopped: {str(record.reason).removeprefix('stopped; ')}",
        "killed": "killed; the same command goes on",
    }
    lines = [f"{record.name}: {says[state]}, started {record.started}"]
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
    return clean_text("\n".join(lines))
