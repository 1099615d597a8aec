"""Backup and restore of the review server's data: its database and secrets in one file, readable by its owner alone."""

from __future__ import annotations

import sqlite3
import tarfile
import tempfile
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.review.data_dir import DataDir

_FILES = ("argilla.db", "secrets.json")


def backup(data: DataDir, to: Path) -> None:
    """Write the backup; the server may be running. Raises `InputError`."""
    if not data.database.exists():
        raise InputError(Problem("nothing-to-back-up", "there are no review data here", Place(str(data.path))))
    if to.exists():
        raise InputError(Problem("exists", "there is a file of that name", Place(str(to)), "name another"))
    try:
        with tempfile.TemporaryDirectory(dir=to.parent) as folder:
            copy = Path(folder) / "argilla.db"
            # SQLite's own backup: a copy of one moment, whatever is being written.
            with sqlite3.connect(data.database) as source, sqlite3.connect(copy) as target:
                source.backup(target)
            source.close()
            target.close()
            beside = Path(folder) / "backup"
            beside.touch(0o600)
            with tarfile.open(beside, "w:gz") as archive:
                archive.add(copy, "argilla.db")
                archive.add(data.secrets, "secrets.json")
            beside.replace(to)
    except OSError as error:
        raise InputError(Problem("backup-failed", f"cannot write the backup: {error}", Place(str(to)))) from error


def restore(data: DataDir, archive: Path) -> None:
    """Put a backup in place of the data; those that were there are kept beside it, as `.before`. The server must be
    stopped. Raises `InputError`."""
    with data.lock(), tempfile.TemporaryDirectory(dir=data.path) as folder:
        try:
            with tarfile.open(archive) as file:
                for name in _FILES:
                    member = file.extractfile(name)
                    if member is None:
                        raise KeyError(name)
                    path = Path(folder) / name
                    path.write_bytes(member.read())
                    path.chmod(0o600)
            checked = sqlite3.connect(Path(folder) / "argilla.db")
            whole = checked.execute("PRAGMA integrity_check").fetchone()
            checked.close()
            if whole != ("ok",):
                raise sqlite3.DatabaseError("its database is damaged")
        except (OSError, KeyError, tarfile.TarError, sqlite3.Error, EOFError) as error:
            hint = "nothing was changed"
            raise InputError(
                Problem("bad-backup", f"not a whole backup: {error}", Place(str(archive)), hint)
            ) from error
        for leftover in ("argilla.db-wal", "argilla.db-shm", "argilla.db-journal"):
            (data.path / leftover).unlink(missing_ok=True)
        for name in _FILES:
            if (data.path / name).exists():
                (data.path / name).replace(data.path / f"{name}.before")
            (Path(folder) / name).replace(data.path / name)
