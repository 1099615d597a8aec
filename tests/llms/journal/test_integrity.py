"""The lock of a journal, whose file goes with the last who uses it."""

from __future__ import annotations

from pathlib import Path

from bezoar_data.llms.journal.integrity import JournalLock
from bezoar_data.llms.journal.leases import Leases


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_last_to_leave_takes_the_files_away(tmp_path: Path) -> None:
    one, two = JournalLock(tmp_path / "j"), JournalLock(tmp_path / "j")
    one.share()
    two.share()
    leases = Leases(tmp_path / "j")
    one.release()
    assert names(tmp_path) == ["j-askers", "j-leases", "j.lock"]
    assert not JournalLock(tmp_path / "j").try_exclusive()
    leases.close()
    two.release()
    assert names(tmp_path) == []
    two.release()


def test_who_opened_the_file_before_it_went_locks_the_one_that_others_find(tmp_path: Path) -> None:
    leaving = JournalLock(tmp_path / "j")
    leaving.share()
    early, late = JournalLock(tmp_path / "j"), JournalLock(tmp_path / "j")
    leaving.release()
    early.share()
    assert not late.try_exclusive()
    late.share()
    early.release()
    assert names(tmp_path) == ["j.lock"]
    assert late.try_exclusive()
    late.release()
    assert names(tmp_path) == []


def test_a_folder_that_is_gone_is_let_go_of(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    lock = JournalLock(tmp_path / "runs" / "j")
    lock.share()
    (tmp_path / "runs" / "j.lock").unlink()
    (tmp_path / "runs").rmdir()
    lock.release()
    assert names(tmp_path) == []
