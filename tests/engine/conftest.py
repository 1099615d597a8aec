"""What tests of whole runs share: a server that answers distilabel's tasks, and a project beside it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fault_server import FaultServer
from support.projects import Project


@pytest.fixture(scope="module")
def answering() -> Iterator[FaultServer]:
    with FaultServer(tasks=True) as server:
        yield server


@pytest.fixture
def mine(tmp_path: Path, answering: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project in the current folder, as `python -m` would see it. Modules it brings are forgotten afterwards."""
    project = Project(tmp_path / "mine")
    project.models(answering.url)
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    answering.set(tasks=True)
    yield project
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]
