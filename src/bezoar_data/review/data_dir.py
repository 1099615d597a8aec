"""Where the review server keeps its files: answers and secrets in one folder, software in another.

Answers are not a cache: they lie with the user's data (`BEZOAR_REVIEW_HOME`), the installed server with what
can be fetched again (`BEZOAR_REVIEW_CACHE`).
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem

OWNER = "owner"
WORKSPACE = "review"


def default_data_dir() -> Path:
    return _folder("BEZOAR_REVIEW_HOME", "XDG_DATA_HOME", ".local/share", "review")


def default_cache() -> Path:
    return _folder("BEZOAR_REVIEW_CACHE", "XDG_CACHE_HOME", ".cache", "argilla-2.8.0")


def _folder(own: str, base: str, otherwise: str, name: str) -> Path:
    if given := os.environ.get(own):
        return Path(given).expanduser().resolve()
    return Path(os.environ.get(base) or Path.home() / otherwise) / "bezoar-data" / name


@dataclass(frozen=True, slots=True)
class DataDir:
    """The folder of one review server's data. Readable by its owner alone."""

    path: Path

    @property
    def database(self) -> Path:
        return self.path / "argilla.db"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def running(self) -> Path:
        """The running server's address; gone when it has stopped."""
        return self.path / "running.json"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    def read_secrets(self) -> dict[str, Any]:
        """The secrets, made on first use: Argilla's signing key, the owner's, and the annotators' passwords."""
        self.create()
        if self.secrets.exists():
            try:
                value = json.loads(self.secrets.read_text("utf-8"))
                if isinstance(value, dict) and "owner" in value and "auth_key" in value:
                    return value
            except ValueError:
                pass
            hint = "restore it from a backup, or move the review folder away to start over"
            raise InputError(Problem("bad-secrets", "the secrets cannot be read", Place(str(self.secrets)), hint))
        owner = {"username": OWNER, "password": secrets.token_urlsafe(15), "api_key": secrets.token_urlsafe(45)}
        value = {"auth_key": secrets.token_urlsafe(48), "owner": owner, "annotators": {}}
        self.write_secrets(value)
        return value

    def write_secrets(self, value: Mapping[str, Any]) -> None:
        beside = self.secrets.with_name(".secrets.json.new")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(value, file, indent=2)
            file.write("\n")
        beside.replace(self.secrets)

    def create(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.chmod(0o700)
        except OSError as error:
            hint = "name another folder in BEZOAR_REVIEW_HOME"
            raise InputError(Problem("no-review-home", f"cannot use {self.path}: {error}", hint=hint)) from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep the folder for one server; the lock is the kernel's, so a killed server never leaves it behind."""
        self.create()
        with (self.path / ".lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                address = self.address()
                message = "a review server is running on this folder" + (f": {address}" if address else "")
                hint = "use that one, stop it, or name another folder in BEZOAR_REVIEW_HOME"
                raise InputError(Problem("review-running", message, Place(str(self.path)), hint)) from error
            yield

    def address(self) -> str | None:
        """The running server's address, if one runs."""
        try:
            return str(json.loads(self.running.read_text("utf-8"))["url"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
