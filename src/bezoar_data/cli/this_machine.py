"""What a machine does to a command: a full disk, a damaged file, a place that cannot be written. Wherever that is
noticed, it is a problem with a remedy, and no error of the program."""

from __future__ import annotations

import errno
import sqlite3
import sys
import tempfile

from bezoar_data.config.problems import Place, Problem

_FULL = {
    errno.ENOSPC: "no space is left",
    errno.EDQUOT: "the quota of disk space is used up",
    errno.EFBIG: "a file may not become so large here (ulimit -f, or the file system's own limit)",
}
_UNSAID = "the disk is full, at a limit, or broken: it takes no more"
_LOOP = "Symlink loop from"
_MANY = (errno.EMFILE, errno.ENFILE)


def of_this_machine(error: Exception) -> Problem | None:
    """What the error says of the machine; None for an error of ours."""
    full = _full(error)
    place = Place(str(error.filename)) if isinstance(error, OSError) and error.filename is not None else None
    if full is not None:
        where = "" if place else f" for what this writes: its output, or a file (temporary ones are in {_temporary()})"
        hint = "make room (df -h shows the disks), then run the same command again: what is finished stays as it is"
        return Problem("disk-full", f"{full}{where}", place, hint)
    if isinstance(error, OSError) and error.errno == errno.EIO and place is None:
        said = "a disk, or the terminal that this output goes to, can no longer be read or written"
        return Problem("machine-failed", said, hint="see the system's log (dmesg), then run the same command again")
    if isinstance(error, OSError) and error.errno in _MANY:
        hint = "ulimit -n 4096 in this shell allows more; or lower the models' limits.concurrency"
        return Problem("too-many-files", "too many files and connections are open", hint=hint)
    if place is not None:
        assert isinstance(error, OSError)  # noqa: S101 (a place comes of nothing else)
        return Problem("unusable-file", f"cannot be used: {error.strerror}", place)
    if isinstance(error, RuntimeError) and str(error).startswith(_LOOP):  # what `Path.resolve` raises
        link = str(error).removeprefix(_LOOP).strip("'\" ")
        return Problem("unusable-file", "cannot be used: a link that leads back to itself", Place(link))
    if _of_arrow(error):
        hint = (
            "bezoar-data card check RUN names the file; run the pipeline again, or copy or pull the dataset once more"
        )
        return Problem("damaged-file", f"a Parquet file is damaged: {_first_line(error)}", hint=hint)
    return None


def _temporary() -> str:
    """Finding that folder means writing to it."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return "the folder that TMPDIR names"


def _full(error: Exception) -> str | None:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        # SQLite does not tell one error of the disk from another.
        return {sqlite3.SQLITE_FULL: _FULL[errno.ENOSPC], sqlite3.SQLITE_IOERR: _UNSAID}.get(code)
    if not isinstance(error, OSError):
        return None
    if error.errno in _FULL:
        return _FULL[error.errno]
    # pyarrow tells the number in words alone
    return next((said for number, said in _FULL.items() if f"[errno {number}]" in str(error)), None)


def _of_arrow(error: Exception) -> bool:
    """Without importing pyarrow, which takes a while: whose error it is, that has been imported."""
    arrow = sys.modules.get("pyarrow")
    if arrow is None:
        return False
    # Damage is also told as an `OSError` without a number ("Couldn't deserialize thrift").
    return isinstance(error, arrow.ArrowException) or (isinstance(error, OSError) and error.errno is None)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
