"""Ray, found or started: a cluster that is there, or one on this machine for as long as the run takes."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.config.signals import handlers_kept
from bezoar_data.engine.options import OnRay
from bezoar_data.llms.redact import redact

_OBJECTS = 256 * 1024 * 1024
"""Bytes of memory for the objects of a cluster of one's own; more of them lie on disk."""


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
    with handlers_kept():
        _connect(ray, on)
    try:
        yield ray
    finally:
        with handlers_kept():
            ray.shutdown()


def _connect(ray: ModuleType, on: OnRay) -> None:
    address = on.address or os.environ.get("RAY_ADDRESS") or "local"
    if address.startswith("ray://"):
        hint = "run on a node of the cluster with --ray auto, or send the command there: ray job submit"
        raise InputError(Problem("ray-client", "Ray's client addresses (ray://) cannot be used", hint=hint))
    own = {"num_cpus": on.workers or cpus_here(), "include_dashboard": False, "object_store_memory": _OBJECTS}
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            configure_logging=True,
            logging_level=logging.ERROR,
            **(own if address == "local" else {}),
        )
    except (OSError, RuntimeError, ValueError) as error:
        said = redact(str(error)).strip().partition("\n")[0]
        where = "on this machine" if address == "local" else f"at {printable(address)}"
        hint = "`ray start --head` starts one, --ray HOST:6379 names it; without --ray there is one for this run alone"
        raise InputError(Problem("no-cluster", f"no Ray cluster {where}: {said}", hint=hint)) from None
