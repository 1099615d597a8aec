"""The same text at every border: file, source, Parquet, `datasets`, exports, the source again, what is learnt.

A row comes out equal at each of them, or is dropped or left out under a reason that is counted; there is nothing else.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezoar_data.cards.export.export import export_rows
from bezoar_data.steps.sources.load_conversations import LoadConversations
from bezoar_data.steps.sources.load_rows import LoadRows
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import IGNORED, Unusable
from support.borders import Row, lines, publish, template
from support.nasty import broken_texts, dialogues, is_unicode, same, says_nothing, texts, values

LINEAGE = ("id", "content_hash", "seed_ids", "parent_ids", "_bezoar")
QUESTION = {"prompt": "What floats?", "response": "Corks."}
"""One good row in each file: where no row can be used, that is an error."""
TALK = [{"role": "user", "content": "What floats?"}, {"role": "assistant", "content": "Corks."}]


def table(rows: Sequence[Row]) -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), out)
    return out.getvalue().to_pybytes()


def comma_separated(rows: Sequence[Row]) -> bytes:
    import csv
    import io

    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


FORMATS: dict[str, Callable[[Sequence[Row]], bytes]] = {
    "jsonl": lines,
    "json": lambda rows: json.dumps(list(rows), indent=1).encode(),
    "jsonl.gz": lambda rows: gzip.compress(lines(rows)),
    "jsonl.zst": lambda rows: pa.Codec("zstd").compress(lines(rows), asbytes=True),
    "csv": comma_separated,
    "parquet": table,
}


def as_published(value: Any, column: str, mixed: set[str]) -> Callable[[Any], bool]:
    """Whether what stands in the dataset is this value, exactly or as JSON text."""

    def is_it(found: Any) -> bool:
        if column not in mixed or value is None:
            return same(found, value)
        return (
            same(found, value) or (isinstance(found, str) and same(json.loads(found), value)) or _within(found, value)
        )

    return is_it


def _within(found: Any, value: Any) -> bool:
    """A list or mapping of which only some places hold JSON text."""
    if isinstance(found, str) and not isinstance(value, str):
        return same(json.loads(found), value)
    if isinstance(found, dict) and isinstance(value, dict):
        return all(_within(found.get(key), value.get(key)) for key in {**found, **value})
    if isinstance(found, list) and isinstance(value, list):
        return len(found) == len(value) and all(map(_within, found, value))
    return same(found, value)


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]]]:
    """Rows with a question, an answer and two columns of anything that the file's format holds."""
    kind = draw(st.sampled_from(sorted(FORMATS)))
    if kind in ("csv", "parquet"):
        text, more = texts, texts
    else:
        text, more = broken_texts, values
    one = st.fixed_dictionaries({"prompt": text, "response": text, "more": more, "id": more})
    rows = draw(st.lists(one, max_size=12))
    if kind == "csv":  # a line end within quotes is one of the file's own, and CSV has no other null than nothing
        rows = [{k: str(v).replace("\r", "") for k, v in row.items()} for row in rows]
    return kind, [{**QUESTION, "more": "", "id": ""}, *rows]


def check_questions(kind: str, rows: list[dict[str, Any]], folder: Path) -> None:
    path = folder / f"rows.{kind}"
    path.write_bytes(FORMATS[kind](rows))
    step = f"  - use: load_rows\n    with: {{path: {path.name}, texts: [prompt, response]}}\n"
    published, dropped, mixed = publish(folder, "questions", step, "{sft: {prompt: prompt, response: response}}")
    usable = [all(is_unicode(v) for v in row.values()) and not any(map(says_nothing, said(row))) for row in rows]
    assert len(published) == sum(usable), [row["reason"] for row in dropped]
    for row, found in zip((r for r, good in zip(rows, usable, strict=True) if good), published, strict=True):
        assert (found["prompt"], found["response"]) == said(row)
        for column, name in (("more", "more"), ("id", "source_id")):
            assert as_published(row[column], name, mixed)(found[name]), (column, row[column], found[name])
    assert len(dropped) == len(rows) - sum(usable)
    assert {row["reason"] for row in dropped} <= {"empty", "not_unicode"}

    out = folder / "runs" / "questions" / "dataset"
    again = folder / "again.jsonl"
    assert export_rows(out, "jsonl", again).rows == len(published)
    read = [row.columns for row in LoadRows(name="load", path=str(again), texts=["prompt", "response"]).rows()]
    for one, other in zip(published, read, strict=True):
        assert {k: v for k, v in one.items() if k not in LINEAGE} == {
            k: other[k] for k in one if k not in LINEAGE
        } or any(v != v for v in one.values() if isinstance(v, float))
    talks = [talk(*said(row)) for row in published]
    check_exports(out, talks, folder)
    check_learnt({"prompt": "prompt", "response": "response"}, published, talks)


def said(row: Row) -> tuple[str, str]:
    return row["prompt"], row["response"]


def talk(prompt: str, response: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]


