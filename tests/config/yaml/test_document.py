"""Reading YAML: values, places, refusals, and that nothing but `InputError` ever comes out."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place
from bezoar_data.config.yaml.document import MAX_BYTES, MAX_DEPTH, Document, load_yaml, parse_yaml


def refused(text: str) -> list[tuple[str, int | None, int | None]]:
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "f.yaml")
    return [(p.code, p.place.line, p.place.column) for p in caught.value.problems if p.place]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("010", 10),
        ("0o17", 15),
        ("0xff", 255),
        ("-3", -3),
        ("+.5", 0.5),
        ("1e3", 1000.0),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("yes", "yes"),
        ("NO", "NO"),
        ("True", True),
        ("false", False),
        ("~", None),
        ("null", None),
        ("2024-01-31", "2024-01-31"),
        ("'7'", "7"),
        ('"true"', "true"),
        ("=", "="),
        ("|\n a\n b\n", "a\nb\n"),
        (">-\n a\n b\n", "a b"),
        ("'\U0001f600 é'", "\U0001f600 é"),
        ("1" * 200, "1" * 200),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    found = parse_yaml(f"a: {text}\n", "f").value["a"]
    assert found == value
    assert type(found) is type(value)


def test_places_count_from_one_and_fall_back_to_the_nearest_parent() -> None:
    text = "# first\na:\n  b: [x, {c: 1}]\n  'd e': >\n    text\n"
    document = parse_yaml(text, "f.yaml")
    assert document.place(()) == Place("f.yaml", 2, 1)
    assert document.place(("a",)) == Place("f.yaml", 3, 3)
    assert document.place(("a",), key=True) == Place("f.yaml", 2, 1)
    assert document.place(("a", "b", 1, "c")) == Place("f.yaml", 3, 14)
    assert document.place(("a", "b", 1, "c"), key=True) == Place("f.yaml", 3, 11)
    assert document.place(("a", "b", 0), key=True) == Place("f.yaml", 3, 7)
    assert document.place(("a", "d e")) == Place("f.yaml", 4, 10)
    assert document.place(("a", "missing")) == Place("f.yaml", 2, 1)
    assert document.place(("a", "b", 7, "x")) == Place("f.yaml", 3, 3)


def test_an_alias_is_the_same_value_without_being_the_same_object() -> None:
    value = parse_yaml("a: &x {p: [1]}\nb: *x\n", "f").value
    assert value == {"a": {"p": [1]}, "b": {"p": [1]}}
    value["a"]["p"].append(2)
    assert value["b"] == {"p": [1]}


def test_a_byte_order_mark_shifts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load_yaml(path).place(("a",)) == Place(str(path), 1, 4)


def test_windows_line_ends_count_once() -> None:
    assert parse_yaml("a: 1\r\nb: 2\r\n", "f").place(("b",)) == Place("f", 2, 4)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("a: 1\nb: 2\na: 3\n", [("duplicate-key", 3, 1)]),
        ("{a: 1, 'a': 2, \"a\": 3}", [("duplicate-key", 1, 8), ("duplicate-key", 1, 16)]),
        ("1: x\ntrue: y\nnull: z\n", [("bad-key", 1, 1), ("bad-key", 2, 1), ("bad-key", 3, 1)]),
        ("? [a, b]\n: x\n", [("bad-key", 1, 3)]),
        ("a: {{name}}\n", [("bad-key", 1, 5)]),
        ("a: !!python/object/apply:os.system [ls]\n", [("tag", 1, 4)]),
        ("a: !mine x\nb: !!str 1\nc: !!binary aGk=\n", [("tag", 1, 4), ("tag", 2, 4), ("tag", 3, 4)]),
        ("a: !e!x 1\n", [("yaml-syntax", 1, 4)]),
        ("a: &x {b: 1}\nc: {<<: *x}\n", [("merge-key", 2, 5)]),
        ("a: *nobody\n", [("unknown-alias", 1, 4)]),
        ("a: &x [*x]\n", [("unknown-alias", 1, 8)]),
        ("a: 1\n---\nb: 2\n", [("many-documents", 2, 1)]),
        ("%YAML 1.1\n---\na: yes\n", [("yaml-version", 1, 1)]),
        ("a: .nan\nb: -.INF\nc: 1e999\n", [("bad-number", 1, 4), ("bad-number", 2, 4), ("bad-number", 3, 4)]),
        ('a: "\\ud800"\n', [("bad-text", 1, 4)]),
        ("", [("empty-file", None, None)]),
        ("# only a comment\n", [("empty-file", None, None)]),
        ("a: b: c\n", [("yaml-syntax", 1, 5)]),
        ("a:\n\t- b\n", [("yaml-syntax", 2, 1)]),
        ("a: [1, 2\n", [("yaml-syntax", 1, 4)]),
        ("a: 'x\n\nb: 1\n", [("yaml-syntax", 1, 4)]),
        ("- a\nb: 1\n", [("yaml-syntax", 2, 1)]),
        ("a: @x\n", [("yaml-syntax", 1, 4)]),
        ("a: {x: 1]\n", [("yaml-syntax", 1, 9)]),
        ("a: 1\nb\nc: 2\n", [("yaml-syntax", 3, 1)]),
        ("a: 1\nx\x00y: 1\n", [("bad-character", 2, 2)]),
        ("a: \x1b[2J\n", [("bad-character", 1, 4)]),
        ("a: 1\na: 2\nb: [\n", [("duplicate-key", 2, 1), ("yaml-syntax", 3, 4)]),
    ],
)
def test_what_is_refused_and_where(text: str, problems: list[tuple[str, int | None, int | None]]) -> None:
    assert refused(text) == problems


def test_bounds_hold_before_anything_large_is_built() -> None:
    began = time.process_time()
    assert refused("a: " + "[" * 90_000)[0][0] == "too-deep"
    assert refused("b: 1\na: " + "!" * 1_000_000) == [("too-large", 2, 1)]
    assert refused("".join("  " * i + "a:\n" for i in range(MAX_DEPTH + 5)))[0][0] == "too-deep"
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for i in range(1, 12):
        laughs += f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n"
    assert refused(laughs)[0][0] == "too-many-values"
    nested = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, MAX_DEPTH + 2))
    assert refused(nested)[0][0] == "too-deep"
    assert time.process_time() - began < 10


def test_problems_are_bounded_too() -> None:
    assert len(refused("".join("a: 1\n" for _ in range(1000)))) <= 100


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "orca.yaml").write_text("a: 1\n")
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xc3\xa9 caf\xe9\n")
    (tmp_path / "large.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    wanted = {
        tmp_path / "orac.yaml": ("missing-file", None, None, "did you mean 'orca.yaml'?"),
        tmp_path: ("not-a-file", None, None, "name the file itself"),
        tmp_path / "latin.yaml": ("not-utf-8", 2, 9, "save the file as UTF-8"),
        tmp_path / "large.yaml": ("too-large", None, None, "is this the right file?"),
        tmp_path / "orca.yaml" / "x": ("unreadable-file", None, None, ""),
        tmp_path / "nul\0.yaml": ("unreadable-file", None, None, ""),
    }
    for path, (code, line, column, hint) in wanted.items():
        with pytest.raises(InputError) as caught:
            load_yaml(path)
        (problem,) = caught.value.problems
        assert (problem.code, problem.place) == (code, Place(str(path), line, column))
        assert problem.hint == hint


def test_lenient_reading_returns_a_document_with_its_problems() -> None:
    document = parse_yaml("a: 1\na: 2\nb: !x 3\n", "f", lenient=True)
    assert document.value == {"a": 1, "b": "3"}
    assert [p.code for p in document.problems] == ["duplicate-key", "tag"]
    with pytest.raises(InputError):
        parse_yaml("a: [", "f", lenient=True)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=15,
)
YAML_BITS = st.lists(
    st.sampled_from(
        [*"ab:-\n []{},'\"&*!|>?#%<\t\\u~1é\u2028\x85\0@`", "a: ", "- ", "\n  ", "---", "...", "<<: ", "*a", "&a "]
    ),
    max_size=25,
).map("".join)


@settings(max_examples=200)
@given(st.text(max_size=60) | YAML_BITS)
def test_any_text_gives_a_document_or_an_input_error(text: str) -> None:
    try:
        document = parse_yaml(text, "f.yaml")
    except InputError as error:
        assert error.problems
        lines = text.count("\n") + text.count("\r") + 1
        assert all(p.place and (p.place.line is None or 1 <= p.place.line <= lines) for p in error.problems)
    else:
        assert isinstance(document, Document)
        json.dumps(document.value, allow_nan=False).encode()


@settings(max_examples=60)
@given(st.binary(max_size=60))
def test_any_bytes_give_a_document_or_an_input_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes", numbered=True) / "f.yaml"
    path.write_bytes(data)
    try:
        load_yaml(path)
    except InputError as error:
        assert error.problems


@settings(max_examples=100)
@given(VALUES)
def test_json_text_reads_back_as_its_value(value: Any) -> None:
    assert parse_yaml(json.dumps(value), "f").value == value


@settings(max_examples=60)
@given(VALUES)
def test_what_a_yaml_writer_writes_reads_back_with_every_place(value: Any) -> None:
    out = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False  # between braces ruamel.yaml misreads its own `{?a: 1}`
    writer.dump(value, out)
    document = parse_yaml(out.getvalue(), "f")
    lines = out.getvalue().split("\n")

    def walk(value: Any, path: tuple[str | int, ...]) -> None:
        place = document.place(path)
        assert place.line is not None
        assert place.column is not None
        assert len(lines[place.line - 1]) + 1 >= place.column
        for part, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(inner, dict | list):
                walk(inner, (*path, part))

    if isinstance(document.value, dict | list):
        walk(document.value, ())
    assert document.value == value
