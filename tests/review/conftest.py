from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fault_server import FaultServer
from support.projects import JUDGED, Project
from support.review_server import ReviewServer, review_server

_BALANCED = """\
  - use: balance
    with: {column: judge_status, most: 5}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewServer]:
    with review_server(tmp_path_factory.mktemp("review") / "home") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A judged run of forty rows."""
    return _judged(tmp_path / "project", gate="review: {licence: CC-BY-4.0, contact: Carla}\n")


@pytest.fixture
def gated(tmp_path: Path) -> Project:
    """A run of five rows that the judge accepted and five that it rejected, which wants eight of them reviewed and a
    kappa of 0.4 before it is published."""
    return _judged(tmp_path / "gated", _BALANCED, "review: {rows: 8, kappa: 0.4, licence: CC-BY-4.0}\n")


def _judged(folder: Path, more: str = "", gate: str = "") -> Project:
    project = Project(folder)
    shipped = Path(__file__).parents[2] / "pipelines"
    lines = (shipped / "seeds" / "flan.jsonl").read_text().splitlines(keepends=True)
    (project.folder / "rows.jsonl").write_text("".join(lines[:40]))
    text = f"name: test\nversion: 1\nmodels: models.yaml\n{gate}steps:\n{JUDGED}{more}"
    (project.folder / "pipeline.yaml").write_text(text)
    with FaultServer(scripted=True) as answering:
        project.models(answering.url)
        done = project.run()
    assert done.code == 0, done.err
    return project
