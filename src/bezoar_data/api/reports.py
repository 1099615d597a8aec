"""The page of a run, and of a recipe's training: written by `run` and `train`, anew on demand, and opened."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import expand_home
from bezoar_data.config.problems import Place, Problem
from bezoar_data.evaluation.mt_bench.record import FOLDER
from bezoar_data.evaluation.people import PEOPLE
from bezoar_data.evaluation.record import EVALUATION
from bezoar_data.reports.page import ENCODING, refuse_other
from bezoar_data.runs.folder import RunFolder, write_text
from bezoar_data.runs.published import dataset_folder
from bezoar_data.runs.stage_record import STAGE_FILE
from bezoar_data.training.folder import TrainingFolder

MOST_ROWS = 200_000
"""Rows up to which a run writes its page by itself: with more it is large, and takes minutes."""


def report(run: str | Path, out: str | Path | None = None) -> Path:
    """Write the page of a finished run, of a dataset that was pulled, or of a recipe's training (`trained/NAME`), and
    give its path: `out`, else `report.html` in its folder, for a pulled dataset here under its name. The same files
    give the same bytes. Raises `InputError`."""
    run = expand_home(run)
    path = expand_home(out) if out is not None else place_of(run)
    write = _page(run, path)
    try:
        if out is not None:
            refuse_other(path)
        write()
    except OSError as error:
        message = f"the page cannot be written: {error.strerror}"
        raise InputError(Problem("cannot-write", message, Place(str(path)), "name another file with --out")) from None
    return path


def _page(run: Path, path: Path) -> Callable[[], None]:
    """What writes the page to `path`, made whole before anything is written."""
    if TrainingFolder(run).stands:
        from bezoar_data.reports.chain_page.report import chain_page

        return partial(write_text, path, chain_page(run, _evaluated(run)), ENCODING)
    from bezoar_data.reports.run_page.report import run_page

    return partial(run_page(run, path).write, path)


def view(run: str | Path) -> tuple[Path, bool]:
    """Open the page of a run or of a training in a browser, written again where rows, reviews, stages or evaluations
    came after it. Gives its path, and whether a browser was found. Raises `InputError`."""
    run = expand_home(run)
    path = place_of(run)
    if not path.is_file() or _changed(run) > path.stat().st_mtime_ns:
        report(run)
    return path, webbrowser.open(path.resolve().as_uri())


def place_of(run: Path) -> Path:
    """Where the page of a run, or of a training, stands. Nothing of ours is put among the files of a dataset that
    others published, or of a stage. Raises `InputError` where there is neither."""
    if (run / STAGE_FILE).is_file():
        message, hint = "this is one stage, and a page is of all of them", f"name their folder: {run.parent}"
        raise InputError(Problem("one-stage", message, Place(str(run)), hint))
    if (training := TrainingFolder(run)).stands:
        return training.page
    dataset = dataset_folder(run).resolve()
    if dataset.name == "dataset":
        return RunFolder(dataset.parent if run.resolve() == dataset else run).report
    return Path(f"{dataset.name}-report.html")


def _changed(run: Path) -> int:
    """When what the page shows was last written."""
    if not TrainingFolder(run).stands:
        return (dataset_folder(run) / "lock.json").stat().st_mtime_ns
    kinds = (EVALUATION, PEOPLE, f"{FOLDER}/*.json")
    found = [file for folder in _evaluated(run) for kind in kinds for file in folder.glob(f"**/{kind}")]
    return max((file.stat().st_mtime_ns for file in (*run.glob(f"*/{STAGE_FILE}"), *found)), default=0)


def _evaluated(trained: Path) -> list[Path]:
    """Where evaluations of these stages lie: beside `trained`, and here."""
    folders = {(where / "evaluated").resolve() for where in (trained.resolve().parent.parent, Path())}
    return sorted(folder for folder in folders if folder.is_dir())


def report_of_run(folder: RunFolder, rows: int) -> tuple[Path | None, str]:
    """The page that a run leaves, or none and why: the run is done, and nothing about its page makes it fail."""
    again = f"bezoar-data report {folder.path}"
    if rows > MOST_ROWS:
        return None, f"no page was written of {rows:,} rows; {again} writes one"
    try:
        return report(folder.path), ""
    except InputError as error:
        return None, f"no page was written ({error.problems[0].in_a_line()}); {again} tries again"


def report_of_training(folder: Path) -> tuple[Path | None, str]:
    """The page that a training leaves, or none and why: after hours of training, nothing about its page makes it fail,
    be it a mistake of ours."""
    try:
        return report(folder), ""
    except InputError as error:
        why = error.problems[0].in_a_line()
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
    return None, f"no page was written ({why}); bezoar-data report {folder} tries again"
