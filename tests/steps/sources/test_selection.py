import random
from collections import Counter
from pathlib import Path

from bezoar_data.steps.sources.selection import Selection
from support.flan_rows import columns, flan, write_jsonl


def mix(seed: int | None = None) -> list[dict]:
    """100 rows of ten NIv2 tasks of very unequal size, 40 of one T0 task, 10 of CoT."""
    sizes = [1, 2, 3, 4, 5, 10, 10, 15, 20, 30]
    rows = [
        flan(100 * t + i, task_source="NIv2", task_name=f"task{t}") for t, size in enumerate(sizes) for i in range(size)
    ]
    rows += [flan(5000 + i, task_source="P3", task_name="only") for i in range(40)]
    rows += [flan(9000 + i, task_source="CoT", task_name="sums") for i in range(10)]
    if seed is not None:
        random.Random(seed).shuffle(rows)
    return rows


def chosen(tmp_path: Path, order: int | None = None, **settings) -> list[str]:
    path = write_jsonl(tmp_path / "mix.jsonl", mix(order))
    return [r["inputs"] for r in columns(path=str(path), **settings)]


def tasks(tmp_path: Path, **settings) -> Counter:
    path = write_jsonl(tmp_path / "mix.jsonl", mix())
    return Counter(r["task_name"] for r in columns(path=str(path), **settings))


def test_a_cap_holds_for_each_task(tmp_path: Path) -> None:
    counts = tasks(tmp_path, per_task=10)
    assert counts == {
        "task0": 1, "task1": 2, "task2": 3, "task3": 4, "task4": 5,
        "task5": 10, "task6": 10, "task7": 10, "task8": 10, "task9": 10, "only": 10, "sums": 10,
    }  # fmt: skip


def test_a_cap_by_submix_leaves_the_others_whole(tmp_path: Path) -> None:
    counts = tasks(tmp_path, per_task={"NIv2": 3})
    assert counts["only"] == 40
    assert max(v for k, v in counts.items() if k.startswith("task")) == 3


def test_natural_instructions_are_capped_at_300_by_default(tmp_path: Path) -> None:
    rows = [flan(i, task_source=s, task_name=s) for s in ("NIv2", "T0") for i in range(320)]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    assert Counter(r["task_name"] for r in columns(path=str(path))) == {"NIv2": 300, "T0": 320}


def test_a_quota_draws_tasks_evenly_whatever_their_size(tmp_path: Path) -> None:
    counts = tasks(tmp_path, quotas={"NIv2": 40}, per_task=None)
    assert sum(v for k, v in counts.items() if k.startswith("task")) == 40
    assert all(counts[f"task{t}"] > 0 for t in range(10))
    assert counts["task9"] < 12, "the largest task has 30 of 100 rows; an even draw takes about 6"
    assert counts["only"] == 40
    assert counts["sums"] == 10


def test_a_quota_beyond_what_there_is_takes_all_and_says_so(tmp_path: Path, caplog) -> None:
    counts = tasks(tmp_path, quotas={"T0": 500, "NIv2": 0})
    assert counts == {"only": 40, "sums": 10}
    assert "asks for 500 rows, there are 40" in caplog.text


def test_a_cap_holds_inside_a_quota(tmp_path: Path) -> None:
    counts = tasks(tmp_path, quotas={"NIv2": 20, "T0": 30}, per_task=3)
    assert max(counts.values()) <= 3
    assert sum(v for k, v in counts.items() if k.startswith("task")) == 20
    assert counts["only"] == 3


def test_the_choice_follows_the_seed_and_not_the_order_of_the_file(tmp_path: Path) -> None:
    settings = {"quotas": {"NIv2": 25, "T0": 7}, "per_task": 12}
    first = chosen(tmp_path, seed=1, **settings)
    assert chosen(tmp_path, seed=1, **settings) == first
    assert sorted(chosen(tmp_path, order=99, seed=1, **settings)) == sorted(first)
    assert sorted(chosen(tmp_path, seed=2, **settings)) != sorted(first)


def test_chosen_rows_keep_the_order_of_the_file(tmp_path: Path) -> None:
    everything = [r["inputs"] for r in mix(5)]
    some = chosen(tmp_path, order=5, quotas={"NIv2": 25}, per_task=20)
    assert some == [q for q in everything if q in set(some)]


def test_equal_rows_are_different_rows() -> None:
    selection = Selection(seed=1, per_task=2, quotas={})
    for position in range(3):
        selection.offer(position, "CoT", "t", "same", "same")
    selection.close()
    assert sum(selection.takes(p, "CoT") for p in range(3)) == 2


def test_holds_no_more_of_a_task_than_it_may_give() -> None:
    selection = Selection(seed=1, per_task=None, quotas={"NIv2": 5})
    for position in range(1000):
        selection.offer(position, "NIv2", f"task{position % 3}", f"q{position}", "a")
    assert sum(len(heap) for heap in selection._tasks.values()) == 15
