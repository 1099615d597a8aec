"""Ray, found or started: a cluster that is there, or one on this machine for as long as the run takes."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.config.signals import handlers_kept
from bezoar_data.engine.options import OnRay
from bezoar_data.llms.redact import redact

_OBJECTS = 256 * 1024 * 1024
"""Bytes of memory for the objects of a cluster of one's own; more of them lie on disk."""
_ANSWERS_WITHIN = 10.0
"""Seconds in which a cluster must answer."""
_OURS = "bezoar-ray-"
_TEMPORARY = "/tmp"  # noqa: S108 (sockets lie there, whose paths may not be long)


def refuse_without_ray() -> None:
    if importlib.util.find_spec("ray") is None:
        hint = 'pip install "bezoar-data[ray]"'
        raise InputError(Problem("no-ray", "Ray is not installed, which this engine runs on", hint=hint))


def cpus_here() -> int:
    """How many workers a cluster of one's own has room for."""
    return max(2, os.cpu_count() or 1)


@contextmanager
def cluster(on: OnRay) -> Iterator[ModuleType]:
    """Ray, connected. Raises `InputError` where no cluster answers."""
    refuse_without_ray()
    # Before Ray is imported. What a cluster of others tells its makers is theirs to say.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        yield ray
        return
    _sweep()
    prefix = f"{_OURS}{os.getpid()}-"
    with _silent(), TemporaryDirectory(prefix=prefix, dir=_TEMPORARY, ignore_cleanup_errors=True) as temporary:
        try:
            with handlers_kept():
                _connect(ray, on, temporary)
            yield ray
        finally:
            with handlers_kept():
                ray.shutdown()


def _sweep() -> None:
    """Take away what clusters of runs that were killed have left."""
    for path in Path(_TEMPORARY).glob(f"{_OURS}*-*"):
        pid = path.name.removeprefix(_OURS).partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _silent() -> Iterator[None]:
    """Ray prints what its processes say on standard output, which is for what a command gives."""
    from ray._private import worker

    before = worker._worker_logs_enabled
    worker._worker_logs_enabled = False
    try:
        yield
    finally:
        worker._worker_logs_enabled = before


def _connect(ray: ModuleType, on: OnRay, temporary: str) -> None:
    address = on.address or os.environ.get("RAY_ADDRESS") or "local"
    if address.startswith("ray://"):
        hint = "run on a node of the cluster with --ray auto, or send the command there: ray job submit"
        raise InputError(Problem("ray-client", "Ray's client addresses (ray://) cannot be used", hint=hint))
    if address not in ("local", "auto"):
        _refuse_nobody(address)
    own: dict[str, Any] = {
        "num_cpus": on.workers or cpus_here(),
        "include_dashboard": False,
        "object_store_memory": _OBJECTS,
        "_temp_dir": temporary,
    }
    more = own if address == "local" else {}
    for again in (True, False):
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **more)
        except Exception as error:  # Ray raises bare ones too
            ray.shutdown()
            if again and address == "local":
                continue  # it gives its processes half a minute to start, which a loaded machine may not
            raise _no_cluster(address, str(error)) from None
        return


def _refuse_nobody(address: str) -> None:
    """Ray itself goes on asking for many minutes where nobody is."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWERS_WITHIN).close()
    except (OSError, ValueError) as error:
        raise _no_cluster(address, str(error)) from None


def _no_cluster(address: str, why: str) -> InputError:
    where = "on this machine" if address == "local" else f"at {printable(address)}"
    said = redact(why).strip().partition("\n")[0]
    hint = "`ray start --head` starts one, --ray HOST:6379 names it; without --ray there is one for this run alone"
    return InputError(Problem("no-cluster", f"no Ray cluster {where}: {said}", hint=hint))
