"""A score names the dataset of the Hub that its items are from, and no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from bezoar_data.config.files.suite import load_suite
from bezoar_data.evaluation import harness
from bezoar_data.evaluation.hub_dataset import hub_dataset
from bezoar_data.evaluation.task_index import task_manager
from support.hub_server import Repo, hub_server

TASK = """\
task: riddle
output_type: multiple_choice
dataset_path: tester/items
dataset_kwargs: {{cache_dir: {cache}}}
test_split: test
doc_to_text: "{{{{text}}}}"
doc_to_choice: [a, b]
doc_to_target: 0
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
"""
ROWS = b'{"text": "x"}\n{"text": "y"}\n'
TASKS = b"""\
name: Items
tasks:
  - {id: other, config: default, split: train}
  - {id: items, config: default, split: test}
"""


def loaded(folder: Path, **task: Any) -> Any:
    """The task as the harness loads it."""
    (folder / "riddle.yaml").write_text(TASK.format(cache=folder / "cache"))
    (folder / "suite.yaml").write_text(
        json.dumps({"name": "s", "version": 1, "tasks": [{"task": "riddle.yaml", **task}]})
    )
    suite = load_suite(folder / "suite.yaml")
    return harness.load(harness.tasks_of(suite)[0], task_manager(suite))


@pytest.mark.parametrize(("more", "called"), [({"eval.yaml": TASKS}, "items"), ({}, "default")])
def test_items_of_the_hub_are_named_with_commit_and_task(
    more: dict[str, bytes], called: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub_server() as hub, hub.in_this_process(tmp_path / "hf"):
        monkeypatch.setattr(datasets.config, "HF_ENDPOINT", hub.url)
        monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
        repo = hub.repos["tester/items"] = Repo(private=False)
        commit = repo.add({"data/test.jsonl": ROWS, **more})
        found = hub_dataset(loaded(tmp_path))
    assert found is not None
    assert (found.id, found.revision, found.split, found.items) == ("tester/items", commit, "test", 2)
    assert (found.config, found.task) == ("default", called)


def test_files_of_ones_own_are_no_dataset_of_the_hub(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_bytes(ROWS)
    assert hub_dataset(loaded(tmp_path, data={"test": "own.jsonl"})) is None
