"""How problems look on a terminal, and that nothing shown can steer one."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bezoar_data.config.problems import Place, Problem, did_you_mean, source_line
from bezoar_data.config.render import WIDTH, render_problems
from bezoar_data.config.sanitize import clean_text, looks_like_key, mask_keys, printable
from bezoar_data.config.secret_patterns import FLAGS, WIDE


def test_a_problem_shows_place_message_line_caret_and_hint(tmp_path: Path) -> None:
    path = tmp_path / "orca.yaml"
    path.write_text("name: a\nsteps:\n  - use: s\n    with: {modle: teacher}\n", encoding="utf-8")
    problem = Problem("unknown-key", "unknown key 'modle'", Place(str(path), 4, 12), "did you mean 'model'?")
    assert render_problems([problem]) == (
        f"{path}:4:12: unknown key 'modle'\n"
        "    4 |     with: {modle: teacher}\n"
        "      |            ^\n"
        "  hint: did you mean 'model'?"
    )


def test_problems_come_in_the_order_of_their_places_each_once(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("a\n" * 12, encoding="utf-8")
    at = [Problem("c", f"m{line}", Place(str(path), line, 1)) for line in (11, 2, 1, 2)]
    anywhere = Problem("c", "no place")
    whole = Problem("c", "whole file", Place(str(path)), level="warning")
    text = render_problems([*at, whole, anywhere])
    assert re.findall(r"no place|warning: whole file|m\d+", text) == [
        "no place",
        "warning: whole file",
        "m1",
        "m2",
        "m11",
    ]


def test_the_caret_stands_under_its_character_after_tabs_wide_and_escaped_ones(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    line = "a:\t日本 e\u0301 \u202e x"
    path.write_text(line + "\n", encoding="utf-8")
    text = render_problems([Problem("c", "m", Place(str(path), 1, len(line)))])
    quoted, caret = text.splitlines()[1:]
    assert quoted == "    1 | a: 日本 e\u0301 \\u202e x"
    # 日 and 本 take two columns each, the combining accent none.
    assert caret.index("^") == quoted.index(" x") + 1 + 2 - 1


def test_of_a_long_line_the_part_around_the_caret_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("x" * 5000 + "Y" + "z" * 5000, encoding="utf-8")
    quoted, caret = render_problems([Problem("c", "m", Place(str(path), 1, 5001))]).splitlines()[1:]
    assert len(quoted) < WIDTH + 15
    assert quoted[caret.index("^")] == "Y"


def test_a_secret_place_shows_the_line_up_to_it_only(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("key: hunter2 and more\n", encoding="utf-8")
    text = render_problems([Problem("c", "m", Place(str(path), 1, 6), secret=True)])
    assert "key: [hidden]" in text
    assert "hunter2" not in text
    assert "more" not in text


def test_a_file_that_is_gone_and_a_place_that_is_no_file_show_no_line(tmp_path: Path) -> None:
    gone = render_problems([Problem("c", "m", Place(str(tmp_path / "gone.yaml"), 3, 1), "h")])
    assert gone.splitlines()[1:] == ["  hint: h"]
    assert render_problems([Problem("c", "m", Place("--set seed=x"))]) == "--set seed=x: m"
    assert source_line(Place(str(tmp_path), 1, 1)) is None


def test_a_line_past_the_end_shows_no_line(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("a\x0cb\u2028c\n", encoding="utf-8")
    assert source_line(Place(str(path), 1)) == "a\x0cb\u2028c"
    assert source_line(Place(str(path), 9)) is None


def test_only_the_first_of_very_many_are_shown() -> None:
    text = render_problems(Problem("c", f"m{i}") for i in range(150))
    assert text.splitlines()[-1] == "… and 50 more"


@given(st.text(), st.text(), st.text(), st.integers(1, 50))
def test_nothing_rendered_can_steer_a_terminal(message: str, file: str, hint: str, column: int) -> None:
    text = render_problems([Problem("c", message, Place(file, 1, column), hint)])
    assert all(c == "\n" or (c.isprintable() or c in "\u200c\u200d") or ord(c) > 0x7F for c in text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f]", text)
    assert text.count("\n") <= 3


def test_clean_text_shows_what_it_takes_away() -> None:
    assert clean_text("\x1b[31mred\x07 \u202egnp.exe\r\x9b \ufeff\U000e0041") == (
        "\\x1b[31mred\\x07 \\u202egnp.exe\\r\\x9b \\ufeff\\U000e0041"
    )
    assert clean_text("a\n\tb") == "a\n\tb"
    assert clean_text("a\n\tb", one_line=True) == "a\\n\\tb"
    assert (
        clean_text("日本 é \U0001f468\u200d\U0001f469 می\u200cخواهم")
        == "日本 é \U0001f468\u200d\U0001f469 می\u200cخواهم"
    )
    assert clean_text("\ud800") == "\\ud800"


def test_keys_are_known_by_their_shapes() -> None:
    keys = [
        "sk-proj-abcdefgh1234",
        "sk_live_abcdefgh1234",
        "hf_abcdefghijkl",
        "ghp_abcdefghijkl",
        "github_pat_abcdefghijkl",
        "AIzaSyAabcdefghijklmnopqrst",
        "AKIAABCDEFGHIJKLMNOP",
        "xoxb-123456789012",
        "Bearer abcdefghijkl",
        "https://user:word@host/",
    ]
    for key in keys:
        assert looks_like_key(key)
        assert looks_like_key(f"before '{key}' after")
        assert mask_keys(f"before {key} after").startswith(("before [hidden]", "before https://[hidden]"))
    ordinary = ["OPENAI_API_KEY", "HF_TOKEN", "task-specific", "sk-learn", "http://h:80/v1", "me@x.org", "bearer of it"]
    names = ["org/Model-3.1-70B-Instruct", "hf-internal-testing/tiny-gpt2", "pplx-70b-online", "xai-org/grok-1"]
    for text in ordinary + names:
        assert not looks_like_key(text)
        assert mask_keys(text) == text


@given(st.from_regex(re.compile(WIDE, FLAGS)))
def test_all_that_has_the_shape_of_a_key_is_seen(text: str) -> None:
    """Texts without a hint of one are not searched."""
    assert looks_like_key(text)
    assert not re.search(WIDE, mask_keys(text), FLAGS)


def test_quoted_values_are_short_and_on_one_line() -> None:
    assert printable("a\nb") == "a\\nb"
    assert len(printable("x" * 500)) == 60


def test_hints_name_the_nearest_word_or_some_of_all() -> None:
    assert did_you_mean("modle", ["model", "seed"]) == "did you mean 'model'?"
    assert did_you_mean("zzz", ["b", "a"]) == "known: a, b"
    assert did_you_mean("zzz", []) == ""
    assert did_you_mean("qqq", [f"w{i}" for i in range(50)]).endswith(", …")
