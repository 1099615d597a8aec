"""Files that commands take by path or by name."""

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
