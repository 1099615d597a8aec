"""Pulling where a dataset stands already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bezoar_data.cards.render import card_renderer
from bezoar_data.engine.review.merge import merge_review
from bezoar_data.runs.folder import RunFolder
from support.command import Outcome, bezoar
from support.hub_server import Hub, hub_server
from support.lies import Liar, copied
from support.projects import Project


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with hub_server() as hub, hub.in_this_process(tmp_path / "hf"):
        yield hub


@pytest.fixture
def liar(honest: Path, tmp_path: Path) -> Liar:
    return copied(honest, tmp_path)


def publish(liar: Liar, repo: str) -> Outcome:
    done = bezoar("publish", liar.run, "--to", repo, "--allow", "unknown-licence", "--json")
    assert done.code == 0, done.out + done.err
    return done


def test_another_build_is_kept_and_what_is_not_of_the_repository_is_refused(
    liar: Liar, tmp_path: Path, hub: Hub
) -> None:
    first = publish(liar, "tester/rows").json["tag"]
    got = tmp_path / "got"
    assert bezoar("pull", "tester/rows", "--out", got, "--json").json["replaced"] is None
    run = RunFolder(liar.run)
    run.review.unlink()
    assert merge_review(run, card_renderer(run.card, previous=run.dataset / "README.md")).changed
    second = publish(liar, "tester/rows").json["tag"]
    pulled = bezoar("pull", "tester/rows", "--out", got)
    assert pulled.code == 0, pulled.err
    assert f"build {first}, of 20" in pulled.out
    assert f"`bezoar-data undo {got}` brings it back" in pulled.out
    assert bezoar("undo", got, "--json").json["standing"]["build"] == first
    assert bezoar("card", "check", got).code == 0
    again = bezoar("pull", f"tester/rows@{second}", "--out", got, "--json").json
    assert (again["lock"], again["replaced"]["build"]) == (second, first)

    publish(liar, "other/rows")
    for repo, folder, words in (
        ("other/rows", got, "a dataset pulled from tester/rows"),
        ("tester/rows", liar.run, "a dataset that was made here"),
    ):
        refused = bezoar("pull", repo, "--out", folder, "--json")
        assert refused.code == 2, refused.out
        (problem,) = refused.json["problems"]
        assert problem["code"] == "out-taken"
        assert words in problem["message"]
        assert "--out" in problem["hint"]
    mine = Project(tmp_path / "mine")
    mine.rows(2)
    path = mine.pipeline("  - use: load_flan\n    with: {path: rows.jsonl}\n")
    path.write_text(path.read_text().replace("models: models.yaml\n", ""))
    over = mine.run("--out", str(got), "--json")
    assert over.code == 2
    assert "a dataset pulled from tester/rows" in over.json["problems"][0]["message"]
