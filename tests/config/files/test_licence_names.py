"""Names of licences, as the Hub and SPDX spell them."""

from __future__ import annotations

import pytest

from bezoar_data.config.files.licence_names import OF_THE_HUB, licence_on_the_hub, licence_problem


def test_all_names_of_the_hub_are_known() -> None:
    assert len(OF_THE_HUB) == 81
    assert [name for name in OF_THE_HUB if licence_problem(name) or name != name.lower()] == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("llama3.4", "did you mean"),
        ("cc-by-9.0", "did you mean"),
        ("MIT and zzzz", "write 'other'"),
        ("", "write 'other'"),
    ],
)
def test_other_names_are_told(name: str, hint: str) -> None:
    problem = licence_problem(name)
    assert problem is not None
    assert problem[1].startswith(hint)


@pytest.mark.parametrize(
    ("licence", "name", "stated"),
    [
        ("mit", None, "mit"),
        (["mit", "cc-by-4.0"], None, "mit AND cc-by-4.0"),
        ("other", "Apache-2.0 AND LicenseRef-OpenAI-terms", "Apache-2.0 AND LicenseRef-OpenAI-terms"),
        (["other", "mit"], "Apache-2.0 OR CC-BY-4.0", "(Apache-2.0 OR CC-BY-4.0) AND mit"),
        ("other", "contradicted: mit", None),
        ("other", "our own terms", None),
        ("other", None, None),
        ("unknown", "mit", None),
        (["mit", "unknown"], None, None),
        (["mit", "free!"], None, None),
        (None, "mit", None),
        ([], None, None),
        (4, None, None),
    ],
)
def test_what_a_card_of_the_hub_states(licence: object, name: object, stated: str | None) -> None:
    assert licence_on_the_hub(licence, name) == stated
