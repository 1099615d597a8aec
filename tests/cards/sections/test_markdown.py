"""The small parts of a card: types in the Hub's spelling, views, and foreign text in Markdown."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bezoar_data.cards.front_matter import size_category
from bezoar_data.cards.hub_types import hub_features
from bezoar_data.cards.sections import markdown as md
from bezoar_data.config.files.card import check_front, parse_card

TYPES = (
    pa.string(),
    pa.large_string(),
    pa.bool_(),
    pa.int8(),
    pa.uint16(),
    pa.int64(),
    pa.float16(),
    pa.float32(),
    pa.float64(),
    pa.binary(),
    pa.null(),
    pa.date32(),
    pa.timestamp("us"),
    pa.timestamp("ns", tz="UTC"),
    pa.time64("us"),
    pa.duration("ms"),
    pa.decimal128(10, 2),
    pa.list_(pa.string()),
    pa.large_list(pa.int64()),
    pa.list_(pa.list_(pa.float64())),
    pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))]),
    pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
    pa.struct([("inner", pa.struct([("x", pa.decimal128(10, 2)), ("y", pa.timestamp("us", tz="UTC"))]))]),
)


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_types_are_spelled_as_the_hubs_library_spells_them(kind: pa.DataType) -> None:
    from datasets import Features

    theirs = Features.from_arrow_schema(pa.schema([("column", kind)]))
    ours = hub_features({"column": str(kind)})
    assert ours == theirs._to_yaml_list()


def test_an_unknown_type_leaves_the_features_out() -> None:
    assert hub_features({"a": "string", "b": "dictionary<values=string, indices=int32, ordered=0>"}) is None
    assert hub_features({"a": "list<item: union<x: int8>>"}) is None


@pytest.mark.parametrize(
    ("rows", "name"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**9, "n>10M")]
)
def test_sizes_are_the_hubs_categories(rows: int, name: str) -> None:
    assert size_category(rows) == name


COLUMNS = ("system_message", "inputs", "explained_targets", "chosen", "rejected", "gap", "turns")


def view_codes(views: object) -> list[str]:
    card = parse_card(f"---\n{json.dumps({'bezoar': {'views': views}})}\n---\n", "card.md")
    return [p.code for p in check_front(card, COLUMNS)]


@pytest.mark.parametrize(
    "views",
    [
        {},
        {"sft": {"system": "system_message", "prompt": "inputs", "response": "explained_targets"}},
        {"sft": {"prompt": "inputs", "response": "explained_targets"}, "messages": {"messages": "turns"}},
        {"preference": {"prompt": "inputs", "chosen": "chosen", "rejected": "rejected", "margin": "gap"}},
    ],
)
def test_right_views_pass(views: dict[str, dict[str, str]]) -> None:
    assert view_codes(views) == []


@pytest.mark.parametrize(
    ("views", "codes"),
    [
        ([], ["wrong-type"]),
        (3, ["wrong-type"]),
        ({"stf": {}}, ["unknown-key"]),
        ({"sft": "inputs"}, ["wrong-type"]),
        ({"sft": {}}, ["missing-key", "missing-key"]),
        ({"sft": {"prompt": "inputs", "response": 3, "sytem": "x"}}, ["wrong-type", "unknown-key"]),
        ({"sft": {"prompt": "input", "response": "answer"}}, ["unknown-column", "unknown-column"]),
        ({"preference": {"prompt": "inputs", "chosen": "chosen"}}, ["missing-key"]),
    ],
)
def test_wrong_views_are_named(views: object, codes: list[str]) -> None:
    assert view_codes(views) == codes


foreign = st.text(st.characters(codec="utf-8"), max_size=40) | st.text(
    "`*_[]()<>!#|\\~$&-+=1.)\n\r\t :/ab", max_size=40
)
PARSER = MarkdownIt("commonmark").enable("table")


def words(markdown: str) -> tuple[set[str], str]:
    """The kinds of tokens in a paragraph, and the text a reader sees."""
    kinds: set[str] = set()
    seen = ""
    for token in PARSER.parse(markdown):
        kinds.add(token.type)
        for child in token.children or []:
            kinds.add(child.type)
            seen += child.content
    return kinds, seen


@given(foreign)
def test_foreign_text_becomes_plain_words_only(value: str) -> None:
    kinds, seen = words(md.text(value))
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text"}
    if value.isascii() and value.isprintable():
        assert seen == " ".join(value.split())


@given(foreign)
def test_foreign_text_in_a_code_span_stays_in_it(value: str) -> None:
    kinds, _ = words(f"a {md.code(value)} b")
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "code_inline"}


@given(st.lists(foreign, min_size=1, max_size=3))
def test_foreign_text_in_a_table_makes_no_cells_and_no_rows(cells: list[str]) -> None:
    head = ["h"] * len(cells)
    for spell in (md.text, md.code):
        tokens = PARSER.parse(md.table(head, [[spell(cell) or "–" for cell in cells]]))
        assert [t.type for t in tokens].count("td_open") == len(cells)
        assert [t.type for t in tokens].count("tr_open") == 2
        assert tokens[-1].type == "table_close"


@given(foreign)
def test_foreign_text_in_a_block_stays_in_it(value: str) -> None:
    tokens = PARSER.parse(f"- x\n\n{md.block(value, indent='  ')}\n\nafter")
    assert [t.type for t in tokens].count("fence") == 1
    assert tokens[-2].content == "after"
    assert all(line.startswith(("  ", "-")) or not line for line in md.block(value, indent="  ").split("\n"))
