"""The shipped pipelines as tests run them: with the models that need nothing, whatever a file names by default."""

from __future__ import annotations

from pathlib import Path

PIPELINES = Path(__file__).parents[2] / "pipelines"
ORCA = str(PIPELINES / "orca.yaml")
OFFLINE = str(PIPELINES / "models" / "offline.yaml")
