"""Views worked out from the names of columns."""

from __future__ import annotations

import pytest

from bezoar_data.cards.infer_views import infer_view
from bezoar_data.config.files.card_front_matter import Views


@pytest.mark.parametrize(
    ("columns", "kind", "view"),
    [
        ("instruction input output", "sft", {"prompt": "instruction", "context": "input", "response": "output"}),
        ("prompt response", "sft", {"prompt": "prompt", "response": "response"}),
        ("question answer context", "sft", {"prompt": "question", "context": "context", "response": "answer"}),
        ("input output", "sft", {"prompt": "input", "response": "output"}),
        ("system_message inputs explained_targets targets", "sft",
         {"system": "system_message", "prompt": "inputs", "response": "explained_targets"}),
        ("messages prompt response", "messages", {"messages": "messages"}),
        ("conversations tools", "messages", {"messages": "conversations", "tools": "tools"}),
        ("prompt chosen rejected margin messages", "preference",
         {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected", "margin": "margin"}),
        ("chosen rejected", "preference", {"chosen": "chosen", "rejected": "rejected"}),
    ],
)  # fmt: skip
def test_the_usual_names_of_published_sets(columns: str, kind: str, view: dict[str, str]):
    assert infer_view(columns.split()) == (kind, view)
    assert set(Views.model_validate({kind: view}).by_kind) == {kind}


def test_other_names_tell_nothing():
    for columns in ("text", "prompt", "response", "chosen prompt", "a b"):
        assert infer_view(columns.split()) is None


def test_what_is_given_decides_the_kind_and_the_rest_is_worked_out():
    columns = ["q", "prompt", "response", "chosen", "rejected", "messages"]
    assert infer_view(columns, {"response": "q"}) == ("sft", {"prompt": "prompt", "response": "q"})
    assert infer_view(columns, {"messages": "q"}) == ("messages", {"messages": "q"})
    assert infer_view(["q", "a"], {"prompt": "q"}) is None
    pair = {"prompt": "q", "chosen": "chosen", "rejected": "rejected"}
    assert infer_view(columns, {"prompt": "q"}) == ("preference", pair)
