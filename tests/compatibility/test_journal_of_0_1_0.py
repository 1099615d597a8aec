"""What earlier versions left is of use to this one."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

from support.projects import JUDGED, Project

LEFT = Path(__file__).parent / "0.1.0"
NOBODY = "http://127.0.0.1:9/v1"
ROWS = "b286ea32c52cd845e0951253b0e209ec84ebcf5a6a33fba3478ad3493455f08a"
"""SHA-256 of the rows that version wrote from these answers, ids and hashes among them, as JSON with sorted keys."""


def test_a_journal_of_an_earlier_version_answers_a_whole_run(tmp_path: Path):
    project = Project(tmp_path / "project")
    project.rows(6)
    project.models(NOBODY)
    # The defaults of that time.
    project.pipeline(JUDGED.replace("{model: judge}", "{model: judge, as: gpt4, rating: text}"))
    journal = project.folder / "runs" / "journal.sqlite"
    journal.parent.mkdir()
    journal.write_bytes(gzip.decompress((LEFT / "journal.sqlite.gz").read_bytes()))
    done = project.run("--json")
    assert done.code == 0, done.err
    assert project.journalled() == 12
    rows = [{name: value for name, value in row.items() if name != "_bezoar"} for row in project.kept()]
    assert hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest() == ROWS
