"""What tests of models share: a journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bezoar_data.llms.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path / "journal.sqlite")
    yield opened
    opened.close()
