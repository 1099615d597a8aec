from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.projects import JUDGED, Project
from support.review_server import ReviewServer, review_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReviewServer]:
    with review_server(tmp_path / "review-home") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A judged run that wants eight rows reviewed and a kappa of 0.4 before it is published."""
    project = Project(tmp_path / "project")
    shipped = Path(__file__).parents[2] / "pipelines"
    lines = (shipped / "seeds" / "flan.jsonl").read_text().splitlines(keepends=True)
    (project.folder / "rows.jsonl").write_text("".join(lines[:40]))
    gate = "review: {rows: 8, kappa: 0.4}\n"
    text = f"name: test\nversion: 1\nmodels: {shipped / 'models' / 'offline.yaml'}\n{gate}steps:\n{JUDGED}"
    (project.folder / "pipeline.yaml").write_text(text)
    assert project.run().code == 0
    return project
