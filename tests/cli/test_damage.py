"""Run folders that came to harm, through every command that reads one: a message, never an error of the program, and
never a wait without end. All two hundred damages are nightly."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import lies
from support.command import bezoar
from support.damage import Damage, copied, damages

RUN = "runs/test"
GOOD = 'review_status == "Accept"'
RECIPE = """\
name: after
version: 1
base: nobody/has-this
stages:
  - {id: sft, use: sft, card: runs/test/dataset}
"""
QUICK = (
    ("status", RUN),
    ("card", "check", RUN),
    ("export", RUN, "--format", "jsonl", "--all", "--out", "all.jsonl"),
    ("publish", RUN, "--to", "me/small", "--dry-run"),
    ("judge", "reliability", RUN, "--columns", "judge_status", "review_status"),
    ("review", "push", RUN),
    ("journal", "redact", "no-such-row"),
    ("plan", "pipeline.yaml"),
)
ALL = (
    *QUICK,
    ("status", RUN, "--json"),
    ("card", "check", RUN, "--json"),
    ("card", "show", RUN),
    ("card", "check", RUN, "--rebuild"),
    ("export", RUN, "--format", "messages", "--out", "messages.jsonl"),
    ("export", RUN, "--format", "alpaca", "--prompt", "inputs", "--response", "explained_targets", "--out", "a.json"),
    ("publish", RUN, "--to", "me/small", "--dry-run", "--with-answers", "--allow", "unknown-licence"),
    ("judge", "reliability", RUN),
    ("judge", "calibrate", RUN, "--rating", "judge_rating", "--good", GOOD),
    ("judge", "calibrate", RUN, "--rating", "review_people", "--good", GOOD, "--save"),
    ("review", "status", RUN),
    ("review", "pull", RUN),
    ("trace", "--find", "the", "--run", RUN),
    ("head", RUN),
    ("sample", RUN),
    ("diff", RUN, RUN),
    ("report", RUN),
    ("undo", RUN),
    ("train", "recipe.yaml", "--plan"),
    ("journal", "stats"),
    ("journal", "prune", "--older-than", "1d", "--dry-run"),
    ("preview", "pipeline.yaml"),
    ("run", "pipeline.yaml"),
    ("card", "check", RUN),
)
NOWHERE = {"ARGILLA_API_URL": "http://127.0.0.1:9", "ARGILLA_API_KEY": "nobody"}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a finished and reviewed run."""
    folder = tmp_path_factory.mktemp("sound")
    lies.make(folder)
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


def all_damages(sound: Path, count: int = 200) -> list[Damage]:
    files = sorted(p.relative_to(sound / RUN).as_posix() for p in (sound / RUN).rglob("*") if p.is_file())
    return damages([name for name in files if not Path(name).name.startswith(".")], count)


def survives(damage: Damage, project: Path, commands: tuple[tuple[str, ...], ...]) -> None:
    damage.do(project / RUN)
    for command in commands:
        done = bezoar(*command, cwd=project, env=NOWHERE)
        assert done.code in (0, 1, 2, 4, 5), (str(damage), command, done.err)
        assert "internal error" not in done.err, (str(damage), command, done.err)
        assert done.err or done.out, (str(damage), command)
        assert not list(project.rglob("*.new")), command


@pytest.mark.parametrize("number", [57, 113])
def test_a_damaged_run_is_told(sound: Path, tmp_path: Path, number: int) -> None:
    survives(all_damages(sound)[number], copied(sound, tmp_path / "project"), QUICK)


@pytest.mark.nightly
@pytest.mark.parametrize("tenth", range(20))
def test_a_damaged_run_is_told_by_every_command(sound: Path, tmp_path: Path, tenth: int) -> None:
    for damage in all_damages(sound)[tenth * 10 : tenth * 10 + 10]:
        survives(damage, copied(sound, tmp_path / "project"), ALL)
