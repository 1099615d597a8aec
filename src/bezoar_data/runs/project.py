"""Where a project keeps its journal of answers."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bezoar_data.config.paths import expand_home

VARIABLE = "BEZOAR_JOURNAL"
JOURNAL = Path("runs", "journal.sqlite")

_SIGNS = (JOURNAL, Path("pipelines"), Path("pyproject.toml"), Path(".git"))
"""By any of these a folder is known to be a project's."""


def find_journal(named: Path | None = None, *, pipeline: Path | None = None, out: Path | None = None) -> Path:
    """The journal to use: the one that is named, or that `BEZOAR_JOURNAL` names, else the project's.

    A project has one journal, `runs/journal.sqlite`. The project is the nearest folder, from the pipeline file's (or
    the current one) upwards, that has one, or a folder `pipelines`, a `pyproject.toml` or a `.git`, if one stands in
    it or above it, or `out`, the run's folder, lies in it. Without a project it is the current folder's, or where `out`
    leads out of that the one beside `out`; a journal there, as earlier versions made it, is also taken where the
    project has none yet.
    """
    if named is not None:
        return named
    if wanted := os.environ.get(VARIABLE):
        return expand_home(wanted)
    project = _project(pipeline, out)
    ours = (project or Path.cwd()) / JOURNAL
    if out is not None:
        beside = _beside(out)
        outside = project is None and not beside.is_relative_to(Path.cwd())
        if (not ours.exists() and beside.exists()) or outside:
            ours = beside
    return _as_written(ours)


def project_around(folder: Path) -> Path | None:
    """The project that a folder lies in, by its pipelines or its journal."""
    found = _above(_real(folder).parent)
    return found if found is not None and any((found / sign).exists() for sign in _SIGNS[:2]) else None


def journals_near(journal: Path, *, pipeline: Path | None = None, out: Path | None = None) -> tuple[Path, ...]:
    """Other journals that there are: those of the pipeline's folders, the current folder's, and one beside the run's
    folder."""
    near = [Path.cwd() / JOURNAL, *([] if out is None else [_beside(out)])]
    if pipeline is not None and (above := _above(_real(pipeline.parent))) is not None:
        near.append(above / JOURNAL)
    others = dict.fromkeys(path for path in near if path.is_file() and path != _real(journal))
    return tuple(_as_written(path) for path in others)


def _project(pipeline: Path | None, out: Path | None) -> Path | None:
    here = Path.cwd()
    above = _above(here if pipeline is None else _real(pipeline.parent))
    inside = (here, *([] if out is None else [_real(out)]))
    if above is None or not (above.is_relative_to(here) or any(folder.is_relative_to(above) for folder in inside)):
        return None
    return above


def _above(folder: Path) -> Path | None:
    """The nearest folder with the sign of a project. A person's home and the folder for temporary files are none: what
    lies in them by chance would make one project of all there is."""
    nobodys = {expand_home("~"), _real(Path(tempfile.gettempdir()))}
    return next((at for at in _upwards(folder) if at not in nobodys and any((at / s).exists() for s in _SIGNS)), None)


def _upwards(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.parents


def _beside(out: Path) -> Path:
    return _real(out.parent) / JOURNAL.name


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _as_written(path: Path) -> Path:
    """As a person in the current folder would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
