"""`card check`: a card that tells the truth passes, and each planted lie is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezoar_data.cards.check import check_dataset
from bezoar_data.config.errors import InputError
from support.projects import Project
from support.shipped import OFFLINE, ORCA

ROOT = Path(__file__).parents[2]
LOOSE = "steps.near_duplicates.column=targets"  # so that some rows are dropped


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One real run of the shipped Orca pipeline."""
    project = Project(tmp_path_factory.mktemp("honest"))
    assert (
        project.bezoar("run", ORCA, "--models", OFFLINE, "--limit", "30", "--set", LOOSE, "--out", "runs/orca").code
        == 0
    )
    return project.folder / "runs" / "orca"


@pytest.fixture
def run(runs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(runs, tmp_path / "orca"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text, old
    file.write_text(text.replace(old, new, 1), "utf-8")


def change_lock(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = run / "dataset" / "lock.json"
    lock = json.loads(file.read_text())
    change(lock)
    file.write_text(json.dumps(lock, indent=2))


def change_rows(run: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    (file,) = (run / "dataset" / "data").glob("train-*.parquet")
    table = pq.read_table(file)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema), file)


def one_word_changed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows[3]["explained_targets"] += " Indeed."
    return rows


def accepted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "judge_status": "Accept"} for row in rows]


def deny_demo(lock: dict[str, Any]) -> None:
    lock["demo"] = False


def add_kept(lock: dict[str, Any]) -> None:
    lock["counts"]["kept"] += 100


LIES: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    # what was done: (how, a code that tells it, words of its message)
    "more rows claimed on the card": (
        lambda run: edit(run / "dataset/README.md", "    kept: 25", "    kept: 25000"),
        "card-differs", "'bezoar: counts'",
    ),
    "another licence at the top": (
        lambda run: edit(run / "dataset/README.md", "license: cc0-1.0", "license: mit"), "card-differs", "'license'",
    ),
    "commercial use allowed by hand": (
        lambda run: edit(run / "dataset/README.md", 'commercial: "yes"', 'commercial: "no"'),
        "card-differs", "bezoar: ",
    ),
    "a friendlier verdict in the text": (
        lambda run: edit(run / "dataset/README.md", "**Judge** `judge`", "**Judge** `judge`, praised"),
        "section-differs", "'Summary'",
    ),
    "the demo mark taken off": (
        lambda run: edit(run / "dataset/README.md", "  demo: true", "  demo: false"), "card-differs", "'bezoar: demo'",
    ),
    "a word of a row changed": (
        lambda run: change_rows(run, one_word_changed), "rows-changed", "rows were changed",
    ),
    "rows added": (
        lambda run: change_rows(run, lambda rows: [*rows, rows[0]]), "rows-twice", "appear twice in the data",
    ),
    "rows taken away": (lambda run: change_rows(run, lambda rows: rows[:-2]), "rows-differ", "the file has"),
    "verdicts turned in the rows": (lambda run: change_rows(run, accepted), "file-changed", "its hash differs"),
    "the lock's counts raised": (lambda run: change_lock(run, add_kept), "counts-differ", "rows were kept; there are"),
    "the lock denies the demo": (lambda run: change_lock(run, deny_demo), "demo-hidden", "the lock denies it"),
    "a file slipped in": (
        lambda run: (run / "dataset/data/more.parquet").write_bytes(b"PAR1"), "file-unknown", "knows no such file",
    ),
    "a file taken away": (
        lambda run: next((run / "dataset/data").glob("train-*")).unlink(), "file-missing", "is not there",
    ),
    "another build's card": (
        lambda run: edit(run / "dataset/README.md", "  lock: ", "  lock: 00"),
        "lock-differs", "the card is that of build",
    ),
    "cost made smaller": (
        lambda run: edit(run / "dataset/README.md", "Total: $0.00", "Total: $0.0"),
        "section-differs", "'Cost'",
    ),
    "a view of a column that is not there": (
        lambda run: edit(run / "dataset/README.md", "response: explained_targets", "response: nowhere"),
        "unknown-column", "nowhere",
    ),
    "Croissant with another licence": (
        lambda run: edit(run / "dataset/croissant.json", "CC0-1.0.html", "MIT.html"),
        "croissant-differs", "croissant.json",
    ),
    "dropped rows hidden": (
        lambda run: pq.write_table(pq.read_table(run / "dropped.parquet").slice(0, 0), run / "dropped.parquet"),
        "counts-differ", "were dropped; there are 0",
    ),
}  # fmt: skip


def test_a_card_that_tells_the_truth_passes(run: Path) -> None:
    assert check_dataset(run / "dataset") == []


@pytest.mark.parametrize("lie", LIES)
def test_each_lie_is_named(run: Path, lie: str) -> None:
    plant, code, words = LIES[lie]
    plant(run)
    problems = check_dataset(run / "dataset")
    assert any(p.code == code and words in p.message for p in problems), [(p.code, p.message) for p in problems]
    assert all(p.place is not None for p in problems)


def test_a_changed_row_is_named_by_its_id(run: Path) -> None:
    (file,) = (run / "dataset" / "data").glob("train-*.parquet")
    changed = pq.read_table(file).to_pylist()[3]["id"]
    change_rows(run, one_word_changed)
    (problem,) = [p for p in check_dataset(run / "dataset") if p.code == "rows-changed"]
    assert problem.message == f"rows were changed: {changed}"


def test_a_persons_own_words_are_no_lie(run: Path) -> None:
    readme = run / "dataset/README.md"
    edit(readme, "## Summary", "Read this first.\n\n## Summary")
    assert check_dataset(run / "dataset") == []


def test_a_card_of_another_version_is_told_to_be_one(run: Path) -> None:
    change_lock(run, lambda lock: lock["software"].update({"bezoar-data": "0.0.1"}))
    differing = [p for p in check_dataset(run / "dataset") if p.code == "section-differs"]
    assert differing
    assert all("bezoar-data 0.0.1 rendered this card" in p.hint for p in differing)


def test_a_folder_without_a_dataset_is_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no lock\.json here"):
        check_dataset(tmp_path)


def test_the_command_ends_with_exit_code_4_and_names_the_line(run: Path) -> None:
    project = Project(run.parent)
    assert project.bezoar("card", "check", "orca").code == 0
    edit(run / "dataset/README.md", "  demo: true", "  demo: false")
    done = project.bezoar("card", "check", "orca", "--json")
    assert done.code == 4
    (problem, *_) = done.json["problems"]
    assert problem["line"]
    shown = project.bezoar("card", "show", "orca")
    assert shown.code == 0
    assert "CC0-1.0" in shown.out
