import math

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place
from bezoar_data.config.where import Where
from bezoar_data.config.yaml.document import load_yaml

ROW: dict[str, object] = {
    "status": "Accept",
    "rating": 4,
    "score": 0.5,
    "ok": True,
    "text": "naïve café",
    "tags": ["a", "b"],
    "none": None,
}


def says(expression: str) -> bool | None:
    return Where.parse(expression).value(ROW)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('status == "Accept" and rating >= 4', True),
        ("status == 'Accept' and rating > 4", False),
        ("rating in [1, 2.0, 4.0]", True),
        ("rating not in [1, 2]", True),
        ("length(text) == 10", True),
        ("length(tags) < 2", False),
        ('contains(text, "café")', True),
        ('contains(text, "Café")', False),
        ("ok", True),
        ("not ok or score < 1", True),
        ("none is null", True),
        ("missing is null", True),
        ("text is not null", True),
        ('`status` == "Accept"', True),
        ("4 <= rating", True),
        ("ok == false", False),
        # Null's own rules.
        ("none == 1", None),
        ("not none == 1", None),
        ("none in [1]", None),
        ("none not in [1]", None),
        ("none == 1 and rating == 5", False),
        ("none == 1 and rating == 4", None),
        ("none == 1 or rating == 4", True),
        ("none == 1 or rating == 5", None),
        ("length(none) > 1", None),
        ('contains(none, "x")', None),
        ("none", None),
        # `not` binds tighter than `and`, `and` than `or`.
        ("not ok and ok or ok", True),
        ("not (ok and ok or ok)", False),
        ("ok or ok and not ok", True),
        (r'text != "a\"b\n"', True),
    ],
)
def test_what_expressions_say_of_a_row(expression: str, value: bool | None):
    assert says(expression) is value
    assert Where.parse(expression).matches(ROW) is (value is True)


@pytest.mark.parametrize(
    ("expression", "at", "message", "hint"),
    [
        ("rating = 4", 7, "'=' is not known", "write '=='"),
        ("ok && ok", 3, "'&&' is not known", "write 'and'"),
        ("ok AND ok", 3, "'AND' is not known", "write 'and'"),
        ("rating <> 4", 7, "'<>' is not known", "write '!='"),
        ("lenght(text) > 2", 0, "no function 'lenght'", "did you mean 'length'?"),
        ("rating == null", 7, "null", "is null"),
        ("1 < rating < 5", 11, "chained", "and"),
        ("rating >=", 9, "missing before the end", ""),
        ("rating > 4 ok", 11, "too much", "and"),
        ('status == "Acc', 10, "never closed", ""),
        ("rating in []", 10, "empty", ""),
        ("rating in [x]", 11, "texts, numbers", "quotes"),
        ("text.upper() == 1", 4, "means nothing", "no attribute"),
        ("rating + 1 == 2", 7, "means nothing", "arithmetic"),
        ('__import__("os")', 0, "no function", ""),
        ("rating", None, None, None),
        ("(ok", 3, "')' is missing", ""),
        ("", 0, "empty", ""),
        ("12", 0, "compared with nothing", ""),
        ("rating == 99999999999999999999", 10, "64 bits", ""),
        ("not " * 200 + "ok", None, "levels", ""),
    ],
)
def test_mistakes_are_told_with_their_character(expression, at, message, hint):
    if message is None:
        with pytest.raises(InputError, match="true or false is needed"):
            says(expression)
        return
    with pytest.raises(InputError) as error:
        Where.parse(expression)
    (problem,) = error.value.problems
    assert message in problem.message
    assert hint in problem.hint
    if at is not None:
        assert f"(character {at + 1})" in problem.message


def test_a_mistake_in_a_file_has_its_column_there(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("steps:\n  - with: {expression: 'rating = 4'}\n")
    with pytest.raises(InputError) as error:
        Where.parse("rating = 4", Place(str(file), 2, 24))
    assert str(error.value.problems[0].place) == f"{file}:2:32"


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("e: rating > 4 and ratting\n", "1:19"),
        ("e: 'rating > 4\n  and ratting'\n", "2:7"),
        ("e: >-\n  rating > 4\n\n  and ratting\n", "4:7"),
        ("e: |\n    rating > 4\n      and ratting < 2\n", "3:11"),
        ('e: "rating \\x3e 4 and ratting"\n', "1:4"),
        ("e: rating >\n", "1:12"),
    ],
)
def test_a_mistake_has_its_line_and_column_however_yaml_folds_the_text(tmp_path, written: str, place: str):
    (tmp_path / "p.yaml").write_text(written)
    document = load_yaml(tmp_path / "p.yaml")
    try:
        (problem,) = Where.parse(document.value["e"], document.place(("e",))).check(["rating"])
    except InputError as error:
        (problem,) = error.problems
    assert str(problem.place) == f"{tmp_path}/p.yaml:{place}"


@pytest.mark.parametrize(
    ("expression", "at"),
    [('length(text) == "a"', 13), ("ok and flag > true", 12), ("rating in [1, 'a']", 11), ('not (1 == "1")', 7)],
)
def test_what_no_row_can_answer_is_told_without_one(expression: str, at: int):
    (problem,) = Where.parse(expression).check(None)
    assert f"(character {at + 1})" in problem.message


