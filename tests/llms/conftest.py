"""What tests of who answers share: a fault server for each file, set anew for each test, and a journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bezoar_data.llms.journal import Journal
from support.fault_server import FaultServer


@pytest.fixture(scope="module")
def running() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def server(running: FaultServer) -> FaultServer:
    running.set()
    return running


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path / "journal.sqlite")
    yield opened
    opened.close()
