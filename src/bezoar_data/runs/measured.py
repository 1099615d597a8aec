"""`reliability.json`: what was measured of a run's judges against labels that people gave.

It lies in the run folder, not in the dataset, and names the rows it was measured on: a run whose rows have come out
differently does not take it into its lock and card. What people say in review is added to rows without changing them,
so it does not count here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bezoar_data.config.errors import InputError
from bezoar_data.runs.folder import write_json
from bezoar_data.runs.judged import PeopleAgreement, PeopleMeasures, RatingCalibration
from bezoar_data.runs.parquet import rows_of
from bezoar_data.runs.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability(Record):
    """The file. `rows` holds, for each data file, the hash of its rows' ids and content hashes."""

    FORMAT: ClassVar[int] = 2
    KIND: ClassVar[str] = "reliability"
    IF_MISSING: ClassVar[str] = "measure it with judge reliability --save"
    IF_OLDER: ClassVar[str] = "measure it again"

    rows: Mapping[str, str]
    agreement: tuple[PeopleAgreement, ...]
    calibration: tuple[RatingCalibration, ...]


def read_measured(path: Path, dataset: Path) -> PeopleMeasures:
    """What stands in the file if it was measured on the rows of this dataset folder, else nothing."""
    try:
        found = Reliability.read(path)
    except InputError:
        return PeopleMeasures()
    if found.rows != _rows(dataset):
        return PeopleMeasures()
    return PeopleMeasures(agreement=found.agreement, calibration=found.calibration)


def add_measured(path: Path, dataset: Path, entry: PeopleAgreement | RatingCalibration) -> None:
    """Write one more entry, in place of an earlier one of the same columns or the same cut."""
    known = read_measured(path, dataset)
    agreement, calibration = known.agreement, known.calibration
    if isinstance(entry, PeopleAgreement):
        others = [e for e in agreement if (e.columns, e.where) != (entry.columns, entry.where)]
        agreement = (*others, entry)
    else:
        cut = (entry.rating, entry.good_if, entry.where, entry.wanted)
        calibration = (*(e for e in calibration if (e.rating, e.good_if, e.where, e.wanted) != cut), entry)
    write_json(path, Reliability(rows=_rows(dataset), agreement=agreement, calibration=calibration).as_json())


def _rows(dataset: Path) -> dict[str, str]:
    found = {}
    for file in sorted((dataset / "data").glob("*.parquet")):
        seen = hashlib.sha256()
        for row in rows_of(file, ["id", "content_hash"]):
            seen.update(f"{row['id']} {row['content_hash']}".encode())
        found[file.name] = seen.hexdigest()
    return found