def test_unknown_columns_are_told_all_at_once_with_the_nearest_known():
    where = Where.parse('ratting > 3 and contains(texxt, "a") and ratting < 9')
    found = where.check(["rating", "text"])
    assert [(p.message.split(",")[0], p.hint) for p in found] == [
        ("there is no column 'ratting'", "did you mean 'rating'?"),
        ("there is no column 'texxt'", "did you mean 'text'?"),
    ]
    assert where.columns == ("ratting", "texxt")


@pytest.mark.parametrize(
    "expression",
    ['rating > "4"', "status == 4", "ok > false", "tags == 1", "contains(rating, '4')", "length(rating) > 1", "ok == 1",
     "status in ['a', 4]", "rating and ok"],
)  # fmt: skip
def test_unlike_kinds_are_a_mistake_on_rows_and_in_arrow(expression: str):
    where = Where.parse(expression)
    with pytest.raises(InputError):
        where.matches(ROW)
    with pytest.raises(InputError):
        where.arrow(pa.Table.from_pylist([ROW]).schema)


def test_a_long_chain_is_no_deep_tree():
    where = Where.parse(" or ".join(f"rating == {i}" for i in range(1000)))
    assert where.matches({"rating": 999})
    table = pa.table({"rating": [5, 2000]})
    assert table.filter(where.arrow(table.schema)).num_rows == 1


NUMBERS = st.one_of(st.integers(-3, 3), st.sampled_from([2**53 + 1, -(2**63), 2**63 - 1, 2**62 + 1]))
FRACTIONS = st.one_of(st.sampled_from([-1.5, -0.0, 0.0, 0.5, 2.0, 1e300, -1e300, 2.0**53, 2.0**63]), st.floats(-3, 3))
TEXTS = st.sampled_from(["", "a", "A", "b", "aé", "🙂", "\u0301a", 'q"', "\\n", "\n"])


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def number(value: float) -> str:
    return repr(value).replace("+", "")


def literals(column: str) -> st.SearchStrategy[str]:
    if column == "t":
        return TEXTS.map(quoted)
    if column == "b":
        return st.sampled_from(["true", "false"])
    return st.one_of(NUMBERS, FRACTIONS).map(number)


@st.composite
def atoms(draw: st.DrawFn) -> str:
    column = draw(st.sampled_from(["i", "f", "t", "b"]))
    kind = draw(st.sampled_from(["compare", "mirrored", "in", "null", "own", "columns"]))
    signs = ["==", "!="] + ([] if column == "b" else ["<", "<=", ">", ">="])
    if kind == "compare":
        return f"{column} {draw(st.sampled_from(signs))} {draw(literals(column))}"
    if kind == "mirrored":
        return f"{draw(literals(column))} {draw(st.sampled_from(signs))} {column}"
    if kind == "in":
        values = ", ".join(draw(st.lists(literals(column), min_size=1, max_size=4)))
        return f"{column} {draw(st.sampled_from(['in', 'not in']))} [{values}]"
    if kind == "null":
        return f"{column} is {draw(st.sampled_from(['', 'not ']))}null"
    if kind == "columns":
        return f"{column} {draw(st.sampled_from(signs))} {column}"
    own = {"b": "b", "t": f"contains(t, {quoted(draw(TEXTS))})", "i": "length(t) > 1", "f": "length(l) in [0, 2]"}
    return own[column]


EXPRESSIONS = st.recursive(
    atoms(),
    lambda inner: st.one_of(
        inner.map(lambda e: f"not ({e})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
    ),
    max_leaves=5,
)
ROWS = st.fixed_dictionaries(
    {
        "i": st.none() | NUMBERS,
        "f": st.none() | FRACTIONS | st.just(math.nan),
        "t": st.none() | TEXTS,
        "b": st.none() | st.booleans(),
        "l": st.none() | st.lists(st.just("x"), max_size=3),
    }
)
SCHEMA = pa.schema(
    {"i": pa.int64(), "f": pa.float64(), "t": pa.string(), "b": pa.bool_(), "l": pa.list_(pa.string())}.items()
)


@settings(max_examples=300)
@given(expression=EXPRESSIONS, rows=st.lists(ROWS, min_size=1, max_size=8))
@example(expression="f in [-0.0]", rows=[{"i": None, "f": 0.0, "t": None, "b": None, "l": None}])
def test_rows_and_arrow_agree(expression: str, rows: list[dict]):
    where = Where.parse(expression)
    expected = [n for n, row in enumerate(rows) if where.matches(row)]
    table = pa.Table.from_pylist(rows, schema=SCHEMA).append_column("n", pa.array(range(len(rows))))
    assert table.filter(where.arrow(SCHEMA))["n"].to_pylist() == expected
    negated = Where.parse(f"not ({expression})")
    unknown = [n for n, row in enumerate(rows) if where.value(row) is None]
    rest = table.filter(negated.arrow(SCHEMA))["n"].to_pylist()
    assert sorted([*expected, *rest, *unknown]) == list(range(len(rows)))


def test_a_column_of_nothing_but_nulls_is_unknown_in_both():
    table = pa.table({"n": pa.nulls(2), "i": [1, 2]})
    where = Where.parse("n == 1 or i == 2")
    assert table.filter(where.arrow(table.schema))["i"].to_pylist() == [2]
    assert [where.matches(r) for r in table.to_pylist()] == [False, True]
