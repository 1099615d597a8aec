"""`validate` on files that were spoiled: every mistake is told, whatever it is. All thousand files are nightly."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.command import bezoar
from support.spoiled import spoiled

ROOT = Path(__file__).parents[2]
FOLDERS = ("pipelines", "recipes", "cards", "suites", "ablations")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that is shipped, as a person's own."""
    folder = tmp_path_factory.mktemp("shipped")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name)
    return folder


def is_told(project: Path, number: int) -> None:
    files = [p for p in sorted(project.rglob("*")) if p.suffix in (".yaml", ".md") and p.stat().st_size < 40_000]
    file = files[number * 7 % len(files)]
    before = file.read_bytes()
    way, content = spoiled(before.decode(), number)
    file.write_bytes(content)
    try:
        done = bezoar("validate", file.relative_to(project), cwd=project)
    finally:
        file.write_bytes(before)
    assert done.code in (0, 2), (number, file.name, way, done.err)
    assert done.out if done.code == 0 else done.err
    assert "internal error" not in done.err


def test_spoiled_files_are_told(project: Path) -> None:
    for number in range(20):
        is_told(project, number)


@pytest.mark.nightly
@pytest.mark.parametrize("tenth", range(10))
def test_a_thousand_spoiled_files_are_told(project: Path, tenth: int) -> None:
    for number in range(tenth * 100, tenth * 100 + 100):
        is_told(project, number)
