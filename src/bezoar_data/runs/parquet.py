"""Reading Parquet files that may have come to harm: a damaged one is a problem with its place and a remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem

if TYPE_CHECKING:
    import pyarrow as pa

AGAIN = "make it anew: run its pipeline again (answers come from the journal), or pull the dataset again"
_BATCH = 1000


@contextmanager
def readable(path: Path, remedy: str = AGAIN) -> Iterator[None]:
    """What goes wrong in here is the file's fault. Raises `InputError`."""
    import pyarrow as pa

    try:
        yield
    # Of what is no Parquet any more pyarrow says so in errors of many kinds, some with a traceback of its own in them.
    except (pa.ArrowException, OSError, ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        said = f"{path.name} is damaged or unreadable: {str(error).partition(chr(10))[0]}"
        raise InputError(Problem("damaged-file", said, Place(str(path)), remedy)) from None


def batches_of(
    path: Path, columns: Sequence[str] | None = None, *, needs: Sequence[str] = (), remedy: str = AGAIN
) -> Iterator[pa.RecordBatch]:
    """The file's rows, of these columns or of all. Raises `InputError`, also where it lacks one of them or of those it
    `needs`."""
    import pyarrow.parquet as pq

    with readable(path, remedy):
        file = pq.ParquetFile(path)
    with file:
        if missing := [name for name in (*(columns or ()), *needs) if name not in file.schema_arrow.names]:
            said = f"{path.name} is damaged: it has no column '{missing[0]}'"
            raise InputError(Problem("damaged-file", said, Place(str(path)), remedy))
        yield from each_of(file.iter_batches(_BATCH, columns=columns), path, remedy)


def each_of(batches: Iterator[pa.RecordBatch], path: Path, remedy: str = AGAIN) -> Iterator[pa.RecordBatch]:
    """The batches of rows that are read while they are asked for. Raises `InputError`."""
    while True:
        with readable(path, remedy):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def rows_of(
    path: Path, columns: Sequence[str] | None = None, *, needs: Sequence[str] = (), remedy: str = AGAIN
) -> Iterator[dict[str, Any]]:
    """The same, row by row."""
    for batch in batches_of(path, columns, needs=needs, remedy=remedy):
        with readable(path, remedy):
            rows = batch.to_pylist()
        yield from rows
