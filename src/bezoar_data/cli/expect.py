"""`bezoar-data expect`: whether a dataset is what is expected of it, for a person and for CI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.api import expectations
from bezoar_data.cli.options import AsJson
from bezoar_data.config.sanitize import clean_text
from bezoar_data.llms.redact import redact

NOT_MET = 1


def expect(
    file: Annotated[Path, typer.Argument(help="The file of expectations.", metavar="FILE")],
    dataset: Annotated[
        str | None,
        typer.Argument(
            help="A run's folder, a dataset's, or hf://datasets/OWNER/NAME. Default: what the file names.",
            metavar="DATASET",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold a dataset to what you expect of it: rows, verdicts, columns, lengths, licence, kappa, contamination.

    Exit code 1 where an expectation is not met, or the dataset is not what its lock and card claim.

    Example: bezoar-data expect expectations/orca.yaml

    Example: bezoar-data expect expectations/orca.yaml hf://datasets/my-name/orca
    """
    found = expectations.expect(file, dataset)
    code = 0 if found.met else NOT_MET
    if as_json:
        typer.echo(redact(json.dumps({"ok": found.met, "exit_code": code, **found.as_json()}, ensure_ascii=False)))
    else:
        typer.echo(clean_text(redact(str(found))))
    raise typer.Exit(code)
