"""Publishing a dataset: card, Croissant, lock, pipeline and rows in one commit, with a tag named after the lock's hash.

Nothing is visible to others before all of it is there: a new repository is private, files go up before the one commit
that shows them, and only then is it made public. An upload that is cut off leaves the repository as it was; the files
that had arrived are not sent again. Where nothing changed, nothing is sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bezoar_data.cards.hub.client import KIND, hub, told
from bezoar_data.runs.folder import RunFolder, lock_hash

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Gate = Literal["auto", "manual", "off"]


@dataclass(frozen=True, slots=True)
class Upload:
    """What publishing would change: paths in the repository."""

    repo: str
    tag: str
    new: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    same: tuple[str, ...]
    head: str | None
    """The commit that it is compared with; None where there is no repository yet."""
    tagged: bool
    """Whether the tag stands at that commit."""
    private: bool | None

    @property
    def nothing(self) -> bool:
        return self.head is not None and not (self.new or self.changed or self.removed)


def files_of(run: Path) -> dict[str, Path]:
    """The files that are published, by their path in the repository. `run` is a run's folder or its dataset folder."""
    dataset = run / "dataset" if (run / "dataset").is_dir() else run
    files = {str(p.relative_to(dataset)): p for p in sorted(dataset.rglob("*")) if p.is_file()}
    pipeline = RunFolder(dataset.parent).pipeline
    return {**files, pipeline.name: pipeline} if pipeline.exists() else files


def plan_upload(run: Path, repo: str) -> Upload:
    """Compare the dataset with what the Hub has. Sends nothing. Raises `InputError`, `ProviderAway`."""
    files = files_of(run)
    tag = lock_hash(json.loads(files["lock.json"].read_text("utf-8")))
    with told(repo):
        api = hub()
        head, private, there = _remote(api, repo)
        tags = {ref.name: ref.target_commit for ref in api.list_repo_refs(repo, repo_type=KIND).tags} if head else {}
    same = {path for path, file in files.items() if there.get(path) in _hashes(file)}
    return Upload(
        repo=repo,
        tag=tag,
        new=tuple(path for path in files if path not in there),
        changed=tuple(path for path in files if path in there and path not in same),
        removed=tuple(sorted(path for path in there if path.startswith("data/") and path not in files)),
        same=tuple(sorted(same)),
        head=head,
        tagged=head is not None and tags.get(tag) == head,
        private=private,
    )


def publish(run: Path, upload: Upload, *, public: bool = False, gated: Gate | None = None) -> str:
    """Carry an upload out; return the dataset's address. Raises `InputError`, `ProviderAway`."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    files = files_of(run)
    with told(upload.repo):
        api = hub()
        if upload.head is None:
            api.create_repo(upload.repo, repo_type=KIND, private=True, exist_ok=True)
        head = upload.head
        if not upload.nothing:
            done = api.create_commit(
                upload.repo,
                [
                    *(CommitOperationAdd(path, files[path]) for path in (*upload.new, *upload.changed)),
                    *(CommitOperationDelete(path) for path in upload.removed),
                ],
                commit_message=f"Build {upload.tag}",
                commit_description=_description(files["lock.json"]),
                repo_type=KIND,
                parent_commit=upload.head,
            )
            head = done.oid
        if not upload.tagged or head != upload.head:
            _tag(api, upload, head)
        settings: dict[str, Any] = {}
        if public and upload.private is not False:
            settings["visibility"] = "public"
        if gated is not None:
            settings["gated"] = False if gated == "off" else gated
        if settings:
            api.update_repo_settings(upload.repo, repo_type=KIND, **settings)
    return f"{api.endpoint}/datasets/{upload.repo}"


def _tag(api: HfApi, upload: Upload, head: str | None) -> None:
    from huggingface_hub.errors import RevisionNotFoundError

    # A card's prose may have changed under the same lock: the tag then moves on to it.
    try:
        api.delete_tag(upload.repo, tag=upload.tag, repo_type=KIND)
    except RevisionNotFoundError:
        pass
    api.create_tag(upload.repo, tag=upload.tag, revision=head, repo_type=KIND, exist_ok=True)


def _remote(api: HfApi, repo: str) -> tuple[str | None, bool | None, Mapping[str, str]]:
    """The repository's newest commit, whether it is private, and the hash of each file there."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.dataset_info(repo)
    except RepositoryNotFoundError as error:
        if error.response is not None and error.response.status_code == 401:
            raise
        return None, None, {}
    tree = api.list_repo_tree(repo, recursive=True, revision=info.sha, repo_type=KIND)
    files = {e.path: (e.lfs.sha256 if e.lfs else e.blob_id) for e in tree if hasattr(e, "blob_id")}
    return info.sha, info.private, files


def _hashes(file: Path) -> tuple[str, str]:
    """The hashes by which the Hub may know a file: git's for a small one, SHA-256 for one in its large storage."""
    content = file.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return blob, hashlib.sha256(content).hexdigest()


def _description(lock_file: Path) -> str:
    lock = json.loads(lock_file.read_text("utf-8"))
    pipeline, counts = lock["pipeline"], lock["counts"]
    return f"{counts['kept']} rows by version {pipeline['version']} of the pipeline {pipeline['name']}, by bezoar-data"
