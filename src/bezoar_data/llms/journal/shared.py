"""Answers for others: those of some keys, without what is of this machine and nobody else's."""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from bezoar_data.llms.journal.entry import REDACTED, Entry
from bezoar_data.llms.journal.integrity import reading
from bezoar_data.llms.journal.journal import Journal
from bezoar_data.llms.journal.lookup import as_read
from bezoar_data.llms.journal.reader import entries_of
from bezoar_data.llms.providers.common.dialect import SENT_WITHOUT
from bezoar_data.llms.reading.answer import REASONING
from bezoar_data.llms.redact import redact


def write_shared(journal: Journal, keys: Iterable[str], to: Path, thinking: Collection[tuple[str, str]] = ()) -> int:
    """Write every entry of the keys that answers here, as `journal export` does, compressed; return how many. Left out
    are times, request ids and what a provider said beside the text; a model's thinking too, unless its (provider,
    model) is among those whose rows hold their `thinking`. What was redacted stays out. The same entries give the same
    bytes."""
    count = 0
    with to.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        for entry in _entries(journal, keys):
            entry = as_read(entry) or entry  # older ones may hold thinking in their text
            kept = {SENT_WITHOUT, REASONING} if (entry.provider, entry.model) in thinking else {SENT_WITHOUT}
            extra = {name: value for name, value in entry.extra.items() if name in kept}
            value = replace(entry, asked_at=0.0, answered_at=0.0, request_id=None, extra=extra).as_json()
            file.write(redact(json.dumps(value, ensure_ascii=True) + "\n").encode())
            count += 1
    return count


def _entries(journal: Journal, keys: Iterable[str]) -> Iterator[Entry]:
    """The journal's entries, and of a key that it has no answer to the recorded ones."""
    with reading(journal.path) as connection:
        for key in sorted(keys):
            answered = False
            for entry in entries_of(connection, key):
                answered = answered or entry.error in (None, REDACTED)
                yield entry
            if not answered and journal.recorded is not None:
                yield from journal.recorded.whole(key)
