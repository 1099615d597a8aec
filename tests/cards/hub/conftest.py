"""A Hub over real HTTP, and a run of one's own to publish there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.hub_server import Hub, hub_server
from support.lies import Liar, copied


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """What this process publishes to."""
    with hub_server() as hub, hub.in_this_process(tmp_path / "hf"):
        yield hub


@pytest.fixture
def liar(honest: Path, tmp_path: Path) -> Liar:
    """A copy of the honest run, as `runs/test` of a project."""
    (tmp_path / "runs").mkdir()
    return copied(honest, tmp_path / "runs")
