"""A dataset as it is published: card, Croissant, lock, pipeline and rows; its tag is named after the lock's hash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bezoar_data.cards.claims.data import known_files
from bezoar_data.cards.hub.upload import RepoContents
from bezoar_data.config.files.card import load_card
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.ingredients import FOLDER
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.published import pipeline_of
from bezoar_data.runs.signed import SIGNED


def dataset_contents(run: Path) -> RepoContents:
    """What is published of a dataset. `run` is a run's folder or its dataset folder."""
    files = files_of(run)
    lock = Lock.read(files["lock.json"])
    pipeline = lock.pipeline
    return RepoContents(
        kind="dataset",
        files=files,
        tag=lock.hash,
        description=f"{lock.counts.kept} rows by version {pipeline.version} of the pipeline {pipeline.name}, "
        "by bezoar-data",
        stale=lambda path: path.startswith(("data/", f"{FOLDER}/")) or path in SIGNED,
    )


def with_published_answers(contents: RepoContents, folder: Path, readme: str) -> RepoContents:
    """The same with what stands in `folder`/answers, and the card that tells of it."""
    files = {str(p.relative_to(folder)): p for p in sorted((folder / FOLDER).rglob("*")) if p.is_file()}
    return replace(contents, files={**contents.files, **files, "README.md": readme.encode()})


def pulled_form(contents: RepoContents, out: Path) -> None:
    """Lay the files out as `pull` would."""
    for path, file in contents.files.items():
        target = out / path if path == RunFolder(out).pipeline.name else out / "dataset" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file, bytes):
            target.write_bytes(file)
        else:
            target.symlink_to(file.absolute())


def files_of(run: Path) -> dict[str, Path]:
    """The files that are published, by their path in the repository: those that belong, and no links."""
    dataset = run / "dataset" if (run / "dataset").is_dir() else run
    known = known_files(dataset, Lock.read(dataset / "lock.json"), load_card(dataset / "README.md").bezoar)
    there = {p.relative_to(dataset).as_posix(): p for p in sorted(dataset.rglob("*")) if p.is_file()}
    files = {name: path for name, path in there.items() if name in known and not path.is_symlink()}
    pipeline = pipeline_of(dataset)
    return files if pipeline is None or pipeline.is_symlink() else {**files, pipeline.name: pipeline}
