"""A README edited by hand and rendered again: the person's words stay, the run's figures change."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezoar_data.cards.merge import join_body, merge_body, split_body, with_hashes, wrap
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import parse_card
from support.cards import render_card

TEMPLATE = """---
language: en
tags: [mine]
license: cc-by-4.0
---
# {{ title }}

Opening words.

## Summary

{{ sections.summary }}

## Where from

{{ sections.sources }}

Closing words, {{ counts.kept }} rows.
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "card.md"
    path.write_text(TEMPLATE, encoding="utf-8")
    return path


def larger(lock: dict[str, Any]) -> dict[str, Any]:
    lock = copy.deepcopy(lock)
    lock["counts"] = {"source": 5_012, "kept": 5_000, "dropped": 12}
    return lock


def test_prose_written_into_the_readme_stays_and_figures_change(build: Callable[..., Any], template: Path) -> None:
    made = build()
    first = render_card(template, made.lock, made.example, previous=None)
    edited = first.replace("Opening words.", "Words of mine.").replace(
        "<!-- bezoar:end sources -->", "<!-- bezoar:end sources -->\n\nA note on the sources, by hand."
    )
    edited += "\n## Thanks\n\nTo everyone.\n"
    again = render_card(template, larger(made.lock), made.example, previous=edited)
    for words in (
        "Words of mine.",
        "A note on the sources, by hand.",
        "## Thanks\n\nTo everyone.",
        "**Size:** 5,000 rows",
    ):
        assert words in again
    assert "Opening words." not in again
    assert "**Size:** 10 rows" not in again
    assert "aaaa" not in again
    assert render_card(template, larger(made.lock), made.example, previous=again) == again


def test_figures_edited_by_hand_inside_a_section_are_replaced(build: Callable[..., Any], template: Path) -> None:
    made = build()
    first = render_card(template, made.lock, made.example, previous=None)
    lie = first.replace("**Size:** 10 rows", "**Size:** 10,000 rows").replace("kept: 10", "kept: 10000")
    assert lie != first
    assert render_card(template, made.lock, made.example, previous=lie) == first


def test_untouched_prose_follows_the_template_and_touched_prose_does_not(
    build: Callable[..., Any], template: Path
) -> None:
    made = build()
    first = render_card(template, made.lock, made.example, previous=None)
    edited = first.replace("Opening words.", "Words of mine.")
    template.write_text(TEMPLATE.replace("Opening", "New opening").replace("Closing", "New closing"), encoding="utf-8")
    again = render_card(template, larger(made.lock), made.example, previous=edited)
    assert "Words of mine." in again
    assert "New opening" not in again
    assert "New closing words, 5000 rows." in again


def test_a_deleted_section_comes_back_and_moved_sections_stay_moved(build: Callable[..., Any], template: Path) -> None:
    made = build()
    first = render_card(template, made.lock, made.example, previous=None)
    parts = split_body(parse_card(first, "README.md").body)
    cost = wrap("cost", parts.sections["cost"])
    assert cost in first
    without = first.replace(f"{cost}\n\n", "")
    assert "bezoar:begin cost" not in without
    assert cost in render_card(template, made.lock, made.example, previous=without)

    licence = wrap("licence", parts.sections["licence"])
    moved = first.replace(f"{licence}\n\n", "").replace("Opening words.", f"Opening words.\n\n{licence}")
    again = render_card(template, larger(made.lock), made.example, previous=moved)
    order = split_body(parse_card(again, "README.md").body).order
    assert order[:2] == ("licence", "summary")
    assert sorted(order) == sorted(parts.order)
    assert render_card(template, larger(made.lock), made.example, previous=again) == again


