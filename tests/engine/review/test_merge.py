"""Answers merged into a finished run's dataset. No server is needed; the run is real."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.cards.check import check_dataset
from bezoar_data.cards.render import card_renderer
from bezoar_data.cards.truth import truth_of
from bezoar_data.config.errors import InputError, PolicyRefused
from bezoar_data.engine.review.merge import Merged, merge_review
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.judged import PeopleAgreement
from bezoar_data.runs.measured import add_measured
from bezoar_data.runs.record import parse
from bezoar_data.runs.reviewed import write_answers
from bezoar_data.training.data.datasets import find_cards
from bezoar_data.training.policy import enforce_policy
from bezoar_data.training.stages.registry import load_recipe
from support.fault_server import FaultServer
from support.projects import JUDGED, Project, run_here
from support.ratings import levels, rating
from training.conftest import HEAD

SHIPPED = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judged run of forty rows from two sources in two splits, with a card of its own."""
    project = Project(tmp_path_factory.mktemp("merge"))
    lines = (SHIPPED / "pipelines" / "seeds" / "flan.jsonl").read_text().splitlines(keepends=True)
    (project.folder / "rows-a.jsonl").write_text("".join(lines[:20]))
    (project.folder / "rows-b.jsonl").write_text("".join(lines[20:40]))
    steps = JUDGED.replace("rows.jsonl", "rows-*.jsonl")
    head = f"card: {SHIPPED / 'cards' / 'orca.md'}\nmodels: models.yaml\n"
    head += "review: {rows: 7, kappa: 0.4}\n"
    text = f"name: test\nversion: 1\n{head}splits: {{validation: 0.2}}\nsteps:\n{steps}"
    (project.folder / "pipeline.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch, FaultServer(scripted=True) as answering:
        patch.chdir(project.folder)
        project.models(answering.url)
        run_here(project)
    return project.folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of it; the current folder is the project's."""
    shutil.copytree(made, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return Project(tmp_path / "project")


def merge(project: Project) -> Merged:
    folder = RunFolder(project.folder / "runs" / "test")
    card = folder.card if folder.card.exists() else None
    return merge_review(folder, card_renderer(card, previous=folder.dataset / "README.md"))


def given(row: dict[str, Any], annotator: str, verdict: str, **more: Any) -> dict[str, Any]:
    texts = ("preference", "ratings", "corrected_response", "licence", "protocol", "prompt", "comment", "other")
    return {
        "id": row["id"], "content_hash": row["content_hash"], "dataset": "d", "record": row["id"],
        "response": row["id"] + annotator, "annotator": annotator, "status": "submitted", "verdict": verdict,
        "column": "explained_targets", **dict.fromkeys(texts), "inserted_at": "2026-01-01", "updated_at": "2026-01-01",
        "weight": 1.0, "even": True, "edited": False, "removed": False, **more,
    }  # fmt: skip


def test_answers_join_dataset_lock_and_card_as_a_run_would_merge_them(project: Project):
    folder = RunFolder(project.folder / "runs" / "test")
    unreviewed = project.files()
    add_measured(folder.reliability, folder.dataset, parse(PeopleAgreement, MEASURED))
    rows = project.kept()
    answers = [given(row, name, "accept") for row in rows[:6] for name in ("anna", "ben")]
    answers += [given(rows[-1], "anna", "reject", corrected_response="Put right.")]
    answers += [given({**rows[7], "content_hash": "of another text"}, "anna", "accept")]
    write_answers(folder.review, answers)
    result = merge(project)
    lock = result.lock
    assert (result.changed, result.outdated) == (True, 1)
    assert lock.review is not None
    assert (lock.review.rows, lock.review.corrected) == (7, 1)
    merged = {row["id"]: row for row in project.kept()}
    corrected = merged[rows[-1]["id"]]
    assert (corrected["review_response"], corrected["review_corrects"]) == ("Put right.", "explained_targets")
    assert corrected["explained_targets"] == rows[-1]["explained_targets"]
    assert corrected["final_status"] == "Reject"
    assert [merged[row["id"]]["content_hash"] for row in rows] == [row["content_hash"] for row in rows]
    assert [problem.message for problem in check_dataset(folder.dataset)] == []
    # What was measured against labels in a file stays, as the rows are the same.
    assert [one.columns[1] for one in lock.judging.people.agreement] == ["human_status", "review_status"]
    card = (folder.dataset / "README.md").read_text()
    assert "2 people reviewed 7 of 40 rows" in card
    assert "`human_status`" in card
    assert "`source = rows-a.jsonl`" in card
    assert "`source = rows-b.jsonl`" in card
    assert "No cut of `judge_rating` is shown to give 90 % good rows" in card

    columns = ("--columns", "judge_status", "review_status")
    refused = project.bezoar("judge", "reliability", "runs/test", *columns, "--save")
    assert (refused.code, "may change with the next pull" in refused.err) == (2, True)

    files = project.files()
    assert merge(project) == Merged(lock, False, 1)
    assert project.files() == files
    run_here(project)
    assert project.files() == files

    # Without answers and measurements the dataset is what it was.
    folder.review.unlink()
    folder.reliability.unlink()
    assert merge(project).changed
    assert project.files() == unreviewed


def test_ratings_by_a_protocol_join_dataset_lock_and_card_and_can_be_worked_out_anew(project: Project):
    folder = RunFolder(project.folder / "runs" / "test")
    unreviewed = project.files()
    rows = project.kept()[:4]
    said = {"agreed": (4, 3, 4), "five": (0, 4, 0, 0, 4), "far": (4, 0, 2), "two": (3, 3)}
    answers = [
        rating(row, person, levels(level), prompt)
        for row, (prompt, given) in zip(rows, said.items(), strict=True)
        for person, level in zip(("anna", "ben", "carla", "dora", "emil"), given, strict=False)
    ]
    write_answers(folder.review, answers)
    lock = merge(project).lock
    assert lock.review is not None
    assert lock.review.divided == 0, "nobody was asked for a verdict"
    found = lock.review.protocol
    assert found is not None
    assert (found.responses, found.settled, found.labelled, found.more_asked) == (4, 3, 2, 1)
    assert (found.prompts, found.dropped) == (4, 1)
    merged = {row["id"]: row for row in project.kept()}
    labels = [(merged[row["id"]]["review_helpfulness"], merged[row["id"]]["review_dropped"]) for row in rows]
    assert labels == [(4, None), (0, None), (None, "spread"), (None, None)]
    assert "review_strength" not in lock.columns
    assert [merged[row["id"]]["content_hash"] for row in rows] == [row["content_hash"] for row in rows]
    assert [problem.message for problem in check_dataset(folder.dataset)] == []
    card = (folder.dataset / "README.md").read_text()
    assert "rated 4 responses to 4 prompts by HelpSteer2's protocol" in card
    assert "| helpfulness | 17 |" in card
    assert "Training and exports leave out what people rejected and dropped" in card

    files = project.files()
    run_here(project)
    assert project.files() == files, "a run merges the same"

    # A lock that tells more of it, with answers beside it and without.
    true = (folder.dataset / "lock.json").read_text()

    def codes_of(lie: Callable[[dict[str, Any]], None]) -> set[str]:
        told = json.loads(true)
        lie(told["review"]["protocol"])
        (folder.dataset / "lock.json").write_text(json.dumps(told))
        found = {problem.code for problem in check_dataset(folder.dataset)}
        (folder.dataset / "lock.json").write_text(true)
        return found

    assert "agreement-differs" in codes_of(lambda rated: rated["scales"][0]["after"]["kappa"].update(value=0.99))
    assert "agreement-differs" in codes_of(lambda rated: rated["scales"][3]["before"].update(pairs=170))
    assert "review-differs" in codes_of(lambda rated: rated.update(more_asked=0))
    answers_file = folder.review.rename(project.folder / "elsewhere.parquet")
    assert "review-differs" in codes_of(lambda rated: rated.update(dropped=0))
    assert "review-differs" in codes_of(lambda rated: rated.update(labelled=3))
    assert not codes_of(lambda rated: None) & {"review-differs", "agreement-differs"}
    answers_file.rename(folder.review)

    # Answers beside the rows that say something else: the labels are worked out anew.
    answers[0] = rating(rows[0], "anna", levels(0), "agreed")
    write_answers(folder.review, answers)
    codes = {problem.code for problem in check_dataset(folder.dataset)}
    assert {"review-changed", "review-differs", "agreement-differs"} <= codes
    folder.review.unlink()
    assert merge(project).changed
    assert project.files() == unreviewed


def test_a_recipe_trains_on_data_once_people_have_done_what_pipeline_and_policy_ask(project: Project):
    folder = RunFolder(project.folder / "runs" / "test")
    accepted = [row for row in project.kept() if row["judge_status"] == "Accept"][:4]
    rejected = [row for row in project.kept() if row["judge_status"] == "Reject"][:4]

    def refused(**policy: Any) -> list[str]:
        stages = [{"use": "sft", "card": str(folder.dataset / "README.md")}]
        path = project.folder / "recipe.json"
        path.write_text(json.dumps({**HEAD, "policy": {"demo": True, **policy}, "stages": stages}))
        loaded = load_recipe(path)
        try:
            cards = find_cards(loaded, project.folder / "runs", truth_of)
            enforce_policy(loaded, cards.values(), lambda *_: "yes")
        except PolicyRefused as error:
            return [p.message.partition("dataset")[2].lstrip(": ") for p in error.problems]
        return []

    asks = "the pipeline asks for"
    assert refused() == [
        f"{asks} 7 reviewed rows; there are 0",
        f"{asks} a kappa of 0.4 between the judge and people; it is not known",
    ]
    assert refused(review=False) == []
    # They agree with the judge on six of eight, three of each: kappa 0.5.
    verdicts = ["accept"] * 3 + ["reject"] * 4 + ["accept"]
    answers = [given(row, "anna", said) for row, said in zip(accepted + rejected, verdicts, strict=True)]
    write_answers(folder.review, answers)
    merge(project)
    assert refused() == refused(review=8, judge_agreement=0.5) == []
    assert len(refused(review=9)) == len(refused(judge_agreement=0.51)) == 1
    write_answers(folder.review, answers[:6])
    merge(project)
    assert refused() == [f"{asks} 7 reviewed rows; there are 6"]


KILLED = """
import os, sys
from pathlib import Path
from bezoar_data.cards.render import card_renderer
from bezoar_data.engine.review.merge import merge_review
from bezoar_data.runs.folder import RunFolder

folder, replace = RunFolder(Path("runs/test")), Path.replace
def killed(self, target):
    if Path(target) == folder.dataset:
        os._exit(9)
    return replace(self, target)
Path.replace = killed
merge_review(folder, card_renderer(folder.card, previous=folder.dataset / "README.md"))
"""


def test_killed_with_the_old_dataset_put_aside_nothing_is_lost(project: Project):
    folder = RunFolder(project.folder / "runs" / "test")
    before = project.files()
    write_answers(folder.review, [given(row, "anna", "accept") for row in project.kept()[:3]])
    assert subprocess.run([sys.executable, "-c", KILLED], check=False).returncode == 9
    assert not folder.dataset.exists()
    answers = folder.review.read_bytes()
    folder.review.unlink()
    assert not merge(project).changed
    assert project.files() == before
    folder.review.write_bytes(answers)
    assert merge(project).changed
    assert [problem.message for problem in check_dataset(folder.dataset)] == []


def test_what_a_person_wrote_into_the_card_stays(project: Project):
    folder = RunFolder(project.folder / "runs" / "test")
    card = folder.dataset / "README.md"
    edited = card.read_text().replace("<!-- bezoar:begin review -->", "Ask Anna.\n\n<!-- bezoar:begin review -->")
    card.write_text(edited)
    write_answers(folder.review, [given(project.kept()[0], "anna", "accept")])
    merge(project)
    assert "Ask Anna." in card.read_text()
    assert "1 person reviewed 1 of 40 rows" in card.read_text()


def test_rows_that_were_changed_by_hand_are_not_merged_into(project: Project):
    folder = RunFolder(project.folder / "runs" / "test")
    (file, *_) = sorted((folder.dataset / "data").glob("*.parquet"))
    content = file.read_bytes()
    write_answers(folder.review, [given(project.kept()[1], "anna", "accept")])
    file.write_bytes(content + b" ")
    with pytest.raises(InputError, match="not those of the lock"):
        merge(project)
    file.write_bytes(content)
    assert merge(project).changed


def test_a_malformed_lock_is_refused(project: Project):
    folder = RunFolder(project.folder / "runs" / "test")
    write_answers(folder.review, [given(project.kept()[2], "anna", "accept")])
    files, lock = project.files(), folder.dataset / "lock.json"
    value = json.loads(lock.read_text())
    del value["sources"][0]["licence"]
    lock.write_text(json.dumps(value))
    with pytest.raises(InputError, match=r"sources\.0\.licence is missing"):
        merge(project)
    lock.write_bytes(files["dataset/lock.json"])
    assert project.files() == files


_ONE = {"value": 0.5, "low": 0.1, "high": 0.9}
MEASURED = {
    "columns": ["judge_status", "human_status"], "labelled_by": None, "where": None, "rows": 40, "agreement": _ONE,
    "kappa": _ONE, "labels": ["Accept", "Reject"], "table": [[10, 10], [10, 10]], "slices": [], "length": None,
}  # fmt: skip


def test_a_reviewed_row_that_the_judge_could_not_rate_is_in_no_cut_and_the_card_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    project = Project(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    project.rows(6, {2: "[[empty]]"})
    steps = "- {use: load_flan, with: {path: rows.jsonl}}\n"
    steps += "- {use: judge.accept, with: {model: judge, response: targets, system: ''}}\n"
    text = f"name: test\nversion: 1\nmodels: models.yaml\ntolerate: 1\nsteps:\n{steps}"
    (project.folder / "pipeline.yaml").write_text(text)
    with FaultServer(scripted=True) as answering:
        project.models(answering.url)
        run_here(project)
    folder, rows = RunFolder(project.folder / "runs" / "test"), project.kept()
    assert [row["judge_rating"] is None for row in rows].count(True) == 1
    # One of them answered the same row in another review too, where two answers are compared.
    answers = [given(row, name, "accept") for row in rows for name in ("anna", "ben")]
    answers.append({**given(rows[0], "anna", "accept"), "verdict": None, "preference": "a", "response": "later"})
    write_answers(folder.review, answers)
    lock = merge(project).lock
    (cut,) = lock.judging.people.calibration
    assert (cut.rows, cut.good) == (5, 5)
    assert lock.review is not None
    assert lock.review.between_people is not None
    assert lock.review.between_people.rows == 6
    assert [problem.message for problem in check_dataset(folder.dataset)] == []
