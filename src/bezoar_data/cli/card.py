"""`bezoar-data card`: what a dataset's card says, and whether it is so."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markdown import Markdown

from bezoar_data.api.rebuilding import rebuild
from bezoar_data.cards.check import check_dataset, checked
from bezoar_data.cards.merge import split_body
from bezoar_data.cards.new_card import card_place, new_card
from bezoar_data.cards.signing.signature import sign_folder
from bezoar_data.cards.signing.signers import Signers
from bezoar_data.cli.named import PipelineFile
from bezoar_data.cli.options import AsJson, SignedBy
from bezoar_data.config.errors import InputError, PolicyRefused
from bezoar_data.config.files.card import Card, load_card
from bezoar_data.config.paths import relative_to_cwd
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import clean_text
from bezoar_data.pipeline.load import load

app = typer.Typer(help="Show a dataset's card, and hold its claims against rows and lock.", no_args_is_help=True)

_HELP_OUT = "Where to write it. Default: where the pipeline's `card:` says, else cards/NAME.md."
_Run = Annotated[Path, typer.Argument(help="A run's folder, or its dataset folder.", metavar="RUN")]


@app.command()
def init(
    pipeline: PipelineFile,
    out: Annotated[Path | None, typer.Option("--out", help=_HELP_OUT)] = None,
    as_json: AsJson = False,
) -> None:
    """Write a first card for a pipeline.

    Views and fields are as the columns tell, the licence is unknown. It writes over nothing.

    Example: bezoar-data card init pipelines/mine.yaml
    """
    checked = load(pipeline, needs_card=False)
    place, text = out or card_place(checked), new_card(checked)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        hint = "name another place with --out; `bezoar-data validate` says whether this one is sound"
        raise InputError(Problem("card-there", "there is a card already", Place(str(place)), hint)) from None
    except OSError as error:
        raise InputError(Problem("bad-out", f"cannot be written: {error.strerror}", Place(str(place)))) from None
    named = checked.card is not None and os.path.realpath(checked.card) == os.path.realpath(place)
    line = f"card: {os.path.relpath(place, pipeline.parent)}"
    if as_json:
        typer.echo(json.dumps({"ok": True, "card": str(place), "write": None if named else line}))
        return
    typer.echo(f"written: {relative_to_cwd(place)}")
    if not named:
        typer.echo(f"write into {pipeline}: {line}")


@app.command()
def check(
    run: _Run,
    rebuilt: Annotated[
        bool, typer.Option("--rebuild", help="Rebuild it from its recorded answers too, and compare.")
    ] = False,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="With --rebuild: allow steps that run code, as in `run`.")
    ] = False,
    signed_by: SignedBy = None,
    as_json: AsJson = False,
) -> None:
    """Check the card's claims against rows and lock.

    Exit code 4 if one is not so.

    With --rebuild its pipeline is run with the answers published beside it, else with those of the run's journal. No
    model is asked and no key is needed; every file must come out the same, byte for byte.

    Example: bezoar-data card check runs/orca

    Example: bezoar-data card check pulled/orca --rebuild

    With --signed-by it must be signed by a key that the file names, and every file be as it was signed: rows, lock,
    pipeline and the whole README.

    Example: bezoar-data card check pulled/orca --signed-by allowed_signers
    """
    found = checked(_dataset(run), Signers.read(signed_by) if signed_by else None)
    if any(problem.level == "error" for problem in found.problems):
        raise PolicyRefused(found.problems)
    value: dict[str, Any] = {"ok": True, "problems": [], "proved": found.proved, "not_at_hand": found.absent}
    value["signature"] = found.signature.as_json() if found.signature else None
    text = f"every claim of the card that can be proved holds. {found!s}"
    if rebuilt:
        with TemporaryDirectory(prefix="bezoar-rebuild-") as scratch:
            made = rebuild(run, Path(scratch).resolve(), trust_code=trust_code)
        if problems := made.problems(Place(str(run))):
            raise PolicyRefused(problems)
        value["rebuilt"] = {"answers": made.answers, "files": list(made.files)}
        text += f"\nrebuilt from {made.answers:,} recorded answers: all {len(made.files)} files are the same"
    typer.echo(json.dumps(value) if as_json else text)


@app.command()
def sign(
    run: _Run,
    key: Annotated[
        Path, typer.Option("--key", help="An SSH private key, or its .pub where an agent holds it.", metavar="KEY")
    ],
    as_json: AsJson = False,
) -> None:
    """Sign a dataset as it lies here, with an SSH key.

    For who gets it otherwise than from the Hub: `publish --sign` signs what it sends, and leaves the folder as it is.
    SHA256SUMS and SHA256SUMS.sig, made by ssh-keygen, are put beside the files; pipeline.yaml is signed too. What does
    not hold is not signed (exit code 4). Whatever changes the dataset later, such as a review, needs a new signature.

    Example: bezoar-data card sign runs/orca --key ~/.ssh/id_ed25519
    """
    dataset = _dataset(run)
    if problems := [problem for problem in check_dataset(dataset) if problem.level == "error"]:
        raise PolicyRefused(problems)
    signature = sign_folder(dataset, key)
    if as_json:
        typer.echo(json.dumps({"ok": True, "dataset": str(dataset), "signature": signature.as_json()}))
    else:
        typer.echo(f"{relative_to_cwd(dataset)}: signed with the key {signature.key}")


@app.command()
def show(run: _Run, as_json: AsJson = False) -> None:
    """Show what the card says of its dataset.

    Rows, sources, models, licence.

    Example: bezoar-data card show runs/orca
    """
    file = _dataset(run) / "README.md"
    if not file.is_file():
        hint = "name a run's folder (runs/orca), or its dataset folder"
        raise InputError(Problem("no-card", "there is no dataset with a card here", Place(str(run)), hint))
    card = load_card(file)
    if as_json:
        typer.echo(json.dumps({"card": _plain(card.front)}, default=str))
        return
    _print(card)


def _dataset(run: Path) -> Path:
    return run / "dataset" if (run / "dataset").is_dir() else run


def _print(card: Card) -> None:
    console = Console()
    own = card.bezoar
    licence = own.get("licence") or {}
    title = card.front.get("pretty_name") or (own.get("pipeline") or {}).get("name") or "dataset"
    head = [f"# {title}", f"build `{own.get('lock')}`, licence **{licence.get('result', 'unknown')}**, "
            f"commercial use **{licence.get('commercial', 'unknown')}**"]  # fmt: skip
    sections = split_body(card.body).sections
    parts = [f"## {name.replace('_', ' ').capitalize()}\n\n{text}" for name, text in sections.items() if text.strip()]
    text = re.sub(r"<summary>(.*)</summary>", r"\n**\1**", "\n\n".join([*head, *parts]).replace("<br>", ", "))
    console.print(Markdown(clean_text(re.sub("</?details>", "", text))))


def _plain(value: Any) -> Any:
    return dict(value) if hasattr(value, "items") else value