def test_keys_edited_in_the_readmes_front_matter_stay(build: Callable[..., Any], template: Path) -> None:
    made = build()
    first = render_card(template, made.lock, made.example, previous=None)
    edited = (
        first.replace("license: cc-by-4.0", "license: cc0-1.0\nextra_gated_prompt: Say who you are.")
        .replace("- mine\n", "- mine\n- added\n")
        .replace("language: en\n", "")
        .replace('- "n<1K"', '- "n>10M"')
    )
    again = parse_card(render_card(template, larger(made.lock), made.example, previous=edited), "README.md")
    assert again.front["license"] == "cc0-1.0"
    assert again.bezoar["licence"]["result"] == "cc0-1.0"
    assert "**Licence: cc0-1.0.**" in again.body
    assert again.front["extra_gated_prompt"] == "Say who you are."
    assert again.front["tags"][:2] == ["mine", "added"]
    assert again.front["tags"].count("synthetic") == 1
    assert "language" not in again.front
    assert again.front["size_categories"] == ["1K<n<10K"]


def test_a_key_changed_in_the_template_reaches_an_untouched_readme(build: Callable[..., Any], template: Path) -> None:
    made = build()
    first = render_card(template, made.lock, made.example, previous=None)
    template.write_text(TEMPLATE.replace("license: cc-by-4.0", "pretty_name: Better"), encoding="utf-8")
    again = parse_card(render_card(template, made.lock, made.example, previous=first), "README.md")
    assert again.front["license"] == "unknown"
    assert again.front["pretty_name"] == "Better"
    assert again.body.lstrip().startswith("# Better")


def test_a_readme_without_any_marker_is_kept_whole(build: Callable[..., Any], template: Path) -> None:
    made = build()
    own = "---\nlicense: mit\n---\n\n# My own page\n\nAll by hand.\n"
    again = render_card(template, made.lock, made.example, previous=own)
    assert "# My own page\n\nAll by hand." in again
    assert "**Size:** 10 rows" in again
    assert parse_card(again, "README.md").front["license"] == "mit"


def test_a_marker_without_its_partner_loses_no_words(build: Callable[..., Any], template: Path) -> None:
    made = build()
    first = render_card(template, made.lock, made.example, previous=None)
    broken = first.replace("<!-- bezoar:end summary -->", "These words came in where the marker was.")
    again = render_card(template, made.lock, made.example, previous=broken)
    assert "These words came in where the marker was." in again
    assert again.count("bezoar:begin summary") == again.count("bezoar:end summary") == 1


def test_a_broken_readme_is_refused_with_its_place(build: Callable[..., Any], template: Path) -> None:
    made = build()
    first = render_card(template, made.lock, made.example, previous=None)
    for broken, code, line in (
        (first.replace("license: cc-by-4.0", "license: 5"), "wrong-type", 2),
        (first.replace("language: en", "license: mit"), "duplicate-key", 3),
        (first.removeprefix("---\n"), "no-front-matter", 1),
    ):
        with pytest.raises(InputError) as caught:
            render_card(template, made.lock, made.example, previous=broken)
        (problem,) = caught.value.problems
        assert problem.place is not None
        assert (problem.code, problem.place.file, problem.place.line) == (code, "dataset/README.md", line)


lines = st.lists(
    st.one_of(
        st.sampled_from(
            [
                f"<!-- bezoar:{kind} {name} -->"
                for kind in ("begin", "end")
                for name in ("summary", "sources", "cost", "gone")
            ]
        ),
        st.sampled_from(["words", "# head", "", "```", "<!-- bezoar:written prose top=000000000000 -->"]),
        st.text(alphabet="ab<!-> \t", max_size=8),
    ),
    max_size=25,
)


@given(lines)
def test_whatever_stands_in_a_readme_a_merge_keeps_every_section_once_and_is_stable(previous: list[str]) -> None:
    fresh = with_hashes(
        split_body("\n\n".join(["# T", *(wrap(n, f"made {n}") for n in ("summary", "sources", "cost")), "End"]))
    )
    text = join_body(merge_body(fresh, split_body("\n".join(previous))), {})
    again = split_body(text)
    assert sorted(again.order) == ["cost", "sources", "summary"]
    assert {s.strip() for s in again.sections.values()} == {"made cost", "made sources", "made summary"}
    assert join_body(merge_body(fresh, again), {}) == text
