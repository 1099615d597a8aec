"""Numbers on disk: what is noted of each of many rows, where memory is to stay small."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bezoar_data.config.errors import BezoarError


class DiskArray:
    """One row of numbers of a type, in a file without a name, which goes with the process however that ends. Grows at
    its end; any part of it is read by its place. `folder` is where there is room, None for the system's own place."""

    def __init__(self, kind: Any, folder: Path | None = None) -> None:
        self._kind = np.dtype(kind)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (`close` closes it)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def extend(self, values: NDArray[Any]) -> None:
        with _room():
            self._file.write(np.ascontiguousarray(values, self._kind).data)
        self._size += values.size

    def read(self, begin: int, end: int) -> NDArray[Any]:
        """The numbers from one place to another, as a copy that cannot be changed."""
        with _room():
            self._file.flush()
        width = self._kind.itemsize
        data = os.pread(self._file.fileno(), (end - begin) * width, begin * width)
        return np.frombuffer(data, self._kind)

    def close(self) -> None:
        self._file.close()


def mapped(kind: Any, shape: tuple[int, ...], folder: Path | None = None) -> NDArray[Any]:
    """A table of zeros that lies in such a file: the system keeps in memory what there is room for."""
    if not all(shape):
        return np.zeros(shape, kind)
    with tempfile.TemporaryFile(dir=folder) as file, _room():
        if hasattr(os, "posix_fallocate"):  # without room, a write into the table would end the process
            os.posix_fallocate(file.fileno(), 0, math.prod(shape) * np.dtype(kind).itemsize)
        return np.memmap(file, kind, "r+", shape=shape)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BezoarError(
            f"cannot write notes on the rows: {error.strerror or error}. Make room and run the same command again"
        ) from error
