"""A dataset published with its answers, pulled elsewhere, and made anew there without a model, a key or the journal."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.llms.journal import Journal, maintenance
from support.fault_server import FaultServer
from support.hub_server import Hub, hub_server
from support.journal_entries import put_all
from support.projects import JUDGED, STEPS, Project
from support.ssh_keys import ALONE, make_key, needs_ssh_keygen, public

REPO = "tester/explained"
PRICE = {"input": 1.0, "output": 3.0, "read": "2026-11-30"}
LICENCE = {"id": "CC0-1.0", "commercial": "yes"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished run of a pipeline in a folder of its own, with a card, a refused question and rows outside of it."""
    project = Project(tmp_path_factory.mktemp("made"))
    project.rows(12, {3: "[[400]]"})
    (project.folder / "pipelines").mkdir()
    (project.folder / "card.md").write_text("---\nlanguage: [en]\nbezoar: {}\n---\n\n# Ours\n\nWords of ours.\n")
    with FaultServer() as server:
        project.models(server.url, price=PRICE, output_licence=LICENCE)
        steps = JUDGED.replace("rows.jsonl}", "../rows.jsonl, licence: CC0-1.0}")
        text = project.pipeline(steps, tolerate=0.5, card="../card.md", splits={"validation": 0.3}).read_text()
        (project.folder / "pipelines/test.yaml").write_text(text.replace("models.yaml", "../models.yaml"))
        done = project.bezoar("run", "pipelines/test.yaml", "--limit", "10", "--out", "runs/test", "--json")
        assert done.code == 0, done.err
    return project


@pytest.fixture(scope="module")
def published(made: Project) -> Any:
    """The Hub with the run on it, its answers beside it."""
    with hub_server() as hub, hub.in_this_process(made.folder / "hf"):
        done = publish(made)
        assert done.code == 0, done.out + done.err
        yield hub


def publish(project: Project, repo: str = REPO) -> Any:
    return project.bezoar("publish", "runs/test", "--to", repo, "--with-answers", "--json")


@pytest.fixture
def pulled(published: Hub, tmp_path: Path) -> Project:
    """Another machine's folder, with what was pulled into it."""
    project = Project(tmp_path / "elsewhere")
    done = project.bezoar("pull", REPO, "--out", "got")
    assert done.code == 0, done.out + done.err
    return project


def test_what_was_pulled_is_made_anew_with_the_same_bytes(made: Project, pulled: Project) -> None:
    there, here = made.folder / "runs/test/dataset", pulled.folder / "got/dataset"
    for path in there.rglob("*"):
        if path.is_file() and path.name != "README.md":
            assert (here / path.relative_to(there)).read_bytes() == path.read_bytes()
    assert not list(pulled.folder.rglob("*.sqlite"))
    done = pulled.bezoar("card", "check", "got", "--rebuild", "--trust-code", "--json")
    assert done.code == 0, done.out + done.err
    assert {"README.md", "croissant.json", "lock.json"} < set(done.json["rebuilt"]["files"])
    lock = json.loads((here / "lock.json").read_text())
    assert lock["cost"] > 0
    assert lock["steps"][2]["dropped"] == {"http_400": 1}
    assert sum(use["answers"] for use in lock["usage"]) == done.json["rebuilt"]["answers"] - 1
    readme = (here / "README.md").read_text()
    assert "recorded answers behind these rows are beside them" in readme
    assert "Words of ours." in readme
    # Where it was made it is made anew from the journal.
    assert made.bezoar("card", "check", "runs/test", "--rebuild", "--trust-code").code == 0


def test_only_what_others_need_is_published(made: Project, pulled: Project) -> None:
    folder = pulled.folder / "got/dataset/answers"
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert names == {"answers.jsonl.gz", "manifest.json", "card.md", "inputs/0-rows.jsonl"}
    entries = [json.loads(line) for line in gzip.decompress((folder / "answers.jsonl.gz").read_bytes()).splitlines()]
    assert {entry["error"] for entry in entries} == {None, "http_400"}
    assert all(not (e["asked_at"] or e["answered_at"] or e["request_id"] or e["extra"]) for e in entries)
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(made.folder).encode() not in gzip.decompress(content) if path.suffix == ".gz" else content


def test_a_second_publish_sends_nothing(made: Project, published: Hub) -> None:
    before = len(published.repos[REPO].commits)
    again = publish(made)
    assert again.code == 0, again.out + again.err
    assert (again.json["new"], again.json["changed"]) == ([], [])
    assert len(published.repos[REPO].commits) == before


def test_a_missing_or_a_changed_answer_is_told(pulled: Project) -> None:
    answers = pulled.folder / "got/dataset/answers/answers.jsonl.gz"
    lines = gzip.decompress(answers.read_bytes()).splitlines(keepends=True)
    answers.write_bytes(gzip.compress(b"".join(lines[2:])))
    changed = pulled.bezoar("card", "check", "got", "--json")
    assert changed.code == 4
    assert changed.json["problems"][0]["file"].endswith("answers.jsonl.gz")
    renew_hashes(pulled.folder / "got/dataset")
    assert pulled.bezoar("card", "check", "got").code == 0
    done = pulled.bezoar("card", "check", "got", "--rebuild", "--trust-code", "--json")
    assert done.code == 4
    codes = [problem["code"] for problem in done.json["problems"]]
    assert codes[0] == "answers-missing"
    said = " ".join(problem["message"] for problem in done.json["problems"])
    assert "lock.json: steps" in said
    assert "rows differ" in said


