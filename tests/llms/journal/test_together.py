"""Several processes at one journal, and processes that are killed: real ones."""

from __future__ import annotations

import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.llms.journal import Journal, maintenance, schema
from support.journal_entries import WRITERS, entry_of, key_of, put_all, start_writer
from support.waiting import PATIENCE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def test_two_processes_writing_at_once_lose_nothing(path: Path) -> None:
    """They also make the file at the same moment, and write some of the same questions."""
    writers = [start_writer(path, 0, 1500), start_writer(path, 1000, 1500)]
    said = [w.communicate(timeout=PATIENCE)[0].split() for w in writers]
    assert [w.returncode for w in writers] == [0, 0]
    assert [len(numbers) for numbers in said] == [1500, 1500]
    with Journal.open(path) as journal:
        assert journal.notes == []
        for number in range(2500):
            assert journal.get(key_of(number)) == entry_of(number)
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert file.execute("SELECT count(DISTINCT key) FROM answers").fetchone() == (2500,)


@pytest.mark.parametrize("round_", range(6))
def test_a_killed_writer_loses_nothing_it_was_told_is_safe(path: Path, round_: int) -> None:
    moment = random.Random(round_)
    told: set[int] = set()
    for start in (0, 10_000):
        writer = start_writer(path, start, 10_000)
        assert writer.stdout is not None
        for _ in range(moment.randrange(1, 400)):
            told.add(int(writer.stdout.readline()))
        time.sleep(moment.random() * 0.02)
        writer.send_signal(signal.SIGKILL)
        # A pipe keeps what was written before the kill; a last line may be cut.
        told.update(int(line) for line in writer.stdout.read().split("\n")[:-1] if line)
        writer.wait()
    with Journal.open(path) as journal:
        assert all(journal.get(key_of(n)) == entry_of(n) for n in told)
        entries = maintenance.stats(journal).entries
        # What was committed but not told yet is kept too, and no more than that can be unknown to the writer.
        assert len(told) <= entries <= len(told) + 2 * (WRITERS + 1)
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_writer_waits_for_another_programs_long_transaction(path: Path) -> None:
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(0)])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer = start_writer(path, 1, 50)
        assert writer.stdout is not None
        assert not select.select([writer.stdout], [], [], 1.0)[0]
        other.execute("ROLLBACK")
        said, _ = writer.communicate(timeout=PATIENCE)
    assert len(said.split()) == 50


def test_cutting_down_is_refused_while_another_process_uses_the_journal(path: Path) -> None:
    writer = start_writer(path, 0, 1_000_000)
    try:
        assert writer.stdout is not None
        first = int(writer.stdout.readline())
        with Journal.open(path) as journal:
            assert journal.notes == []
            with pytest.raises(InputError, match="another run is using the journal"):
                maintenance.redact(journal, [key_of(first)])
            with pytest.raises(InputError, match="another run is using the journal"):
                maintenance.prune(journal, model="some-model")
            assert journal.get(key_of(first)) == entry_of(first)
            # Reading goes on, and so does writing.
            assert maintenance.stats(journal).answers >= 1
            put_all(journal, [entry_of(2_000_000)])
    finally:
        writer.kill()
        writer.communicate()
    with Journal.open(path) as journal:
        assert maintenance.redact(journal, [key_of(first)]).entries == 1


def test_two_processes_migrate_an_empty_file_once(path: Path) -> None:
    code = (
        "import sys\nfrom contextlib import closing\nfrom pathlib import Path\n"
        "from bezoar_data.llms.journal.schema import connect, migrate\n"
        "with closing(connect(Path(sys.argv[1]), create=True)) as c:\n"
        "    print(flush=True)\n    sys.stdin.read()\n    migrate(c)\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=-1, stdout=-1, stderr=-1) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        process.stdout.readline()  # both have the file open before either goes on
    for process in both:
        assert process.stdin is not None
        process.stdin.close()
    errors = [process.stderr.read() for process in both if process.stderr is not None]
    for process in both:
        assert process.wait(timeout=PATIENCE) == 0
    assert errors == [b"", b""]
    with closing(schema.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM migrations").fetchone() == (len(schema.MIGRATIONS),)


def test_processes_that_open_a_new_journal_at_once_all_get_it(tmp_path: Path) -> None:
    code = (
        "import random, sys, time\nfrom pathlib import Path\n"
        "from bezoar_data.llms.journal import Journal\nfrom support.journal_entries import entry_of, put_all\n"
        "print(flush=True)\nstart = float(sys.stdin.readline())\n"
        "for i in range(40):\n"
        "    time.sleep(max(0, start + i * 0.06 - time.time()) + random.random() * 0.004)\n"
        "    with Journal.open(Path(sys.argv[1]) / f'{i}.sqlite') as journal:\n"
        "        put_all(journal, [entry_of(n) for n in range(5)])\n"
    )
    tests = str(Path(__file__).parents[2])
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=-1, stdout=-1, stderr=-1, cwd=tests)
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    start = f"{time.time() + 0.2}\n".encode()
    with ThreadPoolExecutor(3) as pool:
        errors = list(pool.map(lambda process: process.communicate(start)[1], processes))
    assert [error.decode() for error in errors] == [""] * 3


def test_a_new_migration_is_applied_once_and_keeps_all_entries(path: Path) -> None:
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(n) for n in range(10)])
    newer = (*schema.MIGRATIONS, ("notes", lambda c: c.execute("CREATE TABLE notes (text TEXT)") and None))
    for _ in range(2):
        with closing(schema.connect(path)) as connection:
            schema.migrate(connection, newer)
            assert schema.version_of(connection) == len(newer)
            names = [row[0] for row in connection.execute("SELECT name FROM migrations ORDER BY version")]
            assert names == [name for name, _ in newer]
            assert connection.execute("SELECT count(*) FROM answers").fetchone() == (10,)


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    Journal.open(path).close()

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (x)")
        connection.execute("CREATE TABLE half (x)")

    with closing(schema.connect(path)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            schema.migrate(connection, (*schema.MIGRATIONS, ("broken", broken)))
        assert schema.version_of(connection) == len(schema.MIGRATIONS)
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").fetchone() == (0,)
    Journal.open(path).close()


def test_a_journal_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    Journal.open(path).close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("INSERT INTO migrations VALUES (99, 'later', 0)")
        file.execute("PRAGMA user_version=99")
        file.commit()
    before = path.read_bytes()
    with pytest.raises(InputError, match="has format 99; this version of bezoar-data knows"):
        Journal.open(path)
    assert path.read_bytes() == before


def test_the_log_does_not_grow_with_the_run(path: Path) -> None:
    """Two writers that never pause: the write-ahead log, 280 MB if left alone, must start afresh now and then."""
    writers = [start_writer(path, 0, 15_000), start_writer(path, 20_000, 15_000)]
    largest = 0
    log = path.with_name(path.name + "-wal")
    with ThreadPoolExecutor(2) as pool:
        said = [pool.submit(writer.communicate) for writer in writers]
        while any(writer.poll() is None for writer in writers):
            time.sleep(0.02)
            if log.exists():
                largest = max(largest, log.stat().st_size)
    assert [len(s.result()[0].split()) for s in said] == [15_000, 15_000]
    assert 0 < largest < 64 << 20
