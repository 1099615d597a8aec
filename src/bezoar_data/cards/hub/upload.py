"""Sending files to the Hub: what would change there, and the one commit that changes it.

Nothing is visible to others before all of it is there: a new repository is private, files go up before the one commit
that shows them, and only then is it made public. An upload that is cut off leaves the repository as it was; the files
that had arrived are not sent again. Where nothing changed, nothing is sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bezoar_data.cards.hub.client import RepoType, hub, hub_errors, patiently

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Gate = Literal["auto", "manual", "off"]
BUILD = re.compile(r"Build [0-9a-f]{16}")
"""How the commits are called that show a build."""


@dataclass(frozen=True, slots=True)
class RepoContents:
    """What is to stand in a repository."""

    kind: RepoType
    files: Mapping[str, Path | bytes]
    """By their path there; bytes where the file is not sent as it lies here."""
    tag: str
    """The build's name, a hash."""
    description: str
    stale: Callable[[str], bool]
    """Whether a path that is there and not in `files` is one of ours, to be removed."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What sending would change: paths in the repository."""

    contents: RepoContents
    repo: str
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
    def tag(self) -> str:
        return self.contents.tag

    @property
    def is_unchanged(self) -> bool:
        return self.head is not None and not (self.new or self.changed or self.removed)


def plan_upload(contents: RepoContents, repo: str) -> Upload:
    """Compare with what the Hub has. Sends nothing. Raises `InputError`, `ProviderAway`."""
    files, kind = contents.files, contents.kind
    with hub_errors(repo):
        api = hub()
        head, private, there = _remote(api, repo, kind)
        refs = patiently(lambda: api.list_repo_refs(repo, repo_type=kind)).tags if head else []
        tags = {ref.name: ref.target_commit for ref in refs}
    same = {path for path, file in files.items() if path in there and there[path] in _hashes(file)}
    return Upload(
        contents=contents,
        repo=repo,
        new=tuple(path for path in files if path not in there),
        changed=tuple(path for path in files if path in there and path not in same),
        removed=tuple(sorted(path for path in there if path not in files and contents.stale(path))),
        same=tuple(sorted(same)),
        head=head,
        tagged=head is not None and tags.get(contents.tag) == head,
        private=private,
    )


def send(upload: Upload, *, public: bool = False, gated: Gate | None = None) -> str:
    """Carry an upload out; return the repository's address. Raises `InputError`, `ProviderAway`."""
    contents = upload.contents
    with hub_errors(upload.repo):
        api = hub()
        if upload.head is None:
            patiently(lambda: api.create_repo(upload.repo, repo_type=contents.kind, private=True, exist_ok=True))
        head = upload.head
        if not upload.is_unchanged:
            head = patiently(lambda: _commit(api, upload))
        if not upload.tagged or head != upload.head:
            _tag(api, upload, head)
        settings: dict[str, Any] = {}
        if public and upload.private is not False:
            settings["visibility"] = "public"
        if gated is not None:
            settings["gated"] = False if gated == "off" else gated
        if settings:
            patiently(lambda: api.update_repo_settings(upload.repo, repo_type=contents.kind, **settings))
    return f"{api.endpoint}/{'datasets/' if contents.kind == 'dataset' else ''}{upload.repo}"


def _commit(api: HfApi, upload: Upload) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    files = upload.contents.files
    added = [CommitOperationAdd(path, files[path]) for path in (*upload.new, *upload.changed)]
    done = api.create_commit(
        upload.repo,
        [*added, *(CommitOperationDelete(path) for path in upload.removed)],
        commit_message=f"Build {upload.tag}",
        commit_description=upload.contents.description,
        repo_type=upload.contents.kind,
        parent_commit=upload.head,
    )
    return str(done.oid)


def _tag(api: HfApi, upload: Upload, head: str | None) -> None:
    from huggingface_hub.errors import RevisionNotFoundError

    # A card's prose may have changed under the same build: the tag then moves on to it.
    repo, tag, kind = upload.repo, upload.tag, upload.contents.kind
    try:
        patiently(lambda: api.delete_tag(repo, tag=tag, repo_type=kind))
    except RevisionNotFoundError:
        pass
    patiently(lambda: api.create_tag(repo, tag=tag, revision=head, repo_type=kind, exist_ok=True))


def _remote(api: HfApi, repo: str, kind: RepoType) -> tuple[str | None, bool | None, Mapping[str, str]]:
    """The repository's newest commit, whether it is private, and the hash of each file there."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = patiently(lambda: api.repo_info(repo, repo_type=kind))
    except RepositoryNotFoundError as error:
        if error.response is not None and error.response.status_code == 401:
            raise
        return None, None, {}
    tree = api.list_repo_tree(repo, recursive=True, revision=info.sha, repo_type=kind)
    files = {e.path: (e.lfs.sha256 if e.lfs else e.blob_id) for e in tree if hasattr(e, "blob_id")}
    return info.sha, info.private, files


def _hashes(file: Path | bytes) -> tuple[str, str]:
    """The hashes by which the Hub may know a file: git's for a small one, SHA-256 for one in its large storage."""
    size = file.stat().st_size if isinstance(file, Path) else len(file)
    blob, whole = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False), hashlib.sha256()
    for part in _parts(file) if isinstance(file, Path) else (file,):
        blob.update(part)
        whole.update(part)
    return blob.hexdigest(), whole.hexdigest()


def _parts(file: Path) -> Iterator[bytes]:
    """A file's content in pieces: weights can be larger than the memory."""
    with file.open("rb") as opened:
        while part := opened.read(2**20):
            yield part
