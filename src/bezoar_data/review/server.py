"""Argilla's server on this machine: Redis, a worker and the server itself, started together and stopped together.

Nothing is reachable from outside: the server is bound to loopback, Redis to a socket in a folder of its owner's. On
Linux the kernel ends all three when their parent dies, however it dies.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from bezoar_data.config.errors import TOO_MANY_FAILED, BezoarError, InputError
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.review.client import ArgillaClient, argilla_sdk
from bezoar_data.review.data_dir import OWNER, WORKSPACE, DataDir, default_cache, default_data_dir
from bezoar_data.review.environment import Environment, Report, environment, plugin_folder

_UP_WITHIN = 300.0
_DOWN_WITHIN = 10.0
_LET_GO_WITHIN = 5.0
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "LD_LIBRARY_PATH")
"""What the server sees of our environment: no keys of other services, no settings of another Argilla."""


class Server:
    """A running review server. `wait` returns when one of its processes has ended."""

    def __init__(self, data: DataDir, url: str, processes: dict[str, subprocess.Popen[bytes]]) -> None:
        self.data = data
        self.url = url
        self.processes = processes

    def wait(self, pause: float = 0.5) -> str:
        while True:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    return name
            time.sleep(pause)


def serve(annotators: Sequence[str], port: int, open_page: bool, progress: Report, show: Report) -> int:
    """`review serve`: run the server until Ctrl-C, as signals are to the command line; the exit code. Raises
    `InputError`."""
    if wrong := [name for name in annotators if not name.strip() or name == OWNER]:
        raise InputError(Problem("bad-annotator", f"'{wrong[0]}' is not a name for an annotator"))
    argilla_sdk()
    data = DataDir(default_data_dir())
    try:
        shown = data.read_secrets() if data.secrets.exists() else None
        env = environment(default_cache(), progress)
        progress("starting Argilla: 10 to 20 seconds")
        with running(data, env, port) as server:
            show(_welcome(server, _create_users(server, annotators), shown))
            if open_page and not webbrowser.open(server.url):
                progress(f"no browser could be opened from here: go to {server.url}")
            ended = server.wait()
    except KeyboardInterrupt:
        progress(f"stopped; all answers are in {data.path}")
        return 0
    progress(f"the review server's {ended} has ended by itself, so all was stopped; see {data.log}")
    progress("all answers are kept: start it again")
    return TOO_MANY_FAILED


def _create_users(server: Server, annotators: Sequence[str]) -> dict[str, Any]:
    """Create the workspace and its annotators; the secrets with their passwords."""
    known = server.data.read_secrets()
    argilla = ArgillaClient(server.url, known["owner"]["api_key"])
    workspace = argilla.workspace(WORKSPACE, create=True)
    for name in annotators:
        # Written down first: if we are killed in between, no account exists whose password is lost.
        password = known["annotators"].setdefault(name, secrets.token_urlsafe(12))
        server.data.write_secrets(known)
        argilla.add_annotator(workspace, name, password)
    return known


def _welcome(server: Server, known: dict[str, Any], shown: Mapping[str, Any] | None) -> str:
    """Where it is, and the passwords that nobody has been shown yet: those of accounts that were just made."""
    before = {OWNER, *shown["annotators"]} if shown else set()
    accounts = {known["owner"]["username"]: known["owner"]["password"], **known["annotators"]}
    new = {name: password for name, password in accounts.items() if name not in before}
    width = max(map(len, new), default=0)
    lines = [f"Argilla is at {server.url}"]
    if new:
        lines += ["Sign in as:", *(f"  {name:{width}}  {password}" for name, password in new.items())]
    if old := [name for name in accounts if name in before]:
        lines.append(f"Passwords of {', '.join(old)} are as before: bezoar-data review password NAME")
    return "\n".join(
        [*lines, f"Answers and passwords are kept in {server.data.path}. Ctrl-C stops it; nothing is lost."]
    )


def password_of(data: DataDir, name: str) -> str:
    """The password of an account of the review server. Raises `InputError`."""
    known = data.read_secrets() if data.secrets.exists() else {"owner": {}, "annotators": {}}
    accounts = {**({OWNER: known["owner"]["password"]} if known["owner"] else {}), **known["annotators"]}
    if name not in accounts:
        hint = did_you_mean(name, list(accounts)) or f"bezoar-data review serve --annotator {name} makes one"
        raise InputError(Problem("unknown-person", f"there is no account '{name}'", Place(str(data.path)), hint))
    return str(accounts[name])


@contextmanager
def running(data: DataDir, env: Environment, port: int) -> Iterator[Server]:
    """The server, up and answering; on leaving, all its processes have ended. Raises `InputError`."""
    with ExitStack() as stack:
        stack.enter_context(data.lock())
        data.read_secrets()
        _free(port)
        sockets = Path(tempfile.mkdtemp(prefix="bezoar-review-"))
        stack.callback(shutil.rmtree, sockets, ignore_errors=True)
        log = stack.enter_context(data.log.open("ab"))
        data.log.chmod(0o600)
        log_start = data.log.stat().st_size
        processes: dict[str, subprocess.Popen[bytes]] = {}
        stack.callback(_stop, processes)
        env_vars = _environment(data, sockets / "redis.sock")
        processes["redis"] = _start(_redis(env, data, sockets / "redis.sock"), env_vars, log)
        _until(lambda: (sockets / "redis.sock").exists(), processes, data, log_start)
        own = [str(env.python), str(plugin_folder() / "process.py")]
        url = f"http://127.0.0.1:{port}"
        processes["server"] = _start([*own, "server", str(port)], env_vars, log)
        _until(lambda: _answers(url), processes, data, log_start)
        processes["worker"] = _start([*own, "worker"], env_vars, log)
        data.running.write_text(json.dumps({"url": url}) + "\n", encoding="utf-8")
        stack.callback(data.running.unlink, missing_ok=True)
        yield Server(data, url, processes)


def _environment(data: DataDir, redis: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        **kept,
        "ARGILLA_HOME_PATH": str(data.path),
        "ARGILLA_DATABASE_URL": f"sqlite+aiosqlite:///{data.database}?check_same_thread=False",
        "ARGILLA_REDIS_URL": f"unix://{redis}",
        "ARGILLA_SEARCH_ENGINE": "database",
        "ARGILLA_AUTH_SECRET_KEY": data.read_secrets()["auth_key"],
        "ARGILLA_ENABLE_TELEMETRY": "0",
        "BEZOAR_REVIEW_SECRETS": str(data.secrets),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "ignore",
    }


def _redis(env: Environment, data: DataDir, path: Path) -> list[str]:
    # Only the queue of jobs lies in Redis; it is kept as well, so that a killed server finishes them.
    kept = ["--dir", str(data.path), "--appendonly", "yes", "--save", ""]
    return [str(env.redis), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", *kept]


def _start(command: list[str], env: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C reaches us alone, and we stop them in order.
    return subprocess.Popen(  # noqa: S603 (a fixed command)
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )


def _die_with_parent() -> None:
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


def _until(
    ready: Callable[[], object], processes: dict[str, subprocess.Popen[bytes]], data: DataDir, log_start: int
) -> None:
    end = time.monotonic() + _UP_WITHIN
    while not ready():
        for name, process in processes.items():
            if process.poll() is not None:
                raise BezoarError(
                    f"the review server's {name} did not start; {data.log} ends:\n{_tail(data, log_start)}"
                )
        if time.monotonic() > end:
            raise BezoarError(f"the review server did not answer within {_UP_WITHIN:.0f} s; see {data.log}")
        time.sleep(0.1)


def _tail(data: DataDir, log_start: int) -> str:
    with data.log.open("rb") as log:
        log.seek(log_start)
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
