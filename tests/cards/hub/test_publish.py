"""Publishing to a Hub over real HTTP, and fetching from it: round trip, faults, refusals."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.command import Outcome
from support.hub_server import READ_ONLY, TOKEN, Hub, Repo, hub_server
from support.projects import Project
from support.shipped import OFFLINE, ORCA

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
REPO = "tester/orca"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_server() as hub:
        yield hub


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One real run of the shipped Orca pipeline."""
    project = Project(tmp_path_factory.mktemp("made"))
    assert project.bezoar("run", ORCA, "--models", OFFLINE, "--limit", "30", "--out", "runs/orca").code == 0
    return project.folder / "runs" / "orca"


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Project:
    shutil.copytree(made, tmp_path / "runs" / "orca")
    return Project(tmp_path)


def publish(project: Project, hub: Hub, *more: str, token: str | None = TOKEN) -> Outcome:
    arguments = ("publish", "runs/orca", "--to", REPO, "--allow", "demo", "--json", *more)
    return project.bezoar(*arguments, process=True, env=hub.environment(project.folder / "hf", token))


def lock_name(project: Project) -> str:
    text = (project.folder / "runs/orca/dataset/README.md").read_text()
    return next(
        line.split('"')[1] if '"' in line else line.split()[1] for line in text.split("\n") if "  lock:" in line
    )


LOADS = """
import json, sys
from datasets import load_dataset
from huggingface_hub import DatasetCard, snapshot_download
import mlcroissant
repo, tag = sys.argv[1:]
loaded = load_dataset(repo, revision=tag)
card = DatasetCard.load(repo)
folder = snapshot_download(repo, repo_type="dataset", revision=tag)
croissant = mlcroissant.Dataset(jsonld=folder + "/croissant.json")
rows = {split: len(list(croissant.records(split))) for split in loaded}
print(json.dumps({
    "rows": [row for split in loaded.values() for row in split.to_list()],
    "demo": card.data.to_dict()["bezoar"]["demo"],
    "croissant": rows, "counts": {split: len(rows) for split, rows in loaded.items()},
}))
"""


def test_the_round_trip_gives_equal_rows_and_a_second_publish_sends_nothing(project: Project, hub: Hub) -> None:
    done = publish(project, hub)
    assert done.code == 0, done.err
    tag = done.json["tag"]
    repo = hub.repos[REPO]
    assert repo.private
    assert repo.tags == {tag: repo.head}
    assert len(repo.commits) == 2  # the empty repository's own, and ours
    assert {"README.md", "croissant.json", "lock.json", "pipeline.yaml"} <= set(repo.files)
    environment = hub.environment(project.folder / "hf2")
    read = subprocess.run(
        [sys.executable, "-c", LOADS, REPO, tag], env={**dict(__import__("os").environ), **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert read.returncode == 0, read.stderr
    found = json.loads(read.stdout.splitlines()[-1])
    assert found["rows"] == project.kept("orca")
    assert found["demo"] is True
    assert found["croissant"] == found["counts"]
    before = len(hub.requests)
    again = publish(project, hub)
    assert again.code == 0, again.err
    assert (again.json["new"], again.json["changed"]) == ([], [])
    assert len(repo.commits) == 2
    assert not [r for r in hub.requests[before:] if not r.startswith("GET")]


def test_an_upload_cut_half_way_changes_nothing_and_the_next_try_succeeds(project: Project, hub: Hub) -> None:
    # Cut once, then refused with a status that the Hub's client does not wait half a minute for.
    hub.faults |= {"PUT /lfs/": [0, 1], "PUT /lfs": [507, 99]}
    done = publish(project, hub)
    assert done.code == 5, done.err
    assert "Traceback" not in done.err
    assert len(hub.repos[REPO].commits) == 1
    assert hub.repos[REPO].tags == {}
    hub.faults.clear()
    done = publish(project, hub)
    assert done.code == 0, done.err
    assert hub.repos[REPO].files["lock.json"] == (project.folder / "runs/orca/dataset/lock.json").read_bytes()


def test_files_that_arrived_before_a_failed_commit_are_not_sent_again(project: Project, hub: Hub) -> None:
    hub.faults[f"POST /api/datasets/{REPO}/commit"] = [503, 99]
    assert publish(project, hub).code == 5
    sent = hub.sent("PUT /lfs/")
    assert sent == 2
    assert len(hub.repos[REPO].commits) == 1
    hub.faults.clear()
    assert publish(project, hub).code == 0
    assert hub.sent("PUT /lfs/") == sent


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, 2, "authentication failed"),
        (403, 2, "permission denied"),
        (409, 2, "meanwhile"),
        (429, 5, "the same command again"),
        (500, 5, "the same command again"),
    ],
)
def test_each_of_the_hubs_errors_is_told_in_one_message(
    project: Project, hub: Hub, status: int, code: int, words: str
) -> None:
    hub.faults[f"POST /api/datasets/{REPO}/commit"] = [status, 99]
    done = publish(project, hub)
    assert done.code == code, done.out + done.err
    assert words in done.out
    assert "Traceback" not in done.err
    assert TOKEN not in done.out + done.err


