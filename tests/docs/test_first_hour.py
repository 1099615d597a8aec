"""The README's section "From the package", from a built wheel in a fresh environment, against docs/first-hour.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("lend", [True, pytest.param(False, marks=pytest.mark.nightly)], ids=["lent", "fetched"])
def test_a_first_hour_goes_as_the_docs_show(tmp_path: Path, lend: bool):
    """In the first ring with the libraries that are here already: CI's run command installs all of them each time."""
    index = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(tmp_path), "hatchling"]
    if subprocess.run(index, capture_output=True).returncode:
        pytest.skip("the package index cannot be reached")
    command = [sys.executable, "docs/first_hour.py", "--check", *(["--lend"] if lend else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
