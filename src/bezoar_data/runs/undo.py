"""Bringing back the dataset that a run or a pull has replaced. The two change places, so this can be undone too."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.folder import RunFolder, replace_folder
from bezoar_data.runs.previous import DATASET, PREVIOUS, Build, as_previous, copy_build, is_unsettled, put_beside


def undo(run: Path) -> tuple[Build, Build | None]:
    """Put the previous dataset of a run's folder back into place: that one, and the one that it takes the place of.

    Raises `InputError` where there is none."""
    nothing = Problem(
        "nothing-to-undo",
        "no dataset was replaced here",
        Place(str(run)),
        "name a run's folder, such as runs/orca; a run or a pull that replaces its dataset keeps that one",
    )
    if not (run / PREVIOUS).is_dir() and not is_unsettled(run):
        raise InputError(nothing)
    folder = RunFolder(run)
    with folder.locked() as scratch:
        back, standing = Build.of(run / PREVIOUS), Build.of(run)
        if back is None:
            raise InputError(nothing)
        copy_build(run / PREVIOUS, scratch / "back")
        if standing is not None:
            copy_build(run, scratch / PREVIOUS)
        with as_previous(run, scratch / PREVIOUS) if standing is not None else nullcontext():
            replace_folder(scratch / "back" / DATASET, folder.dataset)
            put_beside(scratch / "back", run)
    return back, standing
