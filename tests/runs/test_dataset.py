"""The spool, the splits and the Parquet files of a finished run."""

from __future__ import annotations

import math
import random
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.runs.dataset import MOST_GROUP, Written, write_dataset, write_dropped
from bezoar_data.runs.folder import RunFolder, replace_folder, restore_folder
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.row import Columns, Drop, Lineage, Row, content_hash, seed_id
from bezoar_data.runs.splits import SplitPlan
from bezoar_data.runs.spool import Spool
from support.chunks import share_kept


def make_row(position: int, columns: Columns, *child: int) -> Row:
    identity = seed_id("test", "", position)
    return Row(columns, Lineage(id=f"{identity}{child or ''}", order=(position, *child), seed_ids=(identity,)))


@pytest.fixture
def spool(tmp_path: Path):
    spool = Spool(tmp_path / "spool.sqlite")
    yield spool
    spool.close()


def test_rows_come_out_in_the_sources_order_whatever_order_they_came_in(spool: Spool):
    rows = [make_row(i, {"n": i}) for i in range(1500)] + [make_row(7, {"n": 7.5}, k) for k in range(3)]
    random.Random(3).shuffle(rows)
    for row in rows:
        spool.keep(row)
    orders = [row.lineage.order for row in spool.kept()]
    assert orders == sorted(orders)
    assert len(orders) == 1503


def test_waiting_rows_are_apart_from_finished_ones(spool: Spool):
    spool.keep(make_row(0, {"n": 0}), "near-duplicates")
    spool.keep(make_row(1, {"n": 1}))
    assert [r["n"] for r in spool.kept("near-duplicates")] == [0]
    spool.clear("near-duplicates")
    assert spool.count("near-duplicates") == 0
    assert spool.count() == 1


def test_a_full_disk_is_one_clear_message(tmp_path: Path):
    spool = Spool(tmp_path / "spool.sqlite")
    spool._db.execute("PRAGMA max_page_count = 20")
    with pytest.raises(BezoarError, match="Make room and run the same command again"):
        for i in range(5000):
            spool.keep(make_row(i, {"text": "x" * 500}))


@pytest.mark.parametrize("shuffled", [1, 2])
def test_the_same_rows_give_the_same_bytes(tmp_path: Path, shuffled: int):
    def build(name: str, seed: int) -> list[str]:
        spool = Spool(tmp_path / f"{name}.sqlite")
        rows = [make_row(i, {"text": f"row {i}", "n": i, "maybe": None if i < 300 else [i]}) for i in range(400)]
        random.Random(seed).shuffle(rows)
        for row in rows:
            spool.keep(row)
        written = write_dataset(spool, tmp_path / name, splits={"validation": 0.2}, seed=42)
        return [f.sha256 for f in written.files]

    assert build("a", 0) == build("b", shuffled)


def test_columns_seen_late_or_mixed_are_not_lost(tmp_path: Path, spool: Spool):
    for i in range(MOST_GROUP + 5):
        columns: Columns = {"n": i, "mixed": 1}
        if i >= MOST_GROUP:
            columns |= {"late": [i], "n": i + 0.5, "mixed": "one"}
        spool.keep(make_row(i, columns))
    written = write_dataset(spool, tmp_path / "out", splits={}, seed=0)
    table = pq.read_table(tmp_path / "out" / written.files[0].path)
    assert table.num_rows == MOST_GROUP + 5
    assert table.column("late")[MOST_GROUP].as_py() == [MOST_GROUP]
    assert table.column("n")[MOST_GROUP].as_py() == MOST_GROUP + 0.5
    assert written.mixed == ("mixed",)
    assert {table.column("mixed")[0].as_py(), table.column("mixed")[MOST_GROUP].as_py()} == {"1", "one"}


def published(spool: Spool, folder: Path, *rows: Columns) -> tuple[list[Columns], Written]:
    """The rows as a dataset's reader gets them. Each has the hash of what stands there."""
    for i, columns in enumerate(rows):
        spool.keep(make_row(i, columns))
    written = write_dataset(spool, folder / "out", splits={}, seed=0)
    read = pq.read_table(folder / "out" / written.files[0].path).to_pylist()
    for row in read:
        own = {k: v for k, v in row.items() if k in rows[0]}
        assert row["content_hash"] == content_hash(own)
    return [{k: row[k] for k in rows[0]} for row in read], written


