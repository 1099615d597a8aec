"""SSH keys made for a test by the real ssh-keygen, and an agent that holds one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen (openssh-client)")
ALONE = {"SSH_AUTH_SOCK": "", "SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force"}
"""No agent, and nobody who gives a passphrase, also where a person watches the tests."""


def make_key(folder: Path, who: str = "anna@example.org", passphrase: str = "", kind: str = "ed25519") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / f"id_{kind}"
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", who, "-f", str(key)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return key


def public(key: Path) -> Path:
    return key.with_name(f"{key.name}.pub")


@contextmanager
def agent(folder: Path, key: Path) -> Iterator[dict[str, str]]:
    """The environment of an agent that holds the key."""
    started = subprocess.run(["ssh-agent", "-s", "-a", str(folder / "a")], check=True, capture_output=True, text=True)
    found = dict(part.split("=") for part in started.stdout.replace("\n", "").split(";") if "=" in part)
    try:
        environment = {"SSH_AUTH_SOCK": found["SSH_AUTH_SOCK"]}
        subprocess.run(["ssh-add", "-q", str(key)], check=True, env={**os.environ, **environment})
        yield environment
    finally:
        os.kill(int(found["SSH_AGENT_PID"]), signal.SIGTERM)
