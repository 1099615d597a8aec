"""The README's section "From the package", from a built wheel in a fresh environment, against docs/first-hour.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_first_hour_goes_as_the_docs_show(tmp_path: Path):
    index = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(tmp_path), "hatchling"]
    if subprocess.run(index, capture_output=True).returncode:
        pytest.skip("the package index cannot be reached")
    done = subprocess.run([sys.executable, "docs/first_hour.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
