"""How far a download is, whoever does the downloading: seen from the size of what lies in its folder."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

REDRAW = 0.2
LINES = 10.0
"""Seconds between two pictures in a terminal, and between two lines elsewhere."""


@contextmanager
def shown_progress(what: str, folder: Path, size: int | None, *, quiet: bool) -> Iterator[None]:
    """Show on standard error how much of `size` bytes the folder holds, until the block ends."""
    if quiet:
        yield
        return
    done = threading.Event()
    show = _bar if sys.stderr.isatty() else _lines
    thread = threading.Thread(target=show, args=(what, folder, size, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _bar(what: str, folder: Path, size: int | None, done: threading.Event) -> None:
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False), *columns, console=console, transient=True
    ) as progress:
        task = progress.add_task(what, total=size)
        while not done.wait(REDRAW):
            progress.update(task, completed=_held(folder, size))


def _lines(what: str, folder: Path, size: int | None, done: threading.Event) -> None:
    whole = f" of {size / 1e6:,.0f} MB" if size else ""
    print(f"{what}{f' ({size / 1e6:,.0f} MB)' if size else ''}", file=sys.stderr, flush=True)  # noqa: T201
    shown = time.monotonic()
    while not done.wait(REDRAW):
        if time.monotonic() - shown >= LINES:
            shown = time.monotonic()
            print(f"  {_held(folder, size) / 1e6:,.0f}{whole} fetched", file=sys.stderr, flush=True)  # noqa: T201


def _held(folder: Path, size: int | None) -> int:
    """The bytes that files in the folder hold; no more than there will be, as a wheel is packed and unpacked."""
    held = 0
    for path in folder.rglob("*"):
        try:
            held += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue  # moved meanwhile
    return held if size is None else min(held, size)
