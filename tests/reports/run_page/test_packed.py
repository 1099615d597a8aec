"""What is packed for a page is what its script unpacks, and holds nothing that a browser could obey."""

from __future__ import annotations

import base64
import zlib

from bezoar_data.reports.page import plain_text
from bezoar_data.reports.run_page.packed import FIELD, NOTHING, ROW, RowBlock, json_text, packed, referring
from support.shown_texts import NASTY


def unpacked(text: str) -> str:
    return zlib.decompress(base64.b64decode(text)).decode()


def test_rows_of_any_text_come_out_as_they_went_in() -> None:
    block = RowBlock()
    texts = [plain_text(text) for text in (*NASTY, "\x1e\x1f\x1d\x00", "", "\ud800 half a letter")]
    for text in texts:
        block.add({"a": text} if len(text) % 2 else {"b": text, "a": "x"})
    names, *lines = unpacked(packed(block.text())).split(ROW)
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
