"""The whole way with a real Argilla server: push, annotate, kill, pull, merge, publish. Annotators use its HTTP API."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from support.hub_server import TOKEN, hub_server
from support.projects import Project
from support.review_server import ReviewServer

# The first of these tests on a machine installs the server's environment.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RUN = "runs/test"


def pulled(project: Project) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(project.folder / RUN / "review.parquet").to_pylist()
    return rows


def by_verdict(project: Project, verdict: str) -> list[dict[str, Any]]:
    return [row for row in project.kept() if row["gpt4_status"] == verdict]


def test_what_two_people_said_reaches_the_dataset_the_card_and_the_gate(project: Project, server: ReviewServer):
    pushed = server.review(project, "push", RUN, "--overlap", "2", "--attribute", "helpfulness", "--json")
    assert pushed.code == 0, pushed.err
    assert pushed.json["added"] == 40
    records = server.records()
    accepted, rejected = by_verdict(project, "Accept")[:4], by_verdict(project, "Reject")[:4]
    assert len(accepted) == len(rejected) == 4
    # People agree with the judge on three of four accepted rows, and on three of four rejected ones.
    verdicts = dict(zip([r["id"] for r in accepted + rejected], "aaarrrra", strict=True))
    words = {"a": "accept", "r": "reject"}
    first = accepted[0]["id"]
    for number, (row, verdict) in enumerate(verdicts.items()):
        if number == 4:
            # Killed in the midst of work: server, Redis and worker go with it, and no answer does.
            server.stop(signal.SIGKILL)
            server.start()
        more = {"corrected_response": "Corrected by Anna.", "helpfulness": 3} if row == first else {}
        server.answer("anna", records[row]["id"], verdict=words[verdict], **more)
        server.answer("ben", records[row]["id"], verdict=words[verdict])
    others = [row for row in records if row not in verdicts]
    server.answer("anna", records[others[0]]["id"], "draft", verdict="accept")
    server.answer("anna", records[others[1]]["id"], "discarded", verdict="reject")

    told = server.review(project, "status", RUN, "--json").json
    assert (told["records"], told["completed"]) == (40, 8)
    assert told["people"]["anna"] == {"submitted": 8, "draft": 1, "discarded": 1}
    assert told["agreement"]["agreement"]["value"] == 1.0

    before = server.review(project, "pull", RUN, "--json").json
    assert (before["submitted"], before["drafts"], before["discarded"], before["changed"]) == (16, 1, 1, True)
    answer = next(a for a in pulled(project) if a["id"] == first and a["annotator"] == "anna")
    assert (answer["verdict"], answer["corrected_response"]) == ("accept", "Corrected by Anna.")
    assert (answer["ratings"], answer["weight"], answer["even"]) == ('{"helpfulness": 3}', 1.0, True)
    content = (project.folder / RUN / "review.parquet").read_bytes()
    assert server.review(project, "pull", RUN, "--json").json["changed"] is False
    assert (project.folder / RUN / "review.parquet").read_bytes() == content

    refused = project.bezoar("publish", RUN, "--to", "tester/test", "--allow", "demo", "--allow", "unknown-licence")
    assert refused.code == 4
    assert "asks for 8 reviewed rows; there are 0" in refused.err
    assert project.run().code == 0
    lock = project.bezoar("card", "check", RUN)
    assert lock.code == 0, lock.err
    rows = {row["id"]: row for row in project.kept()}
    assert rows[first]["review_response"] == "Corrected by Anna."
    assert rows[first]["explained_targets"] != "Corrected by Anna."
    assert {verdicts[i] for i in verdicts if rows[i]["review_status"] == "Accept"} == {"a"}
    overruled = accepted[3]["id"]
    assert (rows[overruled]["gpt4_status"], rows[overruled]["final_status"]) == ("Accept", "Reject")
    assert rows[others[1]]["review_status"] is None
    assert rows[others[1]]["final_status"] == rows[others[1]]["gpt4_status"]
    # Of eight rows six are equal, and chance alone gives half: kappa = (6/8 - 1/2) / (1 - 1/2).
    card = (project.folder / RUN / "dataset" / "README.md").read_text()
    assert "| `gpt4_status` and `review_status` | 8 | 75.0 %" in card
    assert "| 0.50 (" in card
    assert "2 people reviewed 8 of 40 rows" in card
    assert "On the 8 rows that were drawn evenly, `gpt4_status` equals" in card
    with hub_server() as hub:
        allowed = [part for concern in ("demo", "unknown-licence") for part in ("--allow", concern)]
        env = hub.environment(project.folder / "hf", TOKEN)
        published = project.bezoar("publish", RUN, "--to", "tester/test", *allowed, env=env)
        assert published.code == 0, published.err

    assert server.review(project, "push", RUN, "--overlap", "2", "--attribute", "helpfulness", "--json").json == {
        "ok": True, "dataset": "test", "added": 0, "updated": 0, "same": 40, "answered": 0,
    }  # fmt: skip
    assert server.stop() == 0


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
