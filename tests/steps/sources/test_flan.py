import csv
import gzip
import hashlib
import io
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezoar_data.config.errors import InputError, ProviderAway
from support.flan_rows import FLAN, columns, flan, load, write_jsonl


def problems(**settings) -> list:
    with pytest.raises(InputError) as wrong:
        list(load(**settings).rows())
    return list(wrong.value.problems)


def test_jsonl_rows_come_in_order_with_index_and_source(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [flan(i) for i in range(3)])
    rows = columns(path=str(path))
    assert rows == [{**flan(i), "original_index": i, "dataset_source": "a.jsonl"} for i in range(3)]


def test_all_formats_give_the_same_rows(tmp_path: Path) -> None:
    rows = [flan(0, inputs="Two\nlines?"), flan(1), flan(2, targets="ünïcode \u2028 stays")]
    write_jsonl(tmp_path / "a.jsonl", rows)
    with gzip.open(tmp_path / "a.jsonl.gz", "wt", encoding="utf-8") as packed:
        packed.write((tmp_path / "a.jsonl").read_text(encoding="utf-8"))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    lines = ["\t".join(FLAN), *("\t".join(r[c].replace("\n", "\\n") for c in FLAN) for r in rows)]
    (tmp_path / "a.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "crlf.tsv").write_bytes("\r\n".join(["\ufeff" + lines[0], *lines[1:], ""]).encode("utf-8"))
    read = {p.name: [{c: r[c] for c in FLAN} for r in columns(path=str(p))] for p in sorted(tmp_path.iterdir())}
    assert len(read) == 5
    assert all(r == rows for r in read.values()), read


def test_a_folder_a_glob_and_a_list_are_read_in_a_stable_order(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write_jsonl(tmp_path / f"{name}.jsonl", [flan(task_name=name)])
    (tmp_path / "README.md").write_text("not data")
    folder = [(r["task_name"], r["dataset_source"]) for r in columns(path=str(tmp_path))]
    assert folder == [("a", "a.jsonl"), ("b", "b.jsonl"), ("c", "c.jsonl")]
    assert [r["task_name"] for r in columns(path=str(tmp_path / "[ab].jsonl"))] == ["a", "b"]
    given = [str(tmp_path / "c.jsonl"), str(tmp_path / "a.jsonl")]
    assert [r["task_name"] for r in columns(path=given)] == ["c", "a"]


def test_ids_do_not_depend_on_where_the_folder_lies(tmp_path: Path) -> None:
    ids = []
    for place in ("here", "there/deep"):
        folder = tmp_path / place / "data"
        (folder / "x").mkdir(parents=True)
        (folder / "y").mkdir()
        write_jsonl(folder / "x" / "train.jsonl", [flan(0), flan(1)])
        write_jsonl(folder / "y" / "train.jsonl", [flan(0)])
        ids.append([r.id for r in load(path=str(folder / "**" / "*.jsonl")).rows()])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3


def test_chain_of_thought_files_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "sums_train.tsv"
    path.write_text(
        'What is 1 + 1?\\nThink.\t2\tOne and one,\\n"two".\nPick.\\nOptions:\\n(A) 1\\n(B) 2\t(B)\tB it is.\n\n'
    )
    first, second = columns(path=str(path))
    assert first == {
        "inputs": "What is 1 + 1?\nThink.",
        "targets": "2",
        "task_source": "CoT",
        "task_name": "sums",
        "template_type": "zs_noopt",
        "original_index": 0,
        "dataset_source": "sums_train.tsv",
        "reference_answer": "2",
        "reference_rationale": 'One and one,\n"two".',
    }
    assert second["template_type"] == "zs_opt"


def test_mixed_files_share_one_set_of_columns(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("Why?\tso\tbecause\n")
    write_jsonl(tmp_path / "b.jsonl", [flan()])
    rows = columns(path=str(tmp_path))
    assert rows[0].keys() == rows[1].keys()
    assert rows[1]["reference_rationale"] is None


def test_the_real_files_give_every_row_once(real_data: Path) -> None:
    step = load(path=str(real_data / "flan_cot"))
    rows = list(step.rows())
    assert len(rows) == 12_985
    assert len({r.id for r in rows}) == 12_985
    assert [r.lineage.order[0] for r in rows] == list(range(12_985))
    assert Counter(r["task_name"] for r in rows) == {"aqua": 2728, "ecqa": 7112, "qasc": 1084, "strategyqa": 2061}
    assert Counter(r["template_type"] for r in rows) == {"zs_opt": 10_924, "zs_noopt": 2061}
    assert not any("\\n" in r["inputs"] or "\t" in r["inputs"] for r in rows)
    assert [f.name for f in step.facts()] == [f"{n}_train.tsv" for n in ("aqua", "ecqa", "qasc", "strategyqa")]


def test_few_shot_templates_are_left_out_unless_wanted(tmp_path: Path) -> None:
    kinds = ["zs_opt", "fs_opt", "zs_noopt", "fs_noopt"]
    path = str(write_jsonl(tmp_path / "a.jsonl", [flan(i, template_type=k) for i, k in enumerate(kinds)]))
    kept = columns(path=path)
    assert [(r["template_type"], r["original_index"]) for r in kept] == [("zs_opt", 0), ("zs_noopt", 2)]
    assert len(columns(path=path, zero_shot_only=False)) == 4


def test_published_columns_are_kept_if_the_file_has_them(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [flan(original_index=77, dataset_source="cot", other="x")])
    assert columns(path=str(path)) == [{**flan(), "original_index": 77, "dataset_source": "cot"}]


def test_every_bad_row_is_dropped_or_told_by_file_and_line_at_once(tmp_path: Path) -> None:
    good = json.dumps(flan())
    lines = [
        good,
        "{not json",
        '["a", "list"]',
        json.dumps(flan(inputs="  ")),
        json.dumps(flan(targets=5)),
        good,
        '{"inputs": "half a pair \\ud800"}',
        json.dumps(flan(original_index="7")),
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    (tmp_path / "b.tsv").write_text("a\tb\tc\n\na\tb\na\tb\tc\td\n\tb\tc\n")
    expected = [
        ("not_json", "a.jsonl", 2),
        ("not_a_row", "a.jsonl", 3),
        ("empty", "a.jsonl", 4),
        ("not_text", "a.jsonl", 5),
        ("not_unicode", "a.jsonl", 7),
        ("not_a_number", "a.jsonl", 8),
        ("bad_row", "b.tsv", 2),
        ("bad_row", "b.tsv", 3),
        ("bad_row", "b.tsv", 4),
        ("empty", "b.tsv", 5),
    ]
    found = problems(path=str(tmp_path), on_bad_row="stop")
    assert [(p.code, Path(p.place.file).name, p.place.line) for p in found] == expected
    rows = list(load(path=str(tmp_path)).rows())
    assert [r.lineage.drop.reason for r in rows if r.lineage.drop] == [code for code, _, _ in expected]
    assert len(rows) == len(expected) + 3


def test_many_bad_rows_are_shown_in_part_and_counted_in_full(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("one field only\n" * 50 + "a\tb\tc\n")
    found = problems(path=str(path), on_bad_row="stop")
    assert len(found) == 21
    assert "30 more" in found[-1].message


def test_nothing_leaves_before_the_last_row_was_read(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [flan(i) for i in range(500)])
    with path.open("a") as stream:
        stream.write("{broken\n")
    with pytest.raises(InputError):
        next(iter(load(path=str(path), on_bad_row="stop").rows()))


def test_text_that_is_not_utf8_is_told_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b"Warum?\tso\tweil\n" + "Größe?\tso\tweil\n".encode("latin-1"))
    rows = list(load(path=str(tmp_path)).rows())
    assert [r.lineage.drop and r.lineage.drop.reason for r in rows] == [None, "not_utf8"]
    (tmp_path / "b.jsonl").write_bytes(json.dumps(flan()).encode("utf-16"))
    (found,) = problems(path=str(tmp_path))
    assert (found.code, found.place.line, Path(found.place.file).name) == ("not-utf8", 1, "b.jsonl")


QUESTIONS = [{"question": "Why?\nSay."}, {"question": 'Say "no", then; stop'}, {"question": "Wo ist Ü, 中, 😀?"}]


def in_every_format(folder: Path, rows: list[dict[str, str]]) -> list[Path]:
    """The rows in each format that people have them in, plain, packed, and under a wrong suffix."""
    text = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    comma, semicolon = io.StringIO(), io.StringIO()
    for stream, delimiter in ((comma, ","), (semicolon, ";")):
        table = csv.DictWriter(stream, ["question"] if delimiter == "," else ["question", "more"], delimiter=delimiter)
        table.writeheader()
        table.writerows(rows if delimiter == "," else [{**r, "more": "x"} for r in rows])
    contents = {
        "a.jsonl": text,
        "a.ndjson": text,
        "lines.json": text,
        "list.json": json.dumps(rows),
        "pretty.json": json.dumps(rows, indent=2),
        "list.jsonl": json.dumps(rows),
        "packed.json": json.dumps({"version": "1", "data": rows}, indent=1),
        "a.csv": "\ufeff" + comma.getvalue(),
        "semicolon.csv": semicolon.getvalue(),
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8", newline="")
        (folder / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
        with pa.CompressedOutputStream(str(folder / f"{name}.zst"), "zstd") as stream:
            stream.write(content.encode())
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    return sorted(folder.iterdir())


def test_questions_of_ones_own_are_read_from_every_format(tmp_path: Path) -> None:
    files = in_every_format(tmp_path, QUESTIONS)
    assert len(files) == 28
    for file in files:
        rows = columns(path=str(file), columns={"inputs": "question"})
        assert [r["inputs"] for r in rows] == [q["question"] for q in QUESTIONS], file.name
        assert {r["targets"] for r in rows} == {r["task_source"] for r in rows} == {""}


def test_numbers_come_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"inputs": "Why?", "big": 123456789012345678901234567890, "id": "007", "x": Infinity}\n')
    (row,) = columns(path=str(path), keep=["big", "id", "x"])
    assert (row["big"], row["id"], row["x"]) == (123456789012345678901234567890, "007", float("inf"))


def test_broken_packed_files_are_told_and_not_read_in_part(tmp_path: Path) -> None:
    whole = gzip.compress("".join(json.dumps(flan(i)) + "\n" for i in range(2000)).encode())
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "not.jsonl.gz").write_text("plain text")
    (tmp_path / "not.parquet").write_text("plain text")
    found = problems(path=str(tmp_path))
    assert [(p.code, Path(p.place.file).name) for p in found] == [
        ("unreadable-file", "cut.jsonl.gz"),
        ("unreadable-file", "not.jsonl.gz"),
        ("unreadable-file", "not.parquet"),
    ]


def test_a_table_without_a_column_is_told_once(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([{"question": "a"}] * 100), tmp_path / "a.parquet")
    (found,) = problems(path=str(tmp_path / "a.parquet"))
    assert found.code == "empty-source"
    assert "none of the 100 rows can be used (100 missing)" in found.message
    assert found.hint == "write columns: {inputs: question}; the row has question"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("gone.jsonl", None, "missing-file"),
        ("gone*.jsonl", None, "missing-file"),
        ("a.txt", "inputs,targets\n", "wrong-extension"),
        ("a.csv", "inputs,targets\n", "empty-source"),
        ("b.csv", "inputs,inputs\n", "bad-header"),
        ("a.json", "[{]", "unreadable-file"),
        ("a.jsonl", "", "empty-source"),
        ("a.tsv", "\n\n", "empty-source"),
    ],
)
def test_a_source_that_gives_nothing_says_why(tmp_path: Path, name: str, content: str | None, code: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    (found,) = problems(path=str(tmp_path / name))
    assert found.code == code
    assert found.place


def test_an_empty_folder_a_twin_and_a_missing_file_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x").mkdir()
    twins = [write_jsonl(tmp_path / "a.jsonl", [flan()]), write_jsonl(tmp_path / "x" / "a.jsonl", [flan()])]
    found = problems(path=[str(tmp_path / "empty"), *map(str, twins), str(tmp_path / "a.json")])
    assert [p.code for p in found] == ["empty-source", "missing-file", "same-name"]
    assert "did you mean 'a.jsonl'" in found[1].hint


def test_leaving_every_row_out_is_a_mistake(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [flan()])
    (found,) = problems(path=str(path), per_task=0)
    assert found.code == "empty-source"


def test_needs_a_path_or_a_hub_dataset() -> None:
    assert problems()[0].code == "missing-key"
    assert problems(path="a", hub="b")[0].code == "missing-key"


def test_facts_name_hash_and_licence(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [flan()])
    (fact,) = load(path=str(path), licence="CC0-1.0").facts()
    assert (fact.name, fact.licence) == ("a.jsonl", "CC0-1.0")
    assert fact.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert load(path=str(path)).facts()[0].licence is None


def test_a_licence_given_by_file_covers_no_other_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_jsonl(tmp_path / f"{name}.jsonl", [flan()])
    facts = load(path=str(tmp_path), licence={"a.jsonl": "CC0-1.0"}).facts()
    assert [(f.name, f.licence) for f in facts] == [("a.jsonl", "CC0-1.0"), ("b.jsonl", None)]


def test_a_file_that_changes_under_the_run_stops_it(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [flan(i) for i in range(3000)])
    rows = load(path=str(path)).rows()
    next(rows)
    with path.open("r+b") as stream:
        stream.seek(-40, 2)
        stream.write(b"x" * 40)
    with pytest.raises(InputError):
        list(rows)


def test_a_hub_dataset_out_of_reach_is_one_plain_message() -> None:
    """The test session is offline (HF_HUB_OFFLINE)."""
    with pytest.raises(ProviderAway, match=r"somebody/flan: the Hub cannot be reached: .*`path`"):
        problems(hub="somebody/flan")


def test_the_last_rows_fill_the_last_batch_for_distilabels_runner(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [flan(i) for i in range(7)])
    batches = list(load(path=str(path), batch_size=3).process())
    assert [(len(rows), last) for rows, last in batches] == [(3, False), (3, False), (1, True)]


def test_dialog_and_t0s_big_bench_tasks_are_left_out_unless_asked_for(tmp_path: Path):
    rows = [
        flan(0),
        flan(1, task_source="Dialog"),
        flan(2, task_source="P3", task_name="bigbench:logic"),
        flan(3, task_source="T0", task_name="BIG-bench/sums"),
        flan(4, task_source="Flan2021", task_name="bigbench in another part"),
        flan(5, task_source="unheard of"),
    ]
    path = str(write_jsonl(tmp_path / "rows.jsonl", rows))

    def taken(**settings: object) -> list[int]:
        return [int(row["inputs"].removeprefix("Question ").rstrip("?")) for row in columns(path=path, **settings)]

    assert taken() == [0, 4, 5]
    assert taken(big_bench=True) == [0, 2, 3, 4, 5]
    assert taken(submixes=["Dialog"], big_bench=True) == [1, 5]
