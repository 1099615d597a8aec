"""`publish` killed at any moment: what stands on the Hub and here is the old build or the new one, whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from support.command import BEZOAR, Outcome
from support.hub_server import Hub
from support.lies import Liar
from support.projects import Project

REPO = "tester/small"
COMMAND = ("publish", "runs/test", "--to", REPO, "--allow", "unknown-licence", "--public", "--json")
KILLED_AT_RENAME = """
import os, signal, sys
from pathlib import Path
from bezoar_data.cli.main import main
left, renamed = int(sys.argv.pop(1)), Path.replace
def replace(self, target):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return renamed(self, target)
Path.replace = replace
main(sys.argv[1:])
"""


def publish(liar: Liar, *more: str) -> Outcome:
    return Project(liar.run.parents[1]).bezoar(*COMMAND, *more)


def start(liar: Liar, hub: Hub, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
    folder = liar.run.parents[1]
    environment = {**os.environ, **hub.environment(folder / "hf")}
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed_at(liar: Liar, hub: Hub, part: str, *, answered: bool) -> None:
    """Publish in a process that is killed at a request of this kind, before it is carried out or when it was."""

    def look(line: str) -> None:
        if part in line:
            process.kill()
            process.wait()

    (hub.after if answered else hub.before).append(look)
    process = start(liar, hub, (*BEZOAR, *COMMAND))
    assert process.wait(300) == -signal.SIGKILL
    hub.before.clear()
    hub.after.clear()


def files(liar: Liar) -> dict[str, bytes]:
    return {p.relative_to(liar.run).as_posix(): p.read_bytes() for p in liar.dataset.rglob("*") if p.is_file()}


def build(liar: Liar) -> dict[str, bytes]:
    """What stands on the Hub when it is all there."""
    there = {name.removeprefix("dataset/"): content for name, content in files(liar).items()}
    return {**there, "pipeline.yaml": (liar.run / "pipeline.yaml").read_bytes()}


def on_the_hub(hub: Hub) -> dict[str, bytes]:
    repo = hub.repos.get(REPO)
    return {name: content for name, content in repo.files.items() if name != ".gitattributes"} if repo else {}


def whole(liar: Liar, hub: Hub, *builds: dict[str, bytes]) -> None:
    assert on_the_hub(hub) in ({}, *builds)
    if repo := hub.repos.get(REPO):
        assert repo.private or on_the_hub(hub)
        assert set(repo.tags.values()) <= {sha for sha, _ in repo.commits[1:]}


def test_a_commit_whose_answer_never_came_is_found_by_the_next_try(liar: Liar, hub: Hub) -> None:
    before = files(liar)
    killed_at(liar, hub, "/commit/", answered=True)
    whole(liar, hub, build(liar))
    assert (files(liar), hub.repos[REPO].tags, hub.repos[REPO].private) == (before, {}, True)
    done = publish(liar)
    assert (done.code, done.json["new"], done.json["changed"]) == (0, [], [])
    repo = hub.repos[REPO]
    assert (repo.tags, repo.private, len(repo.commits)) == ({done.json["tag"]: repo.head}, False, 2)


FRESH = [
    ("repos/create", False),
    ("repos/create", True),
    ("/preupload/", False),
    ("PUT /lfs/", False),
    ("PUT /lfs/", True),
    ("/commit/", False),
    ("/tag/", False),
    ("POST /api/datasets/tester/small/tag/", True),
    ("/settings", False),
    ("/settings", True),
]
AGAIN = [("/commits/", True), ("/commit/", False), ("/commit/", True), ("DELETE /api/datasets/tester/small/tag/", True)]


@pytest.mark.nightly
def test_killed_at_many_moments_it_leaves_the_old_build_or_the_new_one(liar: Liar, hub: Hub) -> None:
    for number, (part, answered) in enumerate([*FRESH, *AGAIN]):
        old, before = on_the_hub(hub), files(liar)
        if number < len(FRESH):
            hub.repos.clear()
            hub.large.clear()
            old = {}
        killed_at(liar, hub, part, answered=answered)
        whole(liar, hub, old, build(liar))
        assert files(liar) == before
        done = publish(liar)
        assert done.code == 0, done.out
        assert on_the_hub(hub) == build(liar)
        assert hub.repos[REPO].tags[done.json["tag"]] == hub.repos[REPO].head
        assert not hub.repos[REPO].private
        liar.readme("Words of a person.", f"Words of a person.\n\nThe {number + 1}th.")


@pytest.mark.nightly
@pytest.mark.parametrize("renames", range(5))
def test_killed_while_it_takes_in_a_card_the_dataset_is_whole(liar: Liar, hub: Hub, renames: int) -> None:
    assert publish(liar).code == 0
    repo = hub.repos[REPO]
    text = repo.files["README.md"].replace(b"pretty_name: Small", b"pretty_name: Smaller")
    repo.add({**repo.files, "README.md": text}, "Update README.md")
    script = (sys.executable, "-c", KILLED_AT_RENAME, str(renames), *COMMAND, "--hub-edits", "take")
    start(liar, hub, script).wait(300)
    done = publish(liar, "--hub-edits", "take")
    assert done.code == 0, done.out
    assert Project(liar.run.parents[1]).bezoar("card", "check", "runs/test").code == 0
    assert on_the_hub(hub) == build(liar)
    assert b"pretty_name: Smaller" in repo.files["README.md"]
    assert sorted(p.name for p in liar.run.iterdir() if "dataset" in p.name or "building" in p.name) == ["dataset"]
