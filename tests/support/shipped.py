"""The shipped pipelines as tests run them: with the models that need nothing, whatever a file names by default."""

from __future__ import annotations

import re
from pathlib import Path

PIPELINES = Path(__file__).parents[2] / "pipelines"
ORCA = str(PIPELINES / "orca.yaml")
OFFLINE = str(PIPELINES / "models" / "offline.yaml")

OF_FILES = sorted(p.stem for p in PIPELINES.glob("*.yaml") if not re.search(r"^ +hub: ", p.read_text(), re.MULTILINE))
"""The pipelines that read shipped rows; the others read the Hub."""
