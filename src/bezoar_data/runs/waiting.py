"""The rows that wait before a step which needs all of them, read from the spool when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import overload

from bezoar_data.runs.row import Row

CHUNK = 512

Key = tuple[bytes, int]
"""The place of a row among those that wait."""
Read = Callable[[Key, int, int], list[tuple[Key, Row]]]
"""Gives so many rows from behind a key on, each with its key; some are passed over before."""


class WaitingRows(Sequence[Row]):
    """A sequence of rows on disk, in the source's order. It holds a few hundred rows at a time, and one place for as
    many again, so that memory does not grow with the rows. Quick from one end to the other, as often as is wanted; a
    row by its number costs a look-up.

    May be read in a thread beside the engine's loop: all that waits is on disk before the first row is read.
    """

    def __init__(self, read: Read, count: int, folder: Path) -> None:
        self._read, self._count = read, count
        self.folder = folder
        """Where there is room for what is noted of so many rows."""
        self._starts: list[Key] = [(b"", -1)]
        """Behind what each chunk begins, as far as is known."""
        self._last: tuple[int, list[Row]] = (-1, [])
        """The chunk read last: a step's rows and its verdicts on them are taken side by side."""

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        for number in range(-(-self._count // CHUNK)):
            yield from self._chunk(number)

    @overload
    def __getitem__(self, at: int) -> Row: ...

    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...

    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        if isinstance(at, slice):
            begin, end, step = at.indices(self._count)
            return self._some(begin, max(0, end - begin)) if step == 1 else [self[i] for i in range(begin, end, step)]
        number = at + self._count if at < 0 else at
        if not 0 <= number < self._count:
            raise IndexError(at)
        return self._some(number, 1)[0]

    def _some(self, begin: int, count: int) -> list[Row]:
        chunk, rest = divmod(begin, CHUNK)
        while len(self._starts) <= chunk:
            self._chunk(len(self._starts) - 1)
        return [row for _, row in self._read(self._starts[chunk], count, rest)]

    def _chunk(self, number: int) -> list[Row]:
        last, rows = self._last
        if last == number:
            return rows
        found = self._read(self._starts[number], CHUNK, 0)
        if len(self._starts) == number + 1:
            self._starts.append(found[-1][0])
        rows = [row for _, row in found]
        self._last = (number, rows)
        return rows
