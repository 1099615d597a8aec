"""Cards as files: front matter with places, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import check_front, load_card, parse_card
from bezoar_data.config.files.card_text import front_text
from bezoar_data.config.yaml.document import parse_yaml


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "no-front-matter", 1),
        ("# Only a body\n", "no-front-matter", 1),
        ("---\nlicense: mit\n", "open-front-matter", 1),
        ("---\nlicense: [mit\n---\n", None, None),
        ("---\na: 1\nb: 2\na: 3\n---\n", "duplicate-key", 4),
        ("---\na: !!python/object:os.system x\n---\n", "tag", 2),
        ("---\n- a\n- b\n---\n", "bad-front-matter", 2),
        ("---\njust words\n---\n", "bad-front-matter", 2),
    ],
)
def test_a_card_that_cannot_be_read_is_named_with_its_line(text: str, code: str | None, line: int | None) -> None:
    with pytest.raises(InputError) as caught:
        parse_card(text, "card.md")
    problem = caught.value.problems[0]
    assert problem.place is not None
    assert problem.place.file == "card.md"
    if code:
        assert (problem.code, problem.place.line) == (code, line)


def test_a_missing_card_is_one_clear_problem(tmp_path: Path) -> None:
    (tmp_path / "orca.md").write_text("---\n---\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_card(tmp_path / "orka.md")
    (problem,) = caught.value.problems
    assert problem.code == "missing-file"
    assert problem.hint == "did you mean 'orca.md'?"


@pytest.mark.parametrize(
    "text", ["---\n---\nBody\n", "---\n# a comment\n---\nBody\n", "\ufeff---\r\n\r\n---\r\nBody\r\n"]
)
def test_empty_front_matter_is_a_card_without_keys(text: str) -> None:
    card = parse_card(text, "card.md")
    assert card.front == {}
    assert card.body == "Body\n"
    assert check_front(card) == []


def test_every_mistake_of_the_front_matter_is_named_with_its_place() -> None:
    card = parse_card(
        "---\n"
        "license: 5\n"
        "tags: [a, 1]\n"
        "pretty_name: [x]\n"
        "bezoar:\n"
        "  veiws: {}\n"
        "  fields: {inputs: 3}\n"
        "  views:\n"
        "    sft: {prompt: inputs, respose: answer}\n"
        "    prefrence: {}\n"
        "    messages: column\n"
        "    preference: {prompt: inputs, chosen: a, rejected: b}\n"
        "---\n",
        "card.md",
    )
    found = [(p.code, p.place.line if p.place else None) for p in check_front(card, ["inputs", "a"])]
    assert sorted(found, key=lambda f: f[1] or 0) == [
        ("wrong-type", 2),
        ("wrong-type", 3),
        ("wrong-type", 4),
        ("unknown-key", 6),
        ("wrong-type", 7),
        ("missing-key", 9),
        ("unknown-key", 9),
        ("unknown-key", 10),
        ("wrong-type", 11),
    ]
    assert [p.code for p in check_front(parse_card("---\nbezoar: 3\n---\n", "card.md"))] == ["wrong-type"]


def test_the_where_of_a_view_is_checked_against_the_columns_at_its_place() -> None:
    views = "---\nbezoar:\n  views:\n    sft:\n      prompt: ask\n      response: say\n      where: {}\n---\n"
    card = parse_card(views.format("raiting >= 4 and ok"), "card.md")
    assert check_front(card) == []
    (problem,) = check_front(card, ["ask", "say", "rating", "ok"])
    assert (problem.place.line if problem.place else None, problem.hint) == (7, "did you mean 'rating'?")
    assert "no column 'raiting'" in problem.message
    (problem,) = check_front(parse_card(views.format("rating = 4"), "card.md"))
    assert (problem.code, "write '=='" in problem.hint) == ("bad-where", True)


def test_a_view_of_ratings_names_their_columns() -> None:
    views = "---\nbezoar:\n  views:\n    rating:\n      prompt: ask\n      response: say\n      attributes: {}\n---\n"
    columns = ["ask", "say", "tone"]
    assert check_front(parse_card(views.format("[tone]"), "card.md"), columns) == []
    assert check_front(parse_card(views.format("{manner: tone}"), "card.md"), columns) == []
    (problem,) = check_front(parse_card(views.format("[tones]"), "card.md"), columns)
    assert (problem.code, problem.hint) == ("unknown-column", "did you mean 'tone'?")
    for wrong in ("[]", "tone", "[3]", "{}"):
        assert check_front(parse_card(views.format(wrong), "card.md"), columns)


def test_editing_a_key_keeps_order_comments_and_body(tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    path.write_text("---\n# why\nlicense: mit # for now\nlanguage: 'no'\n---\n\nBody --- here\n---\n", encoding="utf-8")
    changed = load_card(path).edited({"license": "cc0-1.0", "tags": ["yes", "plain"]})
    path.write_text(changed.text, encoding="utf-8")
    text = path.read_text("utf-8")
    assert text == (
        "---\n# why\nlicense: cc0-1.0 # for now\nlanguage: 'no'\ntags:\n- \"yes\"\n- plain\n---\n\nBody --- here\n---\n"
    )
    assert load_card(path).front == {"license": "cc0-1.0", "language": "no", "tags": ["yes", "plain"]}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda x: round(x, 6) if abs(x) < 1e6 else 0.5)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
    | st.sampled_from(
        ["no", "On", "1e3", "0x1F", "12:30", "~", "null", "- a", "a: b", "a #b", "2024-01-01", "---", ".5"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcno-1 ", min_size=1, max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@example({"cost": 1e-05, "large": 1e22})
@given(st.dictionaries(st.text("abcxyz_", min_size=1, max_size=6), values, min_size=1, max_size=4))
def test_front_matter_that_we_write_reads_back_equal_in_both_yaml_versions(front: dict[str, object]) -> None:
    text = front_text(front)
    inside = text.removeprefix("---\n").removesuffix("---\n")
    assert yaml.safe_load(inside) == front
    assert parse_yaml(inside, "card.md").value == front
    assert parse_card(f"{text}Body", "card.md").body == "Body"
