"""Pipelines, recipes, suites and ablations by name: the file of the current folder, else the package's."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bezoar_data import load_pipeline, load_recipe
from bezoar_data.config import shipped
from bezoar_data.config.errors import InputError
from bezoar_data.config.shipped import as_named, file_meant, find_shipped, named_file, named_files, shipped_folder
from support.command import bezoar

MINE = "name: orca\nversion: 1\nsteps:\n  - use: load_instructions\n    with: {path: rows.jsonl}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_name_is_a_file_here_before_one_of_the_package(here: Path):
    assert named_file("pipelines", "orca") == shipped_folder() / "pipelines" / "orca.yaml"
    assert named_file("pipelines", "openbezoar/orca") == shipped_folder() / "pipelines/openbezoar/orca.yaml"
    Path("pipelines").mkdir()
    Path("pipelines/orca.yaml").write_text(MINE)
    assert named_file("pipelines", "orca") == Path("pipelines/orca.yaml")
    Path("orca").mkdir()  # a run's folder, say
    assert named_file("pipelines", "orca") == Path("pipelines/orca.yaml")
    Path("orca.yaml").write_text(MINE)
    assert named_file("pipelines", "orca.yaml") == Path("orca.yaml")
    assert named_file("recipes", "orca") == Path("orca"), "a folder is for its reader to refuse"


def test_a_name_of_no_kind_asked_for_is_none(here: Path):
    with pytest.raises(InputError) as caught:
        named_file("pipelines", "openai")
    assert [(p.code, p.hint) for p in caught.value.problems] == [("missing-file", "see: bezoar-data pipelines list")]
    with pytest.raises(InputError) as caught:
        named_file("recipes", "openbezoa")
    assert [p.hint for p in caught.value.problems] == ["did you mean 'openbezoar'?"]
    assert named_file("pipelines", "models/openai") == Path("models/openai")  # a path, though one of the package's too
    assert named_files("tiny") == [file_meant("recipes", "tiny")]


@pytest.mark.parametrize(
    "command",
    [["run", "orka"], ["plan", "orka"], ["preview", "orka"], ["card", "init", "orka"], ["validate", "orka"]],
    ids=" ".join,
)
def test_an_unknown_name_is_answered_with_the_nearest(command: list[str], here: Path):
    told = bezoar(*command)
    assert told.code == 2
    assert "there is no file 'orka', and no " in told.err
    assert "did you mean 'orca'?" in told.err


def test_all_kinds_are_found_by_name_from_any_folder(here: Path):
    told = bezoar("validate", "orca", "openbezoar", "local").out
    assert told.startswith("1 pipeline, 1 recipe, 1 suite: no mistakes")
    assert bezoar("plan", "orca", "--json").json["requests"] is not None
    assert load_pipeline("orca").path == shipped_folder() / "pipelines" / "orca.yaml"
    assert load_recipe("openbezoar").path == shipped_folder() / "recipes" / "openbezoar.yaml"
    assert not load_pipeline("orka").validate()
    assert sorted(p.name for p in here.iterdir()) == []


def test_what_a_shipped_recipe_lacks_is_told_by_name(here: Path):
    told = bezoar("train", "tiny", "--plan")
    assert told.code == 2
    assert re.search(r"hint: run its pipeline first: bezoar-data run [\w-]+$", told.err, re.MULTILINE), told.err


def test_the_wheel_holds_the_folders_that_names_lead_to():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    folders = (*shipped.KINDS, "cards", "schemas", "skills")
    assert included == {folder: f"bezoar_data/shipped/{folder}" for folder in folders}
    assert all((shipped_folder() / folder).is_dir() for folder in folders)


def test_files_of_the_package_belong_to_no_project(here: Path, monkeypatch: pytest.MonkeyPatch):
    """A wheel in an environment inside the project: its folder `pipelines` makes no project of it."""
    package = here / ".venv" / "bezoar_data"
    (package / "shipped").mkdir(parents=True)
    for kind in ("pipelines", "cards"):
        (package / "shipped" / kind).symlink_to(shipped_folder() / kind)
    monkeypatch.setattr(shipped, "__file__", str(package / "config" / "shipped.py"))
    file = named_file("pipelines", "hh-rlhf-sft")
    assert file == package / "shipped" / "pipelines" / "hh-rlhf-sft.yaml"
    assert as_named(file) == "hh-rlhf-sft"
    assert find_shipped("pipelines", "orca").path.is_relative_to(package)
    told = bezoar("run", "hh-rlhf-sft")
    assert told.code == 0, told.err
    assert "hh-rlhf-sft comes with bezoar-data; bezoar-data pipelines copy hh-rlhf-sft makes it yours" in told.err
    assert (here / "runs" / "hh-rlhf-sft" / "dataset" / "lock.json").is_file()
    assert (here / "runs" / "journal.sqlite").is_file()
    assert sorted(path.name for path in (package / "shipped").iterdir()) == ["cards", "pipelines"]
