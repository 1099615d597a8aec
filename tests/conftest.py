"""What all tests share: the support package on the path, the real data if it is there, no network by accident."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

# Tests run beside each other, also on the two cores of a busy machine: threads that spin for one another would stall.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from support.fault_server import FaultServer
from support.projects import Project

if TYPE_CHECKING:
    from support.quirk_server import QuirkServer

# A slow machine is no fault of the code, and a failure must come again when the test is run again.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What commands remember for a person, such as where keys may go, is not that of who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A person's project: an empty folder so far."""
    return Project(tmp_path / "project")


@pytest.fixture(scope="module")
def running_server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def server(running_server: FaultServer, request: pytest.FixtureRequest) -> FaultServer:
    """A server as new for each test, with the faults that its mark `server(...)` names."""
    mark = request.node.get_closest_marker("server")
    running_server.renew(**(mark.kwargs if mark else {}))
    return running_server


@pytest.fixture(scope="session")
def running_quirks() -> Iterator[QuirkServer]:
    from support.quirk_server import QuirkServer  # aiohttp takes a while to import, and few tests need it

    with QuirkServer() as server:
        yield server


@pytest.fixture
def quirks(running_quirks: QuirkServer) -> QuirkServer:
    """A server with the quirks of real endpoints, which was asked nothing yet."""
    running_quirks.forget()
    return running_quirks


@pytest.fixture
def real_data() -> Path:
    """The folder of real data, named by BEZOAR_TEST_DATA. Tests that need it are skipped, and counted, without it."""
    folder = os.environ.get("BEZOAR_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("BEZOAR_TEST_DATA names no folder")
    return Path(folder)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Nightly tests run only when they are asked for by name of their mark."""
    if "nightly" in config.option.markexpr:
        return
    left = [item for item in items if "nightly" not in item.keywords]
    config.hook.pytest_deselected(items=[item for item in items if "nightly" in item.keywords])
    items[:] = left
