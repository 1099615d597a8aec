"""Counting, exporting, pruning and redacting, through the journal and through the command line."""

from __future__ import annotations

import io
import json
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Ask
from bezoar_data.llms.journal import Journal, maintenance
from bezoar_data.llms.journal.request_key import KeyMaker
from bezoar_data.llms.journal.schema import connect
from bezoar_data.runs.row import Lineage
from support.command import Outcome, bezoar
from support.fault_server import FaultServer
from support.journal_entries import entry_of, key_of, put_all
from support.projects import Project

NAME = "Philomena Featherstonehaugh"
BODY = f"{NAME} lives at 12 Quince Lane. " * 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "journal.sqlite"


def refusal(number: int, **changes: Any) -> Any:
    values = {"text": None, "finish_reason": "", "error": "http_400", "detail": "too long", "cost": None, **changes}
    return entry_of(number, prompt_tokens=None, completion_tokens=None, **values)


def cli(*arguments: str | Path) -> Outcome:
    return bezoar("journal", *arguments)


def test_stats_count_by_model_and_step(path: Path) -> None:
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(n, step="explain") for n in range(5)])
        put_all(journal, [entry_of(n, step="judge", model="gpt-4", cost=0.5) for n in range(5, 7)])
        put_all(journal, [refusal(7, step="judge", model="gpt-4")])
        stats = maintenance.stats(journal)
    assert (stats.entries, stats.answers, stats.refusals, stats.redacted) == (8, 7, 1, 0)
    assert (stats.prompt_tokens, stats.completion_tokens) == (7 * 11, 7 * 7)
    assert stats.cost == pytest.approx(5 * 0.0000285 + 1.0)
    assert (stats.first, stats.last) == (1_700_000_001.0, 1_700_000_008.0)
    assert stats.refusals_by_reason == {"http_400": 1}
    assert [(g.by["step"], g.by["model"], g.answers, g.refusals) for g in stats.groups] == [
        ("explain", "some-model", 5, 0),
        ("judge", "gpt-4", 2, 1),
    ]


def test_stats_count_by_month_and_by_the_pipelines_whose_rows_are_made_of_the_answers(
    project: Project, server: FaultServer
):
    project.models(server.url)
    for name, rows in (("first", 4), ("second", 6)):
        project.rows(rows)
        path = project.pipeline()
        path.write_text(path.read_text().replace("name: test", f"name: {name}"))
        assert project.run("--out", f"runs/{name}").code == 0
    with Journal.open(project.folder / "runs" / "journal.sqlite") as journal:
        put_all(journal, [entry_of(1), refusal(2)])
    told = project.bezoar("journal", "stats", "--by", "month,pipeline", "--json")
    assert told.code == 0, told.err
    groups = [(g["month"], g["pipeline"], g["answers"], g["refusals"]) for g in told.json["groups"]]
    now = datetime.now(UTC).strftime("%Y-%m")
    assert groups == [("2023-11", "(no row here)", 1, 1), (now, "first, second", 4, 0), (now, "second", 2, 0)]
    table = project.bezoar("journal", "stats", "--by", "pipeline").out
    assert re.search(r"^pipeline +answers +refusals ", table, re.MULTILINE)
    wrong = project.bezoar("journal", "stats", "--by", "week")
    assert (wrong.code, "--by does not know 'week'" in wrong.err) == (2, True)


def test_stats_of_an_empty_journal(path: Path) -> None:
    with Journal.open(path) as journal:
        stats = maintenance.stats(journal)
    assert (stats.entries, stats.cost, stats.first, stats.groups) == (0, None, None, ())


def test_an_export_holds_every_entry_whole(path: Path, tmp_path: Path) -> None:
    entries = [*(entry_of(n) for n in range(20)), refusal(20)]
    target = tmp_path / "answers.jsonl"
    with Journal.open(path) as journal:
        put_all(journal, entries)
        assert maintenance.export(journal, target) == 21
        stream = io.StringIO()
        assert maintenance.export(journal, stream) == 21
    lines = target.read_text().splitlines()
    assert stream.getvalue().splitlines() == lines
    assert [json.loads(line) for line in lines] == [e.as_json() for e in entries]


def test_an_export_to_a_place_that_cannot_be_written_is_a_mistake(path: Path, tmp_path: Path) -> None:
    with Journal.open(path) as journal, pytest.raises(InputError, match="cannot write"):
        maintenance.export(journal, tmp_path / "no" / "such" / "folder.jsonl")


