"""What a Hub of tests keeps: repositories with commits, tags and settings; and the faults that it is told to make."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

TOKEN = "hf_" + "t" * 34
READ_ONLY = "hf_" + "r" * 34
JOB, IDENTITY = "job-" + "j" * 20, "identity-" + "i" * 20
"""What a job of GitHub Actions asks for its identity with, and what it gets."""


@dataclass
class Repo:
    """One dataset, model or Space: its commits as (hash, files), tags, and settings."""

    private: bool
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    gated: Any = False
    card: dict[str, Any] = field(default_factory=dict)
    kind: str = "datasets"
    titles: dict[str, str] = field(default_factory=dict)
    """Of commits, by their hash."""

    @property
    def head(self) -> str:
        return self.commits[-1][0]

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1][1]

    def resolve(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        sha = self.head if revision == "main" else self.tags.get(revision, revision)
        return next((c for c in self.commits if c[0] == sha), None)

    def add(self, files: Mapping[str, bytes], title: str = "Update files") -> str:
        sha = hashlib.sha1(f"{len(self.commits)} {sorted(files)}".encode()).hexdigest()  # noqa: S324
        self.commits.append((sha, dict(files)))
        self.titles[sha] = title
        return sha


@dataclass
class Hub:
    """`faults` maps a part of a request (`POST /api/.../commit`) to [status, times]; status 0 cuts the connection."""

    url: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    faults: dict[str, list[int]] = field(default_factory=dict)
    says: str = "a planted fault"
    """The words of a fault."""
    with_faults: dict[str, str] = field(default_factory=dict)
    """Headers that go with each fault."""
    trusting: set[str] = field(default_factory=set)
    """Repositories, as an exchange of tokens names them, that the job may publish to."""
    before: list[Callable[[str], object]] = field(default_factory=list)
    after: list[Callable[[str], object]] = field(default_factory=list)
    """What is told of each request: before it is carried out, and then before it is answered."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def environment(self, home: Path, token: str | None = TOKEN) -> dict[str, str]:
        """What a process needs to take this for the Hub."""
        values = {"HF_ENDPOINT": self.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}
        patient = {"HF_HUB_ETAG_TIMEOUT": "100", "HF_HUB_DOWNLOAD_TIMEOUT": "100"}
        return {**values, **patient, "HF_TOKEN": token or "", "HF_HUB_DISABLE_TELEMETRY": "1"}

    @contextmanager
    def in_this_process(self, home: Path) -> Iterator[None]:
        """The same here, where `huggingface_hub` has read its environment already."""
        from huggingface_hub import constants

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HF_TOKEN", TOKEN)
            template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, self.url)
            here = {"ENDPOINT": self.url, "HUGGINGFACE_CO_URL_TEMPLATE": template}
            here |= {"HF_HUB_OFFLINE": False, "HF_HUB_DISABLE_XET": True}
            patience = {"HF_HUB_ETAG_TIMEOUT": 100, "HF_HUB_DOWNLOAD_TIMEOUT": 100, "HF_HUB_CACHE": str(home / "hub")}
            for name, value in {**here, **patience}.items():
                patch.setattr(constants, name, value)
            yield

    def sent(self, part: str) -> int:
        return sum(part in request for request in self.requests)
