"""`bezoar-data status`: how a run stands, from another terminal or after it ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bezoar_data.cli.options import AsJson


def status(
    run: Annotated[Path, typer.Argument(help="The run folder, e.g. runs/orca.", metavar="RUN")],
    as_json: AsJson = False,
) -> None:
    """Show how a run stands: running, done, stopped or killed, with rows, rates, requests and money.

    Example: bezoar-data status runs/orca
    """
    from bezoar_data.config.errors import InputError
    from bezoar_data.config.problems import Place, Problem
    from bezoar_data.runs.folder import RunFolder

    folder = RunFolder(run)
    try:
        facts: dict[str, Any] = json.loads(folder.run_json.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        hint = "a run folder holds run.json; see what there is with: ls runs"
        raise InputError(Problem("no-run", "there is no run in this folder", Place(str(run)), hint)) from None
    if facts["state"] == "running" and not folder.is_held():
        facts["state"] = "killed"
    if as_json:
        typer.echo(json.dumps({"ok": True, **facts}, ensure_ascii=False))
    else:
        typer.echo(_text(facts))


def _text(facts: dict[str, Any]) -> str:
    from bezoar_data.config.sanitize import clean_text
    from bezoar_data.engine.stats import clock, one_line

    says = {
        "running": f"running as process {facts['pid']}",
        "done": f"done, exit code {facts.get('exit_code')}",
        "stopped": f"stopped: {str(facts.get('reason')).removeprefix('stopped; ')}",
        "killed": "killed; the same command goes on",
    }
    lines = [f"{facts['name']}: {says[facts['state']]}, started {facts['started']}"]
    if "rows" in facts:
        lines.append(f"  {one_line(facts)} · {clock(facts['seconds'])} so far")
        width = max(len(name) for name in facts["steps"])
        for name, count in facts["steps"].items():
            dropped = ", ".join(f"{n:,} {reason}" for reason, n in count["dropped"].items())
            out = f"  {name:<{width}}  {count['rows_in']:>9,} in  {count['rows_out']:>9,} out"
            lines.append(f"{out}  {f'dropped: {dropped}' if dropped else ''}".rstrip())
        for endpoint in (facts.get("asked") or {}).get("endpoints", ()):
            state = ", ".join(f"{k} {v}" for k, v in endpoint.items() if k != "address" and v)
            lines.append(f"  {endpoint['address']}: {state}")
    return clean_text("\n".join(lines))
