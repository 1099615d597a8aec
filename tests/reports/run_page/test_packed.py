"""What is packed for a page is what its script unpacks, and holds nothing that a browser could obey."""

from __future__ import annotations

import os

import pytest

from bezoar_data.reports.charts.letters import json_text, packed
from bezoar_data.reports.page import plain_text
from bezoar_data.reports.run_page.packed import FIELD, NOTHING, ROW, RowBlock, Texts, referring
from support.pages import text_of, unpacked
from support.shown_texts import NASTY


@pytest.mark.parametrize("length", [0, 1, 2, 3, 7, 8, 100_000])
def test_bytes_come_out_as_they_went_in(length: int) -> None:
    for raw in (os.urandom(length), bytes(length), b"\x79" * length):
        letters = packed(raw)
        assert unpacked(letters) == raw
        assert not {"\0", "\r", "<"} & set(letters)


def test_rows_of_any_text_come_out_as_they_went_in() -> None:
    block = RowBlock()
    texts = [plain_text(text) for text in (*NASTY, "\x1e\x1f\x1d\x00", "", "\ud800 half a letter")]
    for text in texts:
        block.add({"a": text} if len(text) % 2 else {"b": text, "a": "x"})
    together = Texts()
    numbers = [together.add(block.text()), together.add(f"{block.text()} once more"), together.add("")]
    words, packed_texts = together.packed()
    assert text_of(packed_texts[numbers[1]], words) == f"{block.text()} once more"
    assert text_of(packed_texts[numbers[2]], words) == ""
    names, *lines = text_of(packed_texts[numbers[0]], words).split(ROW)
    assert len(lines) == len(block) == len(texts)
    for text, line in zip(texts, lines, strict=True):
        found = dict(zip(names.split(FIELD), line.split(FIELD), strict=True))
        assert found == ({"a": text, "b": NOTHING} if len(text) % 2 else {"b": text, "a": "x"})


def test_json_ends_no_script_element() -> None:
    assert "<" not in json_text(["</script><script>", "<!--"])


def test_a_text_refers_to_the_columns_that_stand_in_it() -> None:
    long, longer = "x" * 30, f"{'x' * 30} and more of it"
    said = referring(f"Say: {longer}. Or {long}", [(2, longer), (5, long)])
    assert said == ["Say: ", 2, ". Or ", 5]
    assert referring("nothing of them", [(2, longer)]) == "nothing of them"
    assert referring(long, [(5, long)]) == [5]
