"""The spool, the splits and the Parquet files of a finished run."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.runs.dataset import ROW_GROUP, write_dataset, write_dropped
from bezoar_data.runs.folder import RunFolder, replace_folder, restore_folder
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.row import Columns, Drop, Lineage, Row, seed_id
from bezoar_data.runs.splits import SplitPlan
from bezoar_data.runs.spool import Spool


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
    for i in range(ROW_GROUP + 5):
        columns: Columns = {"n": i, "mixed": 1}
        if i >= ROW_GROUP:
            columns |= {"late": [i], "n": i + 0.5, "mixed": "one"}
        spool.keep(make_row(i, columns))
    written = write_dataset(spool, tmp_path / "out", splits={}, seed=0)
    table = pq.read_table(tmp_path / "out" / written.files[0].path)
    assert table.num_rows == ROW_GROUP + 5
    assert table.column("late")[ROW_GROUP].as_py() == [ROW_GROUP]
    assert table.column("n")[ROW_GROUP].as_py() == ROW_GROUP + 0.5
    assert written.mixed == ("mixed",)
    assert {table.column("mixed")[0].as_py(), table.column("mixed")[ROW_GROUP].as_py()} == {"1", "one"}


def test_a_dataset_without_rows_still_has_its_columns(tmp_path: Path, spool: Spool):
    written = write_dataset(spool, tmp_path / "out", splits={}, seed=0, expected=["inputs", "judge_status"])
    assert written.rows == 0
    assert pq.read_schema(tmp_path / "out" / written.files[0].path).names == [
        "id",
        "content_hash",
        "inputs",
        "judge_status",
        "seed_ids",
        "parent_ids",
        "_bezoar",
    ]


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
