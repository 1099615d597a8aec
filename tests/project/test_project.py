"""A new project, and copies of what is shipped: through the real command line, in this process where that is enough."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bezoar_data import load_pipeline
from bezoar_data.config.shipped import shipped
from bezoar_data.project.schemas import schema_texts
from support.command import bezoar
from support.projects import Project

SHIPPED = list(shipped("pipelines"))


@pytest.mark.slow
def test_a_new_project_validates_runs_offline_and_its_own_test_passes(tmp_path: Path):
    project = Project(tmp_path / "made" / "here")
    assert project.bezoar("init").code == 0
    checked = project.bezoar("validate", "pipelines/first.yaml", "pipelines/models/offline.yaml", "recipes", "cards")
    assert checked.code == 0, checked.err
    summary, *unchecked = checked.out.splitlines()
    assert summary == "1 pipeline, 1 models file, 1 recipe, 1 card: no mistakes found"
    assert unchecked == ["not checked: whether base and rows fit: bezoar-data train recipes/first.yaml --plan"]
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
    refused = bezoar("init", "--json")
    assert refused.code == 2
    assert {p["file"] for p in refused.json["problems"]} == {"README.md", "cards"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README.md", "cards"]
    (tmp_path / "README.md").unlink()
    (tmp_path / "cards").unlink()
    assert "written: pipelines/first.yaml" in bezoar("init").out
    assert "everything is there already" in bezoar("init").out


@pytest.mark.parametrize("name", SHIPPED)
def test_a_copy_brings_all_that_it_names_and_is_valid_under_a_new_name(name: str, tmp_path: Path):
    told = bezoar("pipelines", "copy", name, tmp_path, "--as", "mine", "--json").json
    folder = Path(name).parent
    assert told["file"] == str(tmp_path / "pipelines" / folder / "mine.yaml")
    assert load_pipeline(told["file"]).validate()
    text = Path(told["file"]).read_text()
    assert "name: mine\n" in text
    assert f"pipelines/{name}.yaml" not in text
    assert (tmp_path / "cards" / folder / "mine.md").is_file()
    assert not (tmp_path / "cards" / f"{name}.md").exists()
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments[0] == shipped("pipelines")[name].path.read_text().splitlines()[0]


@pytest.mark.parametrize("name", list(shipped("recipes")))
def test_a_copied_recipe_brings_its_cards_and_templates(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    bezoar("recipes", "copy", name, "--as", "mine")
    assert "recipe" in bezoar("validate", "recipes/mine.yaml").out
    assert "name: mine\n" in (tmp_path / "recipes" / "mine.yaml").read_text()


def test_copies_never_write_over_a_file_unless_forced_and_keep_changed_models(tmp_path: Path):
    bezoar("pipelines", "copy", "best-of-n", tmp_path)
    pipeline, models = tmp_path / "pipelines" / "best-of-n.yaml", tmp_path / "pipelines" / "models" / "offline.yaml"
    original = pipeline.read_bytes()
    pipeline.write_text("mine")
    models.write_text("my models")
    refused = bezoar("pipelines", "copy", "best-of-n", tmp_path, "--json")
    assert [p["code"] for p in refused.json["problems"]] == ["file-exists"]
    assert pipeline.read_text() == "mine"
    assert f"kept your own, which differs: {models}" in bezoar("pipelines", "copy", "lamini", tmp_path).out
    assert models.read_text() == "my models"
    bezoar("pipelines", "copy", "best-of-n", tmp_path, "--force")
    assert pipeline.read_bytes() == original
    assert models.read_text() != "my models"


def test_what_is_shipped_is_listed_and_shown():
    listed = bezoar("pipelines", "list").out
    assert all(name in listed for name in SHIPPED)
    assert bezoar("pipelines", "show", "orca").out.startswith("# yaml-language-server")
    found = bezoar("pipelines", "show", "orca", "--json").json
    assert found["text"] == Path(found["path"]).read_text()
    assert "no pipeline 'orka'" in bezoar("pipelines", "show", "orka").err
    assert "recipes" in bezoar("recipes", "list", "--json").json


def test_a_name_that_no_pipeline_can_have_is_refused(tmp_path: Path):
    assert "cannot be a name" in bezoar("pipelines", "copy", "orca", tmp_path, "--as", "../x").err
    assert not list(tmp_path.iterdir())