def test_pruning_deletes_what_meets_all_conditions_and_gives_the_space_back(path: Path) -> None:
    now = datetime.now(UTC).timestamp()
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(n) for n in range(300)])
        put_all(journal, [entry_of(n, answered_at=now) for n in range(300, 310)])
        put_all(journal, [entry_of(n, model="gpt-4") for n in range(310, 320)])
    before = path.stat().st_size
    with Journal.open(path) as journal:
        keep: dict[str, Any] = {"older_than": timedelta(days=30), "model": "some-model"}
        assert maintenance.prune(journal, **keep, dry_run=True) == 300
        assert maintenance.prune(journal, **keep) == 300
        assert maintenance.prune(journal, **keep) == 0
        assert journal.find(key_of(5), 512) is None
        assert all(journal.get(key_of(n)) is not None for n in range(300, 320))
        assert path.stat().st_size < before / 4
        # What was deleted is asked and stored again like anything new, messages included.
        put_all(journal, [entry_of(5)])
        assert journal.get(key_of(5)) == entry_of(5)


def test_pruning_refusals_lets_them_be_asked_again(path: Path) -> None:
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(0), refusal(1), refusal(2, step="judge")])
        assert maintenance.prune(journal, errors=True, step="judge") == 1
        assert journal.find(key_of(2), 512) is None
        assert journal.find(key_of(1), 512) is not None
        assert maintenance.prune(journal, errors=True) == 1
        assert journal.find(key_of(0), 512) is not None


def test_pruning_by_day(path: Path) -> None:
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(n, answered_at=1_700_000_000.0 + n * 86_400) for n in range(10)])
        assert maintenance.prune(journal, older_than=datetime.fromtimestamp(1_700_000_000 + 5 * 86_400, UTC)) == 5


def test_pruning_without_a_condition_is_refused(path: Path) -> None:
    with Journal.open(path) as journal, pytest.raises(ValueError, match="needs a condition"):
        maintenance.prune(journal)


def everything_in(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


def test_a_redaction_leaves_nothing_of_the_person_in_any_file(path: Path) -> None:
    maker = KeyMaker(Model(provider="openai", model="m"))
    asks = [Ask([{"role": "user", "content": f"{i}: {BODY}"}], n=2) for i in range(30)]
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(n) for n in range(200)])
        for i, ask in enumerate(asks):
            for attempt in range(2):
                for key in maker.keys(Ask(ask.messages, n=2, attempt=attempt)):
                    entry = entry_of(
                        i, key=key, text=f"{BODY} {i}", messages=ask.messages, detail=NAME, request_id=NAME
                    )
                    put_all(journal, [entry])
        put_all(journal, [refusal(999, detail=f"do not speak of {NAME}", messages=[{"role": "user", "content": NAME}])])
        assert NAME.encode() in everything_in(path.parent)
        outcome = maintenance.redact(journal, [maker.key(ask, 0) for ask in asks] + [key_of(999), key_of(12345)])
        # Of each question one answer was named; the other sample and the other attempt speak of the same person.
        assert outcome.entries == 30 * 4 + 1
        assert outcome.unknown == (key_of(12345),)
        assert outcome.copies == ()
        assert NAME.encode() not in everything_in(path.parent)
        assert all(journal.get(key_of(n)) == entry_of(n) for n in range(200))
    assert NAME.encode() not in everything_in(path.parent)
    with Journal.open(path) as journal:
        for retry in (True, False):
            found = journal.find(maker.key(asks[0], 1), 512, retry_failed=retry)
            assert found is not None
            assert (found.error, found.text) == ("redacted", None)
            assert found.cost == entry_of(0).cost  # what was paid stays counted
        stats = maintenance.stats(journal)
        assert (stats.redacted, stats.refusals) == (121, 0)


def test_what_was_redacted_is_not_written_again_by_a_run_that_had_asked_before(path: Path) -> None:
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(0)])
        assert maintenance.redact(journal, [key_of(0)]).entries == 1
        [standing] = put_all(journal, [entry_of(0, text=NAME)])
        assert standing.error == "redacted"
        assert NAME.encode() not in everything_in(path.parent)
        assert maintenance.redact(journal, [key_of(0)]).entries == 0


def test_only_pruning_by_name_lets_a_redacted_question_be_asked_again(path: Path) -> None:
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(0), refusal(1)])
        maintenance.redact(journal, [key_of(0)])
        assert maintenance.prune(journal, older_than=timedelta(0)) == 1
        assert journal.find(key_of(0), 512) is not None
        assert maintenance.prune(journal, redacted=True) == 1
        assert journal.find(key_of(0), 512) is None


