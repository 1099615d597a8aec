"""Publishing to the Hub from Python."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from bezoar_data.api.rebuilding import rebuild
from bezoar_data.api.scores import scored
from bezoar_data.cards.hub import gate
from bezoar_data.cards.hub.client import check_repo, keyless
from bezoar_data.cards.hub.edits import HubEdit, hub_edit, take_in
from bezoar_data.cards.hub.publish import dataset_contents, pulled_form, with_published_answers
from bezoar_data.cards.hub.refusal import refusal
from bezoar_data.cards.hub.secrets import CONCERN, KeySearch
from bezoar_data.cards.hub.upload import RepoContents, Upload, plan_upload, send
from bezoar_data.cards.model_card import gate as model_gate
from bezoar_data.cards.model_card.publish import model_contents
from bezoar_data.cards.signing.signature import Signature, sign_files, unsound
from bezoar_data.cards.signing.ssh import ready_to_sign
from bezoar_data.config.errors import InputError, PolicyRefused
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.ingredients import Ingredients
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.published import dataset_folder
from bezoar_data.runs.signed import SIGNATURE
from bezoar_data.runs.stage_record import is_trained, trained_stage
from bezoar_data.steps.distilabel_import import import_distilabel

if TYPE_CHECKING:
    from bezoar_data.llms.gateway.recorded import LookUps


def publish(
    folder: str | Path,
    repo: str,
    *,
    public: bool = False,
    gated: Literal["auto", "manual", "off"] | None = None,
    allow: Collection[str] = (),
    base: str | None = None,
    with_answers: bool = False,
    sign: str | Path | None = None,
    hub_edits: Literal["take", "discard"] | None = None,
    evaluated: Sequence[str | Path] = ("evaluated",),
    dry_run: bool = False,
) -> Published:
    """Publish a dataset or a trained model to the Hub in one commit; nothing is sent where nothing changed.

    `folder` is a run's folder or its dataset folder, the folder of a recipe's stage, or that of all its stages, for the
    last one. `repo` is `OWNER/NAME`, private unless `public`. `allow` names concerns in spite of which it is published.
    `base` says where the weights are published that an adapter stands on. `with_answers` puts the recorded answers
    beside a dataset, with the files its steps read, once it was rebuilt from them: `card check --rebuild` then makes
    the same bytes anywhere. `sign` is an SSH key that signs all files of a dataset, by `ssh-keygen`. `hub_edits` says
    what becomes of a card that was edited on the Hub since the last build: it is taken into the card here, or
    discarded; None refuses. `evaluated` are folders of evaluations, or single ones: those of a stage that is published
    go on its card, into its key `model-index` and into `.eval_results`. Raises `PolicyRefused` with every reason not
    to publish it, `InputError`, and `ProviderAway` where the Hub cannot be reached.
    """
    check_repo(repo, base)
    key = _ready_to_sign(Path(folder), sign)
    problems, contents = _to_publish(Path(folder), allow, base)
    if problems or contents is None:
        raise PolicyRefused(problems)
    keyless(repo, contents.kind)
    searched, taken = contents.files, False
    if hub_edits != "discard" and (edit := hub_edit(contents, repo)) is not None:
        contents = _taken_in(edit, Path(folder), contents, allow, take=hub_edits == "take", dry_run=dry_run)
        taken = True
    refused: tuple[Problem, ...] = ()
    if contents.kind == "model":
        contents, refused = scored(contents, trained_stage(Path(folder)).record, map(Path, evaluated), repo)
    with TemporaryDirectory(prefix="bezoar-publish-") as made:
        if with_answers:
            contents = _with_answers(Path(folder), contents, allow, Path(made).resolve())
        added = {name: file for name, file in contents.files.items() if searched.get(name) != file}
        if found := list(KeySearch().problems(added, allowed=CONCERN in allow)):
            raise PolicyRefused(found)
        # The last that happens to the files: it is what goes up that is signed.
        contents, signature = _signed(contents, key)
        upload = plan_upload(contents, repo)
        address = None if dry_run else send(upload, public=public, gated=gated)
        return Published(upload, address, refused, signature, taken)


def _ready_to_sign(folder: Path, key: str | Path | None) -> Path | None:
    """The key, before anything else is done. Raises `InputError`."""
    if key is None:
        return None
    if is_trained(folder):
        hint = "leave --sign out"
        raise InputError(Problem("no-signature", "datasets are signed, models are not", Place(str(folder)), hint))
    ready_to_sign(Path(key))
    return Path(key)


def _signed(contents: RepoContents, key: Path | None) -> tuple[RepoContents, Signature | None]:
    """The same with a signature. Raises `PolicyRefused` where one that is there already is of other files."""
    if key is None:
        if problems := unsound(contents.files):
            raise PolicyRefused(problems)
        return contents, None
    made, signature = sign_files(contents.files, key)
    return replace(contents, files={**contents.files, **made}), signature


def _taken_in(
    edit: HubEdit, folder: Path, contents: RepoContents, allow: Collection[str], *, take: bool, dry_run: bool
) -> RepoContents:
    """What is to be sent with the card that was edited on the Hub taken in. Raises `PolicyRefused`."""
    if not take:
        raise PolicyRefused(list(edit.problems()))
    dataset = folder / "dataset"
    if contents.kind != "dataset" or not dataset.is_dir():
        message = "the words that were written on the Hub can be taken in by hand alone"
        hint = "write them into the card here, then publish with --hub-edits discard"
        raise PolicyRefused([Problem("hub-edited", message, Place(str(folder)), hint), *edit.problems()])
    made = take_in(edit, dataset, write=not dry_run)
    if dry_run:
        return replace(contents, files={**contents.files, **made})
    problems, contents_anew = _to_publish(folder, allow, None)
    if problems or contents_anew is None:
        raise PolicyRefused(problems)
    return contents_anew


def _with_answers(folder: Path, contents: RepoContents, allow: Collection[str], scratch: Path) -> RepoContents:
    """The same with the answers beside the rows. Raises `PolicyRefused` where they do not give the same bytes."""
    if contents.kind != "dataset":
        hint = "leave --with-answers out"
        raise InputError(Problem("no-answers", "a trained model has no answers", Place(str(folder)), hint))
    import_distilabel()
    from bezoar_data.cards import answers
    from bezoar_data.llms.gateway.recorded import LookUps

    dataset = dataset_folder(folder)
    if Ingredients.published(dataset) is not None:
        return contents  # it was pulled with its answers, and goes up with them
    lookups, lock = LookUps(), Lock.read(dataset / "lock.json")
    made_from = Ingredients.of_run(RunFolder(dataset.parent))
    if "unknown-licence" not in allow:
        # Of a source without a kept row nothing was published so far, and its terms bound nobody.
        unread = [s.name for s in lock.sources if not s.kept and s.sha256 is not None and s.licence is None]
        if unread:
            message = f"the licence of {', '.join(unread)} is not stated, and the whole file would go up"
            raise PolicyRefused(refusal("unknown-licence", message, Place(str(dataset))))
    _rebuilt(folder, scratch / "from-journal", dataset, lookups)
    told = answers.write_answers(scratch, lock, made_from, lookups.asked)
    if "personal-data" not in allow and (found := answers.personal_data(scratch)):
        kinds = ", ".join(f"{kind} in {count}" for kind, count in sorted(found.items()))
        message = f"there may be personal data in the answers and what was sent for them: {kinds}"
        raise PolicyRefused(refusal("personal-data", message, Place(str(dataset))))
    readme = answers.with_answers((dataset / "README.md").read_text("utf-8"), lock, told)
    contents = with_published_answers(contents, scratch, readme)
    # Once more from what others will have: no journal, the card that tells of the answers.
    pulled_form(contents, scratch / "pulled")
    _rebuilt(scratch / "pulled", scratch / "from-answers", dataset, LookUps())
    return contents


def _rebuilt(run: Path, scratch: Path, dataset: Path, lookups: LookUps) -> None:
    if problems := rebuild(run, scratch, trust_code=True, lookups=lookups).problems(Place(str(dataset))):
        raise PolicyRefused(problems)


def _to_publish(folder: Path, allow: Collection[str], base: str | None) -> tuple[list[Problem], RepoContents | None]:
    """Why it may not be published; where nothing forbids it, what is to be sent."""
    if is_trained(folder):
        stage = trained_stage(folder)
        problems = model_gate.refusals(stage, allow, base)
        return problems, None if problems else model_contents(stage, base)
    RunFolder(folder).restore()
    if not any((at / "lock.json").exists() for at in (folder / "dataset", folder)):
        message = "this folder has neither a finished dataset nor a trained stage"
        hint = "a run leaves its dataset in runs/NAME, `train RECIPE` its stages in trained/NAME: name one of these"
        raise InputError(Problem("nothing-to-publish", message, Place(str(folder)), hint))
    problems = gate.refusals(folder / "dataset" if (folder / "dataset").is_dir() else folder, allow)
    return problems, None if problems else dataset_contents(folder)


@dataclass(frozen=True, slots=True)
class Published:
    """What went up, or would."""

    upload: Upload
    """The paths that are new, changed, removed and the same, and the build's tag."""
    address: str | None
    """Where it is; None of a dry run."""
    refused: tuple[Problem, ...] = ()
    """Evaluations that seem to be the stage's and were left out, and why."""
    signature: Signature | None = None
    """The one that was made for it."""

    taken_in: bool = False
    """Whether the card here has got what was written on the Hub, or would."""

    @property
    def unsigned(self) -> bool:
        """Whether the build that is there is signed, and this one would take its place without a signature."""
        return SIGNATURE in self.upload.removed