def check_exports(dataset: Path, talks: list[list[dict[str, str]]], folder: Path) -> None:
    """Each export holds these talks, in order, but for those that it counts as left out; our source reads it again."""
    for form, column in (("messages", "messages"), ("sharegpt", "conversations")):
        path = folder / f"{form}.jsonl"
        done = export_rows(dataset, form, path)
        assert done.rows + sum(done.left_out.values()) == len(talks)
        rows = [r.columns["messages"] for r in LoadConversations(name="load", path=str(path), column=column).rows()]
        assert rows == talks, form
        assert not done.left_out
    path = folder / "alpaca.jsonl"
    done = export_rows(dataset, "alpaca", path)
    held = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    read = [
        [
            *([{"role": "system", "content": one["system"]}] if one.get("system") else []),
            *(t for pair in one.get("history", ()) for t in talk(*pair)),
            *talk(one["instruction"], one["output"]),
        ]
        for one in held
    ]
    assert len(held) == done.rows == len(talks) - sum(done.left_out.values())
    assert [t for t in talks if t in read] == read
    for form, conversation in TRAINERS.items():
        done = export_rows(dataset, form, folder / form)
        file = next(path for path in (folder / form).rglob("*.json*") if path.name != "dataset_info.json")
        whole = file.read_text("utf-8")
        held = json.loads(whole) if whole.startswith("[") else [json.loads(x) for x in whole.split("\n") if x]
        read = [conversation(one) for one in held]
        assert len(held) == done.rows == len(talks) - sum(done.left_out.values()), form
        assert [t for t in talks if t in read] == read, form


def from_llama_factory(row: Row) -> list[dict[str, str]]:
    system = [{"role": "system", "content": row["system"]}] if row.get("system") else []
    roles = {"human": "user", "gpt": "assistant"}
    return [*system, *({"role": roles[t["from"]], "content": t["value"]} for t in row["conversations"])]


TRAINERS: dict[str, Callable[[Row], list[dict[str, str]]]] = {
    "axolotl": lambda row: row["messages"],
    "llama-factory": from_llama_factory,
    "trl": lambda row: row["messages"] if "messages" in row else [*row["prompt"], *row["completion"]],
}
"""How these trainers read a row of theirs as a conversation."""


def check_learnt(view: Mapping[str, str], rows: Sequence[Row], talks: list[list[dict[str, str]]]) -> None:
    """What is learnt of a row, decoded, are its replies and their ends; one that cannot be learnt says why."""
    for row, turns in zip(rows, talks, strict=True):
        try:
            encoded = template().encode(read_row(view, row).messages)
        except Unusable as reason:
            assert str(reason) == "special_token"
            own = template().tokenizer.get_added_vocab()
            assert any(token in turn["content"] for token in own for turn in turns)
            continue
        learnt = [i for i in encoded.labels if i != IGNORED]
        replies = "".join(t["content"] + "<|im_end|>" for t in turns if t["role"] == "assistant")
        assert template().tokenizer.decode(learnt, clean_up_tokenization_spaces=False) == replies


@settings(max_examples=8)
@given(case=questions())
def test_questions_and_answers_are_the_same_at_every_border(case: tuple[str, list[dict[str, Any]]]):
    with TemporaryDirectory() as name:
        check_questions(*case, Path(name))


@pytest.mark.nightly
@settings(max_examples=300)
@given(case=questions())
def test_questions_and_answers_are_the_same_at_every_border_many_times(case: tuple[str, list[dict[str, Any]]]):
    with TemporaryDirectory() as name:
        check_questions(*case, Path(name))


def check_dialogues(given_talks: list[list[dict[str, str]]], folder: Path) -> None:
    (folder / "talks.jsonl").write_bytes(lines([{"messages": talk} for talk in given_talks]))
    step = "  - use: load_conversations\n    with: {path: talks.jsonl}\n"
    published, dropped, _ = publish(folder, "talks", step, "{messages: {messages: messages}}")
    usable = [
        all(is_unicode(turn) for turn in one) and not any(says_nothing(turn["content"]) for turn in one)
        for one in given_talks
    ]
    expected = [one for one, good in zip(given_talks, usable, strict=True) if good]
    assert [row["messages"] for row in published] == expected
    assert len(dropped) == len(given_talks) - len(expected)
    assert {row["reason"] for row in dropped} <= {"empty", "not_unicode"}
    check_exports(folder / "runs" / "talks" / "dataset", expected, folder)
    check_learnt({"messages": "messages"}, published, expected)


@settings(max_examples=6)
@given(talks=st.lists(dialogues(), max_size=8))
def test_dialogues_are_the_same_at_every_border(talks: list[list[dict[str, str]]]):
    with TemporaryDirectory() as name:
        check_dialogues([TALK, *talks], Path(name))


@pytest.mark.nightly
@settings(max_examples=300)
@given(talks=st.lists(dialogues(), max_size=8))
def test_dialogues_are_the_same_many_times(talks: list[list[dict[str, str]]]):
    with TemporaryDirectory() as name:
        check_dialogues([TALK, *talks], Path(name))


def test_a_text_of_a_megabyte_is_the_same_at_every_border(tmp_path: Path):
    long = "Räksmörgås 👩‍🚀 <|im_end|>\r\n" * 36_000
    check_questions(
        "jsonl",
        [{**QUESTION, "more": "", "id": ""}, {"prompt": "q", "response": long, "more": long, "id": 1}],
        tmp_path,
    )