BIG = 9007199254740993


@pytest.mark.parametrize(
    ("values", "expected", "mixed"),
    [
        ((1, 4.5), (1.0, 4.5), False),
        ((BIG, 4.5), (str(BIG), "4.5"), True),
        ((1, 2**63), (1, 2**63), False),
        ((-1, 2**63), ("-1", str(2**63)), True),
        ((10**30, 1), (str(10**30), "1"), True),
        ((True, 1), ("true", "1"), True),
        ((1, "1"), ("1", "1"), True),
        (("text", [1]), ("text", "[1]"), True),
        (({}, {}), ("{}", "{}"), True),
        (([{}], [{}]), ("[{}]", "[{}]"), True),
        (([], [1]), ([], [1]), False),
        (([1, "a"], []), ('[1, "a"]', "[]"), True),
        (({"a": 1}, {"a": 2}), ({"a": 1}, {"a": 2}), False),
        (({"a": 1}, {"b": 2}), ('{"a": 1}', '{"b": 2}'), True),
        (({"a": 1}, {"a": "x"}), ('{"a": 1}', '{"a": "x"}'), True),
        ((float("inf"), -0.0), (float("inf"), -0.0), False),
        ((None, 2), (None, 2), False),
        ((None, None), (None, None), False),
        ((date(2026, 1, 31), datetime(2026, 1, 31, 12)), ("2026-01-31", "2026-01-31T12:00:00"), False),
        ((Decimal("1.10"), None), ("1.10", None), False),
    ],
)
def test_every_value_comes_out_exactly_or_as_json_text(
    tmp_path: Path, spool: Spool, values: tuple[Any, ...], expected: tuple[Any, ...], mixed: bool
):
    rows, written = published(spool, tmp_path, *({"x": value} for value in values))
    assert [repr(row["x"]) for row in rows] == [repr(value) for value in expected]
    assert written.mixed == (("x",) if mixed else ())


def test_a_number_that_is_none_stays_one(tmp_path: Path, spool: Spool):
    rows, _ = published(spool, tmp_path, {"x": float("nan")}, {"x": None})
    assert math.isnan(rows[0]["x"])
    assert rows[1]["x"] is None


def test_turns_have_one_form_and_what_one_lacks_is_null(tmp_path: Path, spool: Spool):
    call = [{"id": "1", "function": {"name": "f", "arguments": {"a": 1}}}]
    talks = [
        [{"role": "user", "content": "Hi"}],
        [{"role": "assistant", "content": None, "tool_calls": call}, {"role": "tool", "content": "2", "name": "f"}],
    ]
    rows, written = published(spool, tmp_path, *({"messages": talk} for talk in talks))
    none = {"tool_calls": None, "name": None}
    assert rows[0]["messages"] == [{"role": "user", "content": "Hi", **none}]
    assert rows[1]["messages"][0]["tool_calls"] == call
    assert written.mixed == ()


def test_a_row_more_leaves_the_bytes_of_the_others_as_they_were(tmp_path: Path, real_data: Path):
    lines = [f.split("\t") for p in sorted((real_data / "flan_cot").glob("*.tsv")) for f in p.read_text().splitlines()]
    texts = [(q, a, r) for q, a, r in (line for line in lines if len(line) == 3)]
    rows = [
        {"inputs": f"{q} ({i})", "targets": a, "explained_targets": f"{r} {texts[-i % 977][2]} {i}"}
        for i, (q, a, r) in enumerate(texts[k % len(texts)] for k in range(40_000))
    ]
    for name, there in (
        ("before", rows),
        ("after", [*rows[:20_000], {**rows[7], "inputs": "A new one?"}, *rows[20_000:]]),
    ):
        spool = Spool(tmp_path / f"{name}.sqlite")
        for i, columns in enumerate(there):
            spool.keep(make_row(i, columns))
        write_dataset(spool, tmp_path / name, splits={}, seed=0)
        spool.close()
    assert share_kept(tmp_path / "before", tmp_path / "after") >= 0.85


