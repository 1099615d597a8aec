"""Other journals near by: a word where one holds the answers that this one lacks, before they are paid twice."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from bezoar_data.llms.journal.entry import key_bytes
from bezoar_data.llms.journal.schema import connect

MOST_LOOKS = 200
"""So many questions without an answer are looked for next door: if those are not there, the others are not either."""


class Neighbours:
    """Journals that may hold an answer. They are read only, and one that cannot be read holds nothing."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._looking = threading.Lock()
        self._paths = tuple(paths)
        self._open: dict[Path, sqlite3.Connection] | None = None
        self._looks = 0

    def __bool__(self) -> bool:
        return bool(self._paths)

    def holder(self, key: str) -> Path | None:
        """A journal that answers this key. Once one was found, or many questions were in none, nobody looks again."""
        with self._looking:
            self._looks += 1
            found = next((path for path in self._paths if self._holds(path, key)), None)
            if found is not None or self._looks >= MOST_LOOKS:
                self.close()
            return found

    def close(self) -> None:
        self._paths = ()
        for connection in (self._open or {}).values():
            connection.close()
        self._open = None

    def _holds(self, path: Path, key: str) -> bool:
        self._open = {} if self._open is None else self._open
        try:
            if path not in self._open:
                self._open[path] = connect(path)
                self._open[path].execute("PRAGMA query_only=ON")
            query = "SELECT 1 FROM answers WHERE key = ? AND error IS NULL"
            return self._open[path].execute(query, (key_bytes(key),)).fetchone() is not None
        except sqlite3.Error:
            return False
