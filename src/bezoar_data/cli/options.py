"""Options that several commands take, in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.config.paths import expand_home
from bezoar_data.runs.events import Events
from bezoar_data.training.distributed import is_first

ModelsFile = Annotated[Path | None, typer.Option(help="Models file to use instead of the one the pipeline names.")]
Teacher = Annotated[
    str | None,
    typer.Option(
        help="The model that answers: openai:MODEL, ollama:MODEL, llamacpp:NAME...", metavar="SERVICE:MODEL[@URL]"
    ),
]
Judge = Annotated[str | None, typer.Option(help="The judge, in the same way.", metavar="SERVICE:MODEL[@URL]")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a setting, e.g. steps.load_flan.path=rows.tsv or seed=7.", metavar="KEY=VALUE"),
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most this many rows from each source.")]
Out = Annotated[Path | None, typer.Option(help="Run folder. Default: runs/NAME, or runs/NAME-limitN.")]
Journal = Annotated[
    Path | None,
    typer.Option("--journal", help="The journal of answers. Default: the project's.", metavar="PATH"),
]
Trained = Annotated[Path, typer.Option("--trained", help="The folder that holds trained recipes, each under its name.")]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", min=0, help="Stop before spending more than this many US dollars.", metavar="USD"),
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Send requests again that a provider refused for good.")
]
SignedBy = Annotated[
    Path | None,
    typer.Option(
        "--signed-by", help="Who must have signed it: a public key (.pub), or an allowed signers file.", metavar="FILE"
    ),
]
Collect = Annotated[
    str | None,
    typer.Option(
        help="Where shards collect their answers: a folder, s3://..., any address of fsspec. Default: in the run.",
        metavar="URL",
    ),
]


def events_of(context: typer.Context) -> Events:
    """What `--events` has opened, or nothing that is written."""
    return context.obj if isinstance(context.obj, Events) else Events()


def _open_events(context: typer.Context, written: Path | None) -> Path | None:
    if written is not None and not context.resilient_parsing and is_first():
        events_of(context).open(expand_home(written), context.info_name or "")
    return written


EventsFile = Annotated[
    Path | None,
    typer.Option(
        "--events",
        help="Append a line of JSON for start, progress, failures, spending and end to this file.",
        metavar="FILE",
        callback=_open_events,
        is_eager=True,  # before the other options, whose mistakes it tells of
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Full = Annotated[bool, typer.Option("--full", help="Do not cut long texts.")]
