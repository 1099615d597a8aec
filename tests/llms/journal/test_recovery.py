"""A journal cut short, overwritten, bit-flipped, on a full or a wrong disk: mended or refused, and always said."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.llms.journal import Journal, integrity, maintenance
from bezoar_data.llms.journal.entry import JournalError
from support.journal_entries import entry_of, key_of, put_all, start_writer

COUNT = 400


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "journal.sqlite"
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(n) for n in range(COUNT)])
    return path


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with a log that nobody had time to move into the file, and the numbers that were safe."""
    path = tmp_path_factory.mktemp("killed") / "journal.sqlite"
    writer = start_writer(path, 0, 1_000_000)
    assert writer.stdout is not None
    for _ in range(COUNT):
        writer.stdout.readline()
    writer.kill()
    writer.communicate()
    assert integrity.wal_of(path).stat().st_size > 100_000
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def copy(source: Path, path: Path) -> Path:
    for suffix in ("", "-wal"):
        if (found := source.with_name(source.name + suffix)).exists():
            shutil.copy(found, path.with_name(path.name + suffix))
    return path


def survivors(journal: Journal) -> set[int]:
    """The numbers of the entries that are there; each must be exactly what was written."""
    numbers = set()
    for number in range(COUNT):
        entry = journal.get(key_of(number))
        if entry is not None:
            # Its messages may be lost by themselves: they stand elsewhere in the file.
            assert entry in (entry_of(number), entry_of(number, messages=None))
            numbers.add(number)
    return numbers


def assert_mended(path: Path, at_least: int) -> None:
    before = path.read_bytes()
    with Journal.open(path) as journal:
        assert len(journal.notes) == 1
        assert "was damaged" in journal.notes[0]
        left = survivors(journal)
        assert f": {len(left)} answer" in journal.notes[0]
        assert len(left) >= at_least
        put_all(journal, [entry_of(n) for n in range(COUNT)])
        assert survivors(journal) == set(range(COUNT))
        [aside] = path.parent.glob("journal.damaged-*.sqlite")
        assert aside.name in journal.notes[0]
        assert aside.read_bytes() == before
    with Journal.open(path) as journal:
        assert journal.notes == []
        assert survivors(journal) == set(range(COUNT))
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.8, 0.99])
def test_a_file_cut_short_gives_back_what_is_left(whole: Path, path: Path, share: float) -> None:
    copy(whole, path)
    size = path.stat().st_size
    os.truncate(path, int(size * share))
    assert_mended(path, at_least=int(COUNT * share * 0.6) - 8)


def test_a_file_cut_at_any_point_is_never_silently_smaller(whole: Path, path: Path) -> None:
    size, moment = whole.stat().st_size, random.Random(1)
    for _ in range(12):
        for old in path.parent.glob("journal*"):
            old.unlink()
        copy(whole, path)
        os.truncate(path, moment.randrange(1, size))
        try:
            journal = Journal.open(path)
        except InputError as error:
            assert "is not a journal" in str(error)
            assert path.stat().st_size < 100
            continue
        with journal:
            assert journal.notes


@pytest.mark.parametrize("length", [1, 8, 512])
@pytest.mark.parametrize("seed", range(12))
def test_flipped_bits_are_found_or_do_no_harm(whole: Path, path: Path, seed: int, length: int) -> None:
    """Wherever bits flip: every answer given out is right, and nothing is missing without a word."""
    moment = random.Random(f"{seed} {length}")
    data = bytearray(whole.read_bytes())
    # Half of them in the first pages, where the header and the tops of the trees stand.
    at = moment.randrange(100 if seed % 4 == 0 else 4096 * 4 if seed % 2 else len(data))
    for i in range(at, min(at + length, len(data))):
        data[i] ^= 1 << moment.randrange(8)
    path.write_bytes(data)
    try:
        journal = Journal.open(path)
    except InputError as error:
        assert "journal" in str(error)
        assert at < 100
        assert path.read_bytes() == data
        return
    with journal:
        left = survivors(journal)
        assert len(left) >= COUNT - 40
        whole_ones = [n for n in left if journal.get(key_of(n)) == entry_of(n)]
        assert len(whole_ones) == COUNT or journal.notes


@pytest.mark.parametrize("first", [0, 1, 3])
def test_pages_overwritten_with_zeros_give_back_the_others(whole: Path, path: Path, first: int) -> None:
    data = bytearray(whole.read_bytes())
    data[first * 4096 : (first + 2) * 4096] = bytes(8192)
    path.write_bytes(data)
    assert_mended(path, at_least=COUNT - 60)


