"""Where weights lie on this machine. A name finds them, their SHA-256 decides.

What was fetched lies in the cache, with its SHA-256 beside it in a file of its own: weights that the Hub names by
repository and file alone are pinned by it from then on. `BEZOAR_MODELS` may name a folder of GGUF files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from bezoar_data.llms.weights.named import HubWeights
from bezoar_data.runs.hashing import sha256_of

FOLDER = "BEZOAR_MODELS"
_DIGEST = re.compile(r"[0-9a-f]{64}")


def cached(weights: HubWeights) -> Path:
    """Where the cache holds these weights, once they were fetched."""
    revision = f"@{weights.revision}" if weights.revision else ""
    return cache_folder() / (weights.repo.replace("/", "--") + revision) / weights.file


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bezoar-data" / "models"


def pin(path: Path) -> Path:
    """The file beside cached weights that holds their SHA-256."""
    return path.with_name(f"{path.name}.sha256")


def find(weights: HubWeights | Path, sha256: str | None = None) -> Path | None:
    """The weights on this machine: in the cache, else in `BEZOAR_MODELS`; None where they are not, or are others.
    `sha256` is what they must have; None: what is known of them."""
    if isinstance(weights, Path):
        return weights if weights.is_file() and sha256 in (None, digest(weights)) else None
    want = sha256 or sha256_if_known(weights)
    if want is None:
        return None
    right = (path for path in _candidates(weights) if path.is_file() and digest(path) == want)
    return next(right, None)


def sha256_if_known(weights: HubWeights | Path) -> str | None:
    """The SHA-256 of weights: a file's own, that of the shipped table, of the cache's pin, or of the file of this
    name in `BEZOAR_MODELS`. None before weights that only the Hub knows are fetched."""
    if isinstance(weights, Path):
        return digest(weights) if weights.is_file() else None
    if weights.sha256 is not None:
        return weights.sha256
    path = cached(weights)
    if path.is_file() and pin(path).is_file() and _DIGEST.fullmatch(found := pin(path).read_text("ascii").strip()):
        return found
    own = next((path for path in _own() if path.name == Path(weights.file).name), None)
    return digest(own) if own is not None else None


def digest(path: Path) -> str:
    """A file's SHA-256. It is read once a process, unless it changes."""
    state = path.stat()
    return _digest(path.resolve(), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(path: Path, _size: int, _changed: int) -> str:
    return sha256_of(path)


def _candidates(weights: HubWeights) -> Iterator[Path]:
    """Files that may be these weights: those of their name first, then those as large."""
    yield cached(weights)
    name, size = Path(weights.file).name, weights.size
    own = sorted(_own(), key=lambda path: path.name != name)
    yield from (path for path in own if path.name == name or path.stat().st_size == size)


def _own() -> list[Path]:
    folder = os.environ.get(FOLDER)
    return sorted(Path(folder).expanduser().glob("**/*.gguf")) if folder else []
