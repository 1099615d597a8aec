"""`bezoar-data journal`: look into the journal of answers, cut it down, take a person's data out of it."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bezoar_data.cli.options import AsJson
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.llms.redact import redact as without_secrets
from bezoar_data.runs.project import find_journal

if TYPE_CHECKING:
    from bezoar_data.config.errors import InputError
    from bezoar_data.llms.journal import Journal
    from bezoar_data.llms.journal.maintenance import Stats

app = typer.Typer(
    help="Count, export, import, prune, compact and redact the journal of answers.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

At = Annotated[
    Path | None,
    typer.Option("--journal", help="The journal. Default: the project's runs/journal.sqlite.", metavar="PATH"),
]


@app.command("stats")
def stats(
    by: Annotated[
        str, typer.Option(help="What to count by: some of month, pipeline, step, model.", metavar="NAME,NAME")
    ] = "step,model",
    journal: At = None,
    as_json: AsJson = False,
) -> None:
    """Count answers, tokens, cost by model and step.

    Or by month and pipeline. A pipeline is one that has a row of the answer, kept or dropped, in a run folder that the
    journal knows.

    Examples: bezoar-data journal stats; bezoar-data journal stats --by month,pipeline
    """
    from bezoar_data.llms.journal import maintenance

    names = [name.strip() for name in by.split(",")]
    if unknown := [name for name in names if name not in maintenance.BY]:
        raise _wrong(f"--by does not know '{unknown[0]}'", f"write some of {', '.join(maintenance.BY)}")
    with _opened(journal) as opened:
        counted = maintenance.stats(opened, list(dict.fromkeys(names)))
    _say(counted.as_json(), _table(counted), as_json=as_json)


@app.command("export")
def export(
    to: Annotated[Path | None, typer.Option("--to", help="File to write; standard output without it.")] = None,
    journal: At = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the count as JSON; needs --to.")] = False,
) -> None:
    """Write every entry as a line of JSON.

    What was sent stands in it.

    Example: bezoar-data journal export --to answers.jsonl
    """
    from bezoar_data.llms.journal import maintenance

    if as_json and to is None:
        raise _wrong("--json needs --to", "without it the entries themselves are on standard output, as JSON Lines")
    with _opened(journal) as opened:
        count = maintenance.export(opened, sys.stdout if to is None else to)
    if to is not None:
        _say({"exported": count, "path": str(to)}, f"{count:,} entries written to {to}", as_json=as_json)


@app.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(help="Files of `journal export`, also .gz or .zst, or journals.", metavar="FILE...")
    ],
    journal: At = None,
    as_json: AsJson = False,
) -> None:
    """Take in entries that were exported.

    Nothing that is there is overwritten, an entry that is there already is skipped, and every line is checked
    before the first is written. To use a file's answers without copying them, name it under `answers:` in a pipeline
    or models file.

    Example: bezoar-data journal import answers.jsonl.gz
    """
    from bezoar_data.llms.journal.importing import import_entries

    with _opened(journal, create=True) as opened:
        done = import_entries(opened, files)
    lines = [f"{done.added:,} entries imported into {opened.path}, {done.known:,} were there already"]
    if done.withheld:
        lines.append(f"{done.withheld:,} left out: their answers were redacted here")
    if done.redacted_there:
        lines.append(f"{done.redacted_there:,} were redacted where they come from, and their answers are still here")
    _say(asdict(done), "\n".join(lines), as_json=as_json)


@app.command("prune")
def prune(
    older_than: Annotated[
        str | None, typer.Option(help="Age (90d, 12h, 30m) or day (2026-01-31) answered before.", metavar="AGE|DAY")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only this model's, by its id.")] = None,
    step: Annotated[str | None, typer.Option(help="Only this step's, by its id.")] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Only refusals: they are then asked again.")] = False,
    redacted: Annotated[bool, typer.Option("--redacted", help="Only what redactions left behind.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only, delete nothing.")] = False,
    journal: At = None,
    as_json: AsJson = False,
) -> None:
    """Delete entries that meet all conditions. Runs that need them again will ask, and pay, again.

    Example: bezoar-data journal prune --older-than 90d --model gpt-4
    """
    from bezoar_data.llms.journal import maintenance

    if not (older_than or model or step or errors or redacted):
        raise _wrong("prune needs a condition", "give --older-than, --model, --step, --errors or --redacted")
    age = _age(older_than) if older_than else None
    with _opened(journal) as opened:
        count = maintenance.prune(
            opened, older_than=age, model=model, step=step, errors=errors, redacted=redacted, dry_run=dry_run
        )
    done = "would be deleted" if dry_run else "deleted"
    _say({"pruned": count, "dry_run": dry_run}, f"{count:,} entries {done}", as_json=as_json)


@app.command("compact")
def compact(journal: At = None, as_json: AsJson = False) -> None:
    """Rewrite the journal without its unused space.

    Every entry stays. `prune` and `redact` do this too; batches leave such space.

    Example: bezoar-data journal compact
    """
    from bezoar_data.llms.journal import maintenance

    with _opened(journal) as opened:
        before, after = maintenance.compact(opened)
    text = f"{opened.path}: {before / 1e6:,.1f} MB before, {after / 1e6:,.1f} MB now"
    _say({"path": str(opened.path), "bytes_before": before, "bytes": after}, text, as_json=as_json)


@app.command("redact")
def redact(
    rows: Annotated[list[str], typer.Argument(help="Row ids of the project's runs, or journal keys.")],
    journal: At = None,
    as_json: AsJson = False,
) -> None:
    """Remove the texts of these rows for good.

    Also of the rows made from them.

    The same question is not asked again: run the pipeline again and the row is dropped as `redacted`. Take the
    person's data out of your source too, or it stands in the dropped rows.

    Example: bezoar-data journal redact 3f9d2c51c7e84f0a9b1d6e2f4a5c7d80
    """
    from bezoar_data.llms.journal import maintenance
    from bezoar_data.llms.journal.rows import keys_of_rows

    keys = [r.lower() for r in rows if re.fullmatch(r"[0-9a-fA-F]{64}", r)]
    ids = [r for r in rows if r.lower() not in keys]
    with _opened(journal) as opened:
        behind = keys_of_rows(opened.path, ids) if ids else {}
        unknown = [i for i in ids if i not in behind]
        if unknown:
            raise InputError(
                Problem(
                    "unknown-row",
                    f"no run that {opened.path} knows has the row {i}",
                    hint="nothing was changed: ids are in the column `id` of the dataset and of dropped.parquet",
                )
                for i in unknown
            )
        outcome = maintenance.redact(opened, keys, of_rows=[key for found in behind.values() for key in found])
    lines = [f"redacted: {outcome.entries:,}"]
    lines += [f"not in the journal: {key}" for key in outcome.unknown]
    lines += [f"may still hold the content, delete it when you no longer need it: {copy}" for copy in outcome.copies]
    if outcome.elsewhere:
        lines.append(f"{outcome.elsewhere:,} are in files of recorded answers: remove them there too")
    lines.append("run the pipelines that used them again: the rows then leave their datasets")
    value = {
        "redacted": outcome.entries,
        "unknown": list(outcome.unknown),
        "elsewhere": outcome.elsewhere,
        "copies": [str(copy) for copy in outcome.copies],
    }
    _say(value, "\n".join(lines), as_json=as_json)


def _opened(named: Path | None, *, create: bool = False) -> Journal:
    from bezoar_data.llms.journal import maintenance

    journal = maintenance.open_journal(find_journal(named), create=create)
    for note in journal.notes:
        typer.echo(f"note: {note}", err=True)
    return journal


def _wrong(message: str, hint: str) -> InputError:
    return InputError(Problem("wrong-option", message, hint=hint))


def _say(value: dict[str, Any], text: str, *, as_json: bool) -> None:
    typer.echo(without_secrets(json.dumps(value) if as_json else text))


def _age(text: str) -> timedelta | datetime:
    match = re.fullmatch(r"(\d+)\s*([dhm])", text.strip())
    try:
        if match:
            return timedelta(**{{"d": "days", "h": "hours", "m": "minutes"}[match[2]]: int(match[1])})
        day = datetime.fromisoformat(text.strip())
        return day if day.tzinfo else day.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _wrong(f"'{text}' is neither an age nor a day", "write 90d, 12h, 30m or 2026-01-31") from None


def _table(stats: Stats) -> str:
    def money(cost: float | None) -> str:
        return "-" if cost is None else f"${cost:,.4f}"

    lines = [
        f"{stats.path}: {stats.entries:,} entries, {stats.bytes / 1e6:,.1f} MB",
        f"{stats.answers:,} answers, {stats.refusals:,} refusals, {stats.redacted:,} redacted; "
        f"{stats.prompt_tokens:,} tokens in, {stats.completion_tokens:,} out; {money(stats.cost)}",
    ]
    if stats.first is not None and stats.last is not None:
        first, last = (datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%d %H:%M") for t in (stats.first, stats.last))
        lines.append(f"from {first} to {last} UTC")
    if stats.groups:
        named = tuple(stats.groups[0].by)
        head = (*named, "answers", "refusals", "redacted", "tokens in", "tokens out", "cost")
        body = [
            (*g.by.values(), f"{g.answers:,}", f"{g.refusals:,}", f"{g.redacted:,}", f"{g.prompt_tokens:,}",
             f"{g.completion_tokens:,}", money(g.cost)) for g in stats.groups
        ]  # fmt: skip
        widths = [max(len(row[i]) for row in (head, *body)) for i in range(len(head))]
        lines.append("")
        for row in (head, *body):
            cells = [
                c.ljust(w) if i < len(named) else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
    if stats.refusals_by_reason:
        lines += ["", *(f"{reason}: {count:,}" for reason, count in stats.refusals_by_reason.items())]
    return "\n".join(lines)
