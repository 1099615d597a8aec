"""Finding the files of a dataset that is there: a run's, or one that was pulled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.parquet import readable

if TYPE_CHECKING:
    from pyarrow.dataset import Dataset


def dataset_folder(run: Path) -> Path:
    """The dataset folder of a run folder, or the folder itself. Raises `InputError`."""
    for folder in (run / "dataset", run):
        if (folder / "data").is_dir():
            return folder
    hint = "name a run folder such as runs/orca; the run must have ended"
    raise InputError(Problem("no-dataset", "there is no dataset in this folder", Place(str(run)), hint))


def beside(dataset: Path, name: str) -> Path | None:
    """A file of the run's folder; None where there is none."""
    # Only of a run's folder is what lies there surely the dataset's.
    folder = dataset.resolve()
    return folder.parent / name if folder.name == "dataset" and (folder.parent / name).is_file() else None


def pipeline_of(dataset: Path) -> Path | None:
    """The pipeline as it was run: in the dataset's folder, or beside it."""
    inside = dataset / RunFolder(dataset).pipeline.name
    return inside if inside.is_file() else beside(dataset, inside.name)


def data_files(folder: Path, split: str | None = None) -> list[Path]:
    """The Parquet files of a dataset folder, training rows first. Raises `InputError`."""
    files = sorted((folder / "data").glob("*.parquet"))
    names = list(dict.fromkeys(f.name.partition("-")[0] for f in files))
    if not files:
        raise InputError(Problem("no-dataset", "the dataset holds no Parquet files", Place(str(folder / "data"))))
    if split is not None and split not in names:
        message = f"the dataset has no split '{split}'"
        raise InputError(Problem("unknown-split", message, Place(str(folder)), did_you_mean(split, names)))
    # Training rows first, as everyone expects.
    names.sort(key=lambda n: (n != "train", n))
    return [f for n in names for f in files if f.name.partition("-")[0] == n and split in (None, n)]


def open_rows(folder: Path, split: str | None = None) -> Dataset:
    """The rows of a dataset folder, not read yet. Raises `InputError`."""
    import pyarrow.dataset as ds

    files = data_files(folder, split)
    for file in files:
        with readable(file):
            ds.dataset(str(file), format="parquet")
    return ds.dataset([str(file) for file in files], format="parquet")
