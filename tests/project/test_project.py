"""A new project, and copies of what is shipped: through the real command line, in this process where that is enough."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bezoar_data import load_pipeline
from bezoar_data.cli.main import app
from bezoar_data.config.errors import InputError
from bezoar_data.pipeline.schemas import schema_texts
from bezoar_data.project.shipped import shipped
from support.projects import Project

SHIPPED = list(shipped("pipelines"))


def bezoar(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


@pytest.mark.slow
def test_a_new_project_validates_runs_offline_and_its_own_test_passes(tmp_path: Path):
    project = Project(tmp_path / "made" / "here")
    assert project.bezoar("init").code == 0
    checked = project.bezoar("validate", "pipelines/first.yaml", "pipelines/models/offline.yaml", "recipes", "cards")
    assert checked.code == 0, checked.err
    assert checked.out == "1 pipeline, 1 models file, 1 recipe, 1 card: no mistakes found\n"
    run = project.bezoar("run", "pipelines/first.yaml", "--json")
    assert run.code == 0, run.err
    assert run.json["counts"]["kept"] >= 8
    assert {step["id"]: step["dropped"] for step in run.json["steps"]}["short-enough"]["too_long"] >= 1
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project.folder,
        capture_output=True,
        text=True,
    )
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert "2 passed" in tests.stdout
    ignored = (project.folder / ".gitignore").read_text().splitlines()
    assert "runs/" in ignored
    for path in (p for folder in ("pipelines", "recipes") for p in (project.folder / folder).rglob("*.yaml")):
        first = path.read_text().splitlines()[0]
        schema = path.parent / first.partition("$schema=")[2]
        assert schema.is_file() or schema.name not in schema_texts(), f"{path}: {first}"


def test_init_writes_over_nothing_and_says_what_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "cards").write_text("a file, not a folder")
    with pytest.raises(InputError) as error:
        bezoar("init")
    assert {p.place.file for p in error.value.problems if p.place} == {"README.md", "cards"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README.md", "cards"]
    (tmp_path / "README.md").unlink()
    (tmp_path / "cards").unlink()
    assert "written: pipelines/first.yaml" in bezoar("init")
    assert "everything is there already" in bezoar("init")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_copy_brings_all_that_it_names_and_is_valid_under_a_new_name(name: str, tmp_path: Path):
    told = json.loads(bezoar("pipelines", "copy", name, str(tmp_path), "--as", "mine", "--json"))
    assert told["file"] == str(tmp_path / "pipelines" / "mine.yaml")
    assert load_pipeline(told["file"]).validate()
    text = Path(told["file"]).read_text()
    assert "name: mine\n" in text
    assert f"pipelines/{name}.yaml" not in text
    assert (tmp_path / "cards" / "mine.md").is_file()
    assert not (tmp_path / "cards" / f"{name}.md").exists()
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments[0] == shipped("pipelines")[name].path.read_text().splitlines()[0]


@pytest.mark.parametrize("name", list(shipped("recipes")))
def test_a_copied_recipe_brings_its_cards_and_templates(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    bezoar("recipes", "copy", name, "--as", "mine")
    assert "recipe" in bezoar("validate", "recipes/mine.yaml")
    assert "name: mine\n" in (tmp_path / "recipes" / "mine.yaml").read_text()


def test_copies_never_write_over_a_file_unless_forced_and_keep_changed_models(tmp_path: Path):
    bezoar("pipelines", "copy", "orca", str(tmp_path))
    pipeline, models = tmp_path / "pipelines" / "orca.yaml", tmp_path / "pipelines" / "models" / "offline.yaml"
    original = pipeline.read_bytes()
    pipeline.write_text("mine")
    models.write_text("my models")
    with pytest.raises(InputError) as error:
        bezoar("pipelines", "copy", "orca", str(tmp_path))
    assert [p.code for p in error.value.problems] == ["file-exists"]
    assert pipeline.read_text() == "mine"
    assert f"kept your own, which differs: {models}" in bezoar("pipelines", "copy", "lamini", str(tmp_path))
    assert models.read_text() == "my models"
    bezoar("pipelines", "copy", "orca", str(tmp_path), "--force")
    assert pipeline.read_bytes() == original
    assert models.read_text() != "my models"


def test_what_is_shipped_is_listed_and_shown():
    listed = bezoar("pipelines", "list")
    assert all(name in listed for name in SHIPPED)
    assert bezoar("pipelines", "show", "orca").startswith("# yaml-language-server")
    found = json.loads(bezoar("pipelines", "show", "orca", "--json"))
    assert found["text"] == Path(found["path"]).read_text()

    with pytest.raises(InputError, match="no pipeline 'orka'"):
        bezoar("pipelines", "show", "orka")
    assert "recipes" in json.loads(bezoar("recipes", "list", "--json"))


def test_a_name_that_no_pipeline_can_have_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="cannot be a name"):
        bezoar("pipelines", "copy", "orca", str(tmp_path), "--as", "../x")
    assert not list(tmp_path.iterdir())
