"""How two runs differ, on the command line: one change among twenty steps is named, with the rows behind it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.reports.diff.facts import NOTHING, Change, changes, in_order
from bezoar_data.runs.lock import Lock
from support.command import Outcome
from support.fault_server import FaultServer
from support.projects import STEPS, Project

RUBRIC = Path(__file__).parents[2] / "src/bezoar_data/steps/text/rubrics/accept/answer-quality.yaml"
SAID = "You check answers before they become training data for a language model."
FILTERS = "".join(
    f"  - use: length\n    id: length-{i}\n    with: {{column: inputs, max_characters: {900 + i}}}\n" for i in range(15)
)
DROPS = "  - use: length\n    id: short\n    with: {column: inputs, max_characters: 60}\n"
JUDGE = "  - use: judge.accept\n    with: {model: judge, rubric: rubric.yaml}\n"
TWENTY = STEPS + FILTERS + DROPS + JUDGE


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, running_server: FaultServer) -> Project:
    """Four runs: `a`; `same`, the same again; `judged`, with another rubric; `longer`, with a filter set otherwise."""
    project = Project(tmp_path_factory.mktemp("diff") / "project")
    running_server.renew()
    project.rows(24, dict.fromkeys((2, 9, 17), "And why should anybody ask for that, of all things?"))
    project.models(running_server.url)
    rubric = project.folder / "rubric.yaml"
    shutil.copy(RUBRIC, rubric)
    project.pipeline(TWENTY)
    for out in ("a", "same"):
        assert project.run("--out", f"runs/{out}").code == 0
    changed = rubric.read_text().replace(SAID, f"{SAID} Be strict.", 1)
    assert changed != rubric.read_text()
    rubric.write_text(changed)
    assert project.run("--out", "runs/judged").code == 0
    shutil.copy(RUBRIC, rubric)
    assert project.run("--out", "runs/longer", "--set", "steps.short.max_characters=600").code == 0
    return project


def diff(project: Project, first: str, second: str, *more: str) -> Outcome:
    return project.bezoar("diff", f"runs/{first}", f"runs/{second}", *more)


def ids(rows: list[dict[str, Any]]) -> set[str]:
    return {row["id"] for row in rows}


def test_the_same_run_again_does_not_differ(project: Project) -> None:
    done = diff(project, "a", "same", "--json")
    assert done.code == 0
    assert done.json["differ"] == []
    assert done.json["rows"] == {"counts": {}, "changes": []}
    assert "they are the same" in diff(project, "a", "same").out


def test_one_changed_prompt_is_named_with_exactly_the_rows_behind_it(project: Project) -> None:
    done = diff(project, "a", "judged", "--json")
    assert (done.code, done.json["exit_code"]) == (1, 1)
    found = done.json
    assert len(project.kept("a")) == 21
    assert [change["path"] for change in found["prompts"]] == [["steps", "judge-accept", "rubric"]]
    assert "Be strict." in found["prompts"][0]["after"]
    assert [change["path"][:3] for change in found["settings"]] == [["steps", "judge-accept", "files"]]
    assert not found["models"] + found["versions"]
    rows = found["rows"]["changes"]
    assert ids(rows) == ids(project.kept("a"))
    assert {row["since"] for row in rows} == {"judge-accept"}
    before = {row["id"]: row for row in project.kept("a")}
    after = {row["id"]: row for row in project.kept("judged")}
    changed = {i for i in before if before[i]["content_hash"] != after[i]["content_hash"]}
    assert {row["id"] for row in rows if row["kind"] == "changed"} == changed
    moved = {(before[i]["judge_status"], after[i]["judge_status"]) for i in before} - {("Accept",) * 2, ("Reject",) * 2}
    assert {(one["before"], one["after"]) for one in found["verdicts"]} == moved
    assert moved


def test_the_text_shows_the_lines_of_a_prompt_and_the_rows(project: Project) -> None:
    done = diff(project, "a", "judged")
    assert done.code == 1
    assert "they differ in settings, prompts" in done.out
    assert "judge-accept · rubric" in done.out
    assert any(line.strip().startswith("+") and "Be strict." in line for line in done.out.splitlines())
    assert "since judge-accept, 21: " in done.out
    assert "and 13 more" in done.out
    every = diff(project, "a", "judged", "--full").out
    assert all(row["id"][:12] in every for row in project.kept("a"))


def test_rows_that_a_filter_lets_through_are_kept_now(project: Project) -> None:
    found = diff(project, "a", "longer", "--json").json
    let_through = ids(project.dropped("a"))
    assert len(let_through) == 3
    rows = found["rows"]["changes"]
    assert {(row["id"], row["kind"], row["since"]) for row in rows} == {(i, "now kept", "short") for i in let_through}
    back = diff(project, "longer", "a", "--json").json["rows"]["changes"]
    assert {(row["id"], row["kind"], row["reason"]) for row in back} == {
        (i, "now dropped", "short: too_long") for i in let_through
    }
    assert ["steps", "short", "settings", "max_characters"] in [change["path"] for change in found["settings"]]
    assert "counts" in found["differ"]
    assert {one["column"] for one in found["lengths"]} >= {"inputs", "explained_targets"}
    assert [one["column"] for one in found["scores"]] == ["judge_rating"]


def test_ci_names_what_must_not_differ(project: Project) -> None:
    assert diff(project, "a", "longer", "--fail-on", "prompts,models").code == 0
    done = diff(project, "a", "longer", "--fail-on", "rows,verdicts", "--json")
    assert (done.code, done.json["failed_on"]) == (1, ["rows"])
    done = diff(project, "a", "longer", "--fail-on", "row,verdict")
    assert done.code == 2
    assert all(said in done.err for said in ("no 'row'", "no 'verdict'", "rows", "verdicts"))
    assert diff(project, "a", "longer", "--fail-on", ",").code == 2


def test_a_page_holds_the_same(project: Project) -> None:
    done = diff(project, "a", "judged", "--html", "diff.html")
    assert done.code == 1
    page = (project.folder / "diff.html").read_text()
    assert "They differ in settings, prompts" in page
    assert "Be strict." in page
    assert "21 rows differ since judge-accept" in page
    assert page.count(project.kept("a")[0]["id"]) == 1


def test_a_folder_without_a_dataset_is_told(project: Project) -> None:
    done = diff(project, "a", "nothing")
    assert done.code == 2
    assert "there is no dataset in this folder" in done.err


def test_changes_are_found_deep_in_mappings() -> None:
    before = {"a": {"b": 1, "c": {"d": [1]}}, "gone": 1, "same": {"x": None}}
    after = {"a": {"b": 1, "c": {"d": [2]}}, "same": {"x": None}, "new": None}
    assert list(changes(before, after)) == [
        Change(("a", "c", "d"), [1], [2]),
        Change(("gone",), 1, NOTHING),
        Change(("new",), NOTHING, None),
    ]
    assert Change(("new",), NOTHING, None).as_json() == {"path": ["new"], "after": None}


def test_steps_of_both_runs_stand_in_one_order(project: Project) -> None:
    lock = Lock.read(project.folder / "runs/a/dataset/lock.json")
    names = [step.id for step in lock.steps]
    assert in_order(lock, lock) == names