@pytest.mark.parametrize(("token", "words"), [("hf_" + "w" * 34, "valid token"), (READ_ONLY, "may write")])
def test_a_token_that_may_not_write_is_told_and_shown_nowhere(
    project: Project, hub: Hub, token: str, words: str
) -> None:
    done = publish(project, hub, token=token)
    assert done.code == 2, done.out + done.err
    assert words in done.out
    assert token not in done.out + done.err
    assert hub.repos == {}


def test_a_dry_run_says_what_would_go_and_sends_nothing(project: Project, hub: Hub) -> None:
    done = publish(project, hub, "--dry-run")
    assert done.code == 0, done.err
    assert "README.md" in done.json["new"]
    assert hub.repos == {}
    assert not [r for r in hub.requests if not r.startswith("GET")]


def test_a_changed_build_replaces_what_changed_and_moves_on(project: Project, hub: Hub) -> None:
    first = publish(project, hub).json
    readme = project.folder / "runs/orca/dataset/README.md"
    readme.write_text(readme.read_text().replace("## Summary", "Mind the gap.\n\n## Summary", 1))
    again = publish(project, hub)
    assert again.code == 0, again.err
    assert again.json["changed"] == ["README.md"]
    assert again.json["tag"] == first["tag"]
    repo = hub.repos[REPO]
    assert repo.tags == {first["tag"]: repo.head}
    assert b"Mind the gap." in repo.files["README.md"]


def test_public_only_when_told_and_only_when_all_is_there(project: Project, hub: Hub) -> None:
    done = publish(project, hub, "--public", "--gated", "manual")
    assert done.code == 0, done.err
    repo = hub.repos[REPO]
    assert (repo.private, repo.gated) == (False, "manual")
    order = [r for r in hub.requests if "/commit/" in r or "/settings" in r or "/tag/" in r]
    assert ["/commit/" in order[0], "/settings" in order[-1]] == [True, True]


def test_demo_rows_are_refused_without_the_named_flag(project: Project, hub: Hub) -> None:
    environment = hub.environment(project.folder / "hf")
    done = project.bezoar("publish", "runs/orca", "--to", REPO, "--json", process=True, env=environment)
    assert done.code == 4
    (problem,) = done.json["problems"]
    assert problem["code"] == "refused-demo"
    assert "--allow demo" in problem["hint"]
    assert hub.requests == []


