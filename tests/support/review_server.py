"""A real review server for tests: installed once for the machine, run by the command line, killed, started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from support.command import BEZOAR, Outcome
from support.ports import free_port
from support.projects import Project
from support.waiting import PATIENCE, wait_until

PEOPLE = ("anna", "ben")


class ReviewServer:
    """`bezoar-data review serve` with two annotators, on a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {"BEZOAR_REVIEW_HOME": str(home)}
        self.process: subprocess.Popen[str] | None = None
        self.said = ""
        self._tokens: dict[str, str] = {}

    def start(self) -> None:
        people = [part for name in PEOPLE for part in ("--annotator", name)]
        # Its progress goes to a file: a pipe nobody reads would stop it while it installs.
        self.home.parent.mkdir(parents=True, exist_ok=True)
        opener = self.home.parent / "browser.sh"
        opener.write_text(f'#!/bin/sh\necho "$1" > "{self.opened}"\n')
        opener.chmod(0o755)
        with (self.home.parent / "progress.log").open("w") as progress:
            self.process = subprocess.Popen(
                [*BEZOAR, "review", "serve", "--port", str(self.port), "--open", *people],
                env={**os.environ, **self.env, "PYTHONUNBUFFERED": "1", "BROWSER": f"{opener} %s"},
                stdout=subprocess.PIPE,
                stderr=progress,
                text=True,
            )
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        self.said = "".join(lines)
        assert self.url in self.said, (self.home.parent / "progress.log").read_text()

    @property
    def opened(self) -> Path:
        """Where the browser of these tests writes the address that it was opened with."""
        return self.home.parent / "opened"

    def stop(self, number: int = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()  # type: ignore[union-attr]
        if number == signal.SIGKILL:
            wait_until(lambda: not self.processes())  # they end by themselves, a moment later
        return code

    def processes(self) -> list[int]:
        """Ids of the server's processes that live, found by the home they were given."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and str(self.home).encode() in (entry / "environ").read_bytes():
                    state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                    found += [int(entry.name)] if state != "Z" else []
            except OSError:
                continue
        return found

    def seconds(self) -> float:
        """The processor time that the server's processes have taken: what it worked, however busy the machine is."""
        stats = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in self.processes()]
        return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")

    @property
    def secrets(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.home / "secrets.json").read_text())
        return value

    def api(self, method: str, path: str, person: str = "owner", **more: Any) -> Any:
        secrets = self.secrets
        if person == "owner":
            headers = {"X-Argilla-Api-Key": secrets["owner"]["api_key"]}
        else:
            if person not in self._tokens:  # the server takes its time over a password
                data = {"username": person, "password": self.password(person)}
                token = requests.post(f"{self.url}/api/v1/token", data=data, timeout=PATIENCE).json()["access_token"]
                self._tokens[person] = token
            headers = {"Authorization": f"Bearer {self._tokens[person]}"}
        answer = requests.request(method, f"{self.url}/api/v1/{path}", headers=headers, timeout=PATIENCE, **more)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def password(self, person: str) -> str:
        return str(self.secrets["annotators"].get(person, f"the-password-of-{person}"))

    def add(self, person: str) -> None:
        """An annotator whom `review serve` does not know, and who may not see any dataset yet."""
        password = self.password(person)
        user = {"username": person, "first_name": person, "password": password, "role": "annotator"}
        self.api("POST", "users", json=user)

    def dataset(self, name: str = "test") -> str:
        found = self.api("GET", "me/datasets")["items"]
        return next(str(one["id"]) for one in found if one["name"] == name)

    def records(self, name: str = "test") -> dict[str, dict[str, Any]]:
        """Records with their responses, by the row's id."""
        path = f"datasets/{self.dataset(name)}/records?include=responses,suggestions&limit=1000"
        return {record["external_id"]: record for record in self.api("GET", path)["items"]}

    def answer(self, person: str, record: str, status: str = "submitted", **values: str | int) -> None:
        body = {"status": status, "values": {name: {"value": value} for name, value in values.items()}}
        self.api("POST", f"records/{record}/responses", person, json=body)

    def review(self, project: Project, *arguments: str, env: dict[str, str] | None = None) -> Outcome:
        return project.bezoar("review", *arguments, env={**self.env, **(env or {})})


@contextmanager
def review_server(home: Path) -> Iterator[ReviewServer]:
    server = ReviewServer(home)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop()
        wait_until(lambda: not server.processes())
