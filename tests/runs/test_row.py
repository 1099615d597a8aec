"""Identity and lineage of rows."""

from __future__ import annotations

from bezoar_data.runs.row import Drop, Lineage, Row, content_hash, group_of, made_id, row_random, seed_id


def test_a_seed_rows_id_depends_on_source_revision_and_index_only():
    assert seed_id("flan", "r1", 3) == seed_id("flan", "r1", 3)
    assert (
        len({seed_id("flan", "r1", 3), seed_id("flan", "r2", 3), seed_id("flan", "r1", 4), seed_id("t0", "r1", 3)}) == 4
    )


def test_a_made_rows_id_depends_on_parents_step_and_position():
    assert made_id(["a", "b"], "evolve", 0) != made_id(["b", "a"], "evolve", 0)
    assert made_id(["a"], "evolve", 0) != made_id(["a"], "evolve", 1)


def test_lineage_survives_the_reserved_column_unchanged():
    lineage = Lineage(id="x", order=(3, 1), seed_ids=("s1", "s2"), parent_ids=("p",), source="flan.jsonl")
    lineage = lineage.answered("explain", "falcon", ["k1", "k2"], demo=True).answered(
        "judge", "gpt", ["k3"], demo=False
    )
    lineage = lineage.dropped(Drop("judge", "unparsable_verdict", "no JSON", "raw \u2028 text", failed=True))
    row = Row({"inputs": "é", "targets": None}, lineage)
    again = Row.decode(row.encode())
    assert again == row
    assert again.lineage.keys == {"explain": ("k1", "k2"), "judge": ("k3",)}
    assert again.lineage.demo


def test_a_packed_row_is_one_text_that_holds_every_value_exactly():
    columns = {"n": 10**30, "mixed": {"b": float("inf"), "a": [1, "1", 1.0, None]}, "half": "\ud800", "none": None}
    packed = Row(columns, Lineage(id="x", order=(3,))).encode(packed=True)
    assert list(packed) == ["_bezoar"]
    packed["_bezoar"].encode()
    again = Row.decode({**packed, "n": None})
    assert (again.columns, list(again.columns)) == (columns, list(columns))
    assert [type(v) for v in again["mixed"]["a"]] == [int, str, float, type(None)]
    assert list(again["mixed"]) == ["b", "a"]


def test_an_answer_asked_again_adds_its_key_once():
    lineage = Lineage(id="x", order=(0,))
    lineage = lineage.answered("explain", "m", ["k1"], demo=False).answered("explain", "m", ["k1", "k2"], demo=False)
    assert lineage.keys["explain"] == ("k1", "k2")


def test_a_child_descends_from_its_parent_and_keeps_the_seeds():
    parent = Lineage(id="p", order=(7,), seed_ids=("s",))
    child = parent.child("evolve", 2)
    assert (child.parent_ids, child.seed_ids, child.order) == (("p",), ("s",), (7, 2))
    assert child.id == made_id(["p"], "evolve", 2)


def test_content_hash_ignores_lineage_and_column_order():
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1, "_bezoar": "{}"})
    assert content_hash({"a": 1}) != content_hash({"a": 2})


def test_content_hash_tells_what_json_has_no_word_for_from_nothing():
    odd = [None, float("nan"), float("inf"), float("-inf"), "nan", 0.0]
    assert len({content_hash({"a": value}) for value in odd}) == len(odd)
    assert len({content_hash({"a": [{"b": value}, value]}) for value in odd}) == len(odd)


def test_random_choices_depend_on_seed_step_and_row():
    draws = {row_random(*where).random() for where in ((1, "s", "r"), (2, "s", "r"), (1, "t", "r"), (1, "s", "q"))}
    assert len(draws) == 4
    assert row_random(1, "s", "r").random() == row_random(1, "s", "r").random()


def test_equal_values_are_one_group_however_they_are_written():
    assert group_of(1) == group_of(1.0) != group_of("1")
    assert group_of(0) == group_of(-0.0)
    assert group_of([1, {"a": 2.0}]) == group_of([1.0, {"a": 2}]) != group_of([1.5, {"a": 2}])
    assert group_of(10**30) == group_of(10**30 + 0) != group_of(1e30), "1e30 is another number"
    assert group_of(float("nan")) == group_of(None)
    assert len({group_of(value) for value in (True, 1, "1", None, [], {})}) == 6
