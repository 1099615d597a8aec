"""The dataset that was there before: another pipeline's is never replaced, the same one's is kept as `.previous`.

A folder keeps one dataset, with the files beside it that belong to that build. What people said (`review.parquet`,
`review.json`, `reliability.json`) belongs to rows, not to a build, and stays where it is.

Killed at any moment, a folder still holds what stood there: a copy of it is whole before anything is replaced, and
whoever uses the folder next (`settle`) either takes the copy away again or makes it the previous dataset.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import normalized
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.runs.row import digest

DATASET = "dataset"
PREVIOUS = ".previous"
_COPY = ".previous.new"
PULLED = "pulled.json"
"""Stands in a folder that was fetched from the Hub, and says from where."""
MADE_FROM, RUN_JSON, REPORT = "made_from.json", "run.json", "report.html"
BESIDE = ("dropped.parquet", "pipeline.yaml", "distilabel.yaml", "card.md", MADE_FROM, RUN_JSON, PULLED)
"""The files beside a dataset that are of its build."""


@dataclass(frozen=True, slots=True)
class Build:
    """A dataset in few words. What its lock does not tell, as one of an early version, is None."""

    pipeline: str | None
    name: str | None
    """The lock's hash."""
    rows: int | None
    written: datetime

    @classmethod
    def of(cls, folder: Path) -> Build | None:
        """The dataset of a run's folder, whatever version wrote it; None where there is none."""
        lock = folder / DATASET / "lock.json"
        try:
            written = datetime.fromtimestamp((lock if lock.exists() else lock.parent).stat().st_mtime, UTC)
        except OSError:
            return None
        try:
            value: Any = json.loads(lock.read_bytes())
            kept, pipeline = value["counts"]["kept"], value["pipeline"]["name"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return cls(None, None, None, written)
        rows = kept if isinstance(kept, int) else None
        return cls(printable(str(pipeline)), digest("lock", value, length=16), rows, written)

    def __str__(self) -> str:
        when = f"of {self.written:%Y-%m-%d %H:%M} UTC"
        if self.name is None or self.rows is None:
            return f"a dataset whose lock cannot be read, {when}"
        return f"{self.rows:,} {'row' if self.rows == 1 else 'rows'}, build {self.name}, {when}"

    def replaced_in(self, folder: Path) -> str:
        """The line that tells of it once another has taken its place."""
        again = f"`bezoar-data undo {shlex.quote(str(folder))}` brings it back"
        return f"replaced: {self}; it is kept in {folder / PREVIOUS}, and {again}"

    def as_json(self) -> dict[str, Any]:
        written = self.written.isoformat(timespec="seconds")
        return {"pipeline": self.pipeline, "build": self.name, "rows": self.rows, "written": written}


def refuse_another(folder: Path, name: str, file: Path) -> None:
    """Refuse the folder where the dataset of another pipeline than `name` in `file` stands, or one that was pulled.

    Raises `InputError`."""
    build = Build.of(folder)
    if build is None:
        return
    place, hint = Place(str(folder)), "name another folder with --out, or move this one away"
    if (repo := pulled_from(folder)) is not None:
        message = f"this folder has a dataset pulled from {printable(repo)}: {build}"
        raise InputError(Problem("out-taken", message, place, hint))
    if build.pipeline not in (None, name):
        message = f"this folder has the dataset of another pipeline, '{build.pipeline}': {build}"
        raise InputError(Problem("out-taken", message, place, hint))
    other = _made_by(folder)
    if other is not None and file.is_file() and not other.samefile(file) and other.read_bytes() != file.read_bytes():
        message = f"this folder has the dataset of another pipeline that is also called '{name}', {other}: {build}"
        hint = f"give one of them a name of its own (name: in {file}), or {hint}"
        raise InputError(Problem("out-taken", message, place, hint))


def pulled_from(folder: Path) -> str | None:
    """The repository that a folder's dataset was pulled from."""
    try:
        return str(json.loads((folder / PULLED).read_text("utf-8"))["repo"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return "the Hub"


def _made_by(folder: Path) -> Path | None:
    """The pipeline file that made the dataset, where it is noted and still there."""
    try:
        noted = json.loads((folder / MADE_FROM).read_text("utf-8")).get("pipeline")
    except (OSError, ValueError, AttributeError):
        return None
    file = normalized(folder / noted) if isinstance(noted, str) else None
    return file if file is not None and file.is_file() else None


@contextmanager
def keeping(folder: Path, scratch: Path, new: str) -> Iterator[Build | None]:
    """While the build `new` is put into place, keep the one that stands there as the previous dataset. Gives it; None
    where there is nothing to keep: no dataset, the same build, or one without rows, which would take the place of a
    previous one that has some. The folder must be locked.
    """
    old = Build.of(folder)
    if old is None or old.name == new or (old.rows == 0 and Build.of(folder / PREVIOUS) is not None):
        yield None
    else:
        copy_build(folder, scratch / PREVIOUS, scratch / RUN_JSON)
        with as_previous(folder, scratch / PREVIOUS):
            yield old


@contextmanager
def as_previous(folder: Path, copy: Path) -> Iterator[None]:
    """Make `copy` the previous dataset once another stands in its place."""
    copy.replace(folder / _COPY)
    try:
        yield
    except BaseException:
        settle(folder)
        raise
    _becomes_previous(folder)


def set_record_aside(folder: Path, scratch: Path) -> None:
    """A run writes its record from its start on: that of the build which stands there is put aside before."""
    try:
        if json.loads((folder / RUN_JSON).read_text("utf-8"))["state"] == "done":
            _link(folder / RUN_JSON, scratch / RUN_JSON)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # it tells nothing of a build


def put_record_back(folder: Path, scratch: Path) -> bool:
    """Undo `set_record_aside`, for a run that ended before its first row; whether there was a build's record."""
    aside = scratch / RUN_JSON
    if aside.is_file():
        aside.replace(folder / RUN_JSON)
        return True
    return False


def settle(folder: Path) -> None:
    """Finish what `as_previous` began, also where it was killed: what was replaced is the previous dataset from now on;
    where nothing was, the copy goes again."""
    copy = folder / _COPY
    if not copy.exists():
        return
    if _same(copy, folder):
        shutil.rmtree(copy)
        return
    if _same(folder / PREVIOUS, folder):  # an `undo` has put the dataset into place, and perhaps not what is beside it
        put_beside(folder / PREVIOUS, folder)
    _becomes_previous(folder)


def is_unsettled(folder: Path) -> bool:
    return (folder / _COPY).exists()


def copy_build(source: Path, target: Path, record: Path | None = None) -> None:
    """A dataset with what is beside it, by links where the file system has them: they take neither time nor room.
    `record` is its run's record where another has taken that one's place."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    shutil.copytree(source / DATASET, target / DATASET, copy_function=_link)
    for name in BESIDE:
        file = record if record is not None and name == RUN_JSON else source / name
        if file.is_file():
            _link(file, target / name)


def put_beside(source: Path, folder: Path) -> None:
    """Put the files of a build beside a dataset, in the place of those that are there. The page is of the other build
    and goes: `view` and `report` write it anew."""
    (folder / REPORT).unlink(missing_ok=True)
    for name in BESIDE:
        if (source / name).is_file():
            new = folder / f".{name}.new"
            new.unlink(missing_ok=True)
            _link(source / name, new)
            new.replace(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)


def _becomes_previous(folder: Path) -> None:
    shutil.rmtree(folder / PREVIOUS, ignore_errors=True)
    (folder / _COPY).replace(folder / PREVIOUS)


def _same(one: Path, other: Path) -> bool:
    builds = [Build.of(folder) for folder in (one, other)]
    return builds[0] is not None and builds[1] is not None and builds[0].name == builds[1].name


def _link(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
