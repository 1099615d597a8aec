"""Lies planted on a card, in a lock, in rows and beside them: each is refuted, and by what it should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from bezoar_data.cards.check import check_dataset, checked
from support.lies import copied, make


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("lies"))


def test_the_truth_passes_also_when_it_is_rendered_anew(honest: Path, tmp_path: Path) -> None:
    assert [(p.code, p.message) for p in check_dataset(honest / "dataset")] == []
    liar = copied(honest, tmp_path)
    liar.anew()
    found = checked(liar.dataset)
    assert [(p.code, p.message) for p in found.problems] == []
    assert found.absent == ()
