"""The run folder: where a run leaves its files, and how they change there without ever being half-written."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.runs.previous import DATASET, MADE_FROM, PULLED, REPORT, RUN_JSON, is_unsettled, settle

_LOCK = ".lock"
_MARKS = (_LOCK, RUN_JSON, f"shards/*/*/{RUN_JSON}", PULLED, f"{DATASET}/lock.json", "journal.sqlite")
"""By any of these a folder is known to be a run's, or to have been pulled."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run, `runs/orca` by default."""

    path: Path

    @property
    def dataset(self) -> Path:
        return self.path / DATASET

    @property
    def dropped(self) -> Path:
        return self.path / "dropped.parquet"

    @property
    def review(self) -> Path:
        return self.path / "review.parquet"

    @property
    def review_json(self) -> Path:
        """What the run is known by in Argilla, once it was pushed."""
        return self.path / "review.json"

    @property
    def reliability(self) -> Path:
        """What was measured of the judges against labels that people gave."""
        return self.path / "reliability.json"

    @property
    def card(self) -> Path:
        """The card's template as it was, if the pipeline names one."""
        return self.path / "card.md"

    @property
    def pipeline(self) -> Path:
        return self.path / "pipeline.yaml"

    @property
    def distilabel(self) -> Path:
        return self.path / "distilabel.yaml"

    @property
    def made_from(self) -> Path:
        """Where answers and the files that steps read lie on this machine; never published."""
        return self.path / MADE_FROM

    @property
    def report(self) -> Path:
        """The page of its rows; never published."""
        return self.path / REPORT

    @property
    def run_json(self) -> Path:
        return self.path / RUN_JSON

    @property
    def scratch(self) -> Path:
        """What a run in progress is building; never left behind by one that ended."""
        return self.path / ".building"

    def of_shard(self, name: str) -> RunFolder:
        """The folder of one of its shards."""
        return RunFolder(self.path / "shards" / name)

    @property
    def collected(self) -> Path:
        """Where shards collect their answers if no other address is named."""
        return self.path / "shards" / "collected"

    def restore(self) -> None:
        """Bring back a dataset that a killed command was about to replace."""
        if is_unsettled(self.path) or (not self.dataset.exists() and _aside(self.dataset).exists()):
            with self.locked():
                pass

    def is_locked(self) -> bool:
        """Whether a run is writing to this folder now."""
        try:
            with (self.path / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    @contextmanager
    def locked(self) -> Iterator[Path]:
        """Lock the folder for one run and give its empty scratch folder. A second run there is refused: two would
        take each other's rows away. The lock is the kernel's, so a killed run never leaves it behind."""
        refuse_foreign_folder(self.path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / _LOCK).open("a+")
        except OSError as error:
            said = f"cannot be used as run folder: {error.strerror}"
            raise InputError(Problem("out-unusable", said, Place(str(self.path)), "name another with --out")) from error
        with file as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InputError(
                    Problem(
                        "run-in-progress",
                        "another run is writing to this folder",
                        Place(str(self.path)),
                        "wait for it, stop it, or name another folder with --out",
                    )
                ) from error
            restore_folder(self.dataset)
            settle(self.path)
            shutil.rmtree(self.scratch, ignore_errors=True)
            self.scratch.mkdir()
            try:
                yield self.scratch
            finally:
                shutil.rmtree(self.scratch, ignore_errors=True)


def refuse_foreign_folder(folder: Path, marks: Sequence[str] = _MARKS, maker: str = "run") -> None:
    """Refuse the root of all files, a home, and a folder that holds files and none of the `marks` of its `maker`: a
    person's own files would come to stand among those that are replaced and taken away. Raises `InputError`."""
    hint = "name a new or an empty folder with --out"
    where = folder.resolve()
    if where == Path(where.anchor) or where == Path.home().resolve():
        what = "the home folder" if where == Path.home().resolve() else "the root of all files"
        raise InputError(Problem("out-taken", f"this is {what}, no place for a {maker}", Place(str(folder)), hint))
    try:
        theirs = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    except OSError:
        return  # who uses it tells why that cannot be
    if theirs and not any(_made(path) for mark in marks for path in folder.glob(mark)):
        shown = ", ".join(printable(name) for name in theirs[:5]) + (", ..." if len(theirs) > 5 else "")
        said = f"no {maker} made this folder, and it has files: {shown}"
        raise InputError(Problem("out-taken", said, Place(str(folder)), hint))


def _made(mark: Path) -> bool:
    """Whether a mark is ours: others' lock files say something."""
    return mark.is_file() and (mark.name != _LOCK or mark.stat().st_size == 0)


def write_text(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write beside, then rename: the file is the old one or the new one, never half of either."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(text, encoding)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False) + "\n")


def replace_folder(new: Path, target: Path) -> None:
    """Put a finished folder in the place of the old one; the old one is gone only once the new one stands. Killed in
    between, `restore_folder` brings the old one back."""
    aside = _aside(target)
    shutil.rmtree(aside, ignore_errors=True)
    if target.exists():
        target.replace(aside)
    new.replace(target)
    shutil.rmtree(aside, ignore_errors=True)


def restore_folder(target: Path) -> None:
    """Finish what a killed `replace_folder` left: the old folder comes back if the new one never came to stand."""
    aside = _aside(target)
    if aside.exists() and not target.exists():
        aside.replace(target)
    shutil.rmtree(aside, ignore_errors=True)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")
