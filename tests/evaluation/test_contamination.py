"""Items that a model has learnt from are found in the builds it was trained on, and told apart from the others."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bezoar_data.evaluation.compare import compare
from bezoar_data.evaluation.items import read_evaluated
from bezoar_data.runs.lock import Lock
from support.command import bezoar
from support.projects import Project
from support.trained import data, stage

PLANTED = 3


@pytest.fixture
def trained(project: Project, models: dict[str, Path], tasks: Path) -> Path:
    """A stage that was trained on a dataset which holds one of the twenty items of the task `long`."""
    item = json.loads((tasks / "items.jsonl").read_text().splitlines()[PLANTED])
    text = f"The {item['a']} went over the {item['b']} and the {item['a']} went under the {item['b']} and then came the"
    rows = [{"instruction": f"Say something of number {i}."} for i in range(20)]
    rows.append({"instruction": f"Here is a riddle! {text.upper()}... who?"})
    project.folder.mkdir(parents=True, exist_ok=True)
    (project.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pipeline = project.folder / "mine.yaml"
    pipeline.write_text("name: mine\nversion: 1\nsteps:\n  - {use: load_instructions, with: {path: rows.jsonl}}\n")
    assert bezoar("run", pipeline, "--json", cwd=project.folder).code == 0
    lock = Lock.read(project.folder / "runs" / "mine" / "dataset" / "lock.json").hash
    folder = project.folder / "stage"
    shutil.copytree(models["adapter"], folder)
    record = stage(replace(data("mine.md", "MIT", "yes"), lock=lock), data("gone.md", "MIT", "yes"))
    (folder / "stage.json").write_text(json.dumps(record.as_json()))
    return folder


def test_a_planted_item_is_found_and_its_score_told_apart(
    trained: Path, models: dict[str, Path], tasks: Path, tmp_path: Path
) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text(json.dumps({"name": "leak", "version": 1, "tasks": [{"task": str(tasks / "long.yaml")}]}))
    runs, out = trained.parent / "runs", tmp_path / "out"
    told = bezoar("evaluate", models["base"], trained, "--suite", suite, "--out", out, "--runs", runs, "--json").json
    base, learnt = told["models"]
    assert base["contamination"] == {"checked": [], "unchecked": [], "tasks": {}}
    assert (learnt["contamination"]["checked"], learnt["contamination"]["unchecked"]) == (["mine.md"], ["gone.md"])
    found = learnt["contamination"]["tasks"]["long"]
    assert found["cards"] == {"mine.md": 1}
    assert len(found["items"]) == 1
    here = read_evaluated(out / "models" / "leak" / learnt["model"]["name"])
    scores = here.tasks["long"].scores["acc"]
    assert found["flagged"] == scores[found["items"][0]]
    assert found["clean"] == pytest.approx(sum(v for k, v in scores.items() if k != found["items"][0]) / 19)
    both = compare(read_evaluated(out / "models" / "leak" / "base"), here)
    assert [(one.name, one.found.items) for one in both.leaked] == [("long, clean", 19), ("long, leaked", 1)]
    text = bezoar("evaluate", models["base"], trained, "--suite", suite, "--out", out, "--runs", runs).out
    assert "1 items stand in its training data, mine.md (1):" in text
    assert "not searched for the items, as it is not here: gone.md" in text
