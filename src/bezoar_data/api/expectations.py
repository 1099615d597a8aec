"""Holding a dataset to what a person expects of it, from Python and from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bezoar_data.cards.expectations import Finding, findings
from bezoar_data.cards.hub.pull import pull
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.expectations import HubDataset, LoadedExpectations, hub_dataset, load_expectations
from bezoar_data.config.paths import expand_home
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.published import dataset_folder


@dataclass(frozen=True, slots=True)
class Expected:
    """A dataset held to expectations. `print` it."""

    dataset: str
    lock: str
    findings: tuple[Finding, ...]

    @property
    def met(self) -> bool:
        return all(one.met for one in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {"dataset": self.dataset, "lock": self.lock, "findings": [one.as_json() for one in self.findings]}

    def __str__(self) -> str:
        lines = [
            f"{'met    ' if one.met else 'NOT MET'}  {one.rule}: {one.found} (wanted: {one.wanted})"
            for one in self.findings
        ]
        unmet = sum(not one.met for one in self.findings)
        all_ = len(self.findings)
        lines.append(f"{self.dataset}: {f'{unmet} of {all_} not met' if unmet else f'all {all_} met'}")
        return "\n".join(lines)


def expect(file: str | Path, dataset: str | Path | None = None) -> Expected:
    """Hold a dataset to a file of expectations: a run's folder, a dataset's, `hf://datasets/OWNER/NAME`, else the one
    that the file names. One of the Hub is pulled into a folder that goes again. Raises `InputError`, `ProviderAway`,
    and `PolicyRefused` for one of the Hub that is not what its card claims."""
    loaded = load_expectations(expand_home(file))
    named = _named(loaded, dataset)
    with _folder(named) as folder:
        lock = Lock.read(folder / "lock.json")
        found = tuple(findings(folder, loaded.file.expect))
    said = f"hf://datasets/{named.repo}" if isinstance(named, HubDataset) else str(named)
    return Expected(said, lock.hash, found)


def _named(loaded: LoadedExpectations, dataset: str | Path | None) -> Path | HubDataset:
    if dataset is not None:
        return hub_dataset(str(dataset)) or expand_home(dataset)
    if loaded.dataset is None:
        hint = "name it: bezoar-data expect FILE RUN, or dataset: in the file"
        raise InputError(Problem("no-dataset", "nothing says which dataset is meant", Place(str(loaded.path)), hint))
    return loaded.dataset


@contextmanager
def _folder(named: Path | HubDataset) -> Iterator[Path]:
    if isinstance(named, Path):
        yield dataset_folder(named)
        return
    with TemporaryDirectory(prefix="bezoar-") as place:
        yield pull(named.repo, named.revision, Path(place) / "pulled").folder
