"""What a field holds, and what a person typed who took it from there."""

from __future__ import annotations

import pytest

from bezoar_data.review.questions import shown, typed


@pytest.mark.parametrize("text", ["a < b && c > d", "#include <iostream>", "&lt; is &amp;lt;", "plain", ""])
def test_a_correction_that_was_copied_is_the_text_that_was_shown(text: str):
    assert typed(shown(text), shown(text)) in (text, shown(text))
    assert typed(text, shown(text)) == text
    if "&lt;" not in text:
        assert typed(f"{shown(text)} and more", shown(text)) == f"{text} and more"


def test_nothing_typed_is_nothing():
    assert typed(None, shown("a < b")) is None
    assert shown("a\x00b") == "ab"