def test_a_flipped_bit_in_the_index_hides_no_answer(whole: Path, path: Path) -> None:
    """SQLite's quick check does not see it, and the answer would silently be paid again."""
    data, key = bytearray(whole.read_bytes()), bytes.fromhex(key_of(200))
    places = [at for at in range(len(data)) if data.startswith(key, at)]
    [in_index] = [at for at in places if data[at // 4096 * 4096] == 0x0A]
    data[in_index + 16] ^= 1
    path.write_bytes(data)
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA quick_check").fetchone() == ("ok",)
    assert_mended(path, at_least=COUNT)


def test_a_flipped_bit_inside_an_answer_never_becomes_data(whole: Path, path: Path) -> None:
    data = whole.read_bytes()
    at = data.index(b"answer 123: ")
    path.write_bytes(data[:at] + b"A" + data[at + 1 :])
    with Journal.open(path) as journal:
        assert journal.find(key_of(123), 512) is None
        assert journal.get(key_of(123)) is None
        assert journal.damaged == 2
        assert any("damaged answers" in note for note in journal.notes)
        assert survivors(journal) == set(range(COUNT)) - {123}
        put_all(journal, [entry_of(123)])
        assert journal.get(key_of(123)) == entry_of(123)


def test_damage_met_in_the_middle_of_a_run_is_said_and_mended_by_the_next(whole: Path, path: Path) -> None:
    copy(whole, path)
    journal = Journal.open(path)
    with path.open("r+b") as file:
        file.write(bytes(4096 * 6))
    with pytest.raises(JournalError, match=r"is damaged .* run the same command again"):
        for number in range(COUNT):
            journal.find(key_of(number), 512)
    journal._reader.close()
    journal._writer._connection.close()  # as a killed run leaves it
    journal._lock.release()
    with Journal.open(path) as again:
        assert "was damaged" in again.notes[0]
        assert len(survivors(again)) > COUNT / 2


def test_a_log_left_by_a_killed_run_is_read_without_a_note(killed: Path, path: Path) -> None:
    with Journal.open(copy(killed, path)) as journal:
        assert journal.notes == []
        assert survivors(journal) == set(range(COUNT))


def test_a_flipped_bit_in_the_log_hides_nothing_behind_it(killed: Path, path: Path) -> None:
    """SQLite itself stops at the first bad page of the log and drops all answers after it without a word."""
    log = bytearray(integrity.wal_of(killed).read_bytes())
    for at in (20, 32 + 9, 32 + 24 + 300, len(log) // 3):
        for old in path.parent.glob("journal*"):
            old.unlink()
        copy(killed, path)
        flipped = bytearray(log)
        flipped[at] ^= 4
        integrity.wal_of(path).write_bytes(flipped)
        with Journal.open(path) as journal:
            assert "was damaged" in journal.notes[0]
            # Where the log's header alone was hit, every page of it is whole, with what long rows go on in.
            assert len(survivors(journal)) >= (COUNT if at < 32 else COUNT - 30)
            [aside] = path.parent.glob("journal.damaged-*.sqlite")
            assert integrity.wal_of(aside).read_bytes() == flipped


def test_a_log_cut_short_keeps_what_stands_before_the_cut(killed: Path, path: Path) -> None:
    copy(killed, path)
    log = integrity.wal_of(path)
    os.truncate(log, log.stat().st_size // 2 + 1000)
    with Journal.open(path) as journal:
        assert len(survivors(journal)) > COUNT / 4
        put_all(journal, [entry_of(n) for n in range(COUNT)])
        assert survivors(journal) == set(range(COUNT))


def test_a_file_that_vanished_is_given_back_from_its_log(killed: Path, path: Path) -> None:
    shutil.copy(integrity.wal_of(killed), integrity.wal_of(path))
    with Journal.open(path) as journal:
        assert "was damaged" in journal.notes[0]
        assert len(survivors(journal)) > COUNT / 2


def test_an_empty_file_is_used_and_said(path: Path) -> None:
    path.touch()
    with Journal.open(path) as journal:
        assert journal.notes == ["the journal was empty and starts again"]
        put_all(journal, [entry_of(0)])


def test_what_was_redacted_does_not_come_back_by_a_repair(whole: Path, path: Path) -> None:
    copy(whole, path)
    with Journal.open(path) as journal:
        maintenance.redact(journal, [key_of(7)])
    data = bytearray(path.read_bytes())
    data[0:4096] = bytes(4096)
    path.write_bytes(data)
    with Journal.open(path) as journal:
        found = journal.get(key_of(7))
        assert found is not None
        assert (found.error, found.text, found.messages) == ("redacted", None, None)


def _text(path: Path) -> None:
    path.write_text("Dear diary, nothing of this is a database.\n" * 50)


def _other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE answers (question TEXT, answer INTEGER)")
        file.execute("INSERT INTO answers VALUES ('life', 42)")
        file.commit()


def _other_application(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA application_id=77")
        file.execute("CREATE TABLE t (x)")
        file.commit()


@pytest.mark.parametrize("make", [_text, _other_database, _other_application])
def test_a_file_of_another_kind_is_refused_and_left_alone(path: Path, make: Callable[[Path], None]) -> None:
    make(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="is not a journal of bezoar-data"):
        Journal.open(path)
    assert path.read_bytes() == before
    assert {p.name for p in path.parent.iterdir()} <= {path.name, path.name + ".lock"}


def test_a_folder_in_place_of_the_journal_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(InputError, match="cannot be opened: it is a folder"):
        Journal.open(path)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(InputError, match="cannot be opened"):
        Journal.open(tmp_path / "runs" / "journal.sqlite")


FULL = """
import asyncio, subprocess, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from support.journal_entries import entry_of, key_of, put_all
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.entry import JournalError
path = Path(sys.argv[1]) / "journal.sqlite"
async def main(journal):
    for start in range(0, 100_000, 50):
        try:
            await asyncio.gather(*(journal.put(entry_of(n)) for n in range(start, start + 50)))
        except JournalError as error:
            print(start); print(error)
            assert journal.find(key_of(start), 512) is not None
            return start
journal = Journal.open(path)
told = asyncio.run(main(journal))
try:
    journal.close()
except JournalError as error:
    print(error)
subprocess.run(["mount", "-o", "remount,size=64m", sys.argv[1]], check=True)
with Journal.open(path) as journal:
    assert not journal.notes, journal.notes
    assert all(journal.get(key_of(n)) == entry_of(n) for n in range(told))
print("whole")
"""


def test_a_disk_that_is_really_full_ends_in_a_message_and_a_whole_file(tmp_path: Path) -> None:
    """A file system of eight megabytes, mounted in a name space of its own."""
    disk, tests = tmp_path / "disk", Path(__file__).parents[2]
    disk.mkdir()
    script = tmp_path / "full.py"
    script.write_text(FULL)
    command = f'mount -t tmpfs -o size=8m tmpfs "{disk}" && exec "{sys.executable}" "{script}" "{disk}" "{tests}"'
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rm", "true"], capture_output=True).returncode != 0:
        pytest.skip("no name spaces here to mount a small disk in")
    done = subprocess.run([unshare, "-rm", "sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert int(lines[0]) > 0
    assert lines[1].startswith(f"the disk is full: the journal {disk / 'journal.sqlite'} takes no more answers.")
    assert "the same command goes on" in lines[1]
    assert lines[-1] == "whole"
    assert "Traceback" not in done.stderr


def test_a_full_file_keeps_waiting_answers_and_writes_them_once_there_is_room(path: Path) -> None:
    journal = Journal.open(path)
    put_all(journal, [entry_of(n) for n in range(20)])
    writing = journal._writer._connection
    pages = writing.execute("PRAGMA page_count").fetchone()[0]
    writing.execute(f"PRAGMA max_page_count={pages + 1}")
    with pytest.raises(BezoarError, match="the disk is full"):
        put_all(journal, [entry_of(n) for n in range(20, 60)])
    # Paid, hence still known to this process.
    assert journal.find(key_of(40), 512) is not None
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM answers").fetchone() == (20,)
    writing.execute("PRAGMA max_page_count=1000000")
    journal.close()
    with Journal.open(path) as again:
        assert again.notes == []
        assert all(again.get(key_of(n)) == entry_of(n) for n in range(60))


MOUNTS = r"""21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 21 0:40 / /home rw - nfs4 server:/home rw
31 21 0:41 / /home/me/local rw - xfs /dev/sdb rw
32 21 0:42 / /mnt/with\040space rw shared:3 - fuse.sshfs me@host:/ rw
33 21 0:43 / /mnt/c rw - 9p drvfs rw
34 21 0:44 / /mnt/share rw - cifs //host/share rw
35 21 0:45 / /mnt/pics rw - fuse.ntfs-3g /dev/sdc rw
36 21 0:46 / /over rw - nfs server:/o rw
37 36 0:47 / /over rw - ext4 /dev/sdd rw"""


@pytest.mark.parametrize(
    ("folder", "kind", "network"),
    [
        ("/", "ext4", False),
        ("/homely", "ext4", False),
        ("/home/me/runs", "nfs4", True),
        ("/home/me/local/runs", "xfs", False),
        ("/mnt/with space/runs", "fuse.sshfs", True),
        ("/mnt/c/runs", "9p", True),
        ("/mnt/share", "cifs", True),
        ("/mnt/pics", "fuse.ntfs-3g", False),
        ("/over/runs", "ext4", False),
    ],
)
def test_network_file_systems_are_told_apart(folder: str, kind: str, network: bool) -> None:
    assert integrity.filesystem_of(Path(folder), MOUNTS) == kind
    assert integrity.is_network(kind) is network


def test_a_journal_on_a_network_file_system_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = f"21 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 21 0:40 / {path.parent.resolve()} rw - nfs4 server:/x rw"
    monkeypatch.setattr(integrity, "mounts", lambda: table)
    with pytest.raises(InputError, match=r"cannot be kept on a network file system \(nfs4\)"):
        Journal.open(path)
    assert list(path.parent.iterdir()) == []


def test_the_table_of_mounts_is_read_for_real() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("there is no table of mounts here")
    assert integrity.filesystem_of(Path("/proc/self"), integrity.mounts()) == "proc"
