"""The folder that a recipe's training leaves, and how its parts come to stand there whole.

    trained/tiny/
      base/                the base, where the recipe makes it
      lamini/              a stage: README.md (its model card), adapter or model, tokenizer, template, stage.json,
                           recipe.yaml (our file, as trained), log.jsonl, loss.svg, loss.png
      report.html          the page of all stages, for a browser (never published)
      .work/lamini/        checkpoints of the stage that is under way

A stage's folder is made in `.work` and moved into place when it is finished: what stands there is whole.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.runs.folder import refuse_foreign_folder, replace_folder, restore_folder, write_json
from bezoar_data.runs.previous import REPORT
from bezoar_data.runs.record import NewerFormat
from bezoar_data.runs.stage_record import STAGE_FILE, StageRecord

RECIPE = "recipe.yaml"
_KEY = "key.json"
_MARKS = (".lock", f"*/{STAGE_FILE}")
"""By any of these a folder is known to be a training's."""


@dataclass(frozen=True, slots=True)
class TrainingFolder:
    """Paths of one recipe's training, `trained/NAME` by default."""

    path: Path

    @property
    def base(self) -> Path:
        return self.path / "base"

    @property
    def stands(self) -> bool:
        """Whether a training left stages here, or is under way."""
        return any(self.path.glob(f"*/{STAGE_FILE}")) or self.work("").is_dir()

    @property
    def page(self) -> Path:
        """The page of all stages; never published."""
        return self.path / REPORT

    def stage(self, name: str) -> Path:
        return self.path / name

    def work(self, name: str) -> Path:
        return self.path / ".work" / name

    def refuse_another(self, recipe: str) -> None:
        """Refuse the folder of another recipe: its stages would be trained over. Raises `InputError`."""
        for file in sorted(self.path.glob(f"*/{STAGE_FILE}")):
            try:
                theirs = json.loads(file.read_text("utf-8"))["recipe"]["name"]
            except (OSError, ValueError, KeyError, TypeError):
                continue  # of another version, or half a file: nobody knows whose
            if theirs != recipe:
                message = f"this folder has stages of another recipe, '{printable(str(theirs))}'"
                hint = "name another folder with --out, or move this one away"
                raise InputError(Problem("out-taken", message, Place(str(self.path)), hint))

    def finished(self, name: str, key: str) -> StageRecord | None:
        """The record of a finished stage, if it was made from what `key` stands for. Raises `NewerFormat`."""
        record = self.standing(name)
        return record if record is not None and record.key == key else None

    def standing(self, name: str) -> StageRecord | None:
        """The record of a finished stage, whatever it was made from; None where none can be read. Raises `NewerFormat`:
        such a stage is not trained over."""
        try:
            return StageRecord.read(self.stage(name) / STAGE_FILE)
        except NewerFormat:
            raise
        except InputError:
            return None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for one training. The lock is the kernel's, so a killed one never leaves it behind."""
        refuse_foreign_folder(self.path, _MARKS, "training")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"cannot train into {self.path}: {error}"
            raise InputError(Problem("out-unusable", message)) from error
        with (self.path / ".lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                hint = "wait for it, stop it, or name another folder with --out"
                message = "another training is writing to this folder"
                raise InputError(Problem("training-in-progress", message, Place(str(self.path)), hint)) from error
            yield

    def open_work(self, name: str, key: str) -> Path:
        """A stage's working folder: with its checkpoints, if it was left by the same stage; else empty."""
        work = self.work(name)
        restore_folder(self.stage(name))
        try:
            known = json.loads((work / _KEY).read_text("utf-8"))["key"]
        except (OSError, ValueError, KeyError, TypeError):
            known = None
        if known != key:
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            write_json(work / _KEY, {"key": key})
        shutil.rmtree(work / "result", ignore_errors=True)
        (work / "result").mkdir()
        return work

    def finish(self, name: str) -> None:
        """Move a finished result into place, and take its working folder away."""
        work = self.work(name)
        replace_folder(work / "result", self.stage(name))
        shutil.rmtree(work, ignore_errors=True)


def last_checkpoint(work: Path, processes: int = 1) -> Path | None:
    """The latest checkpoint that is whole for so many processes; those that were being written when the training ended
    are taken away. The first process writes its state last, the others write theirs of random numbers meanwhile."""
    whole: list[tuple[int, Path]] = []
    for path in work.glob("checkpoint-*"):
        try:
            step = json.loads((path / "trainer_state.json").read_text("utf-8"))["global_step"]
        except (OSError, ValueError, KeyError, TypeError):
            step = None
        if step is not None and _has_random_states(path, processes):
            whole.append((int(step), path))
        else:
            shutil.rmtree(path, ignore_errors=True)
    return max(whole, default=(0, None))[1]


def _has_random_states(checkpoint: Path, processes: int) -> bool:
    """Without its own, a process would go on with other random numbers; one cut short cannot be read."""
    files = [checkpoint / f"rng_state_{rank}.pth" for rank in range(processes)] if processes > 1 else []
    # torch writes zip files, whose directory comes last.
    return all(zipfile.is_zipfile(file) for file in files or checkpoint.glob("rng_state*.pth"))
