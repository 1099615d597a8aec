"""Files of recorded answers: looked up after the journal, imported into it, and what is told of a bad one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.llms.journal import Journal, maintenance
from bezoar_data.llms.journal.entry import Entry
from bezoar_data.llms.journal.exported import FIELDS
from bezoar_data.llms.journal.importing import import_entries
from bezoar_data.llms.journal.recorded import RecordedAnswers
from support.command import Outcome, bezoar
from support.journal_entries import entry_of, key_of, put_all


def cli(*arguments: str | Path) -> Outcome:
    return bezoar("journal", *arguments)


def exported(folder: Path, entries: list[Entry], name: str = "answers.jsonl") -> Path:
    """A file as another journal exports it."""
    folder.mkdir(exist_ok=True)
    with Journal.open(folder / "other.sqlite") as journal:
        put_all(journal, entries)
        maintenance.export(journal, folder / name)
    return folder / name


def lines(path: Path, *values: dict[str, Any] | str) -> Path:
    path.write_text("".join((v if isinstance(v, str) else json.dumps(v)) + "\n" for v in values))
    return path


def test_the_exported_fields_are_those_of_an_entry() -> None:
    assert set(FIELDS) == set(entry_of().as_json())


def test_a_recorded_answer_serves_where_the_journal_has_none_and_stays_out_of_it(tmp_path: Path) -> None:
    file = exported(tmp_path / "there", [entry_of(n) for n in range(5)])
    with Journal.open(tmp_path / "journal.sqlite", answers=[file]) as journal:
        put_all(journal, [entry_of(1, text="ours")])
        found = journal.find(key_of(0), 512)
        assert found is not None
        assert (found.text, found.cost, found.messages) == (entry_of(0).text, entry_of(0).cost, None)
        ours = journal.find(key_of(1), 512)
        assert ours is not None
        assert ours.text == "ours"
        assert journal.find(key_of(99), 512) is None
        assert maintenance.stats(journal).entries == 1


def test_recorded_answers_obey_the_journals_rules(tmp_path: Path) -> None:
    cut = entry_of(0, text="half", finish_reason="length", max_tokens=16, completion_tokens=16)
    refused = entry_of(1, text=None, error="http_400", prompt_tokens=None, completion_tokens=None)
    file = exported(tmp_path / "there", [cut, refused, entry_of(2)])
    with Journal.open(tmp_path / "journal.sqlite", answers=[file]) as journal:
        put_all(journal, [entry_of(2, text=None, error="http_400")])
        assert journal.find(key_of(0), 512) is None
        assert journal.find(key_of(0), 16) is not None
        assert journal.find(key_of(1), 512) is not None
        assert journal.find(key_of(1), 512, retry_failed=True) is None
        answer = journal.find(key_of(2), 512)
        assert answer is not None
        assert answer.error is None  # an answer goes before a refusal
        maintenance.redact(journal, [key_of(2)])
        gone = journal.find(key_of(2), 512)
        assert gone is not None
        assert gone.error == "redacted"


def test_compressed_files_are_read_as_plain_ones(tmp_path: Path) -> None:
    plain = exported(tmp_path / "there", [entry_of(n) for n in range(60)])
    packed = tmp_path / "answers.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    zst = tmp_path / "answers.jsonl.zst"
    with pa.output_stream(str(zst), compression="zstd") as out:
        out.write(plain.read_bytes())
    wanted = list(RecordedAnswers([plain]))
    assert len(wanted) == 60
    assert wanted[7] == entry_of(7)
    assert list(RecordedAnswers([packed])) == list(RecordedAnswers([zst])) == wanted
    with Journal.open(tmp_path / "there" / "other.sqlite") as journal:
        maintenance.export(journal, tmp_path / "again.jsonl.gz")
    assert list(RecordedAnswers([tmp_path / "again.jsonl.gz"])) == wanted
    packed.write_bytes(packed.read_bytes()[:-40])
    with pytest.raises(InputError, match="cannot be read"):
        list(RecordedAnswers([packed]))


def test_every_wrong_line_is_told_with_its_number(tmp_path: Path) -> None:
    good = entry_of(0).as_json()
    file = lines(
        tmp_path / "answers.jsonl",
        good,
        "{not json",
        {**good, "key": "abc"},
        "",
        {**good, "cost": "much"},
        {**good, "text": None},
        {**good, "colour": "red"},
        {**good, "messages": ["hello"]},
        "[1, 2]",
    )
    with pytest.raises(InputError) as raised, Journal.open(tmp_path / "journal.sqlite", answers=[file]) as journal:
        journal.find(key_of(5), None)
    told = {p.place.line: p.message for p in raised.value.problems if p.place is not None}
    assert list(told) == [2, 3, 5, 6, 7, 8, 9]
    assert "64 hex digits" in told[3]
    assert "'cost' should be a number or null" in told[5]
    assert "'colour'" in told[7]
    # Nothing of a bad file is imported.
    done = cli("import", file, "--journal", tmp_path / "journal.sqlite", "--json")
    assert done.code == 2
    assert [problem["line"] for problem in done.json["problems"]] == [2, 3, 5, 6, 7, 8, 9]
    assert json.loads(cli("stats", "--journal", tmp_path / "journal.sqlite", "--json").out)["entries"] == 0
    missing = cli("import", tmp_path / "no.jsonl", "--journal", tmp_path / "journal.sqlite")
    assert missing.code == 2
    assert "there is no such file" in missing.err


def test_import_adds_what_is_not_there_once_and_gives_back_what_was_exported(tmp_path: Path) -> None:
    refusal = entry_of(40, text=None, error="http_400", detail="too long", cost=None)
    file = exported(tmp_path / "there", [*(entry_of(n) for n in range(40)), refusal])
    journal = tmp_path / "runs" / "journal.sqlite"
    first = cli("import", file, file, "--journal", journal, "--json")
    assert (first.code, first.json) == (0, {"added": 41, "known": 0, "withheld": 0, "redacted_there": 0})
    again = cli("import", file, "--journal", journal)
    assert "0 entries imported" in again.out
    assert "41 were there already" in again.out
    assert cli("export", "--to", tmp_path / "back.jsonl", "--journal", journal).code == 0
    assert (tmp_path / "back.jsonl").read_bytes() == file.read_bytes()


def test_import_overwrites_nothing_and_brings_no_redacted_answer_back(tmp_path: Path) -> None:
    file = exported(tmp_path / "there", [entry_of(n) for n in range(3)])
    with Journal.open(tmp_path / "there" / "other.sqlite") as other:
        maintenance.redact(other, [key_of(1)])
        maintenance.export(other, tmp_path / "redacted.jsonl")
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        put_all(journal, [entry_of(0, text="ours"), entry_of(1)])
        maintenance.redact(journal, [key_of(0)])
        done = import_entries(journal, [file])
        assert (done.added, done.known, done.withheld) == (1, 1, 1)
        assert import_entries(journal, [tmp_path / "redacted.jsonl"]).redacted_there == 1
        for number, error in ((0, "redacted"), (1, None), (2, None)):
            found = journal.find(key_of(number), 512)
            assert found is not None
            assert found.error == error


def test_secrets_of_a_file_reach_neither_a_row_nor_the_journal(tmp_path: Path) -> None:
    key = "sk-proj-" + "a1B2" * 12
    value = {**entry_of(0).as_json(), "text": f"use {key}", "messages": [{"role": "user", "content": f"mine is {key}"}]}
    file = lines(tmp_path / "answers.jsonl", value)
    with Journal.open(tmp_path / "journal.sqlite", answers=[file]) as journal:
        found = journal.find(key_of(0), 512)
        assert found is not None
        assert found.text == "use [redacted]"
        import_entries(journal, [file])
    assert key.encode() not in (tmp_path / "journal.sqlite").read_bytes()


def test_another_journal_may_be_looked_up_and_stays_as_it_is(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "other.sqlite") as other:
        put_all(other, [entry_of(0), entry_of(1, text=None, error="http_400")])
    with Journal.open(tmp_path / "journal.sqlite", also=tmp_path / "other.sqlite") as journal:
        put_all(journal, [entry_of(2)])
        for number in range(3):
            found = journal.find(key_of(number), 512)
            assert found is not None
            assert found.text == (None if number == 1 else entry_of(number).text)
        assert journal.find(key_of(1), 512, retry_failed=True) is None
        assert journal.find(key_of(3), 512) is None
        assert maintenance.stats(journal).entries == 1


def test_answers_of_a_shard_are_taken_in_where_what_was_there_does_not_serve(tmp_path: Path) -> None:
    short = {"text": "half", "finish_reason": "length", "max_tokens": 8, "completion_tokens": 8}
    file = exported(tmp_path / "there", [entry_of(n, request_id="new") for n in range(3)])
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        put_all(journal, [entry_of(0), entry_of(1, **short), entry_of(2, text=None, error="http_400")])
        done = import_entries(journal, [file], new_after=maintenance.last_number(journal))
        assert (done.added, done.known) == (2, 1)
        assert import_entries(journal, [file], new_after=maintenance.last_number(journal)).added == 0