@needs_ssh_keygen
def test_answers_are_signed_with_all_else(made: Project, published: Hub, tmp_path: Path) -> None:
    key, project = make_key(tmp_path / "anna"), Project(tmp_path / "elsewhere")
    done = made.bezoar(
        "publish", "runs/test", "--to", "tester/signed", "--with-answers", "--sign", str(key), "--json", env=ALONE
    )
    assert done.code == 0, done.out + done.err
    trusted = ("--signed-by", str(public(key)))
    assert project.bezoar("pull", "tester/signed", "--out", "got", *trusted).code == 0
    assert project.bezoar("card", "check", "got", "--rebuild", "--trust-code", *trusted).code == 0
    dataset = project.folder / "got/dataset"
    answers = dataset / "answers/answers.jsonl.gz"
    answers.write_bytes(gzip.compress(gzip.decompress(answers.read_bytes()).replace(b"http_400", b"http_401")))
    renew_hashes(dataset)
    found = project.bezoar("card", "check", "got", "--json", *trusted)
    assert found.code == 4
    assert {problem["code"] for problem in found.json["problems"]} == {"signed-changed"}
    names = {Path(problem["file"]).name for problem in found.json["problems"]}
    assert names == {"README.md", "manifest.json", "answers.jsonl.gz"}


def renew_hashes(dataset: Path) -> None:
    """Make list and card true again, as somebody would who changed the answers on purpose."""
    import hashlib

    manifest = dataset / "answers/manifest.json"
    value = json.loads(manifest.read_text())
    before = hashlib.sha256(manifest.read_bytes()).hexdigest()
    for path in value["files"]:
        value["files"][path] = hashlib.sha256((dataset / path).read_bytes()).hexdigest()
    manifest.write_text(json.dumps(value))
    readme = dataset / "README.md"
    after = hashlib.sha256(manifest.read_bytes()).hexdigest()
    readme.write_text(readme.read_text().replace(before, after))


def test_what_a_person_redacted_stays_out(made: Project, published: Hub, tmp_path: Path) -> None:
    project = Project(tmp_path / "copy")
    shutil.copytree(made.folder, project.folder, dirs_exist_ok=True)
    row = project.kept()[0]
    assert project.bezoar("journal", "redact", row["id"]).code == 0
    stale = publish(project, "tester/redacted")
    assert stale.code == 4
    assert "rebuilt, it is not the same" in stale.out
    assert "tester/redacted" not in published.repos
    assert project.bezoar("run", "pipelines/test.yaml", "--limit", "10", "--out", "runs/test").code == 0
    assert publish(project, "tester/redacted").code == 0
    content = gzip.decompress(published.repos["tester/redacted"].files["answers/answers.jsonl.gz"])
    assert row["explained_targets"].encode() not in content
    assert b'"error": "redacted"' in content


def test_personal_data_that_no_row_holds_is_refused_too(made: Project, published: Hub, tmp_path: Path) -> None:
    project = Project(tmp_path / "copy")
    shutil.copytree(made.folder, project.folder, dirs_exist_ok=True)
    rows = project.folder / "rows.jsonl"
    rows.write_text(rows.read_text() + rows.read_text().splitlines()[0].replace("What", "jane.doe@example.org: What"))
    assert project.bezoar("run", "pipelines/test.yaml", "--limit", "10", "--out", "runs/test").code == 0
    refused = publish(project, "tester/personal")
    assert refused.code == 4, refused.out + refused.err
    assert [problem["code"] for problem in refused.json["problems"]] == ["refused-personal-data"]
    assert "jane.doe" not in refused.out
    assert "tester/personal" not in published.repos


def test_thinking_stays_at_home_unless_the_rows_hold_it(project: Project, published: Hub, server: FaultServer) -> None:
    project.rows(3)
    project.pipeline(STEPS.replace("rows.jsonl}", "rows.jsonl, licence: CC0-1.0}"))
    project.models(server.url, output_licence=LICENCE)
    assert project.run().code == 0
    with sqlite3.connect(project.folder / "runs/journal.sqlite") as journal:
        (key,) = journal.execute("SELECT hex(key) FROM answers LIMIT 1").fetchone()
    with Journal.open(project.folder / "runs/journal.sqlite") as opened:
        entry = opened.get(key.lower())
        maintenance.prune(opened, model="tester")
        assert entry is not None
        put_all(opened, [replace(entry, text=f"<think>quite so</think>{entry.text}")])
    for thinking, there in (("split", False), ("keep", True)):
        project.models(server.url, output_licence=LICENCE, thinking=thinking)
        assert project.run().code == 0
        assert publish(project, f"tester/{thinking}").code == 0
        content = gzip.decompress(published.repos[f"tester/{thinking}"].files["answers/answers.jsonl.gz"])
        assert (b"quite so" in content) == there
        assert any("quite so" in row["explained_targets"] for row in project.kept()) == there


def test_a_run_of_before_says_what_to_do(made: Project, tmp_path: Path) -> None:
    project = Project(tmp_path / "copy")
    shutil.copytree(made.folder, project.folder, dirs_exist_ok=True)
    (project.folder / "runs/test/made_from.json").unlink()
    done = project.bezoar("card", "check", "runs/test", "--rebuild", "--trust-code")
    assert done.code == 2
    assert "run the same pipeline again" in done.err
