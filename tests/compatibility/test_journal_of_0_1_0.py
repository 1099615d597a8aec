"""What earlier versions left is of use to this one."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from support.projects import JUDGED, Project

LEFT = Path(__file__).parent / "0.1.0"
NOBODY = "http://127.0.0.1:9/v1"
ROWS = "0b544dc445f020f2619630a5bf9c7d67036a27ab2ce74deefca5d149c4120d18"
"""SHA-256 of the Parquet file that version wrote from these answers."""


def test_a_journal_of_an_earlier_version_answers_a_whole_run(tmp_path: Path):
    project = Project(tmp_path / "project")
    project.rows(6)
    project.models(NOBODY)
    project.pipeline(JUDGED.replace("{model: judge}", "{model: judge, as: gpt4}"))  # the default of that time
    journal = project.folder / "runs" / "journal.sqlite"
    journal.parent.mkdir()
    journal.write_bytes(gzip.decompress((LEFT / "journal.sqlite.gz").read_bytes()))
    done = project.run("--json")
    assert done.code == 0, done.err
    assert project.journalled() == 12
    rows = project.parquet()["dataset/data/train-00000-of-00001.parquet"]
    assert hashlib.sha256(rows).hexdigest() == ROWS
