"""`bezoar-data publish` and `pull`: datasets and models to the Hugging Face Hub, and datasets from it."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

import bezoar_data
from bezoar_data.cards.hub.pull import pull as fetch
from bezoar_data.cli.options import AsJson, SignedBy
from bezoar_data.config.words import many


class Concern(StrEnum):
    """What forbids to publish; see `cards.hub.gate` and `cards.model_card.gate`."""

    DEMO = "demo"
    UNKNOWN_LICENCE = "unknown-licence"
    FAILED_CHECKS = "failed-checks"
    PERSONAL_DATA = "personal-data"
    KEYS = "keys"
    REVIEW = "review"
    RESTRICTED_TERMS = "restricted-terms"
    POLICY = "policy"


def publish(
    folder: Annotated[
        Path, typer.Argument(help="A run's folder, or that of a recipe's training or of one stage.", metavar="FOLDER")
    ],
    repo: Annotated[
        str, typer.Option("--to", help="The repository: yours or an organisation's.", metavar="OWNER/NAME")
    ],
    public: Annotated[bool, typer.Option("--public", help="Let everyone see it; private otherwise.")] = False,
    gated: Annotated[
        Literal["auto", "manual", "off"] | None,
        typer.Option("--gated", help="Readers must ask for it: granted at once (auto) or by you (manual)."),
    ] = None,
    allow: Annotated[
        list[Concern] | None,
        typer.Option("--allow", help="Publish in spite of this concern; may be given several times."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", help="Where the weights are published that an adapter needs.", metavar="OWNER/NAME"),
    ] = None,
    with_answers: Annotated[
        bool, typer.Option("--with-answers", help="Put the recorded answers beside a dataset: anyone can rebuild it.")
    ] = False,
    sign: Annotated[
        Path | None,
        typer.Option("--sign", help="Sign a dataset with this SSH key, or its .pub and an agent.", metavar="KEY"),
    ] = None,
    hub_edits: Annotated[
        Literal["take", "discard"] | None,
        typer.Option("--hub-edits", help="A card edited on the Hub: take the words into the card here, or let it go."),
    ] = None,
    evaluated: Annotated[
        list[Path] | None,
        typer.Option("--evaluated", help="A folder of evaluations, or one of them; ./evaluated by default."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go up; send nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a dataset with its card, Croissant and lock, or a trained model with its card and stage.json, in one
    commit, tagged with the build's hash.

    The token is HF_TOKEN or the Hub's own login. Nothing is sent when nothing changed. Refused (exit code 4) for demo
    rows, an unknown licence, a card or files that do not hold, personal data, a review that the pipeline asks for and
    nobody has done; a model also for terms of its data that limit models, and for its recipe's policy; unless --allow
    names the concern.

    Example: bezoar-data publish runs/orca --to my-name/orca --dry-run

    With --with-answers the answers go up too, with what was sent for them and the files that steps read, their rows
    among them, after the dataset was rebuilt from them alone and came out the same.

    Example: bezoar-data publish runs/orca --to my-name/orca --sign ~/.ssh/id_ed25519

    With --sign two files go up beside the others: SHA256SUMS with the hash of each of them, and SHA256SUMS.sig, the
    key's signature of it by ssh-keygen. Nobody without the key can rebuild the dataset and pass it off as yours.

    Example: bezoar-data publish runs/orca --to my-name/orca --hub-edits take --dry-run

    A card that somebody edited on the Hub since the last build is not overwritten: the lines are shown, and nothing is
    sent until --hub-edits says whether they are taken into the card here (take) or replaced by it (discard).

    Example: bezoar-data publish trained/openbezoar/openbezoar-sft --to my-name/openbezoar-sft

    What `evaluate` found of the stage goes on its card, with pictures and the Hub's own files of results; evaluations
    of another training of it, or on other data, are left out and named.
    """
    published = bezoar_data.publish(
        folder,
        repo,
        public=public,
        gated=gated,
        allow=allow or (),
        base=base,
        with_answers=with_answers,
        sign=sign,
        hub_edits=hub_edits,
        evaluated=evaluated or ("evaluated",),
        dry_run=dry_run,
    )
    upload, address = published.upload, published.address
    if as_json:
        changes = {"new": upload.new, "changed": upload.changed, "removed": upload.removed, "same": upload.same}
        value = {"ok": True, "dry_run": dry_run, "repo": repo, "tag": upload.tag, "address": address, **changes}
        value["signed_with"] = published.signature.key if published.signature else None
        value["taken_in"] = published.taken_in
        left_out = [problem.as_json() for problem in published.refused]
        typer.echo(json.dumps({**value, "evaluations_left_out": left_out}))
        return
    for problem in published.refused:
        typer.echo(f"left out: {problem.place}: {problem.in_a_line()}")
    would = "would be " if dry_run else ""
    if published.taken_in:
        typer.echo(f"what was written on the Hub {would or 'was '}taken into the card here")
    for word, paths in (("new", upload.new), ("changed", upload.changed), ("removed", upload.removed)):
        for path in paths:
            typer.echo(f"  {word:8}{path}")
    if upload.is_unchanged:
        typer.echo(f"nothing changed: {many(len(upload.same), 'file')} there already")
    else:
        sent = many(len(upload.new) + len(upload.changed), "file")
        typer.echo(f"{sent} {would}sent, {len(upload.same)} are there already")
    if published.signature:
        typer.echo(f"signed with the key {published.signature.key}")
    elif published.unsigned:
        typer.echo("the build that was there is signed, this one is not: --sign KEY signs it")
    if address:
        typer.echo(f"{address}/tree/{upload.tag}")


def pull(
    repo: Annotated[
        str, typer.Argument(help="The repository, with a revision if wanted.", metavar="OWNER/NAME[@REVISION]")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="The folder to put it into; pulled/NAME otherwise.")] = None,
    signed_by: SignedBy = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a published dataset, and hold it against its card and lock. Runs nothing of it.

    Example: bezoar-data pull my-name/orca@3f9a1c0d22b4e6f7

    With --signed-by it must be signed by a key that the file names, and every file be as it was signed.

    Example: bezoar-data pull my-name/orca --signed-by anna.pub
    """
    name, _, revision = repo.partition("@")
    pulled = fetch(name, revision or None, out or Path("pulled") / name.rpartition("/")[2], signed_by)
    if as_json:
        value = {"ok": True, "folder": str(pulled.folder), "commit": pulled.commit, "lock": pulled.lock}
        signature = pulled.signature.as_json() if pulled.signature else None
        replaced = pulled.replaced.as_json() if pulled.replaced else None
        typer.echo(json.dumps({**value, "rows": pulled.rows, "signature": signature, "replaced": replaced}))
    else:
        what = f"{many(pulled.rows, 'row')} of build {pulled.lock}"
        typer.echo(f"{pulled.folder}: {what}, every claim of its card that can be proved holds")
        if pulled.signature:
            typer.echo(str(pulled.signature))
        if pulled.replaced:
            typer.echo(pulled.replaced.replaced_in(pulled.folder.parent))
