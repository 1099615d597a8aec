"""Entries for tests of the journal, and a process that writes them (run as a script, so that it can be killed).

    python tests/support/journal_entries.py JOURNAL FIRST COUNT

writes entries FIRST..FIRST+COUNT-1 by many tasks at once, and prints each number once its `put` has returned.
"""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.entry import Entry

WRITERS = 32


def key_of(number: int) -> str:
    return hashlib.sha256(f"question {number}".encode()).hexdigest()


def entry_of(number: int = 0, **changes: Any) -> Entry:
    """The same full entry for the same number in every process. Its text's length varies, up to several pages."""
    text = f"answer {number}: " + "word " * (number * 37 % 400) + ("long " * 2000 if number % 50 == 7 else "")
    values: dict[str, Any] = {
        "key": key_of(number),
        "text": text,
        "finish_reason": "stop",
        "provider": "openai",
        "model": "some-model",
        "revision": None,
        "max_tokens": 512,
        "prompt_tokens": 11,
        "completion_tokens": 7,
        "price_input": 1.0,
        "price_output": 2.5,
        "cost": 0.0000285,
        "asked_at": 1_700_000_000.25 + number,
        "answered_at": 1_700_000_001.0 + number,
        "request_id": f"request-{number}",
        "step": "explain",
        "messages": [
            {"role": "system", "content": "Explain. " * 30},
            {"role": "user", "content": f"question {number}"},
        ],
        "extra": {"logprobs": [-0.5, -1.25]},
    }
    return Entry(**{**values, **changes})


def put_all(journal: Journal, entries: Iterable[Entry]) -> list[Entry]:
    """Write entries as a run does, many at once; return what stands for each."""

    async def put() -> list[Entry]:
        return await asyncio.gather(*(journal.put(entry) for entry in entries))

    return asyncio.run(put())


def start_writer(journal: Path, first: int, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, str(journal), str(first), str(count)], stdout=subprocess.PIPE, text=True
    )


async def _write(path: Path, first: int, count: int) -> None:
    numbers = iter(range(first, first + count))

    async def writer(journal: Journal) -> None:
        for number in numbers:
            await journal.put(entry_of(number))
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()

    with Journal.open(path) as journal:
        await asyncio.gather(*(writer(journal) for _ in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(_write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
