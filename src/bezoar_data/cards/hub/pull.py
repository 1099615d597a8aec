"""Fetching a published dataset: its files are held against its lock and card before they are put in place.

Nothing that was fetched is run, and no path of it leads out of its folder: only the files that its lock names, and the
few that every dataset has, are fetched at all.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bezoar_data.cards.check import checked
from bezoar_data.cards.hub.client import check_repo, hub, hub_errors, patiently
from bezoar_data.cards.signing.signature import Signature
from bezoar_data.cards.signing.signers import Signers
from bezoar_data.config.errors import InputError, PolicyRefused
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.folder import RunFolder, replace_folder, write_json
from bezoar_data.runs.ingredients import MANIFEST, AnswersManifest
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.previous import PULLED, Build, keeping, pulled_from
from bezoar_data.runs.signed import SIGNED

_ALWAYS = ("lock.json", "README.md", "croissant.json")
_SOMETIMES = ("pipeline.yaml", "contamination.jsonl", *SIGNED)
_DATA = re.compile(r"data/[A-Za-z0-9][A-Za-z0-9._-]*\.parquet")
_ANSWERS = re.compile(r"answers/(inputs/)?[A-Za-z0-9][A-Za-z0-9._-]*")
_LOCK_NAME = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Pulled:
    """What was fetched: where it lies, the commit, the lock's hash, who signed it, and another build of it that was
    there."""

    folder: Path
    commit: str
    lock: str
    rows: int
    signature: Signature | None
    replaced: Build | None


def pull(repo: str, revision: str | None, out: Path, signed_by: Path | None = None) -> Pulled:
    """Fetch a dataset into `out`/dataset. `revision` is a tag, branch or commit; a lock's hash is held to its word.
    `signed_by` is a file that names whose signature it must have.

    Raises `InputError`, `ProviderAway`, and `PolicyRefused` for a dataset that is not what its card claims.
    """
    check_repo(repo)
    signers = Signers.read(signed_by) if signed_by is not None else None
    folder = RunFolder(out)
    with _not_left_empty(out), folder.locked() as scratch:
        _refuse_another(out, repo)
        building = scratch / "dataset"
        commit = _fetch(repo, revision, building)
        lock, signature = _verify(repo, revision, building, signers)
        pipeline = building / _SOMETIMES[0]
        with keeping(out, scratch, lock.hash) as replaced:
            # First of all: by it the pipeline is known for somebody else's.
            write_json(out / PULLED, {"repo": repo, "revision": revision, "commit": commit, "lock": lock.hash})
            if pipeline.exists():
                shutil.move(pipeline, folder.pipeline)
            else:
                folder.pipeline.unlink(missing_ok=True)
            replace_folder(building, folder.dataset)
    return Pulled(folder.dataset, commit, lock.hash, lock.counts.kept, signature, replaced)


@contextmanager
def _not_left_empty(out: Path) -> Iterator[None]:
    """Where nothing was fetched, a folder made only now goes again."""
    was_there = out.exists()
    try:
        yield
    except BaseException:
        if not was_there:
            shutil.rmtree(out, ignore_errors=True)
        raise


def _refuse_another(out: Path, repo: str) -> None:
    """Refuse the folder of a dataset that was made here, or pulled from elsewhere."""
    build = Build.of(out)
    there = pulled_from(out)
    if build is None or there == repo:
        return
    message = (
        "this folder has a dataset that was made here"
        if there is None
        else f"this folder has a dataset pulled from {there}"
    )
    raise InputError(Problem("out-taken", f"{message}: {build}", Place(str(out)), "name another folder with --out"))


def _fetch(repo: str, revision: str | None, building: Path) -> str:
    with hub_errors(repo):
        api = hub()
        info = patiently(lambda: api.dataset_info(repo, revision=revision))
        commit = str(info.sha)
        there = {sibling.rfilename for sibling in info.siblings or ()}
        if missing := [name for name in _ALWAYS if name not in there]:
            raise InputError(
                Problem("no-lock", f"this is not a dataset of bezoar-data: it lacks {', '.join(missing)}", Place(repo))
            )

        def fetch(path: str) -> None:
            patiently(lambda: api.hf_hub_download(repo, path, repo_type="dataset", revision=commit, local_dir=building))

        fetch("lock.json")
        for path in [*_ALWAYS[1:], *(n for n in _SOMETIMES if n in there), *_named(repo, building / "lock.json")]:
            fetch(path)
        if MANIFEST in there:
            fetch(MANIFEST)
            for path in _answers(repo, building / MANIFEST):
                fetch(path)
    shutil.rmtree(building / ".cache", ignore_errors=True)
    return commit


def _named(repo: str, lock: Path) -> list[str]:
    """The data's files by the lock, each of them inside `data/`."""
    paths = [file.path for file in Lock.read(lock, Place(repo)).data]
    for path in paths:
        if not _DATA.fullmatch(path) or ".." in PurePosixPath(path).parts:
            raise PolicyRefused(Problem("path-outside", f"its lock names a file outside of data/: {path}", Place(repo)))
    return paths


def _answers(repo: str, manifest: Path) -> list[str]:
    """The files that were published with the answers, each of them inside `answers/`."""
    found = AnswersManifest.read(manifest, Place(repo))
    paths = [*found.files, *found.inputs.values()]
    for path in paths:
        if not _ANSWERS.fullmatch(path):
            message = f"its list of answers names a file outside of answers/: {path}"
            raise PolicyRefused(Problem("path-outside", message, Place(repo)))
    return list(dict.fromkeys(paths))


def _verify(repo: str, revision: str | None, building: Path, signers: Signers | None) -> tuple[Lock, Signature | None]:
    found = checked(building, signers)
    problems = [problem for problem in found.problems if problem.level == "error"]
    lock = Lock.read(building / "lock.json", Place(repo))
    if revision is not None and _LOCK_NAME.fullmatch(revision) and revision != lock.hash:
        problems.append(
            Problem("lock-differs", f"asked for build {revision}, the Hub gave build {lock.hash}", Place(repo))
        )
    if problems:
        raise PolicyRefused(problems)
    return lock, found.signature
