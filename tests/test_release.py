"""What a release is made of: one version in all places, locks that agree and hold every extra, a wheel and an sdist."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bezoar_data import __version__

ROOT = Path(__file__).parents[1]
OF_THE_SYSTEM = r"nvidia-|cuda-|triton$|setuptools$|tzdata$"
"""Packages that one platform needs and another does not: torch's for a GPU, time zones."""


def pins(name: str) -> dict[str, str]:
    """The versions in a lock, by name."""
    lines = re.findall(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", (ROOT / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in lines}


def test_the_version_is_the_same_everywhere():
    changes = re.search(r"^## (\d[\d.]*) \((\d{4}-\d\d-\d\d)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    citation = (ROOT / "CITATION.cff").read_text()
    assert changes
    assert changes[1] == __version__
    assert f"\nversion: {__version__}\n" in citation
    assert f"\ndate-released: {changes[2]}\n" in citation
    assert f"rev: v{__version__}" in (ROOT / "docs" / "files.md").read_text()
    assert f"## To {__version__}" in (ROOT / "MIGRATION.md").read_text()


def test_the_lock_with_hashes_has_the_versions_of_the_lock():
    lock, hashed = pins("lock.txt"), pins("lock-hashes.txt")
    differing = {name for name in lock.keys() | hashed.keys() if lock.get(name) != hashed.get(name)}
    assert {name for name in differing if not re.match(OF_THE_SYSTEM, name)} == set()
    entries = re.split(r"^(?=[A-Za-z])", (ROOT / "lock-hashes.txt").read_text(), flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)


def test_every_extra_can_be_installed_with_the_lock():
    """pip's own question without its downloads: does each requirement, ours and theirs, take the locked version?"""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = {canonicalize_name(project["name"]): __version__, **pins("lock.txt")}
    own = [*project["dependencies"], *(one for group in project["optional-dependencies"].values() for one in group)]
    open_, seen, refused = [(Requirement(one), project["name"]) for one in own], set(), []
    while open_:
        wanted, by = open_.pop()
        name = canonicalize_name(wanted.name)
        if name not in lock or not wanted.specifier.contains(lock[name], prereleases=True):
            refused.append(f"{by}: {wanted}, locked: {lock.get(name)}")
        for extra in {"", *wanted.extras} if name != project["name"] else ():
            if (name, extra) not in seen:
                seen.add((name, extra))
                theirs = [Requirement(one) for one in metadata.requires(name) or []]
                open_ += [(r, name) for r in theirs if r.marker is None or r.marker.evaluate({"extra": extra})]
    assert [one for one in refused if not re.search(OF_THE_SYSTEM.replace("$", r"\b"), one)] == []


def test_wheel_and_sdist_hold_the_same_package(tmp_path: Path):
    build = [sys.executable, "-m", "hatchling", "build", "-d"]
    subprocess.run([*build, tmp_path / "dist"], cwd=ROOT, check=True, capture_output=True)
    (wheel,), (sdist,) = (tmp_path / "dist").glob("*.whl"), (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / sdist.name.removesuffix(".tar.gz")
    assert {"README.md", "LICENSE", "lock.txt", "tests", "docs"} <= {path.name for path in unpacked.iterdir()}
    subprocess.run([*build, tmp_path / "again", "-t", "wheel"], cwd=unpacked, check=True, capture_output=True)
    files, again = (zipfile.ZipFile(path) for path in (wheel, tmp_path / "again" / wheel.name))
    assert {name: files.read(name) for name in files.namelist()} == {
        name: again.read(name) for name in again.namelist()
    }
    told = files.read(f"bezoar_data-{__version__}.dist-info/METADATA").decode()
    assert f"\nVersion: {__version__}\n" in told
    assert "\nClassifier: Operating System :: POSIX :: Linux\n" in told
    assert "bezoar_data/shipped/pipelines/orca.yaml" in files.namelist()
