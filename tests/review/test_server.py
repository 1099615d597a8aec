"""What may go wrong around a real Argilla server, what its search gives, and reviews as they go on. Annotators
use its HTTP API; `test_review_ui.py` drives its pages."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bezoar_data.measures.helpsteer import SCALES
from bezoar_data.review.client import ArgillaClient
from support.command import BEZOAR
from support.fault_server import FaultServer
from support.projects import Project
from support.ratings import levels
from support.review_server import ReviewServer

# The first of these tests on a machine installs the server's environment.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

RUN = "runs/test"


def pulled(project: Project) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(project.folder / RUN / "review.parquet").to_pylist()
    return rows


def test_mistakes_and_changes_from_outside_lose_nothing(project: Project, server: ReviewServer, tmp_path: Path):
    away = server.review(project, "push", RUN, env={"ARGILLA_API_URL": "http://127.0.0.1:9", "ARGILLA_API_KEY": "k"})
    assert (away.code, "does not answer" in away.err) == (5, True)
    wrong = server.review(project, "push", RUN, env={"ARGILLA_API_URL": server.url, "ARGILLA_API_KEY": "not-it"})
    assert (wrong.code, "authentication failed (HTTP 401)" in wrong.err) == (2, True)
    assert "Traceback" not in away.err + wrong.err
    passwords = server.secrets["annotators"]
    assert all(f"{name}  " in server.said and password in server.said for name, password in passwords.items())
    own = {"ARGILLA_API_URL": server.url, "ARGILLA_API_KEY": server.secrets["owner"]["api_key"]}
    _left_by_a_push_that_was_killed(server)
    assert server.review(project, "push", RUN, "--sample", "20", env=own).code == 0
    assert server.review(project, "push", RUN, "--sample", "20", "--suggest").code == 2  # another review than pushed
    records = server.records()
    assert 16 <= len(records) <= 24
    assert server.opened.read_text().strip() == server.url  # what --open is for
    _similar_records_are_found(server, list(records.values())[-4:])
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
    assert answers[kept, "ben"]["removed"]
    assert answers[gone, "anna"]["comment"] == f"of {gone}"
    assert answers[asked, "anna"]["other"] == '{"mood": "cheerful"}'

    # Pushing again brings back what was deleted, asks again about what was edited, and touches no answer.
    again = server.review(project, "push", RUN, "--json").json
    assert (again["added"], again["asked_again"]) == (1, 1)
    assert len(server.records()[kept]["responses"]) == 1
    assert server.records()[edited]["metadata"]["outdated"] == "yes"

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
    assert not any(password in server.said for password in passwords.values())  # each is shown once
    assert server.review(project, "password", "anna").out.strip() == passwords["anna"]
    unknown = server.review(project, "password", "anne")
    assert (unknown.code, "did you mean 'anna'" in unknown.err) == (2, True), unknown.err
    assert server.records().keys() > records.keys()
    assert {(server.home / name).stat().st_mode & 0o077 for name in ("secrets.json", ".")} == {0}


def test_a_review_goes_on_as_it_was_begun_and_ties_go_to_a_third_person(project: Project, server: ReviewServer):
    began = ("--sample", "30", "--overlap", "2", "--attribute", "helpfulness")
    pushed = server.review(project, "push", RUN, "--dataset", "again", *began, "--json").json
    again = server.review(project, "push", RUN, "--dataset", "again", "--json").json
    assert (again["added"], again["updated"], again["same"]) == (0, 0, pushed["added"])
    dataset = server.api("GET", f"datasets/{server.dataset('again')}")
    assert dataset["distribution"]["min_submitted"] == 2
    assert "under CC-BY-4.0" in dataset["guidelines"]
    assert "Ask Carla." in dataset["guidelines"]
    properties = f"me/datasets/{dataset['id']}/metadata-properties"
    filters = {
        person: {one["name"] for one in server.api("GET", properties, person)["items"]} for person in ("owner", "anna")
    }
    assert filters == {
        "owner": {"source", "judge_verdict", "judge_rating", "outdated", "divided"},
        "anna": {"source", "outdated"},
    }

    # People are divided on two of three rows.
    records = server.records("again")
    rows = sorted(records)[:3]
    for row, ben in zip(rows, ("reject", "reject", "accept"), strict=True):
        for person, verdict in (("anna", "accept"), ("ben", ben)):
            server.answer(person, records[row]["id"], verdict=verdict)
    ties = ("push", RUN, "--dataset", "again", "--ties")
    listed = server.review(project, *ties, "--json").json
    assert [(one["id"], one["said"]) for one in listed["ties"]] == [
        (row, {"anna": "accept", "ben": "reject"}) for row in rows[:2]
    ]
    marked = {row for row, record in server.records("again").items() if "divided" in record["metadata"]}
    assert marked == set(rows[:2])
    assert server.review(project, "push", RUN, "--dataset", "again", "--json").json["updated"] == 0
    assert "evenly divided on 2 rows" in server.review(project, "status", RUN, "--dataset", "again").out
    for person, why in (("ben", "ben is one of those who are divided"), ("carla", "no user 'carla'")):
        refused = server.review(project, *ties, "--to", person)
        assert (refused.code, why in refused.err) == (2, True), refused.err
    server.add("carla")
    given = server.review(project, *ties, "--to", "carla", "--json").json
    assert [(one["added"], one["workspace"]) for one in given["given"]] == [(2, "review-carla")]
    assert [one["name"] for one in server.api("GET", "me/datasets", "carla")["items"]] == ["again-ties"]
    assert "again-ties" not in [one["name"] for one in server.api("GET", "me/datasets", "anna")["items"]]
    for row, record in server.records("again-ties").items():
        server.answer("carla", record["id"], verdict="accept" if row == rows[0] else "reject")
    assert server.review(project, *ties, "--json").json["ties"] == []
    assert not any("divided" in record["metadata"] for record in server.records("again").values())
    assert server.review(project, "pull", RUN, "--dataset", "again").code == 0
    merged = {row["id"]: row for row in project.kept()}
    assert [(merged[row]["review_status"], merged[row]["review_people"]) for row in rows] == [
        ("Accept", 3), ("Reject", 3), ("Accept", 2),
    ]  # fmt: skip

    # Another run of the pipeline has the same rows with other texts: it never joins this review.
    other = _with_another_seed(project, "--out", "runs/other")
    for command in ("push", "status", "pull"):
        refused = server.review(project, command, other, "--dataset", "again")
        assert (refused.code, "another run of the pipeline 'test'" in refused.err) == (2, True), refused.err
    assert server.review(project, "push", other, "--dataset", "other").code == 0

    # The same run, whose rows have changed: who answered is asked again, and what they said before stays.
    _with_another_seed(project)
    changed = server.review(project, "push", RUN, "--dataset", "again", "--json").json
    assert changed["asked_again"] == 3
    assert [server.records("again")[row]["fields"] for row in rows] == [records[row]["fields"] for row in rows]
    (anew,) = [one for one in server.records("again").values() if one["metadata"].get("row") == rows[0]]
    server.answer("anna", anew["id"], verdict="reject")
    told = server.review(project, "pull", RUN, "--dataset", "again", "--json").json
    assert (told["submitted"], told["outdated"], told["review"]["rows"]) == (9, 3, 1)
    assert {row["id"]: row["review_status"] for row in project.kept() if row["review_people"]} == {rows[0]: "Reject"}
    last = server.review(project, "push", RUN, "--dataset", "again", "--json").json
    assert (last["added"], last["updated"], last["asked_again"]) == (0, 0, 0)
    # Made anew in an empty folder, it is known by its rows.
    (project.folder / RUN / "review.json").unlink()
    assert server.review(project, "push", RUN, "--dataset", "again", "--json").json["same"] == last["same"]
    assert (project.folder / RUN / "review.json").is_file()


def test_responses_are_rated_by_helpsteers_protocol(project: Project, server: ReviewServer):
    rate = ("push", RUN, "--dataset", "rated", "--protocol", "helpsteer2")
    refused = server.review(project, *rate, "--overlap", "2", "--attribute", "helpfulness", "--suggest")
    assert (refused.code, refused.err.count("the protocol")) == (2, 3), refused.err
    pushed = server.review(project, *rate, "--sample", "40", "--json").json
    assert pushed["added"] == 40
    assert server.review(project, "push", RUN, "--dataset", "rated", "--json").json["same"] == 40
    dataset = server.api("GET", f"datasets/{server.dataset('rated')}")
    assert dataset["distribution"]["min_submitted"] == 3
    assert "rate the response on five scales" in dataset["guidelines"]
    asked = {one["name"]: one for one in server.api("GET", f"datasets/{dataset['id']}/questions")["items"]}
    assert list(asked) == [*SCALES, "comment"]
    assert [one["required"] for one in asked.values()] == [True] * 5 + [False]
    assert [one["value"] for one in asked["coherence"]["settings"]["options"]] == [0, 1, 2, 3, 4]
    assert [line[:2] for line in asked["coherence"]["description"].splitlines()[1:]] == ["0:", "1:", "2:", "3:", "4:"]
    argilla = ArgillaClient(server.url, server.secrets["owner"]["api_key"])
    for person in ("greta", "hugo", "ida"):
        argilla.add_annotator(argilla.workspace("review" if person == "greta" else person, create=True), person,
                              server.password(person))  # fmt: skip

    records = server.records("rated")
    agreed, far, few = sorted(records)[:3]
    for row, person, level in (
        (agreed, "anna", 4), (agreed, "ben", 3), (agreed, "greta", 4),
        (far, "anna", 4), (far, "ben", 0), (far, "greta", 3),
        (few, "anna", 4), (few, "ben", 0),
    ):  # fmt: skip
        server.answer(person, records[row]["id"], **levels(level))
    ties = ("push", RUN, "--dataset", "rated", "--ties")
    listed = server.review(project, *ties, "--json").json
    assert [(one["id"], one["said"]) for one in listed["ties"]] == [(far, {"anna": "4", "ben": "0", "greta": "3"})]
    assert "too far apart on 1 row" in server.review(project, "status", RUN, "--dataset", "rated").out
    nobody = server.review(project, *ties, "--to", "anna", "--to", "ben")
    assert (nobody.code, "answered or discarded these rows already" in nobody.err) == (2, True), nobody.err
    before = server.review(project, "pull", RUN, "--dataset", "rated", "--json").json["review"]["protocol"]
    assert (before["settled"], before["labelled"], before["dropped"]) == (2, 1, 1)

    # A fourth and a fifth are asked; nobody else is while they have not answered.
    both = server.review(project, *ties, "--to", "anna", "--to", "hugo", "--to", "ida", "--json").json["given"]
    assert [(one["person"], one["added"]) for one in both] == [("hugo", 1), ("ida", 1)]
    assert "no row is left for greta" in server.review(project, *ties, "--to", "greta").out
    for person, level in (("hugo", 4), ("ida", 0)):
        (given,) = [one for one in server.api("GET", "me/datasets", person)["items"] if one["name"] == "rated-ties"]
        (record,) = server.api("GET", f"datasets/{given['id']}/records")["items"]
        server.answer(person, record["id"], **levels(level))
    assert server.review(project, *ties, "--json").json["ties"] == []
    pulled_now = server.review(project, "pull", RUN, "--dataset", "rated")
    assert pulled_now.code == 0, pulled_now.err
    assert "quadratic kappa" in pulled_now.out
    rows = {row["id"]: row for row in project.kept()}
    labels = [(rows[row]["review_helpfulness"], rows[row]["review_dropped"]) for row in (agreed, far, few)]
    assert labels == [(4, None), (4, None), (None, None)]  # 4 3 4 of 4 0 3 4 0
    assert project.bezoar("card", "check", RUN).code == 0

    # Two responses of a row: each is rated, and then the better one is said, wherever it stood.
    both = ("--instruction", "inputs", "--response", "explained_targets", "--other", "targets", "--sample", "40")
    pushed = server.review(project, "push", RUN, "--dataset", "two", "--protocol", "helpsteer2", *both, "--json").json
    assert pushed["added"] == 40
    asked = {one["name"]: one for one in server.api("GET", f"datasets/{server.dataset('two')}/questions")["items"]}
    places = [f"{place}_{scale}" for place in ("first", "second") for scale in SCALES]
    assert list(asked) == [*places, "preference", "comment"]
    assert len(asked["preference"]["settings"]["options"]) == 7
    for row, record in list(server.records("two").items())[:6]:
        own = unescape(record["fields"]["first"]) == rows[row]["explained_targets"]
        better, worse = ("first", "second") if own else ("second", "first")
        said = {**levels(4, f"{better}_"), **levels(1, f"{worse}_")}
        for person in ("anna", "ben", "greta"):
            server.answer(person, record["id"], **said, preference=f"{better}_much")
    assert server.review(project, "pull", RUN, "--dataset", "two").code == 0
    compared = [row for row in project.kept() if row["review_strength"] is not None]
    names = ("review_preference", "review_strength", "review_a_helpfulness", "review_b_helpfulness", "review_dropped")
    assert [[row[name] for name in names] for row in compared] == [["a", -3, 4, 1, None]] * 6
    assert {row["id"]: row["review_helpfulness"] for row in project.kept()}[far] == 4, "what was rated before stays"


@pytest.mark.nightly
def test_pull_is_killed_ten_times_and_nothing_is_half_written(project: Project, server: ReviewServer):
    assert server.review(project, "push", RUN, "--dataset", "killed", "--json").json["added"] == 40
    records = list(server.records("killed").values())
    pull = ("review", "pull", RUN, "--dataset", "killed")
    server.answer("anna", records[0]["id"], verdict="accept")
    begun = time.monotonic()
    assert project.bezoar(*pull, process=True, env=server.env).code == 0
    whole = time.monotonic() - begun
    for number in range(1, 11):
        server.answer("anna", records[number]["id"], verdict="accept")
        process = subprocess.Popen([*BEZOAR, *pull], cwd=project.folder, env={**os.environ, **server.env})
        # Later and later, so that the last ones fall into the merging, at the end.
        with suppress(subprocess.TimeoutExpired):
            process.wait(whole * (0.4 + 0.06 * number))
        process.kill()
        process.wait()
        assert 1 <= len(pulled(project)) <= number + 1
        # Whatever comes next puts a dataset back that was set aside.
        assert project.bezoar("review", "status", RUN, "--dataset", "killed", env=server.env).code in (0, 2)
    assert project.bezoar(*pull, env=server.env).code == 0
    assert sum(row["review_people"] for row in project.kept()) == 11
    assert project.bezoar("card", "check", RUN).code == 0
    files = project.files()
    assert project.bezoar(*pull, env=server.env).code == 0
    assert project.files() == files


@pytest.mark.nightly
def test_two_thousand_records_are_pushed_within_half_a_minute(server: ReviewServer, tmp_path: Path):
    project = Project(tmp_path / "project")
    rows = [{"inputs": f"Question {i}?", "targets": f"Answer {i}. " * 40, "task_name": "t"} for i in range(2000)]
    (project.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    steps = "steps:\n  - use: load_flan\n    with: {path: rows.jsonl}\n"
    (project.folder / "pipeline.yaml").write_text(f"name: test\nversion: 1\n{steps}")
    assert project.run().code == 0
    options = ("--sample", "2000", "--instruction", "inputs", "--response", "targets", "--licence", "CC0-1.0")
    # Of both sides' work, one after the other: what it takes on a machine that does nothing else, or less.
    begun = server.seconds() + time.process_time()
    assert server.review(project, "push", RUN, "--dataset", "large", *options, "--json").json["added"] == 2000
    took = server.seconds() + time.process_time() - begun
    assert took < 30
    print(f"2,000 records pushed in {took:.1f} s of work")
    again = server.review(project, "push", RUN, "--dataset", "large", "--json").json
    assert (again["same"], again["added"], again["updated"]) == (2000, 0, 0)


def _with_another_seed(project: Project, *options: str) -> str:
    """The run made again, into RUN if nothing else is said: other system messages, and so other answers."""
    text = (project.folder / "pipeline.yaml").read_text()
    if "seed: 7" not in text:
        (project.folder / "pipeline.yaml").write_text(text.replace("version: 1\n", "version: 1\nseed: 7\n"))
    with FaultServer(scripted=True) as answering:
        project.models(answering.url)
        done = project.run(*options)
    assert done.code == 0, done.err
    return options[-1] if options else RUN


def _left_by_a_push_that_was_killed(server: ReviewServer) -> None:
    """A dataset that is not published yet, with one of its fields."""
    (workspace,) = server.api("GET", "me/workspaces")["items"]
    dataset = server.api("POST", "datasets", json={"name": "test", "workspace_id": workspace["id"]})["id"]
    field = {"name": "instruction", "title": "Instruction", "settings": {"type": "text", "use_markdown": False}}
    server.api("POST", f"datasets/{dataset}/fields", json={**field, "required": True})


def _similar_records_are_found(server: ReviewServer, records: list[dict[str, Any]]) -> None:
    """By a vector, and by a record as the button in the pages does."""
    dataset = server.dataset()
    settings = {"name": "meaning", "title": "Meaning", "dimensions": 2}
    server.api("POST", f"datasets/{dataset}/vectors-settings", json=settings)
    for record, vector in zip(records, ([1, 0], [0.9, 0.1], [0, 1], [-1, -0.1]), strict=True):
        server.api("PATCH", f"records/{record['id']}", json={"vectors": {"meaning": vector}})
    names = {record["id"]: i for i, record in enumerate(records)}

    def found(person: str = "anna", **query: Any) -> list[tuple[int, float]]:
        body = {"query": {"vector": {"name": "meaning", **query}}}
        items = server.api("POST", f"me/datasets/{dataset}/records/search", person, json=body)["items"]
        return [(names[item["record"]["id"]], round(item["query_score"], 2)) for item in items]

    assert found(value=[1, 0]) == [(0, 1.0), (1, 1.0), (2, 0.5), (3, 0.0)]
    assert found(record_id=records[2]["id"]) == [(1, 0.56), (0, 0.5), (3, 0.45)]
    assert found(record_id=records[0]["id"], order="least_similar")[0] == (3, 1.0)
