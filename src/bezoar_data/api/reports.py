"""The page of a run: written by `run`, anew on demand, and opened."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import expand_home
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.published import dataset_folder

MOST_ROWS = 200_000
"""Rows up to which a run writes its page by itself: with more it is large, and takes minutes."""


def report(run: str | Path, out: str | Path | None = None) -> Path:
    """Write the page of a finished run, or of a dataset that was pulled, and give its path: `out`, else `report.html`
    in the run's folder, for a pulled dataset here under its name. The same run gives the same bytes. Raises
    `InputError`."""
    from bezoar_data.reports.run_page.report import run_page

    path = expand_home(out) if out is not None else place_of(expand_home(run))
    page = run_page(expand_home(run), path)
    try:
        page.write(path)
    except OSError as error:
        message = f"the page cannot be written: {error.strerror}"
        raise InputError(Problem("cannot-write", message, Place(str(path)), "name another file with --out")) from None
    return path


def view(run: str | Path) -> tuple[Path, bool]:
    """Open a run's page in a browser, written anew where rows or reviews came after it. Gives its path, and whether a
    browser was found. Raises `InputError`."""
    run = expand_home(run)
    path = place_of(run)
    if not path.is_file() or _changed(run) > path.stat().st_mtime_ns:
        report(run, path)
    return path, webbrowser.open(path.resolve().as_uri())


def place_of(run: Path) -> Path:
    """Where the page of a run stands. Nothing of ours is put among the files of a dataset that others published.
    Raises `InputError` where there is no dataset."""
    dataset = dataset_folder(run).resolve()
    if dataset.name == "dataset":
        return RunFolder(dataset.parent if run.resolve() == dataset else run).report
    return Path(f"{dataset.name}-report.html")


def _changed(run: Path) -> int:
    """When the rows were last written."""
    dataset = dataset_folder(run)
    return (dataset / "lock.json").stat().st_mtime_ns


def report_of_run(folder: RunFolder, rows: int) -> tuple[Path | None, str]:
    """The page that a run leaves, or none and why: the run is done, and nothing about its page makes it fail."""
    again = f"bezoar-data report {folder.path}"
    if rows > MOST_ROWS:
        return None, f"no page was written of {rows:,} rows; {again} writes one"
    try:
        return report(folder.path), ""
    except InputError as error:
        return None, f"no page was written ({error.problems[0].in_a_line()}); {again} tries again"
