"""The lock of a journal, whose file goes with the last who uses it."""

from __future__ import annotations

import fcntl
import os
from multiprocessing import get_context
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


def test_a_file_taken_away_that_a_child_keeps_locked_holds_nobody_up(tmp_path: Path) -> None:
    leaving = JournalLock(tmp_path / "j")
    late = JournalLock(tmp_path / "j")
    kept = os.open(tmp_path / "j.lock", os.O_RDWR)
    leaving.release()
    fcntl.flock(kept, fcntl.LOCK_EX)
    late.share()
    assert names(tmp_path) == ["j.lock"]
    late.release()
    os.close(kept)


def test_whoever_has_it_alone_is_alone_however_many_come_and_go(tmp_path: Path) -> None:
    fork = get_context("fork")
    several = [fork.Process(target=_come_and_go, args=(tmp_path, name)) for name in "abcd"]
    for process in several:
        process.start()
    for process in several:
        process.join()
    assert [process.exitcode for process in several] == [0] * 4
    assert names(tmp_path) == []


def _come_and_go(folder: Path, name: str) -> None:
    """Each says by a file that it is there, alone or with others, and looks whether another says what cannot be."""
    for _ in range(300):
        lock = JournalLock(folder / "j")
        if lock.try_exclusive():
            _say(folder / f"alone-{name}", ("alone-*", "with-*"))
        lock.share()
        _say(folder / f"with-{name}", ("alone-*",))
        lock.release()


def _say(file: Path, never_together: tuple[str, ...]) -> None:
    file.touch()
    others = [other.name for pattern in never_together for other in file.parent.glob(pattern) if other != file]
    file.unlink()
    assert others == []
