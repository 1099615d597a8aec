"""The machine and the versions the figures were taken on, in one line that names nobody's host or folders."""

from __future__ import annotations

import os
import platform
import subprocess
import timeit
from datetime import UTC, datetime
from pathlib import Path

from measure import Cores


def describe(cores: Cores) -> str:
    shared = _siblings(cores.server) == _siblings(cores.measured)
    parts = [
        _field("/proc/cpuinfo", "model name") or platform.machine(),
        f"{os.cpu_count()} cores{' (virtual)' if _virtual() else ''}",
        f"{_memory():.0f} GB",
        f"Linux {platform.release().partition('-')[0]}",
        f"{platform.python_implementation()} {platform.python_version()}",
        f"load {os.getloadavg()[0]:.2f} before the start",
        f"ten million additions in {_loop():.2f} s",
        f"a million objects looked at in any order in {_walk():.2f} s",
        *(["server and measured share a physical core"] if shared else []),
    ]
    return ", ".join(parts)


def commit() -> str:
    """The commit that was measured, marked if the tree held changes to our code."""
    here = Path(__file__).parent
    head = _git(here, "rev-parse", "--short", "HEAD")
    changed = _git(here, "status", "--porcelain", "--", ":/src")
    return (head or "unknown") + (" with uncommitted changes" if changed else "")


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _git(here: Path, *arguments: str) -> str:
    try:
        return subprocess.run(["git", "-C", str(here), *arguments], capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def _field(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _loop() -> float:
    """Seconds. The memory of virtual machines of one name differs by more than two times from hour to hour, which a
    small loop does not notice, and what goes through many objects does: see `_walk`."""
    return min(timeit.repeat("for i in numbers: total += i", "numbers, total = range(10**7), 0", number=1, repeat=3))


def _walk() -> float:
    setup = "import random; objects = [[i] for i in range(10**6)]; random.Random(1).shuffle(objects)"
    return min(timeit.repeat("for one in objects: one[0]", setup, number=1, repeat=3))


def _virtual() -> bool:
    return "hypervisor" in _field("/proc/cpuinfo", "flags").split()


def _memory() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _siblings(core: int) -> str:
    path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    try:
        return path.read_text().strip()
    except OSError:
        return str(core)
