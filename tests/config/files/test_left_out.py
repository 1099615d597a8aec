"""Steps that are left out: whose rows go where then, and what cannot be left out."""

from __future__ import annotations

from typing import Any

import pytest

from bezoar_data.config.files.left_out import leave_out
from bezoar_data.config.yaml.document import parse_yaml

CHAIN = """\
steps:
  - {use: a}
  - {use: b}
  - {use: c}
"""
BRANCHES = """\
steps:
  - {use: a}
  - {use: b, after: []}
  - use: c
    after: [a, b]
    join: union
  - {use: d}
  - {use: e, after: [b, d], join: union}
"""


def ends(text: str, *names: str) -> dict[str, Any]:
    document, problems = leave_out(parse_yaml(text, "p.yaml"), names)
    assert problems == []
    return {step["use"]: (step.get("after"), step.get("join")) for step in document.value["steps"]}


@pytest.mark.parametrize(
    ("text", "names", "left"),
    [
        (CHAIN, ["b"], {"a": (None, None), "c": (None, None)}),
        (CHAIN, ["b", "c"], {"a": (None, None)}),
        # What came to the union goes to the step after it, met in the same way.
        (
            BRANCHES,
            ["c"],
            {"a": (None, None), "b": ([], None), "d": (["a", "b"], "union"), "e": (["b", "d"], "union")},
        ),
        # A source less: what met there is one step's rows.
        (BRANCHES, ["a"], {"b": ([], None), "c": (None, None), "d": (None, None), "e": (["b", "d"], "union")}),
        # Rows of two steps into a third that had one of them already.
        (
            BRANCHES,
            ["c", "d"],
            {"a": (None, None), "b": ([], None), "e": (["b", "a"], "union")},
        ),
    ],
)
def test_rows_go_past_a_step_that_is_left_out(text: str, names: list[str], left: dict[str, Any]) -> None:
    assert ends(text, *names) == left


def test_what_is_left_keeps_its_places() -> None:
    document, _ = leave_out(parse_yaml(CHAIN, "p.yaml"), ["b"])
    assert (document.place(("steps", 1, "use")).line, document.place(("steps", 1, "use")).column) == (4, 11)


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        (CHAIN, ["d"], "there is no step with the id 'd'"),
        (CHAIN, ["a"], "'b' has its rows from it alone"),
        (CHAIN, ["a", "b", "c"], "no step is left"),
        (BRANCHES.replace("b, d], join: union", "b, c], join: join"), ["c"], "'e' cannot join what 'c' had to union"),
    ],
)
def test_what_cannot_be_left_out_is_told(text: str, names: list[str], message: str) -> None:
    before = parse_yaml(text, "p.yaml")
    document, problems = leave_out(before, names)
    assert message in [problem.message for problem in problems]
    assert document is before
