"""Writing a page for a browser to the file that a person named."""

from __future__ import annotations

from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.reports.page import refuse_other
from bezoar_data.runs.folder import write_text


def write_page(path: Path, text: str) -> None:
    """Raises `InputError` where the file cannot be written, or holds something else than a page."""
    try:
        refuse_other(path)
        write_text(path, text)
    except OSError as error:
        message = f"the page cannot be written: {error.strerror}"
        raise InputError(Problem("cannot-write", message, Place(str(path)), "name another file")) from None
