"""Recorded answers: files as `journal export` writes them, whose entries count as found where the journal has none.

A models file or a pipeline names such files (`answers:`), and a published dataset may bring one along. They are read
only: nothing of them is written into the journal. Only where each line lies is held in memory, so that a large file
costs little of it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import similar_file_hint
from bezoar_data.config.problems import Place, Problem
from bezoar_data.llms.journal.entry import Entry, key_bytes, pack
from bezoar_data.llms.journal.exported import entry_of_line
from bezoar_data.llms.journal.lookup import choose
from bezoar_data.runs.packed import opened

MOST_TOLD = 20
"""So many wrong lines of a file are told."""


class RecordedAnswers:
    """The entries of some files, by key. They are read when the first key is looked up, from any thread.

    Raises `InputError` then, with the line, for a file that is not there or not of this form.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(dict.fromkeys(files))
        self._reading = threading.Lock()
        self._open: list[IO[bytes]] | None = None
        self._places: dict[bytes, tuple[tuple[int, int, int], ...]] = {}
        """For each key: file, offset and length of its lines."""

    def find(self, key: str, max_tokens: int | None, *, retry_failed: bool = False) -> Entry | None:
        """As `Journal.find`."""
        return choose(self.entries(key), max_tokens, retry_failed=retry_failed)

    def entries(self, key: str) -> list[Entry]:
        """The entries of a key in the order they stand in, without their messages, cleaned of secrets."""
        if self._open is None:
            self._read()
        return [self._entry(place) for place in self._places.get(key_bytes(key), ())]

    def whole(self, key: str) -> list[Entry]:
        """The entries of a key with their messages, as they stand in the files."""
        if self._open is None:
            self._read()
        return [self._whole(place) for place in self._places.get(key_bytes(key), ())]

    def __iter__(self) -> Iterator[Entry]:
        """Every entry with its messages, in the order of the files."""
        if self._open is None:
            self._read()
        for place in sorted(place for places in self._places.values() for place in places):
            yield self._whole(place)

    def close(self) -> None:
        with self._reading:
            for file in self._open or ():
                file.close()
            self._open = None
            self._places = {}

    def _entry(self, place: tuple[int, int, int]) -> Entry:
        entry = self._whole(place)
        packed = pack(entry)
        return packed.entry.without_messages()

    def _whole(self, place: tuple[int, int, int]) -> Entry:
        number, offset, length = place
        assert self._open is not None  # noqa: S101
        try:
            return entry_of_line(os.pread(self._open[number].fileno(), length, offset))
        except ValueError:
            raise _wrong(self.files[number], "it changed while it was read; run the same command again") from None

    def _read(self) -> None:
        with self._reading:
            if self._open is not None:
                return
            opened: list[IO[bytes]] = []
            places: dict[bytes, tuple[tuple[int, int, int], ...]] = {}
            try:
                for number, path in enumerate(self.files):
                    opened.append(_seekable(path))
                    for offset, length, key in _lines(path, opened[-1]):
                        places[key] = (*places.get(key, ()), (number, offset, length))
            except BaseException:
                for file in opened:
                    file.close()
                raise
            self._places, self._open = places, opened


def _seekable(path: Path) -> IO[bytes]:
    """The file's text, to be read at any place: a compressed one's in a file without a name."""
    try:
        if path.suffix not in (".gz", ".zst") or path.stat().st_size == 0:
            return path.open("rb")
        text = tempfile.TemporaryFile(prefix="bezoar-answers-")  # noqa: SIM115 (closed by whoever is given it)
        try:
            with opened(path) as source:
                shutil.copyfileobj(source, text, 1 << 20)
            text.flush()
        except BaseException:
            text.close()
            raise
        return cast("IO[bytes]", text)
    except FileNotFoundError:
        hint = similar_file_hint(path) or "`bezoar-data journal export --to FILE` writes one"
        problem = Problem("missing-file", "there is no such file of recorded answers", Place(str(path)), hint)
        raise InputError(problem) from None
    except (OSError, EOFError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise _wrong(path, f"these recorded answers cannot be read: {said}") from None


def _lines(path: Path, file: IO[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Offset, length and key of each entry. Every line is checked: `InputError` at the end for the wrong ones."""
    problems: list[Problem] = []
    offset = 0
    file.seek(0)
    for number, line in enumerate(file, start=1):
        if line.strip():
            try:
                yield offset, len(line), key_bytes(entry_of_line(line).key)
            except ValueError as error:
                problems.append(Problem("bad-entry", str(error), Place(str(path), number), _HINT))
                if len(problems) == MOST_TOLD:
                    break
        offset += len(line)
    if problems:
        raise InputError(problems)


_HINT = "a line is one entry, as `bezoar-data journal export` writes it"


def _wrong(path: Path, message: str) -> InputError:
    return InputError(
        Problem("unreadable-answers", message, Place(str(path)), "export them again: bezoar-data journal export")
    )
