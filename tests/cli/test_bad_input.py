"""What a person can get wrong: each gives one clear message with place and remedy, exit code 2, no traceback, and
leaves nothing half-written."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from bezoar_data.cli import main
from support.projects import JUDGED, STEPS, Project

NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.rows(3)
    project.models(NOWHERE)
    return project


def refused(project: Project, *says: str, arguments: tuple[str, ...] = ()) -> str:
    done = project.run(*arguments, process=False)
    assert done.code == 2, done.out + done.err
    assert "Traceback" not in done.err
    for text in says:
        assert text in done.err, done.err
    assert not (project.folder / "runs" / "test").exists()
    return done.err


def test_a_pipeline_that_is_not_there(project: Project):
    refused(project, "pipeline.yaml")


def test_rows_that_are_not_there(project: Project):
    (project.folder / "rows.jsonl").unlink()
    project.pipeline()
    refused(project, "pipeline.yaml:6:", "rows.jsonl")


def test_an_unknown_key(project: Project):
    project.pipeline(STEPS.replace("with: {path: rows.jsonl}", "with: {pth: rows.jsonl}"))
    refused(project, "pipeline.yaml:6:12", "pth", "did you mean 'path'?")


def test_an_unknown_step(project: Project):
    project.pipeline(STEPS.replace("orca.explain", "orca.explian"))
    refused(project, "pipeline.yaml:8:10", "did you mean 'orca.explain'?")


def test_a_column_nobody_provides(project: Project):
    judge = "  - use: judge.accept\n    with: {model: judge, response: answers}\n"
    project.pipeline(STEPS + judge)
    refused(project, "pipeline.yaml:11:", "'answers'")


def test_a_column_written_twice(project: Project):
    project.pipeline(JUDGED + "  - {id: again, use: judge.accept, with: {model: judge}}\n")
    refused(project, "judge_status", "give it another name")


def test_an_expression_that_cannot_be_read_or_names_no_column(project: Project):
    wheres = "".join(
        f"  - {{id: w{i}, use: where, with: {{expression: '{e}'}}}}\n"
        for i, e in enumerate(["length(inputs) = 4", 'inputs == "a" and lenght(targets) > 1', "task_nam is not null"])
    )
    project.pipeline(STEPS + wheres)
    refused(project, "pipeline.yaml:10:61", "write '=='", "11:64", "'length'", "pipeline.yaml:12:46", "'task_name'")


def test_a_role_without_a_model(project: Project):
    project.pipeline(STEPS.replace("teacher", "techer"))
    refused(project, "pipeline.yaml:9:", "did you mean 'teacher'?")


def test_no_models_file(project: Project):
    path = project.pipeline()
    path.write_text(path.read_text().replace("models: models.yaml\n", ""))
    refused(project, "--models FILE")


def test_a_models_file_that_is_not_there(project: Project):
    (project.folder / "models.yaml").unlink()
    project.pipeline()
    refused(project, "pipeline.yaml:3:9", "models.yaml")


def test_an_empty_source(project: Project):
    project.pipeline()
    (project.folder / "rows.jsonl").write_text("")
    refused(project, "rows.jsonl", "no rows")


def test_every_bad_tsv_row_is_told_with_its_line(project: Project):
    (project.folder / "cot.tsv").write_text("q\ta\tr\nno tabs here\nq\ta\tr\nq\ta\tr\ttoo many\n")
    project.pipeline(STEPS.replace("rows.jsonl", "cot.tsv"))
    refused(project, "cot.tsv:2", "cot.tsv:4", arguments=("--set", "steps.load_flan.on_bad_row=stop"))


def test_a_column_that_lineage_has_can_be_kept_under_another_name(project: Project):
    (project.folder / "rows.jsonl").write_text('{"id": 7, "instruction": "Why?"}\n')
    source = "  - use: load_instructions\n    with: {path: rows.jsonl, keep: KEEP}\n"
    project.pipeline(source.replace("KEEP", "[id]"))
    refused(project, "'id' is kept for lineage", "keep: {id: source_id}")
    project.pipeline(source.replace("KEEP", "{id: source_id}"))
    assert project.run().code == 0
    assert project.kept()[0]["source_id"] == 7


def test_a_run_that_leaves_no_row_says_so(project: Project):
    (project.folder / "rows.jsonl").write_text('{"messages": []}\n')
    project.pipeline("  - use: load_conversations\n    with: {path: rows.jsonl}\n")
    done = project.run()
    assert done.code == 1
    assert "no row is left" in done.out


def test_a_key_variable_that_is_not_set(project: Project):
    project.models(NOWHERE, api_key_env="NOT_SET_API_KEY")
    project.pipeline()
    refused(project, "NOT_SET_API_KEY")


def test_all_mistakes_of_a_file_are_told_at_once(project: Project):
    project.pipeline("  - {use: load_flam}\n  - {use: orca.explain, wiht: {model: teacher}}\n", tolerate=3, sed=1)
    err = refused(project)
    for text in ("tolerate", "sed", "load_flam", "wiht"):
        assert text in err, err


def test_override_mistakes_are_told_like_the_files(project: Project):
    project.pipeline()
    refused(project, "load_flan", arguments=("--set", "steps.load_flam.path=x"))
    refused(project, "path", arguments=("--set", "steps.load_flan.pth=x"))
    refused(project, "nothere.jsonl", arguments=("--set", "steps.load_flan.path=nothere.jsonl"))


def test_several_ends(project: Project):
    project.pipeline(STEPS + "  - {id: b, use: judge.accept, after: orca-explain, with: {model: judge, as: b}}\n"
                     "  - {id: c, use: judge.accept, after: orca-explain, with: {model: judge, as: c}}\n")  # fmt: skip
    refused(project, "ends in several steps")


def test_an_unwritable_run_folder(project: Project):
    project.pipeline()
    (project.folder / "file").write_text("")
    refused(project, "file", arguments=("--out", "file/run"))


def test_a_wrong_option_is_one_message(project: Project):
    project.pipeline()
    done = project.run("--limit", "0")
    assert done.code == 2
    assert "Traceback" not in done.err


def test_problems_as_json(project: Project):
    project.pipeline(STEPS.replace("orca.explain", "orca.explian"))
    done = project.run("--json")
    (problem,) = json.loads(done.out)["problems"]
    assert (problem["code"], problem["line"], problem["column"]) == ("unknown-step", 8, 10)


def test_distilabels_runner_takes_no_budget(project: Project):
    project.models(NOWHERE, price={"input": 1, "output": 1, "read": "2026-01-31"})
    project.pipeline()
    refused(project, "cannot hold a budget", arguments=("--engine", "local", "--max-cost", "1"))


def test_a_folder_that_no_run_made_is_left_as_it_is(project: Project):
    project.pipeline()
    theirs = project.folder / "mine" / "dataset" / "precious.csv"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("precious")
    refused(project, "mine: no run made this folder", "dataset", "--out", arguments=("--out", "mine"))
    assert theirs.read_text() == "precious"
    assert [p.name for p in (project.folder / "mine").iterdir()] == ["dataset"]


@pytest.mark.parametrize("out", ["/", "//", "home", "home/sub/..", "link", "full", "locked"])
def test_no_run_goes_where_files_of_a_person_lie(project: Project, monkeypatch: pytest.MonkeyPatch, out: str):
    project.pipeline()
    home = project.folder / "home"
    (home / "sub").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    (project.folder / "link").symlink_to("home")
    (project.folder / "full").mkdir()
    (project.folder / "full" / "thesis.tex").write_text("mine")
    (project.folder / "locked").mkdir()
    (project.folder / "locked" / ".lock").write_text("4711")  # another program's
    before = sorted(project.folder.rglob("*"))
    refused(
        project, "no place for a run" if out not in ("full", "locked") else "no run made this", arguments=("--out", out)
    )
    assert sorted(project.folder.rglob("*")) == before


def test_a_file_in_the_place_of_a_folder(project: Project):
    project.pipeline()
    (project.folder / "taken").write_text("")
    refused(project, "taken: cannot be used as run folder", "--out", arguments=("--out", "taken"))
    done = project.bezoar("schema", "--out", "taken/schemas")
    assert done.code == 2
    assert done.err.startswith("taken/schemas")
    assert "internal error" not in done.err


def test_a_file_that_ends_too_early_is_no_interruption(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    cut = typer.Typer()
    cut.command()(lambda: gzip.decompress(gzip.compress(b"text")[:-4]))
    monkeypatch.setattr(main, "app", cut)
    with pytest.raises(SystemExit) as ended:
        main.main([])
    assert ended.value.code == main.INTERNAL_ERROR
    assert "internal error: EOFError" in capsys.readouterr().err


def test_a_path_from_home_is_the_same_place_everywhere(project: Project):
    home = {"HOME": str(project.folder / "home")}
    (project.folder / "home").mkdir()
    (project.folder / "rows.jsonl").rename(project.folder / "home" / "rows.jsonl")
    project.pipeline("  - use: load_flan\n    with: {path: ~/rows.jsonl}\n")
    done = project.run("--out=~/made", env=home)
    assert done.code == 0, done.err
    assert (project.folder / "home" / "made" / "dataset" / "README.md").is_file()
    assert not (project.folder / "~").exists()


def test_values_that_are_no_json_are_kept_as_their_text(project: Project):
    table = pa.table({"instruction": ["Say hello."], "picture": [b"\x89PNG"], "price": [Decimal("1.50")]})
    pq.write_table(table, project.folder / "rows.parquet")
    project.pipeline("  - use: load_instructions\n    with: {path: rows.parquet, keep: [picture, price]}\n")
    assert project.run().code == 0
    (row,) = project.kept()
    assert (row["picture"], row["price"]) == ("iVBORw==", "1.50")


def test_a_pulled_pipeline_takes_nothing_of_this_machine_unless_trusted(project: Project):
    inside = project.folder / "inside"
    inside.mkdir()
    (inside / "pulled.json").write_text("{}")
    steps = STEPS.replace("rows.jsonl", "../rows.jsonl") + "  - use: somebody.elses:Step\n"
    pipeline = project.pipeline(steps).rename(inside / "pipeline.yaml")
    (project.folder / "models.yaml").rename(inside / "models.yaml")
    said = ("reads a file outside of its folder", "'somebody.elses:Step' runs code of this machine", "--trust-code")
    done = project.bezoar("run", str(pipeline))
    assert done.code == 2
    assert all(words in done.err for words in said), done.err
    done = project.bezoar("run", str(pipeline), "--set", "steps.load_flan.path=rows.jsonl")
    assert said[0] not in done.err
    assert said[1] in done.err
    trusted = project.bezoar("run", str(pipeline), "--trust-code")
    assert not any(words in trusted.err for words in said)
    assert "there is no module" in trusted.err
