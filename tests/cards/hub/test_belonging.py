"""Only what belongs to a dataset is sent, whatever is allowed; the rest is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bezoar_data.cards.hub.client import check_repo
from bezoar_data.cards.hub.gate import refusals
from bezoar_data.cards.hub.publish import files_of
from bezoar_data.config.errors import InputError
from support.hub_server import Hub
from support.lies import Liar
from support.projects import Project

REPO = "tester/small"
BELONG = {"README.md", "croissant.json", "lock.json", "pipeline.yaml", "contamination.jsonl"}
SPLITS = {"data/train-00000-of-00001.parquet", "data/validation-00000-of-00001.parquet"}


def linked(liar: Liar) -> None:
    file = liar.dataset / "croissant.json"
    file.rename(liar.run / "elsewhere.json")
    file.symlink_to(liar.run / "elsewhere.json")


def linked_folder(liar: Liar) -> None:
    (liar.dataset / "data").rename(liar.run / "rows")
    (liar.dataset / "data").symlink_to(liar.run / "rows", target_is_directory=True)


def linked_pipeline(liar: Liar) -> None:
    (liar.run / "pipeline.yaml").rename(liar.run / "mine.yaml")
    (liar.run / "pipeline.yaml").symlink_to(liar.run / "mine.yaml")


def history(liar: Liar) -> None:
    for name in ("HEAD", "objects/ab/cd", "objects/ab/ef"):
        (liar.dataset / ".git" / name).parent.mkdir(parents=True, exist_ok=True)
        (liar.dataset / ".git" / name).write_text("x")


def write(name: str) -> Callable[[Liar], None]:
    def plant(liar: Liar) -> None:
        (liar.dataset / name).parent.mkdir(exist_ok=True)
        (liar.dataset / name).write_text("mine")

    return plant


@pytest.mark.parametrize(
    ("plant", "names"),
    [
        (write(".env"), [".env"]),
        (write("data/notes.txt"), ["data/notes.txt"]),
        (write("data/train-00001-of-00002.parquet"), ["data/train-00001-of-00002.parquet"]),
        (write("answers/answers.jsonl.gz"), ["answers"]),
        (history, [".git"]),
        (linked, ["croissant.json"]),
        (linked_folder, ["data"]),
        (linked_pipeline, ["pipeline.yaml"]),
        (lambda liar: (liar.run / "pipeline.yaml").unlink(), [""]),
        (lambda liar: liar.text(liar.run / "pipeline.yaml", "name:", "# mine\nname:"), ["pipeline.yaml"]),
    ],
)
def test_strangers_are_named_and_refused_whatever_is_allowed(
    liar: Liar, plant: Callable[[Liar], None], names: list[str]
) -> None:
    plant(liar)
    everything = ("failed-checks", "personal-data", "keys", "review", "demo", "unknown-licence")
    refused, *found = refusals(liar.dataset, everything)
    assert refused.code == "refused-files"
    told = [str(problem.place).removeprefix(str(liar.run)).removeprefix("/dataset").strip("/") for problem in found]
    assert told == names
    assert set(files_of(liar.run)) <= BELONG | SPLITS


def test_rows_that_cannot_be_read_are_refused_whatever_is_allowed(liar: Liar) -> None:
    file = liar.dataset / "data" / "train-00000-of-00001.parquet"
    file.write_bytes(file.read_bytes() + b"x")
    everything = ("failed-checks", "keys", "review", "unknown-licence")
    assert [problem.code for problem in refusals(liar.dataset, everything)] == ["refused-unreadable"]


def test_all_that_belongs_is_sent_and_nothing_else(liar: Liar, hub: Hub, tmp_path: Path) -> None:
    project = Project(tmp_path)
    (liar.run / "notes.txt").write_text("beside the dataset, not in it")
    (liar.dataset / ".gitattributes").write_text("* binary")
    done = project.bezoar("publish", "runs/test", "--to", REPO, "--allow", "unknown-licence", "--json")
    assert done.code == 0, done.out + done.err
    assert set(hub.repos[REPO].files) == BELONG | SPLITS | {".gitattributes"}
    assert hub.repos[REPO].files[".gitattributes"] != b"* binary"
    # A dataset's folder alone, in another place: what lies around it is not its own.
    shutil.copytree(liar.dataset, tmp_path / "apart" / "rows")
    (tmp_path / "apart" / "pipeline.yaml").write_text("a stranger's")
    done = project.bezoar("publish", "apart/rows", "--to", "tester/apart", "--allow", "failed-checks", "--json")
    assert [problem["code"] for problem in done.json["problems"]][:2] == ["refused-files", "pipeline-missing"]
    assert "tester/apart" not in hub.repos


@pytest.mark.parametrize(
    "name", ["orca", "a/b/c", "datasets/me/orca", "me/", "/orca", "me/or ca", "me/a--b", "", "-x/y"]
)
def test_what_no_repository_can_be_called_is_told(name: str) -> None:
    check_repo("me/orca-1.0_b", None)
    with pytest.raises(InputError, match="no repository can be called so") as told:
        check_repo("me/orca", name)
    assert "OWNER/NAME" in told.value.problems[0].hint


def test_the_name_is_looked_at_before_anything_else(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for command in (["publish", "nowhere", "--to=orca"], ["publish", "nowhere", "--to=a/b", "--base=c"], ["pull", "d"]):
        done = project.bezoar(*command, "--json")
        assert (done.code, [problem["code"] for problem in done.json["problems"]]) == (2, ["repo-name"])
    assert not list(tmp_path.iterdir())
