"""The answers of a shard on their way to where all shards are collected: in segments, every few minutes and at the end.

They come back from there where the shard starts anew on another machine. A segment is a file of entries as `journal
export` writes them; what was sent is remembered beside the journal, and sent twice rather than not at all.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from bezoar_data.engine.shard import Shard
from bezoar_data.engine.shards.store import Store, StoreError
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.exported import write_entries
from bezoar_data.llms.journal.importing import import_entries
from bezoar_data.llms.journal.maintenance import last_number, numbered_entries
from bezoar_data.runs.folder import write_json

EVERY = 120.0
"""Seconds between two segments."""
_SEGMENT = 20_000
"""Entries in a segment at most."""
_ANSWERS = re.compile(r"answers-(\d+)\.jsonl\.gz")
DONE = "done.json"


def segments_of(store: Store, shard: Shard) -> list[str]:
    """The names of the shard's segments, in their order."""
    folder = shard.folder
    return [f"{folder}/{name}" for name in store.names(folder) if _ANSWERS.fullmatch(name)]


def fetched(store: Store, names: list[str], to: Path) -> Iterator[Path]:
    """Those files, brought here. One that is not there is left out."""
    to.mkdir(parents=True, exist_ok=True)
    for name in names:
        value = store.get(name)
        if value is not None:
            path = to / name.replace("/", "-")
            path.write_bytes(value)
            yield path


class Collector:
    """One shard's answers, to the store. Reads the journal beside whoever writes it."""

    def __init__(self, store: Store, shard: Shard, journal: Path, *, tell: Callable[[str], None]) -> None:
        self._store = store
        self._shard = shard
        self._journal = journal
        self._tell = tell
        self._sent_file = journal.with_name(f"{journal.name}.{shard.folder.replace('/', '-')}.json")
        self._upto = 0
        """The number of the last entry that was sent."""
        self._next = 0
        """The number of the next segment."""
        self._told = False

    def bring_back(self, scratch: Path) -> int:
        """Take in what this shard sent from another machine, or before its journal was lost: how many answers."""
        try:
            sent = json.loads(self._sent_file.read_text("utf-8"))
        except (OSError, ValueError):
            sent = None
        if sent is not None and self._journal.exists():
            self._upto, self._next = int(sent["upto"]), int(sent["next"])
            return 0
        was_empty = not self._journal.exists()
        names = segments_of(self._store, self._shard)
        with Journal.open(self._journal) as journal:
            added = import_entries(journal, list(fetched(self._store, names, scratch / "collected"))).added
            last = last_number(journal)
        self._upto = last if was_empty else 0
        self._next = 1 + max((int(m[1]) for name in names if (m := _ANSWERS.search(name))), default=-1)
        self._remember()
        return added

    def collect(self) -> None:
        """Send what was answered since the last time."""
        if not self._journal.exists():
            return
        entries = numbered_entries(self._journal, after=self._upto)
        while group := list(islice(entries, _SEGMENT)):
            text = io.StringIO()
            write_entries((entry for _, entry in group), text)
            name = f"{self._shard.folder}/answers-{self._next:06d}.jsonl.gz"
            self._store.put(name, gzip.compress(text.getvalue().encode(), 3, mtime=0))
            self._upto, self._next = group[-1][0], self._next + 1
            self._remember()

    def done(self, facts: Mapping[str, Any]) -> None:
        """Say that the shard has come to its end, and by which segments it is known."""
        names = segments_of(self._store, self._shard)
        self._store.put_json(f"{self._shard.folder}/{DONE}", {**facts, "segments": names})

    @contextmanager
    def going_on(self, every: float = EVERY) -> Iterator[None]:
        """Send every so many seconds, from a thread of its own, and once more at the end, however that comes."""
        over = threading.Event()
        thread = threading.Thread(target=self._go_on, args=(over, every), name="shard-collector", daemon=True)
        thread.start()
        try:
            yield
        except BaseException:
            over.set()
            thread.join()
            self._try()
            raise
        over.set()
        thread.join()
        self.collect()

    def _go_on(self, over: threading.Event, every: float) -> None:
        while not over.wait(every):
            self._try()

    def _try(self) -> None:
        try:
            self.collect()
        except (StoreError, OSError) as error:
            if not self._told:
                self._told = True
                self._tell(f"not collected yet, and tried again: {error}")

    def _remember(self) -> None:
        write_json(self._sent_file, {"upto": self._upto, "next": self._next})
