"""Files that may be packed with gzip or zstd, by their suffix."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import IO, cast


def opened(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked. Raises `OSError`, `EOFError` or `zlib.error`, some of them while it is read."""
    name = path.name.lower()
    if name.endswith(".gz"):
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if name.endswith(".zst"):
        import pyarrow as pa

        return cast("IO[bytes]", io.BufferedReader(pa.input_stream(str(path), compression="zstd"), 1 << 16))
    return path.open("rb")
