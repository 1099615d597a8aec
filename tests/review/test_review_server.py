"""What may go wrong around a real Argilla server, and what its search gives. Annotators use its HTTP API."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from support.projects import Project
from support.review_server import ReviewServer

# The first of these tests on a machine installs the server's environment.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RUN = "runs/test"


def pulled(project: Project) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(project.folder / RUN / "review.parquet").to_pylist()
    return rows


def test_mistakes_and_changes_from_outside_lose_nothing(project: Project, server: ReviewServer, tmp_path: Path):
    away = server.review(project, "push", RUN, env={"ARGILLA_API_URL": "http://127.0.0.1:9", "ARGILLA_API_KEY": "k"})
    assert (away.code, "does not answer" in away.err) == (5, True)
    wrong = server.review(project, "push", RUN, env={"ARGILLA_API_URL": server.url, "ARGILLA_API_KEY": "not-it"})
    assert (wrong.code, "does not accept the key" in wrong.err) == (2, True)
    assert "Traceback" not in away.err + wrong.err
    own = {"ARGILLA_API_URL": server.url, "ARGILLA_API_KEY": server.secrets["owner"]["api_key"]}
    assert server.review(project, "push", RUN, "--sample", "20", env=own).code == 0
    assert server.review(project, "push", RUN, "--sample", "20", "--suggest").code == 2  # another review than pushed
    records = server.records()
    assert 16 <= len(records) <= 24
    edited, gone, kept, asked = list(records)[:4]
    for row in (edited, gone, kept):
        server.answer("anna", records[row]["id"], verdict="accept", comment=f"of {row}")
    server.answer("ben", records[kept]["id"], verdict="reject")
    assert server.review(project, "pull", RUN).code == 0

    # A record is edited and another deleted, a question added that we do not know, a person removed.
    fields = {**records[edited]["fields"], "instruction": "Something else."}
    server.api("PATCH", f"records/{records[edited]['id']}", json={"fields": fields})
    server.api("DELETE", f"records/{records[gone]['id']}")
    with sqlite3.connect(server.home / "argilla.db") as database:  # what the UI allows before publishing only
        database.execute(
            "INSERT INTO questions (id, name, title, required, settings, dataset_id, inserted_at, updated_at) "
            "SELECT ?, 'mood', 'Mood', 0, settings, dataset_id, inserted_at, updated_at FROM questions "
            "WHERE name = 'comment'",
            ("0" * 32,),
        )
    database.close()
    server.answer("anna", records[asked]["id"], verdict="accept", mood="cheerful")
    ben = next(user for user in server.api("GET", "users")["items"] if user["username"] == "ben")
    server.api("DELETE", f"users/{ben['id']}")
    told = server.review(project, "pull", RUN, "--json").json
    assert (told["submitted"], told["edited"], told["removed"]) == (5, 1, 2)
    answers = {(a["id"], a["annotator"]): a for a in pulled(project)}
    assert answers[kept, "ben"]["removed"] and answers[gone, "anna"]["comment"] == f"of {gone}"
    assert answers[asked, "anna"]["other"] == '{"mood": "cheerful"}'

    # Pushing again brings back what was deleted, and does not touch what a person answered.
    again = server.review(project, "push", RUN, "--sample", "20", "--json").json
    assert (again["added"], again["answered"]) == (1, 1)
    assert len(server.records()[kept]["responses"]) == 1

    copy = tmp_path / "copy.tar.gz"
    assert server.review(project, "backup", str(copy)).code == 0
    assert copy.stat().st_mode & 0o077 == 0
    server.api("DELETE", f"datasets/{server.dataset()}")
    lost = server.review(project, "pull", RUN)
    assert (lost.code, "has no dataset 'test'" in lost.err) == (2, True)
    assert len(pulled(project)) == 5
    assert server.review(project, "restore", str(copy)).code == 2  # it runs
    assert server.stop(signal.SIGTERM) == 0
    assert server.processes() == []
    assert server.review(project, "restore", str(copy)).code == 0
    server.start()
    assert server.records().keys() == records.keys()
    assert {(server.home / name).stat().st_mode & 0o077 for name in ("secrets.json", ".")} == {0}
