"""Reading Parquet files that may have come to harm: a damaged one is a problem with its place and a remedy."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem

if TYPE_CHECKING:
    import pyarrow as pa

AGAIN = "rebuild it: run its pipeline again (answers come from the journal), or pull the dataset again"
_BATCH = 1000
MANY = 50_000
"""Rows read at once of a column or two."""


@contextmanager
def readable(path: Path, remedy: str = AGAIN) -> Iterator[None]:
    """What goes wrong in here is the file's fault. Raises `InputError`."""
    import pyarrow as pa

    try:
        yield
    # Of what is no longer Parquet pyarrow says so in errors of many kinds, some with a traceback of its own in them.
    except (pa.ArrowException, OSError, ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        said = f"{path.name} is damaged or unreadable: {str(error).partition(chr(10))[0]}"
        raise InputError(Problem("damaged-file", said, Place(str(path)), remedy)) from None


def batches_of(
    path: Path,
    columns: Sequence[str] | None = None,
    *,
    needs: Sequence[str] = (),
    remedy: str = AGAIN,
    at_once: int = _BATCH,
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
        yield from each_of(file.iter_batches(at_once, columns=columns), path, remedy)


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


def numbers_where(
    path: Path, columns: Sequence[str], chosen: Callable[[pa.RecordBatch], Iterable[int]], remedy: str = AGAIN
) -> Iterator[int]:
    """The numbers, from 0, of the rows that are `chosen` by these columns: it is given some rows, and says which of
    these it takes, counted from 0. Raises `InputError`."""
    first = 0
    for batch in batches_of(path, columns, remedy=remedy, at_once=MANY):
        with readable(path, remedy):
            found = list(chosen(batch))
        yield from (first + number for number in found)
        first += batch.num_rows


def true_at(said: pa.Array) -> list[int]:
    """The numbers of the values that are true."""
    import pyarrow.compute as pc

    return list(pc.indices_nonzero(said).to_pylist())


def starting(values: pa.Array, start: str) -> Iterator[int]:
    """The numbers of the texts that begin with these letters. They are looked for in the letters of all texts at once:
    loading pyarrow's own functions takes longer."""
    _, offsets, letters = values.buffers()
    if letters is None:
        return
    long = str(values.type).startswith("large")
    ends = memoryview(offsets).cast("q" if long else "i")[values.offset : values.offset + len(values) + 1]
    text, sought = letters.to_pybytes(), start.encode()
    at = text.find(sought, ends[0])
    while -1 < at < ends[-1]:
        number = bisect_right(ends, at) - 1
        if ends[number] == at and at + len(sought) <= ends[number + 1]:
            yield number
        at = text.find(sought, ends[number + 1])


def rows_at(path: Path, numbers: Collection[int], remedy: str = AGAIN) -> Iterator[dict[str, Any]]:
    """The rows of these numbers, in the file's order; of the file only what lies before them in their row groups is
    read. Raises `InputError`."""
    import pyarrow.parquet as pq

    with readable(path, remedy):
        file = pq.ParquetFile(path)
    with file:
        first, left = 0, sorted(set(numbers))
        for group in range(file.num_row_groups):
            end = first + file.metadata.row_group(group).num_rows
            here = [number for number in left if number < end]
            left = left[len(here) :]
            at = first
            for batch in each_of(file.iter_batches(_BATCH, row_groups=[group]), path, remedy) if here else ():
                with readable(path, remedy):
                    rows = [batch.slice(n - at, 1).to_pylist()[0] for n in here if at <= n < at + batch.num_rows]
                yield from rows
                at += batch.num_rows
                if at > here[-1]:
                    break
            first = end


def count_of(path: Path, remedy: str = AGAIN) -> int:
    """How many rows the file says it holds. Raises `InputError`."""
    import pyarrow.parquet as pq

    with readable(path, remedy):
        return int(pq.read_metadata(path).num_rows)


def schema_of(path: Path, remedy: str = AGAIN) -> pa.Schema:
    """The file's columns with their types. Raises `InputError`."""
    import pyarrow.parquet as pq

    with readable(path, remedy):
        return pq.read_schema(path)
