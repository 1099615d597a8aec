"""How a recipe's training ended: in plain lines for a terminal, as JSON for machines, and for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.words import many
from bezoar_data.runs.stage_record import StageRecord


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """A finished training. `print` it for a summary; a notebook shows its stages by itself."""

    folder: Path
    stages: Sequence[StageRecord]
    """Of each stage, in order."""
    page: Path | None = None
    no_page: str = ""
    """Why there is none."""

    @property
    def model(self) -> Path:
        """The folder of the last stage."""
        return self.folder / self.stages[-1].stage

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": True,
            "exit_code": 0,
            "folder": str(self.folder),
            "page": str(self.page) if self.page is not None else None,
            "stages": [stage.as_json() for stage in self.stages],
        }

    def __str__(self) -> str:
        lines = [
            f"{self.folder.name}: {many(len(self.stages), 'stage')} done",
            f"  the last stage: {self.model}",
            f"  model card: {self.model / 'README.md'}",
            f"  page: {self.page}" if self.page is not None else f"  {self.no_page}",
        ]
        return "\n".join(line for line in lines if line.strip())

    def _repr_html_(self) -> str:
        from bezoar_data.reports.chain_page.report import chain_piece

        return chain_piece(self.folder)
