"""Answers written by hand, as entries of a journal: they fit the pipelines, and every misfit is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bezoar_data import load_pipeline
from bezoar_data.config.errors import InputError
from bezoar_data.measures.placeholder import MARK
from bezoar_data.plan.by_hand import entries_by_hand
from support.projects import Project

PIPELINES = Path(__file__).parents[2] / "pipelines"
OFFLINE = PIPELINES / "models" / "offline.yaml"
STEPS = """\
  - {use: load_instructions, with: {path: rows.jsonl}}
  - {use: lamini.respond, with: {model: teacher}}
  - {use: judge.accept, with: {model: judge, instruction: instruction, response: response, system: "", reference: ""}}
"""
GOOD = "- {row: tide, asks: [{teacher: The Moon.}]}\n    - {row: dew, asks: [{teacher: Cold air.}]}"


def write(project: Project, answers: str, head: str = "") -> Path:
    rows = [{"instruction": "What makes the tide?"}, {"instruction": "What makes the dew?"}]
    (project.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    project.pipeline(STEPS)
    project.models("http://127.0.0.1:9/v1")
    path = project.folder / "answers.yaml"
    path.write_text(f"version: 1\npipeline: pipeline.yaml\nanswers:\n  {head or 'lamini-respond'}:\n    {answers}\n")
    return path


def test_an_answer_stands_under_the_key_of_todays_question(project: Project):
    path = write(project, GOOD)
    before = list(entries_by_hand(path, OFFLINE))
    assert [entry.text for entry in before] == ["The Moon.", "Cold air."]
    pipeline = project.folder / "pipeline.yaml"
    pipeline.write_text(pipeline.read_text().replace("{model: teacher}", '{model: teacher, system: "In two words."}'))
    after = list(entries_by_hand(path, OFFLINE))
    assert [entry.text for entry in after] == ["The Moon.", "Cold air."]
    assert not {entry.key for entry in before} & {entry.key for entry in after}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ("- {row: tide, asks: [{teacher: The Moon.}]}", "0 entries answer"),
        (f"{GOOD}\n    - {{row: fog, asks: [{{teacher: Cold air.}}]}}", "nothing asks for the answer to 'fog'"),
        ("- {row: What, asks: [{teacher: The Moon.}]}", "1 entries answer"),
        (
            GOOD.replace("{teacher: Cold air.}", "{judge: Cold air.}"),
            "'teacher' is asked for 1 answers, and the file has 0",
        ),
        (GOOD.replace("{teacher: Cold air.}", "{teacher: [Cold, air]}"), "and the file has 2"),
        (GOOD.replace("{teacher: Cold air.}", "{teacher: Cold air.}, {teacher: More.}"), "1 answers too many"),
        (GOOD.replace("{teacher: Cold air.}", "{teacher: Cold, judge: air}"), "one role and its answer"),
    ],
)
def test_what_does_not_fit_is_told(project: Project, answers: str, said: str):
    with pytest.raises(InputError) as wrong:
        list(entries_by_hand(write(project, answers), OFFLINE))
    assert said in wrong.value.problems[0].message


def test_a_step_that_is_not_there_is_told(project: Project):
    with pytest.raises(InputError, match="no step 'lamini-repsond'"):
        list(entries_by_hand(write(project, GOOD, "lamini-repsond"), OFFLINE))


def test_orcas_seeds_are_answered_whole_and_the_flawed_answers_are_those_that_checks_reject(tmp_path: Path):
    text = (PIPELINES / "answers" / "orca.yaml").read_text()
    file, journal = PIPELINES / "orca.yaml", tmp_path / "journal.sqlite"
    report = load_pipeline(file, models=OFFLINE, out=tmp_path / "orca", journal=journal).run(quiet=True)
    (judge,) = report.lock.judges
    assert (judge.accepted + judge.rejected, judge.rejected) == (72, text.count("# Flawed:"))
    assert report.result.usage["requests"] == 72  # the judge's
    assert report.lock.demo
    assert all("recorded-by-hand" in row["_bezoar"] for split in report.load_dataset().values() for row in split)


def test_other_seeds_get_placeholders_which_nobody_takes_for_answers(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.rows(3)
    monkeypatch.chdir(project.folder)
    report = load_pipeline(project.pipeline(STEPS.replace("rows.jsonl", "rows.jsonl, instruction: inputs")),
                           models=OFFLINE).run(quiet=True)  # fmt: skip
    rows = project.kept()
    assert len(rows) == 3
    assert all(row["response"].startswith(MARK) and row["judge_status"] == "Reject" for row in rows)
    assert {row["judge_reason"] for row in rows} == {"It is a placeholder that says so, and no answer."}
    assert "give placeholders for all else" in str(report)
    for name in ("lamini", "evol-instruct", "best-of-n"):
        path, out = PIPELINES / f"{name}.yaml", project.folder / "runs" / name
        larger = {"steps.load_instructions.path": str(PIPELINES / "seeds" / "dolly_like.jsonl")}
        file = load_pipeline(
            path, models=OFFLINE, out=out, journal=out.with_name("journal.sqlite"), set=larger, limit=9
        )
        lock = file.run(quiet=True).lock
        assert not any(MARK in json.dumps(row) for row in project.kept(name)), name
        assert lock.counts.dropped, name