def test_a_large_split_is_several_files(tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bezoar_data.runs.dataset.MOST_GROUP", 6000)
    for i in range(20_000):
        spool.keep(make_row(i, {"text": f"row {i} " * 20}))
    written = write_dataset(spool, tmp_path / "out", splits={}, seed=0, max_file=3_000_000)
    count = len(written.files)
    assert count > 1
    assert [f.path for f in written.files] == [f"data/train-{i:05d}-of-{count:05d}.parquet" for i in range(count)]
    read = [row for f in written.files for row in pq.read_table(tmp_path / "out" / f.path)["text"].to_pylist()]
    assert read == [f"row {i} " * 20 for i in range(20_000)]
    assert sorted(p.name for p in (tmp_path / "out/data").iterdir()) == [Path(f.path).name for f in written.files]


def test_a_dataset_without_rows_still_has_its_columns(tmp_path: Path, spool: Spool):
    expected = {"inputs": "text", "judge_status": None}
    written = write_dataset(spool, tmp_path / "out", splits={}, seed=0, expected=expected)
    assert written.rows == 0
    assert pq.read_schema(tmp_path / "out" / written.files[0].path).names == [
        "inputs",
        "judge_status",
        "id",
        "content_hash",
        "seed_ids",
        "parent_ids",
        "_bezoar",
    ]


def test_a_column_without_a_value_has_the_type_that_its_step_declares(tmp_path: Path, spool: Spool):
    declared = {"rating": "integer", "mean": "number", "said": "text", "extra": None}
    spool.keep(make_row(0, dict.fromkeys(declared)))
    written = write_dataset(spool, tmp_path / "out", splits={}, seed=0, expected=declared)
    assert {name: written.columns[name] for name in declared} == {
        "rating": "int64", "mean": "double", "said": "string", "extra": "string",
    }  # fmt: skip


def test_dropped_rows_keep_their_reason_raw_text_and_content(tmp_path: Path, spool: Spool):
    row = make_row(4, {"inputs": "q"})
    row.lineage = row.lineage.dropped(Drop("explain", "empty_answer", "three tries", "  ", failed=True))
    spool.drop(row)
    assert write_dropped(spool, tmp_path / "dropped.parquet") == 1
    (got,) = pq.read_table(tmp_path / "dropped.parquet").to_pylist()
    assert (got["step"], got["reason"], got["raw"], got["row"]) == ("explain", "empty_answer", "  ", '{"inputs": "q"}')


def test_rows_of_one_seed_never_stand_on_both_sides():
    rows = [(f"s{i % 40}",) for i in range(400)] + [(f"s{i}", f"s{i + 1}") for i in range(0, 40, 4)]
    plan = SplitPlan(rows, {"validation": 0.2, "test": 0.1}, seed=1)
    sides: dict[str, set[str]] = {}
    for ids in rows:
        for seed in ids:
            sides.setdefault(seed, set()).add(plan.split_of(ids))
    assert all(len(s) == 1 for s in sides.values())
    shares = {name: sum(plan.split_of(r) == name for r in rows) / len(rows) for name in plan.names}
    assert shares["validation"] == pytest.approx(0.2, abs=0.05)
    assert shares["test"] == pytest.approx(0.1, abs=0.05)


def test_splits_do_not_depend_on_the_order_of_rows():
    rows = [(f"s{i}", f"s{i // 2}") for i in range(200)]
    plan = SplitPlan(rows, {"validation": 0.3}, seed=9)
    other = SplitPlan(reversed(rows), {"validation": 0.3}, seed=9)
    assert [plan.split_of(r) for r in rows] == [other.split_of(r) for r in rows]


def test_two_runs_never_share_a_folder(tmp_path: Path):
    folder = RunFolder(tmp_path / "runs" / "orca")
    with folder.locked(), pytest.raises(InputError, match="another run"), folder.locked():
        pass
    with folder.locked():
        pass


def test_a_folder_swap_cut_in_the_middle_is_undone(tmp_path: Path):
    target, new = tmp_path / "dataset", tmp_path / "new"
    for folder, text in ((target, "old"), (new, "new")):
        folder.mkdir()
        (folder / "f").write_text(text)
    target.rename(tmp_path / ".dataset.old")  # what a kill between the two renames leaves
    restore_folder(target)
    assert (target / "f").read_text() == "old"
    replace_folder(new, target)
    assert (target / "f").read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dataset"]
    assert sha256_of(target / "f")
