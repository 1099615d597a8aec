"""Argilla's server on this machine: Redis, a worker and the server itself, started together and stopped together.

Nothing is reachable from outside: the server is bound to loopback, Redis to a socket in a folder of its owner's. On
Linux the kernel ends all three when their parent dies, however it dies.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.config.problems import Problem
from bezoar_data.review.data_dir import Home
from bezoar_data.review.environment import Environment, inside

_UP_WITHIN = 300.0
_DOWN_WITHIN = 10.0
_LET_GO_WITHIN = 5.0
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "LD_LIBRARY_PATH")
"""What the server sees of our environment: no keys of other services, no settings of another Argilla."""


class Server:
    """A running review server. `wait` returns when one of its processes has ended."""

    def __init__(self, home: Home, url: str, processes: dict[str, subprocess.Popen[bytes]]) -> None:
        self.home = home
        self.url = url
        self.processes = processes

    def wait(self, pause: float = 0.5) -> str:
        while True:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    return name
            time.sleep(pause)


@contextmanager
def running(home: Home, env: Environment, port: int) -> Iterator[Server]:
    """The server, up and answering; on leaving, all its processes have ended. Raises `InputError`."""
    with ExitStack() as stack:
        stack.enter_context(home.held())
        home.read_secrets()
        _free(port)
        sockets = Path(tempfile.mkdtemp(prefix="bezoar-review-"))
        stack.callback(shutil.rmtree, sockets, ignore_errors=True)
        log = stack.enter_context(home.log.open("ab"))
        home.log.chmod(0o600)
        told = home.log.stat().st_size
        processes: dict[str, subprocess.Popen[bytes]] = {}
        stack.callback(_stop, processes)
        seen = _environment(home, sockets / "redis.sock")
        processes["redis"] = _start(_redis(env, home, sockets / "redis.sock"), seen, log)
        _until(lambda: (sockets / "redis.sock").exists(), processes, home, told)
        own = [str(env.python), str(inside() / "process.py")]
        url = f"http://127.0.0.1:{port}"
        processes["server"] = _start([*own, "server", str(port)], seen, log)
        _until(lambda: _answers(url), processes, home, told)
        processes["worker"] = _start([*own, "worker"], seen, log)
        home.running.write_text(json.dumps({"url": url}) + "\n", encoding="utf-8")
        stack.callback(home.running.unlink, missing_ok=True)
        yield Server(home, url, processes)


def _environment(home: Home, redis: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        **kept,
        "ARGILLA_HOME_PATH": str(home.path),
        "ARGILLA_DATABASE_URL": f"sqlite+aiosqlite:///{home.database}?check_same_thread=False",
        "ARGILLA_REDIS_URL": f"unix://{redis}",
        "ARGILLA_SEARCH_ENGINE": "database",
        "ARGILLA_AUTH_SECRET_KEY": home.read_secrets()["auth_key"],
        "ARGILLA_ENABLE_TELEMETRY": "0",
        "BEZOAR_REVIEW_SECRETS": str(home.secrets),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "ignore",
    }


def _redis(env: Environment, home: Home, path: Path) -> list[str]:
    # Only the queue of jobs lies in Redis; it is kept as well, so that a killed server finishes them.
    kept = ["--dir", str(home.path), "--appendonly", "yes", "--save", ""]
    return [str(env.redis), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", *kept]


def _start(command: list[str], env: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C reaches us alone, and we stop them in order.
    return subprocess.Popen(  # noqa: S603 (our own words)
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )


def _die_with_parent() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _stop(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    for process in reversed(processes.values()):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_DOWN_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until(ready: object, processes: dict[str, subprocess.Popen[bytes]], home: Home, told: int) -> None:
    assert callable(ready)  # noqa: S101
    end = time.monotonic() + _UP_WITHIN
    while not ready():
        for name, process in processes.items():
            if process.poll() is not None:
                raise BezoarError(f"the review server's {name} did not start; {home.log} ends:\n{_tail(home, told)}")
        if time.monotonic() > end:
            raise BezoarError(f"the review server did not answer within {_UP_WITHIN:.0f} s; see {home.log}")
        time.sleep(0.1)


def _tail(home: Home, told: int) -> str:
    with home.log.open("rb") as log:
        log.seek(told)
        return "\n".join(log.read().decode("utf-8", "replace").splitlines()[-6:])


def _answers(url: str) -> bool:
    # Not /api/v1/status: it is answered with 422 where the engine is Elasticsearch.
    try:
        with urllib.request.urlopen(f"{url}/api/v1/version", timeout=10) as answer:  # noqa: S310 (our own address)
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _free(port: int) -> None:
    """A killed server's processes may hold the port a moment longer than the one that ran them."""
    end = time.monotonic() + _LET_GO_WITHIN
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return
            except OSError as error:
                if time.monotonic() > end:
                    message = f"port {port} of 127.0.0.1 is taken or may not be used"
                    raise InputError(Problem("port-taken", message, hint="name another with --port")) from error
        time.sleep(0.1)
