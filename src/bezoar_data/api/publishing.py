"""Publishing to the Hub from Python."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bezoar_data.cards.hub import gate
from bezoar_data.cards.hub.publish import dataset_contents
from bezoar_data.cards.hub.upload import RepoContents, Upload, plan_upload, send
from bezoar_data.cards.model_card import gate as model_gate
from bezoar_data.cards.model_card.publish import model_contents
from bezoar_data.config.errors import PolicyRefused
from bezoar_data.config.problems import Problem
from bezoar_data.runs.stage_record import is_trained, trained_stage


def publish(
    folder: str | Path,
    repo: str,
    *,
    public: bool = False,
    gated: Literal["auto", "manual", "off"] | None = None,
    allow: Collection[str] = (),
    base: str | None = None,
    dry_run: bool = False,
) -> Published:
    """Publish a dataset or a trained model to the Hub in one commit; nothing is sent where nothing changed.

    `folder` is a run's folder or its dataset folder, the folder of a recipe's stage, or that of all its stages, for the
    last one. `repo` is `OWNER/NAME`, private unless `public`. `allow` names concerns in spite of which it is published.
    `base` says where the weights are published that an adapter stands on. Raises `PolicyRefused` with every reason not
    to publish it, `InputError`, and `ProviderAway` where the Hub cannot be reached.
    """
    problems, contents = _to_publish(Path(folder), allow, base)
    if problems or contents is None:
        raise PolicyRefused(problems)
    upload = plan_upload(contents, repo)
    return Published(upload, None if dry_run else send(upload, public=public, gated=gated))


def _to_publish(folder: Path, allow: Collection[str], base: str | None) -> tuple[list[Problem], RepoContents | None]:
    """Why it may not be published; where nothing forbids it, what is to be sent."""
    if is_trained(folder):
        stage = trained_stage(folder)
        problems = model_gate.refusals(stage, allow, base)
        return problems, None if problems else model_contents(stage, base)
    problems = gate.refusals(folder / "dataset" if (folder / "dataset").is_dir() else folder, allow)
    return problems, None if problems else dataset_contents(folder)


@dataclass(frozen=True, slots=True)
class Published:
    """What went up, or would."""

    upload: Upload
    """The paths that are new, changed, removed and the same, and the build's tag."""
    address: str | None
    """Where it is; None of a dry run."""
