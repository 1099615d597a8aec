"""The pipeline as it is published beside a dataset: whole, and without a word of where things lie on this machine."""

from __future__ import annotations

import json
from pathlib import Path

from bezoar_data.config.yaml.document import parse_yaml
from support.fault_server import FaultServer
from support.projects import STEPS, Project


def test_the_published_pipeline_names_no_folder_of_this_machine(tmp_path: Path, server: FaultServer) -> None:
    project = Project(tmp_path)
    project.rows(2)
    project.models(server.url)
    (tmp_path / "card.md").write_text("---\nbezoar: {}\n---\n\n# Ours\n")
    (tmp_path / "old.jsonl").write_text("")
    here = {"card": str(tmp_path / "card.md"), "answers": [str(tmp_path / "old.jsonl")]}
    path = project.pipeline(STEPS.replace("rows.jsonl", json.dumps(str(tmp_path / "rows.jsonl"))), **here)
    path.write_text(path.read_text().replace("models: models.yaml", f"models: {tmp_path / 'models.yaml'}"))
    assert project.run().code == 0
    text = (tmp_path / "runs/test/pipeline.yaml").read_text()
    assert str(tmp_path) not in text
    told = parse_yaml(text, "pipeline.yaml").value
    assert [told[key] for key in ("card", "models", "answers")] == ["card.md", "models.yaml", ["old.jsonl"]]
    assert told["steps"][0]["with"]["path"] == "rows.jsonl"
    done = project.bezoar("card", "check", "runs/test", "--rebuild")
    assert done.code == 0, done.err
