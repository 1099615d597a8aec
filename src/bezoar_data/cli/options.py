"""Options that several commands take, in the same words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.config.shipped import ShippedKind, named_file


def named(kind: ShippedKind) -> Callable[[Path | None], Path | None]:
    """Takes the name of a file of this kind for the file."""
    return lambda written: None if written is None else named_file(kind, written)


PipelineFile = Annotated[
    Path,
    typer.Argument(
        help="A file, or the name of one here or of a shipped one.", metavar="PIPELINE", callback=named("pipelines")
    ),
]
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
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Full = Annotated[bool, typer.Option("--full", help="Do not cut long texts.")]