def test_a_redaction_names_damaged_copies_that_may_hold_the_content(path: Path) -> None:
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(0)])
    path.write_bytes(path.read_bytes()[:-5000])
    with Journal.open(path) as journal:
        [copy] = maintenance.redact(journal, [key_of(0)]).copies
    assert copy.name.startswith("journal.damaged-")


def write_run(folder: Path, rows: list[Lineage]) -> None:
    (folder / "dataset" / "data").mkdir(parents=True)
    table = pa.table({"id": [r.id for r in rows], "_bezoar": [r.to_json() for r in rows]})
    pq.write_table(table, folder / "dataset" / "data" / "train.parquet")


def test_the_command_line_counts_exports_and_prunes(path: Path, tmp_path: Path) -> None:
    with Journal.open(path) as journal:
        put_all(journal, [*(entry_of(n) for n in range(5)), refusal(5)])
    at = ("--journal", path)
    counted = cli("stats", *at)
    assert counted.code == 0, counted.err
    assert "5 answers, 1 refusals, 0 redacted" in counted.out
    assert json.loads(cli("stats", "--json", *at).out)["groups"][0]["answers"] == 5
    exported = cli("export", *at)
    assert [json.loads(line)["key"] for line in exported.out.splitlines()] == [key_of(n) for n in range(6)]
    told = json.loads(cli("export", "--to", tmp_path / "a.jsonl", "--json", *at).out)
    assert told == {"exported": 6, "path": str(tmp_path / "a.jsonl")}
    assert json.loads(cli("prune", "--errors", "--dry-run", "--json", *at).out) == {"pruned": 1, "dry_run": True}
    assert cli("prune", "--errors", *at).out.startswith("1 ")
    assert json.loads(cli("prune", "--older-than", "1d", "--json", *at).out)["pruned"] == 5


def test_compacting_gives_space_back_and_keeps_every_entry(path: Path) -> None:
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(n) for n in range(5)])
    with closing(connect(path)) as connection:
        own = connection.execute("SELECT count(*) FROM requests").fetchone()
        unused = [(n.to_bytes(32), b"x" * 4000) for n in range(1, 200)]
        connection.executemany("INSERT INTO requests (hash, messages) VALUES (?, ?)", unused)
    before = cli("export", "--journal", path).out
    told = json.loads(cli("compact", "--json", "--journal", path).out)
    assert told["bytes"] == path.stat().st_size < told["bytes_before"] - 500_000
    assert cli("export", "--journal", path).out == before
    with closing(connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == own


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prune"], "prune needs a condition"),
        (["prune", "--older-than", "7 fortnights"], "neither an age nor a day"),
        (["export", "--json"], "--json needs --to"),
        (["redact", "0" * 32], "has the row 0000"),
        (["stats", "--journal", "nowhere.sqlite"], "there is no journal at nowhere.sqlite"),
    ],
)
def test_mistakes_on_the_command_line_are_one_message(path: Path, arguments: list[str], message: str) -> None:
    Journal.open(path).close()
    at = [] if "--journal" in arguments else ["--journal", str(path)]
    done = cli(*arguments, *at)
    assert done.code == 2
    assert message in done.err + done.out
    assert "Traceback" not in done.err
    assert not Path("nowhere.sqlite").exists()


def test_the_command_line_redacts_a_row_with_all_that_was_made_from_it(path: Path) -> None:
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(n, text=f"{NAME} {n}") for n in range(4)])
    row = Lineage(id="a" * 32, order=(0,), keys={"explain": (key_of(0),), "judge": (key_of(1),)})
    child = Lineage(id="b" * 32, order=(0, 1), parent_ids=("a" * 32,), keys={"answer": (key_of(2),)})
    other = Lineage(id="c" * 32, order=(1,), keys={"explain": (key_of(3),)})
    write_run(path.parent / "orca", [row, child, other])
    done = cli("redact", "a" * 32, "--json", "--journal", path)
    assert done.code == 0, done.err
    assert json.loads(done.out) == {"redacted": 3, "unknown": [], "elsewhere": 0, "copies": []}
    with Journal.open(path) as journal:
        assert [journal.get(key_of(n)).text for n in range(4)] == [None, None, None, f"{NAME} 3"]  # type: ignore[union-attr]
    assert json.loads(cli("redact", key_of(3), "--json", "--journal", path).out)["redacted"] == 1
    assert NAME.encode() not in everything_in(path.parent)
