"""A preview for people and machines: in a terminal, as a page for a browser, in a notebook, as JSON.

Prompt, raw answer, parsed columns and verdict stand side by side for each step, so that a prompt that is misread and an
answer that is misparsed are seen at once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from io import StringIO
from typing import Any

from rich.console import Console

from bezoar_data.config.sanitize import clean_text
from bezoar_data.engine.preview.preview import Preview, PreviewedRow
from bezoar_data.llms.redact import redact
from bezoar_data.reports.preview.html import preview_page, preview_piece
from bezoar_data.reports.preview.terminal import show_preview
from bezoar_data.reports.preview.words import headline


@dataclass(frozen=True, slots=True)
class PreviewReport:
    """A few rows through the whole pipeline. `print` it; a notebook shows it by itself."""

    preview: Preview

    @property
    def rows(self) -> tuple[PreviewedRow, ...]:
        return self.preview.rows

    @property
    def exit_code(self) -> int:
        return self.preview.exit_code

    @property
    def headline(self) -> str:
        """What became of the rows, in a line."""
        return clean_text(redact(headline(self.preview)), one_line=True)

    def as_json(self) -> dict[str, Any]:
        preview = self.preview
        return {
            "ok": preview.exit_code == 0,
            "exit_code": preview.exit_code,
            "pipeline": preview.pipeline,
            "rows": [asdict(row) for row in preview.rows],
            "lost": [asdict(row) for row in preview.lost],
            "steps": [asdict(step) for step in preview.steps],
            "notes": list(preview.notes),
            "asked": dict(preview.asked),
            "demo": preview.demo,
            "seconds": preview.seconds,
        }

    def page(self) -> str:
        """A self-contained page for a browser."""
        return preview_page(self.preview)

    def show(self, console: Console, *, full: bool = False) -> None:
        """Show it in a terminal; without `full`, long texts are cut."""
        show_preview(self.preview, console, full=full)

    def __str__(self) -> str:
        text = StringIO()
        self.show(Console(file=text, width=120, color_system=None, force_terminal=False))
        return text.getvalue().rstrip()

    def _repr_html_(self) -> str:
        return preview_piece(self.preview)
