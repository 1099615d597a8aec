"""What a dataset's signature covers: a list of its files with their hashes, in the form of `sha256sum`.

The list names every file that is published, so that a signature of it stands for all of them: rows, lock, card with its
prose and front matter, Croissant, pipeline, answers, the report on contamination. Equal files give an equal list. Both
files are verified without this program, too: by `ssh-keygen -Y verify` and `sha256sum --check`.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.published import pipeline_of

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
SIGNED = (SUMS, SIGNATURE)
_OF_OTHERS = (*SIGNED, ".gitattributes")
"""What the list does not name: itself, its signature, and what the Hub puts into every repository."""
_LINE = re.compile(r"([0-9a-f]{64})  ([^\\\x00-\x1f\x7f]+)")


def hashes_of(files: Mapping[str, Path | bytes]) -> dict[str, str]:
    """The hash of each file that a signature covers, by its path in the repository."""
    return {
        name: hashlib.sha256(file).hexdigest() if isinstance(file, bytes) else sha256_of(file)
        for name, file in sorted(files.items())
        if name not in _OF_OTHERS
    }


def sums_text(hashes: Mapping[str, str]) -> bytes:
    return "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(hashes.items())).encode()


def read_sums(data: bytes) -> dict[str, str]:
    """The hashes by path. Raises `ValueError` for what is not such a list."""
    found: dict[str, str] = {}
    for line in data.decode("utf-8").split("\n")[:-1]:
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found:
            raise ValueError
        found[match[2]] = match[1]
    if sums_text(found) != data:
        raise ValueError
    return found


def files_to_sign(dataset: Path) -> dict[str, Path]:
    """A dataset folder's files by their path in a repository, the pipeline that lies beside it among them."""
    found = {path.relative_to(dataset).as_posix(): path for path in sorted(dataset.rglob("*")) if path.is_file()}
    if (pipeline := pipeline_of(dataset)) is not None:
        found.setdefault(pipeline.name, pipeline)
    return {name: path for name, path in found.items() if name not in _OF_OTHERS}


def carry_over(old: Path, new: Path, pipeline_sha256: str) -> bool:
    """Take the signature of a dataset into the one that is about to replace it, where all files are the same. Gives
    whether it is lost instead."""
    if not (old / SUMS).is_file():
        return False
    pipeline = {RunFolder(new).pipeline.name: pipeline_sha256}
    hashes = {**hashes_of({p.relative_to(new).as_posix(): p for p in new.rglob("*") if p.is_file()}), **pipeline}
    if (old / SUMS).read_bytes() != sums_text(hashes) or not (old / SIGNATURE).is_file():
        return True
    for name in SIGNED:
        shutil.copyfile(old / name, new / name)
    return False
