"""Running one process on one core under a watchdog, with the server on another core, and what was seen of both."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import envs

HERE = Path(__file__).parent
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cores:
    """Which core the server (and this program) runs on, and which one everything measured."""

    server: int
    measured: int

    @classmethod
    def choose(cls) -> Cores:
        """The two first that we may use. Raises `RuntimeError` where there is only one."""
        mine = sorted(os.sched_getaffinity(0))
        if len(mine) < 2:
            raise RuntimeError("the benchmark needs two cores: one for the server, one for what is measured")
        return cls(mine[0], mine[1])


class Server:
    """The running server: where it is, and its counts now."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def stats(self) -> dict[str, Any]:
        self._connection.request("GET", "/stats")
        value: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return value

    def cpu_seconds(self) -> float:
        """Processor time the server has used so far: shows whether it was ever what limited a run."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def serving(core: int, rows: int, *, port: int = 0, options: Mapping[str, float] | None = None) -> Iterator[Server]:
    """A fresh server for these rows on its core; ended with the block."""
    command = [sys.executable, str(HERE / "server.py"), "--rows", str(rows), "--port", str(port)]
    for name, value in (options or {}).items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: _pin(core))
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the server did not start")
        yield Server(process, json.loads(line)["port"])
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@dataclass(frozen=True)
class Outcome:
    """How a measured process ended. `code` is None if the watchdog ended it; `orphans` are processes it left alive."""

    code: int | None
    seconds: float
    started: float
    stdout: str
    stderr: str
    orphans: int

    @property
    def hung(self) -> bool:
        return self.code is None

    def last_words(self) -> str:
        lines = [line for line in self.stderr.strip().splitlines() if line.strip()]
        return " / ".join(lines[-3:])[-400:]


def run(
    command: Sequence[str],
    core: int,
    work: Path,
    *,
    timeout: float,
    meanwhile: Callable[[int], None] | None = None,
    kill_when: Callable[[], bool] | None = None,
    settle: float = 1.0,
) -> Outcome:
    """Run a command pinned to a core in a session of its own, until it ends or the watchdog does.

    `meanwhile(pid)` is called every tenth of a second (for samples). With `kill_when`, the process (not its children)
    is killed with SIGKILL as soon as that is true. Children still alive `settle` seconds later are counted and killed.
    """
    work.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex
    with (work / "stdout.txt").open("w+") as out, (work / "stderr.txt").open("w+") as err:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=work,
            env=envs.environment(work / "home", mark),
            start_new_session=True,
            preexec_fn=lambda: _pin(core),
        )
        ended = _wait(process, started + timeout, meanwhile, kill_when)
        seconds = time.monotonic() - started
        if not ended:
            process.kill()
        code = process.wait()
        orphans = _orphans(mark, settle)
        for pid in orphans:
            _kill(pid)
        out.seek(0)
        err.seek(0)
        return Outcome(code if ended else None, seconds, started, out.read(), err.read()[-20_000:], len(orphans))


def _wait(
    process: subprocess.Popen[bytes],
    deadline: float,
    meanwhile: Callable[[int], None] | None,
    kill_when: Callable[[], bool] | None,
) -> bool:
    """Whether the process ended before the deadline. The kernel wakes us at its end: no polling adds to its time."""
    handle = os.pidfd_open(process.pid)
    # A moment to kill at is looked for all the time; samples are taken ten times a second.
    pause = 0.002 if kill_when else 0.1 if meanwhile else 3600.0
    try:
        while True:
            left = deadline - time.monotonic()
            if select.select([handle], [], [], max(0.0, min(pause, left)))[0]:
                return True
            if left <= 0:
                return False
            if meanwhile:
                meanwhile(process.pid)
            if kill_when and kill_when():
                os.kill(process.pid, signal.SIGKILL)
                kill_when = None
                pause = 0.1
    finally:
        os.close(handle)


def memory(pid: int) -> int:
    """Resident bytes of a process, 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


def _orphans(mark: str, settle: float) -> list[int]:
    """Processes that still carry the mark. They get `settle` seconds to notice that their parent has gone."""
    deadline = time.monotonic() + settle
    while (found := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _marked(mark: str) -> list[int]:
    wanted = f"{envs.MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0") and not _is_zombie(folder):
                found.append(int(folder.name))
        except OSError:
            continue  # gone meanwhile, or another user's
    return found


def _is_zombie(folder: Path) -> bool:
    return (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _pin(core: int) -> None:
    os.sched_setaffinity(0, {core})


def json_line(outcome: Outcome) -> Mapping[str, Any]:
    """The JSON object in the last line of a process's output, empty if there is none."""
    for line in reversed(outcome.stdout.strip().splitlines()):
        if line.startswith("{"):
            value: dict[str, Any] = json.loads(line)
            return value
    return {}
