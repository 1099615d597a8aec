"""`bezoar-data models`: which models answer, whether they do, and what they cost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.cli.asking import allowed_now
from bezoar_data.cli.options import AsJson, Judge, ModelsFile, Teacher
from bezoar_data.config.allowed_keys import KeyNotAllowed, allowed_pairs, recipient_of, remember
from bezoar_data.config.errors import INPUT_WRONG, InputError
from bezoar_data.config.files.discovery import find_files
from bezoar_data.config.files.models import KEY_VARIABLE, load_models_file
from bezoar_data.config.files.named_model import models_by_name, services
from bezoar_data.config.paths import relative_to_cwd
from bezoar_data.config.problems import Problem
from bezoar_data.config.shipped import file_meant, shipped_folder
from bezoar_data.llms.check_model import check_models
from bezoar_data.llms.providers.base import known_providers
from bezoar_data.llms.redact import redact
from bezoar_data.pipeline.load import load
from bezoar_data.reports.models import Answering, answering, checked, listed

app = typer.Typer(help="List models and ask each one small question.", no_args_is_help=True, rich_markup_mode=None)

File = Annotated[
    Path | None, typer.Argument(help="A models file, or a pipeline. Default: all models files.", metavar="FILE")
]


@app.command("list")
def list_models(file: File = None, as_json: AsJson = False) -> None:
    """List the model of each role, with price and terms. Sends nothing.

    Examples: bezoar-data models list; bezoar-data models list pipelines/models/openai.yaml
    """
    files = {path: _answering(path, None, None) for path in ([file] if file else _models_files())}
    if as_json:
        value = {"files": {str(p): [m.as_json() for m in models] for p, models in files.items()}}
        typer.echo(json.dumps({**value, "services": sorted(services())}, ensure_ascii=False))
        return
    for path, models in files.items():
        typer.echo(f"{relative_to_cwd(path)}\n{_indented(listed(models))}\n")
    typer.echo(f"--teacher and --judge take SERVICE:MODEL[@URL] of {', '.join(services())},")
    typer.echo(f"or PROVIDER:MODEL of {', '.join(known_providers())}")


@app.command("check")
def check(
    file: File = None,
    models: ModelsFile = None,
    teacher: Teacher = None,
    judge: Judge = None,
    as_json: AsJson = False,
) -> None:
    """Ask each role's model one small question.

    Does it answer, how fast, at what price, under which terms? Where a server does not know the model, its own list is
    shown. Nothing is journalled. Ends with 2 if one fails.

    Examples: bezoar-data models check pipelines/models/openai.yaml; bezoar-data models check --judge ollama:qwen2.5:7b
    """
    roles = _answering(file, models, {r: w for r, w in (("teacher", teacher), ("judge", judge)) if w})
    found = check_models([one.model for one in roles])
    if allowed_now(p for f in found for p in f.problems if isinstance(p, KeyNotAllowed)):
        found = check_models([one.model for one in roles])
    if as_json:
        value = [
            {
                **one.as_json(),
                "ok": f.ok,
                "answer": f.answer,
                "seconds": round(f.seconds, 3),
                "problems": [p.as_json() for p in f.problems],
                "known": list(f.known),
            }
            for one, f in zip(roles, found, strict=True)
        ]
        typer.echo(redact(json.dumps({"ok": all(f.ok for f in found), "models": value}, ensure_ascii=False)))
    else:
        typer.echo(redact(checked(roles, found)))
    raise typer.Exit(0 if all(f.ok for f in found) else INPUT_WRONG)


@app.command("allow")
def allow(
    variable: Annotated[str | None, typer.Argument(help="The variable that holds the key.", metavar="VARIABLE")] = None,
    recipient: Annotated[
        str | None, typer.Argument(help="A host or an address; http://HOST for one without encryption.", metavar="HOST")
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Allow it no more.")] = False,
) -> None:
    """Allow a key to be sent to a host.

    It holds for every project of yours. Without VARIABLE, list what is allowed.

    The variables and hosts of known providers, and this machine, need no allowing.

    Examples: bezoar-data models allow MY_API_KEY models.example.org; bezoar-data models allow
    """
    if variable is None:
        typer.echo("\n".join(f"{name} {to}" for name, to in sorted(allowed_pairs())) or "nothing yet")
        return
    try:
        known = re.fullmatch(KEY_VARIABLE, variable) and recipient and _recipient(recipient).removeprefix("http://")
    except ValueError:
        known = None
    if not known or recipient is None or re.search(r"\s", recipient):
        hint = "bezoar-data models allow MY_API_KEY models.example.org"
        raise InputError(Problem("no-pair", "a variable such as MY_API_KEY and a host are wanted", hint=hint))
    to = _recipient(recipient)
    remember(variable, to, forget=forget)
    typer.echo(f"the key in {variable} {'does not go' if forget else 'may go'} to {to}")


def _recipient(written: str) -> str:
    """A recipient as pairs name it: of an address, of a host, or a library's word."""
    bare = "://" not in written and not written.startswith(("litellm:", "distilabel:"))
    return recipient_of(f"https://{written}" if bare else written)


def _answering(file: Path | None, models: Path | None, named: dict[str, str] | None) -> list[Answering]:
    """The roles of a models file, or those that a pipeline's steps ask, with the models that answer for them."""
    file = None if file is None else models_by_name(file_meant("pipelines", file))
    models = None if models is None else models_by_name(models)
    if file is not None and next(find_files([file]))[1] == "pipeline":
        loaded = load(file, models=models, named=named)
        return answering({r: loaded.models.file.roles[r] for r in loaded.roles} if loaded.models else {})
    path = models or file
    if path is None and not named:
        raise _nothing()
    found = load_models_file(path, known_providers(), named)
    return answering(found.file.roles)


def _models_files() -> list[Path]:
    """The models files of the project here, else the shipped ones."""
    here = Path("pipelines/models")
    folder = here if here.is_dir() else shipped_folder() / "pipelines" / "models"
    return sorted(folder.glob("*.yaml"))


def _nothing() -> InputError:
    hint = "bezoar-data models check FILE, or --teacher SERVICE:MODEL"
    return InputError(Problem("nothing-to-check", "no models file, pipeline or model is named", hint=hint))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