def test_every_concern_is_told_at_once(project: Project, hub: Hub) -> None:
    dataset = project.folder / "runs/orca/dataset"
    (file,) = (dataset / "data").glob("train-*.parquet")
    table = pq.read_table(file)
    texts = table.column("inputs").to_pylist()
    texts[2] = "Write to jane.doe@example.org."
    at = table.column_names.index("inputs")
    pq.write_table(table.set_column(at, "inputs", [texts]), file)
    lock = dataset / "lock.json"
    lock.write_text(lock.read_text().replace('"licence": "CC0-1.0"', '"licence": null'))
    done = project.bezoar(
        "publish", "runs/orca", "--to", REPO, "--json", process=True, env=hub.environment(project.folder / "hf")
    )
    assert done.code == 4
    codes = {problem["code"] for problem in done.json["problems"]}
    assert {"refused-demo", "refused-unknown-licence", "refused-failed-checks", "refused-personal-data"} <= codes
    assert "jane.doe" not in done.out + done.err
    assert hub.requests == []


def test_pull_fetches_what_was_published_and_verifies_it(project: Project, hub: Hub, tmp_path: Path) -> None:
    tag = publish(project, hub).json["tag"]
    environment = hub.environment(project.folder / "hf")
    done = project.bezoar("pull", f"{REPO}@{tag}", "--out", "got", "--json", process=True, env=environment)
    assert done.code == 0, done.err
    assert done.json["rows"] == len(project.kept("orca"))
    for path in (project.folder / "runs/orca/dataset").rglob("*"):
        if path.is_file():
            name = path.relative_to(project.folder / "runs/orca/dataset")
            assert (project.folder / "got/dataset" / name).read_bytes() == path.read_bytes()
    assert project.bezoar("card", "check", "got").code == 0


def test_pull_refuses_what_is_not_as_its_card_says_and_keeps_what_was_there(project: Project, hub: Hub) -> None:
    tag = publish(project, hub).json["tag"]
    environment = hub.environment(project.folder / "hf")
    assert project.bezoar("pull", REPO, "--out", "got", process=True, env=environment).code == 0
    repo = hub.repos[REPO]
    lied = {**repo.files, "README.md": repo.files["README.md"].replace(b"  demo: true", b"  demo: false")}
    repo.add(lied)
    done = project.bezoar("pull", REPO, "--out", "got", "--json", process=True, env=environment)
    assert done.code == 4
    assert "demo" in done.out
    assert project.bezoar("card", "check", "got").code == 0  # the honest one still stands
    assert not list((project.folder / "got").glob(".pulling-*"))
    # The pinned revision is another matter: it is what it was.
    assert project.bezoar("pull", f"{REPO}@{tag}", "--out", "got2", process=True, env=environment).code == 0


def test_pull_leaves_a_persons_own_folder_as_it_is(project: Project, hub: Hub) -> None:
    publish(project, hub)
    theirs = project.folder / "mine/dataset/rows.csv"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("precious")
    done = project.bezoar(
        "pull", REPO, "--out", "mine", "--json", process=True, env=hub.environment(project.folder / "hf")
    )
    assert done.code == 2
    assert "no run made this folder" in done.out
    assert theirs.read_text() == "precious"


def test_pull_takes_no_path_that_leads_out(project: Project, hub: Hub) -> None:
    lock = json.loads((project.folder / "runs/orca/dataset/lock.json").read_text())
    lock["data"][0]["path"] = "../../evil.parquet"
    files = {"lock.json": json.dumps(lock).encode(), "README.md": b"---\n---\n", "croissant.json": b"{}"}
    hub.repos["evil/data"] = Repo(private=False)
    hub.repos["evil/data"].add(files)
    done = project.bezoar("pull", "evil/data", "--json", process=True, env=hub.environment(project.folder / "hf"))
    assert done.code == 4
    assert "outside of data/" in done.out
    assert not (project.folder / "pulled" / "data" / "dataset").exists()


def test_what_is_no_dataset_of_ours_or_not_there_is_told(project: Project, hub: Hub) -> None:
    hub.repos["some/data"] = Repo(private=False)
    hub.repos["some/data"].add({"README.md": b"hello"})
    environment = hub.environment(project.folder / "hf")
    for name, words in (
        ("some/data", "not a dataset of bezoar-data"),
        ("no/such", "no such repository"),
        ("a b", "name"),
    ):
        done = project.bezoar("pull", name, "--json", process=True, env=environment)
        assert done.code == 2, done.out + done.err
        assert words in done.out
