"""The peers' own environments: each made once from its pinned list, outside the repository, and never touched again.

And what every measured process finds in its environment: no telemetry, no look-ups on the Hub, a key that is none.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).parent / "peers"

MARK = "BEZOAR_BENCH_MARK"
"""Set to a word of its own in each measured process: whoever still carries it afterwards is an orphan."""

_QUIET = {
    "OPENAI_API_KEY": "bench-no-key",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
    "TELEMETRY_ENABLED": "false",
    "NEMO_TELEMETRY_ENABLED": "false",
    "CURATOR_VIEWER": "0",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "DISTILABEL_LOG_LEVEL": "WARNING",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "TZ")


def default_folder() -> Path:
    """Where the environments go unless told: the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bezoar-data-bench"


def peer_python(name: str, folder: Path) -> Path:
    """The interpreter of a peer's environment, which is made now if it is not there yet.

    The folder's name holds a hash of the pinned list and of our Python's version: a new list means a new folder, and an
    old environment is never half-updated. Raises `RuntimeError` with pip's last words if it cannot be installed.
    """
    pins = PEERS / f"{name}.txt"
    identity = hashlib.sha256(pins.read_bytes() + repr(sys.version_info[:3]).encode()).hexdigest()[:12]
    home = folder / f"{name}-{identity}"
    done = home / ".complete"
    python = home / "bin" / "python"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        print(f"making the environment of {name} in {home}", file=sys.stderr)
        _run([sys.executable, "-m", "venv", str(home)], name)
        _run([str(python), "-m", "pip", "install", "-q", "--no-deps", "-r", str(pins)], name)
        # Compiled now, or the first measured run would pay for it.
        subprocess.run([str(python), "-m", "compileall", "-q", str(home / "lib")], check=False, capture_output=True)
        done.touch()
    return python


def environment(home: Path, mark: str) -> dict[str, str]:
    """What a measured process gets to see. `home` takes whatever it caches under the user's home."""
    home.mkdir(parents=True, exist_ok=True)
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed, **_QUIET, "HOME": str(home), "HF_HOME": str(home / "huggingface"), MARK: mark}


def _run(command: list[str], name: str) -> None:
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        words = "\n".join((made.stderr or made.stdout).strip().splitlines()[-5:])
        raise RuntimeError(f"the environment of {name} cannot be made: {words}")
