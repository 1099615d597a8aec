"""Templates: what they may say, and that everything else is refused with its line and costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezoar_data.cards.render import check_card, read_template
from bezoar_data.cards.sections.markdown import Markdown
from bezoar_data.cards.template import check_template, render_body
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import parse_card
from support.cards import render_card

HEAD = "---\nlanguage: en\n---\n"


def problems(body: str) -> list[tuple[str, int | None]]:
    found = check_card(parse_card(HEAD + body, "card.md"))
    assert all(p.message and "\n" not in p.message and "jinja" not in p.message.lower() for p in found)
    return [(p.code, p.place.line if p.place else None) for p in found]


def test_shipped_templates_are_right() -> None:
    assert check_card(read_template(None)) == []
    assert check_card(read_template(Path(__file__).parents[2] / "cards" / "orca.md")) == []


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("{{ nothing }}", "undefined-value", 4),
        ("one\n\n{{ counts.kpet }}", "undefined-value", 6),
        ("{% if cuonts %}x{% endif %}", "undefined-value", 4),
        ("a\n{% if pipeline.nmae %}x{% endif %}", "undefined-value", 5),
        ("{{ sections.sumary }}", "unknown-section", 4),
        ("{{ sections.summary }}\n{{ sections.summary }}", "repeated-section", 5),
        ("{% for s in steps %}{{ sections.summary }}{% endfor %}", "repeated-section", 4),
        ("{{ sections }}", "bad-template", 4),
        ("a\nb {{ counts.kept", "bad-template", 5),
        ("{% for s in steps %}", "bad-template", 4),
        ("{% set x = 1 %}", "bad-template", 4),
        ("{% include '/etc/passwd' %}", "bad-template", 4),
        ("{% import 'x' as y %}", "bad-template", 4),
        ("{% macro m() %}{% endmacro %}", "bad-template", 4),
        ("{{ 'a' * 1000000000 }}", "bad-template", 4),
        ("{{ title ~ title }}", "bad-template", 4),
        ("{{ 9 ** 9 ** 9 }}", "bad-template", 4),
        ("{{ range(10) }}", "bad-template", 4),
        ("{{ title.upper() }}", "bad-template", 4),
        ("{{ title.upper }}", "bad-template", 4),
        ("{{ ''.__class__.__mro__ }}", "bad-template", 4),
        ("{{ counts.__class__ }}", "undefined-value", 4),
        ("{{ steps.append }}", "bad-template", 4),
        ("{{ title | center(1000000000) }}", "bad-template", 4),
        ("{{ title | join(title) }}", "bad-template", 4),
        ("{{ title | nope }}", "bad-template", 4),
        ("{{ 1 if title is nope }}", "bad-template", 4),
        ("{{ counts.kept / 0 }}", "bad-template", 4),
        ("{{ title | round }}", "bad-template", 4),
        (
            "{% for a in steps %}{% for b in steps %}{% for c in steps %}{% endfor %}{% endfor %}{% endfor %}",
            "bad-template",
            4,
        ),
        ("<!-- bezoar:begin summary -->\n<!-- bezoar:end summary -->", "rendered-card", 4),
    ],
)
def test_what_a_template_may_not_say_is_named_with_its_line(body: str, code: str, line: int) -> None:
    assert problems(body) == [(code, line)]


def test_all_mistakes_of_a_template_are_named_at_once() -> None:
    assert problems("{{ a }}\n{{ b }}\n{{ sections.c }}") == [
        ("undefined-value", 4),
        ("undefined-value", 5),
        ("unknown-section", 6),
    ]


def test_a_near_name_is_offered() -> None:
    found = check_card(parse_card(f"{HEAD}{{{{ counts.kpet }}}} ", "card.md"))
    assert found[0].hint == "did you mean 'kept'?"


def test_values_loops_and_filters_render(build: Callable[..., Any], tmp_path: Path) -> None:
    template = tmp_path / "card.md"
    template.write_text(
        HEAD
        + "{{ counts.source | thousands }} rows, {{ cost }} dollars, demo {{ demo }}\n"
        + "{% for step in steps %}\n{{ loop.index }}. {{ step.id | code }}: {{ step.settings.path }}\n{% endfor %}\n"
        + "{% for name, kind in columns | items %}{{ name }} {% endfor %}\n"
        + "{{ judges[0].ratings['5'] }} {{ 'many' if counts.kept > 5 else 'few' }} {# not shown #}\n",
        encoding="utf-8",
    )
    made = build()
    lock = {**made.lock, "steps": [{**s, "settings": {"path": "a*b*"}} for s in made.lock["steps"]]}
    text = render_card(template, lock, made.example, previous=None)
    assert "12 rows, 0.0 dollars, demo yes" in text
    assert "2. `orca-explain`: a\\*b\\*\n" in text
    assert "id content\\_hash seed\\_ids" in text
    assert "7 many\n" in text.replace("many ", "many")
    assert "not shown" not in text


def test_a_value_that_only_this_run_lacks_is_named_when_it_renders(build: Callable[..., Any], tmp_path: Path) -> None:
    template = tmp_path / "card.md"
    template.write_text(f"{HEAD}a\n\n{{{{ steps[0].settings.threshold }}}}\n", encoding="utf-8")
    assert check_card(read_template(template)) == []
    made = build()
    with pytest.raises(InputError) as caught:
        render_card(template, made.lock, made.example, previous=None)
    (problem,) = caught.value.problems
    assert problem.code == "undefined-value"
    assert problem.place is not None
    assert (problem.place.file, problem.place.line) == (str(template), 6)


@given(st.text(alphabet="{}%#-'\" abcounts.kept|[]()*~_\n", max_size=60))
def test_any_text_is_refused_or_rendered(body: str) -> None:
    card = parse_card(HEAD + body, "card.md")
    if check_template(card, {}):
        return
    values = {"counts": {"kept": 1}, "cost": 2.0, "steps": []}
    try:
        assert isinstance(render_body(card, values, {}), str)
    except InputError:
        pass


def test_values_are_escaped_and_sections_are_not() -> None:
    card = parse_card(f"{HEAD}{{{{ title }}}} {{{{ sections.summary }}}}", "card.md")
    text = render_body(card, {"title": "<b>*x*</b>\n# y"}, {"summary": Markdown("**kept**")})
    assert text == "&lt;b&gt;\\*x\\*&lt;/b&gt; # y **kept**"
