"""The first rows of files: what is wrong in them is told without importing distilabel, and what is seen is known."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.pipeline.load import load
from bezoar_data.pipeline.peek import HEAD


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(*rows: Any) -> str:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


def problems(settings: str, expression: str = "", use: str = "load_instructions") -> list[Problem]:
    more = f"  - use: where\n    with: {{expression: '{expression}'}}\n" if expression else ""
    Path("p.yaml").write_text(f"name: p\nversion: 1\nsteps:\n  - use: {use}\n    with: {{{settings}}}\n{more}")
    try:
        return list(load(Path("p.yaml")).warnings)
    except InputError as error:
        return list(error.problems)


GOOD = {"instruction": "Count to three.", "level": 3, "tags": ["a"], "mixed": 1}
OTHER = {"question": "Count to four."}


@pytest.mark.parametrize(
    ("name", "text", "settings", "said", "hint", "line"),
    [
        ("r.jsonl", lines(OTHER, OTHER), "", "none of the 2 rows can be used (2 missing)", "instruction: question", 1),
        ("r.jsonl", lines(*[OTHER] * (HEAD + 9)), "", f"none of the {HEAD + 9} rows", "the row has question", 1),
        ("r.jsonl", lines("{oops", "{oops"), "", "2 not_json", "", 1),
        ("r.jsonl", "", "", "there is no instruction in it", "", None),
        ("r.json", json.dumps([OTHER]), "", "the only row cannot be used", "instruction: question", None),
        ("r.json", '[{"instruction": "a"},\n {"instru', "", "this is not a complete JSON list", "", None),
        ("r.csv", "question\nCount\n", "", "the only row cannot be used", "instruction: question", 2),
        ("r.csv", "a,a\n1,2\n", "", "two columns are called 'a'", "", 1),
        ("r.xlsx", "x", "", "cannot tell what 'r.xlsx' holds", "save its sheet as CSV", None),
        ("r.parquet", "x", "", "not a readable Parquet file", "", None),
        ("r.jsonl", lines(GOOD, "{oops", GOOD, OTHER), "on_bad_row: stop", "not JSON", "", 2),
        (
            "r.jsonl",
            lines(GOOD),
            "columns: {instruction: query}",
            "the only row cannot be used",
            "the row has instruction",
            1,
        ),
    ],
)
def test_files_that_cannot_work_are_told_by_validate(
    here: Path, name: str, text: str, settings: str, said: str, hint: str, line: int | None
) -> None:
    Path(name).write_text(text)
    found = problems(f"path: {name}, {settings}" if settings else f"path: {name}")
    assert found, "nothing was found"
    assert said in found[0].message, found
    assert hint in found[0].hint
    assert found[0].place is not None
    assert (Path(found[0].place.file).name, found[0].place.line) == (name, line)


def test_all_bad_rows_are_told_where_one_stops_the_run(here: Path) -> None:
    Path("r.jsonl").write_text(lines(GOOD, "{oops", *[GOOD] * HEAD, OTHER))
    found = problems("path: r.jsonl, on_bad_row: stop")
    assert [(p.code, p.place.line) for p in found if p.place] == [("not_json", 2), ("missing", HEAD + 3)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.jsonl", lines("{oops", GOOD)),
        ("r.jsonl", lines(*[OTHER] * HEAD, GOOD)),
        ("r.jsonl", json.dumps([GOOD])),
        ("r.tsv", "Count to three.\t\tqa\n"),
        ("r.jsonl.gz", gzip.compress(lines(GOOD).encode(), mtime=0)),
    ],
)
def test_files_of_which_a_row_can_be_used_are_right(here: Path, name: str, content: str | bytes) -> None:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    assert problems(f"path: {name}") == []


def test_conversations_in_alpacas_columns_and_flans_own_files_lack_nothing(here: Path) -> None:
    Path("r.jsonl").write_text(lines({"instruction": "Hi", "output": "Hello"}))
    Path("cot.tsv").write_text("Why?\tSo.\tBecause.\n")
    assert problems("path: r.jsonl", use="load_conversations") == []
    assert problems("path: cot.tsv", use="load_flan") == []


def parquet(rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> None:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), "r.parquet")


def test_what_a_parquet_file_holds_is_read_off_its_schema(here: Path) -> None:
    parquet([{**GOOD, "when": None}], pa.schema({"instruction": pa.string(), "level": pa.int16(), "when": pa.date32()}))
    assert problems("path: r.parquet, keep: all", 'level > 2 and when > "2026"') == []
    (wrong,) = problems("path: r.parquet, keep: all", 'level == "3"')
    assert "a number is compared with text" in wrong.message
    (wrong,) = problems("path: r.parquet, keep: all", "lvel > 3")
    assert (wrong.code, wrong.hint) == ("bad-where", "did you mean 'level'?")
    parquet([OTHER] * 3)
    (wrong,) = problems("path: r.parquet")
    assert "none of the 3 rows can be used (3 missing)" in wrong.message


@pytest.mark.parametrize(
    ("keep", "expression", "said"),
    [
        ("all", "level > 2 and length(tags) > 0", ""),
        ("[level]", 'level == "3"', "a number is compared with text"),
        ("{level: grade}", 'grade == "3"', "a number is compared with text"),
        ("all", "lvl > 2", "there is no column 'lvl'"),
        ("all", 'mixed == 1 or mixed == "one"', ""),
        ("[lvl]", "", "no row has a column 'lvl' to keep; did you mean 'level'?"),
    ],
)
def test_the_columns_of_a_small_file_are_known(here: Path, keep: str, expression: str, said: str) -> None:
    Path("r.jsonl").write_text(lines(GOOD, {**GOOD, "mixed": "one"}))
    found = problems(f"path: r.jsonl, keep: {keep}", expression)
    assert [said in p.message for p in found] == [True] * bool(said), found


def test_of_a_larger_file_nothing_is_known_for_sure(here: Path) -> None:
    Path("r.jsonl").write_text(lines(*[GOOD] * (HEAD + 1), {**GOOD, "level": "high", "late": 1}))
    assert problems("path: r.jsonl, keep: all", 'level == "high" or late > 0') == []
    assert problems("path: r.jsonl, keep: [late]") == []
    assert problems("hub: a/b, keep: all", "anything > 0") == []
    (wrong,) = problems("path: r.jsonl, keep: all", "instruction > 0")
    assert "text is compared with a number" in wrong.message


def test_a_pulled_pipeline_reads_no_file_of_this_machine(here: Path) -> None:
    Path("r.jsonl").write_text("{oops\n")
    folder = here / "pulled"
    folder.mkdir()
    (folder / "pulled.json").touch()
    text = "name: p\nversion: 1\nsteps:\n  - use: load_instructions\n    with: {path: ../r.jsonl}\n"
    (folder / "p.yaml").write_text(text)
    assert [w.code for w in load(folder / "p.yaml").warnings] == ["untrusted-file"]


def test_a_bad_file_is_told_before_distilabel_is_imported(here: Path) -> None:
    Path("r.jsonl").write_text(lines(OTHER))
    problems("path: r.jsonl")
    code = (
        "import sys\nfrom bezoar_data.cli.main import main\n"
        "try:\n    main(['run', 'p.yaml', '--out', 'out'])\nexcept SystemExit as end:\n"
        "    print(end.code, 'distilabel' in sys.modules, 'datasets' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["2", "False", "False"], done.stderr
    assert "write instruction: question" in done.stderr
