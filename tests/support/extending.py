"""A copy of the tree to which a test adds one file, as a contributor would."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)```", re.DOTALL)
_COPIED = ("src", "pipelines", "cards", "recipes", "schemas")


def documented(path: str) -> str:
    """The text that CONTRIBUTING.md prints for this file."""
    return dict(_BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))[path]


def documented_files() -> set[str]:
    """The files that CONTRIBUTING.md prints."""
    return {path for path, _ in _BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))}


class Tree:
    """The package and its shipped files in a folder of their own; every command runs on that copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        self._before = self._hashes()

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def add(self, *paths: str) -> set[str]:
        """Write these files as CONTRIBUTING.md prints them."""
        for path in paths:
            self.write(path, documented(path))
        return set(paths)

    def changed(self) -> set[str]:
        """The files of the package and its shipped files that are new or not as they were copied."""
        now = self._hashes()
        return {path for path in now if now[path] != self._before.get(path)}

    def generate(self, *wanted: str) -> None:
        """`make generated`, or those lines of it that hold one of these words."""
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        lines = makefile.partition("\ngenerated:")[2].splitlines()[1:]
        chosen = [line for line in lines if line.startswith("\t") and any(w in line for w in wanted or ("",))]
        assert len(chosen) >= len(wanted), (wanted, lines)
        for line in chosen:
            self.run(*shlex.split(line))

    def run(self, *command: str, succeeds: bool = True) -> str:
        """A command in the copy, `python` and `bezoar-data` meaning the copy's; its output, or what it says if it is to
        fail."""
        starts = {
            "python": (),
            "pytest": ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts="),
            "bezoar-data": ("-m", "bezoar_data.cli.main"),
        }
        done = subprocess.run(
            [sys.executable, *starts[command[0]], *command[1:]],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder / "src"), "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
        )
        assert (done.returncode == 0) is succeeds, done.stdout + done.stderr
        return done.stdout if succeeds else done.stderr

    def _hashes(self) -> dict[str, str]:
        files = (path for name in _COPIED for path in (self.folder / name).rglob("*"))
        return {
            path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
            if path.is_file() and "__pycache__" not in path.parts
        }
