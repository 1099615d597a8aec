"""Hints lead somewhere: what they name is there, and a message has place, role and remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bezoar_data
from bezoar_data.cards.hub.client import hub_errors
from bezoar_data.config.errors import InputError, ProviderAway
from bezoar_data.config.network import is_unreached
from bezoar_data.steps.catalogue.registry import load_catalogue
from bezoar_data.steps.external.refused import REFUSED
from bezoar_data.steps.sources.hub import hub_facts
from support.command import bezoar
from support.fault_server import FaultServer
from support.projects import JUDGED, STEPS, Project

NOWHERE = "http://127.0.0.1:9/v1"


def test_an_unknown_model_is_told_at_its_line_with_its_roles_and_the_servers_models(
    project: Project, server: FaultServer
) -> None:
    project.rows(5)
    project.pipeline(JUDGED)
    entry = f"{{provider: openai, base_url: '{server.url}', model: testr}}"
    (project.folder / "models.yaml").write_text(
        f"version: 1\nroles:\n  teacher: {entry}\n  judge:\n    provider: openai\n    base_url: {server.url}\n"
        "    model: testr\n"
    )
    server.set(serves="tester")
    done = project.run("--json")
    assert done.code == 2
    (problem,) = done.json["problems"]
    assert (problem["code"], problem["file"], problem["line"]) == ("not-found", "models.yaml", 3)
    assert "the roles 'teacher' and 'judge': " in problem["message"]
    assert "does not know the model 'testr'" in problem["message"]
    assert "did you mean 'tester'?" in problem["hint"]
    named = project.run("--teacher", f"openai:other@{server.url}", "--json").json["problems"]
    assert named[0]["file"] == f"--teacher openai:other@{server.url}"
    assert "known: tester" in named[0]["hint"]


def test_a_refused_key_is_told_at_the_model_it_belongs_to(project: Project, server: FaultServer) -> None:
    project.rows(1, {0: "[[401]]"})
    project.pipeline(STEPS)
    project.models(server.url)
    done = project.run("--json")
    assert done.code == 2
    (problem,) = done.json["problems"]
    assert (problem["code"], problem["file"], problem["line"]) == ("unauthorised", "models.yaml", 2)
    assert problem["message"].startswith("the role 'teacher': ")


def test_models_without_roles_say_where_they_belong(project: Project) -> None:
    project.rows(1)
    project.pipeline(STEPS)
    (project.folder / "models.yaml").write_text("version: 1\nteacher:\n  provider: openai\n  model: gpt-4o\n")
    (problem,) = project.run("--json").json["problems"]
    assert (problem["code"], problem["line"]) == ("no-roles", 2)
    assert "'roles:'" in problem["hint"]


@pytest.mark.parametrize(
    ("steps", "said", "hint"),
    [
        (JUDGED.replace("{model: judge}", "{model: judge, rubric: anser-quality}"), "no rubric 'anser-quality'",
         "did you mean 'answer-quality'?"),
        (STEPS.replace("{path: rows.jsonl}", "{path: rows.jsonl}\n    columns: {inputs: question}"), "'columns'",
         "write it under 'with:'"),
        (STEPS + "  - use: length\n    with: {column: inputs}\n    columns: {inputs: question}\n", "'columns'",
         "'column'"),
    ],
)  # fmt: skip
def test_a_hint_names_what_is_there(project: Project, steps: str, said: str, hint: str) -> None:
    project.rows(1)
    project.pipeline(steps)
    project.models(NOWHERE)
    done = project.bezoar("validate", "pipeline.yaml", "--json")
    assert done.code == 2
    found = [problem for problem in done.json["problems"] if said in problem["message"]]
    assert found, done.out
    assert hint in found[0]["hint"]


def test_columns_on_a_step_of_ours_names_only_its_settings() -> None:
    """What is said of each step that we have."""
    from bezoar_data.pipeline.resolve import _columns_of

    for entry in load_catalogue().values():
        settings = {setting.name for setting in entry.settings}
        named = set(_columns_of(entry).split("'")[1::2]) - {"with:"}
        assert named <= settings, (entry.use, named)


def test_remedies_for_refused_steps_name_steps_that_exist() -> None:
    known = {*load_catalogue(), "join"}
    for name, reason in REFUSED.items():
        for word in reason.instead.replace(",", " ").split():
            if "." in word.strip(".") or "_" in word:
                assert word in known, (name, word)


def test_models_by_one_word(project: Project, server: FaultServer) -> None:
    project.rows(2)
    project.pipeline(STEPS)
    project.models(server.url)
    folder = project.folder / "pipelines" / "models"
    folder.mkdir(parents=True)
    (project.folder / "models.yaml").rename(folder / "local-server.yaml")
    assert project.run("--models", "local-server", "--json").code == 0
    listed = project.bezoar("models", "list", "local-server", "--json")
    assert listed.code == 0, listed.err
    (problem,) = project.run("--models", "local-servr", "--json").json["problems"]
    assert "did you mean 'local-server'?" in problem["hint"]
    assert problem["file"] == "--models local-servr"


def test_what_is_neither_dataset_nor_model_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "trained" / "tiny").mkdir(parents=True)
    for folder in ("trained/tiny", "nowhere"):
        done = bezoar("publish", folder, "--to", "me/tiny", "--json", cwd=tmp_path)
        assert done.code == 2
        (problem,) = done.json["problems"]
        assert problem["code"] == "nothing-to-publish"
        assert "train RECIPE" in problem["hint"]


def test_a_hub_that_cannot_be_reached_is_no_mistake_of_the_name() -> None:
    """The test session is offline."""
    with pytest.raises(ProviderAway, match="somebody/flan: the Hub cannot be reached") as away:
        hub_facts("somebody/flan", None, None)
    assert away.value.exit_code == 5
    assert "`path`" in str(away.value)
    with pytest.raises(ProviderAway), hub_errors("somebody/flan"):
        raise ConnectionError("nobody there")
    assert not is_unreached(ValueError("Unknown split"))


def test_an_error_says_place_and_remedy_in_a_script_too(project: Project) -> None:
    project.rows(1)
    path = project.pipeline(STEPS.replace("orca.explain", "orca.explian"))
    project.models(NOWHERE)
    with pytest.raises(InputError) as wrong:
        bezoar_data.load_pipeline(path).run(quiet=True)
    assert str(wrong.value) == f"{path}:8:10: there is no step 'orca.explian' (did you mean 'orca.explain'?)"


def test_a_project_in_a_project_is_told(tmp_path: Path) -> None:
    outer = bezoar("init", "outer", cwd=tmp_path)
    assert "is inside the project" not in outer.out
    inner = bezoar("init", "inner", cwd=tmp_path / "outer")
    assert inner.code == 0
    assert f"it is inside the project {tmp_path / 'outer'}" in inner.out


def test_an_exported_journal_is_readable_and_steers_no_terminal(project: Project, server: FaultServer) -> None:
    project.rows(1)
    row = json.loads((project.folder / "rows.jsonl").read_text())
    row["inputs"] = "\u201cQuoted\u201d \u00e4 \u2028 \u202e \x9b \U0001f600"
    (project.folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    project.pipeline(STEPS)
    project.models(server.url)
    assert project.run().code == 0
    line = project.bezoar("journal", "export").out
    assert {path.name for path in (project.folder / "runs").iterdir()} == {"journal.sqlite", "test"}, "nothing is left"
    assert "\u201cQuoted\u201d \u00e4 \\u2028 \\u202e \\u009b \U0001f600" in line
    assert row["inputs"] in json.loads(line)["messages"][-1]["content"]
    assert project.bezoar("journal", "import", "a.jsonl").code == 2
    (project.folder / "a.jsonl").write_text(line)
    assert project.bezoar("journal", "import", "a.jsonl", "--journal", "other.sqlite").code == 0


def test_one_row_is_one_row_and_a_rejected_one_is_not_headed_as_kept(project: Project) -> None:
    project.rows(8)
    project.pipeline(JUDGED.replace("{model: judge}", "{model: judge, as: strict}"))
    with FaultServer(scripted=True) as judging:
        project.models(judging.url)
        assert "test: 1 row kept, 0 dropped, of 1, in " in project.run("--limit", "1").out
        assert project.run().code == 0
        shown = project.bezoar("preview", "pipeline.yaml", "-n", "8").out
        rejected = sum(row["strict_status"] == "Reject" for row in project.kept())
        assert rejected > 0
        assert shown.count("· rejected by the judge strict") == rejected
        assert shown.count(" · kept\n") + shown.count(" · kept ") >= 8 - rejected
        assert f"8 kept ({rejected} of them rejected)" in shown
        page = project.bezoar("preview", "pipeline.yaml", "-n", "8", "--html", "p.html").out
    assert page.splitlines()[1:] == ["page: p.html"]
    known = project.bezoar("judge", "reliability", "runs/test")
    assert "--columns strict_rating human_rating" in known.out
