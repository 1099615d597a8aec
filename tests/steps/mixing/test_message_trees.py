"""Message trees as conversations: every message ends in a path, or is told where it breaks off."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bezoar_data.runs.row import Lineage, Row
from bezoar_data.steps.driver import Outcome, WaveRun
from bezoar_data.steps.mixing.message_trees import MessageTrees

#       a ── b ── d ── e
#        └── c ── f        (f: the user, unanswered)
#       g ── h, i, j       (ranks 2, 0, none)
TREE = {
    "a": (None, "prompter"),
    "b": ("a", "assistant"),
    "c": ("a", "assistant"),
    "d": ("b", "prompter"),
    "e": ("d", "assistant"),
    "f": ("c", "prompter"),
    "g": (None, "prompter"),
    "h": ("g", "assistant"),
    "i": ("g", "assistant"),
    "j": ("g", "assistant"),
}
RANKS = {"h": 2, "i": 0}


def message(name: str, parent: str | None, role: str, more: dict[str, Any]) -> Row:
    columns = {"message_id": name, "parent_id": parent, "role": role, "text": name, "rank": RANKS.get(name)} | more
    return Row(columns, Lineage(id=name, order=(ord(name[0]),), seed_ids=(name,), source="oasst1"))


def tree(**more: dict[str, Any]) -> list[Row]:
    return [message(name, *about, more.get(name, {})) for name, about in TREE.items()]


def made_of(rows: list[Row], **settings: Any) -> list[Row]:
    outcome = WaveRun(MessageTrees(name="trees", **settings), rows).next()
    assert isinstance(outcome, Outcome)
    return list(outcome.rows)


def paths(made: list[Row]) -> set[str]:
    return {"".join(m["content"] for m in row["messages"]) for row in made if not row.lineage.drop}


def reasons(made: list[Row]) -> dict[str, str]:
    dropped = ((row["messages"][-1]["content"], row.lineage.drop) for row in made)
    return {name: drop.reason for name, drop in dropped if drop}


def test_paths_to_the_replies_that_nobody_answered_and_to_every_reply():
    leaves = made_of(tree())
    assert paths(leaves) == {"abde", "gh", "gi", "gj"}
    assert reasons(leaves) == {"f": "no_answer"}
    (longest,) = (row for row in leaves if len(row["messages"]) == 4)
    assert [m["role"] for m in longest["messages"]] == ["user", "assistant"] * 2
    assert longest.lineage.parent_ids == ("a", "b", "d", "e") == longest.lineage.seed_ids
    replies = made_of(tree(), ends="replies")
    assert paths(replies) == {"ab", "ac", "abde", "gh", "gi", "gj"}
    assert reasons(replies) == {"f": "no_answer"}


def test_only_the_best_replies_are_followed_and_the_others_are_told():
    made = made_of(tree(), best=1)
    assert paths(made) == {"abde", "gi"}
    assert reasons(made) == {"c": "rank", "h": "rank", "j": "rank"}
    (cut,) = (row.lineage.drop for row in made if row["messages"][-1]["content"] == "c")
    assert cut
    assert cut.detail == "not among the best 1; 1 more follow it"
    assert paths(made_of(tree(), best=2)) == {"abde", "gh", "gi"}


def test_a_deleted_message_takes_what_follows_it_along_and_no_place_among_the_best():
    made = made_of(tree(d={"deleted": True}, i={"deleted": True}), best=1)
    assert paths(made) == {"ab", "gh"}, "a reply whose replies are deleted is one that nobody answered"
    assert reasons(made) == {"d": "deleted", "i": "deleted", "c": "rank", "j": "rank"}
    assert reasons(made_of(tree(a={"deleted": True}))) == {"a": "deleted"}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"parent_id": "nobody"}, "no_parent"),
        ({"parent_id": "b"}, "circle"),
        ({"message_id": None}, "no_id"),
        ({"message_id": "a"}, "same_id"),
        ({"text": ""}, "empty"),
        ({"text": None}, "empty"),
        ({"role": "narrator"}, "roles"),
    ],
)
def test_what_is_in_no_tree_is_told(columns: dict[str, Any], reason: str):
    made = made_of(tree(b=columns))
    assert {"gh", "gi", "gj"} <= paths(made)
    assert not any(name.startswith("ab") for name in paths(made))
    assert sum(1 for row in made if row.lineage.drop and row.lineage.drop.reason == reason) >= 1


def test_nothing_depends_on_the_rows_order_but_their_own():
    rows = tree()
    shuffled = random.Random(0).sample(rows, len(rows))
    assert paths(made_of(shuffled)) == paths(made_of(rows))
    assert reasons(made_of(shuffled)) == reasons(made_of(rows))


def test_a_long_chain_is_no_recursion():
    rows = [
        Row(
            {
                "message_id": str(i),
                "parent_id": str(i - 1) if i else None,
                "role": ("prompter", "assistant")[i % 2],
                "text": "x",
            },
            Lineage(id=str(i), order=(i,), seed_ids=(str(i),)),
        )
        for i in range(2000)
    ]
    (made,) = made_of(rows)
    assert len(made["messages"]) == 2000


def test_columns_may_be_called_otherwise():
    given = [
        Row({"n": i, "of": i - 1 if i else None, "who": who, "said": who, "lang": "de"}, Lineage(id=str(i), order=(i,)))
        for i, who in enumerate(("user", "assistant"))
    ]
    (made,) = made_of(given, id="n", parent="of", role="who", text="said", rank="", deleted="", keep=["lang"])
    assert made.columns == {
        "messages": [{"role": "user", "content": "user"}, {"role": "assistant", "content": "assistant"}],
        "lang": "de",
    }
