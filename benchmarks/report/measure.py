"""How quick the page of a run is: written, opened from the disk, filtered, searched. Alone on the machine.

    python benchmarks/report/measure.py [ROWS] [FILE...]

Rows are 700 letters, every tenth is dropped: pieces of the files, or made-up words.
Chromium is headless; seconds are those of the page's own clock from when the file was opened, but for writing.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from bezoar_data.api.reports import report
from bezoar_data.runs.row import Columns, Drop
from support.browser import Browser, browser
from support.made_runs import made_run

LETTERS = 700
DROP = Drop("near-duplicates", "near_duplicate", "of another row")


def rows(count: int, files: Sequence[Path]) -> Iterator[Columns]:
    draw = random.Random(7)
    texts = of_files(draw, files) if files else of_words(draw)
    for text in islice(texts, count):
        yield {
            "instruction": text[:150],
            "response": text[150:],
            "judge_rating": draw.randint(1, 5),
            "task": f"task {draw.randint(0, 9)}",
        }


def of_words(draw: random.Random) -> Iterator[str]:
    words = ["".join(draw.choices("etaoinshrdlucmfw", k=draw.randint(2, 9))) for _ in range(4_000)]
    weights = [1 / (place + 1) for place in range(len(words))]
    while True:
        yield " ".join(draw.choices(words, weights, k=150))[:LETTERS]


def of_files(draw: random.Random, files: Sequence[Path]) -> Iterator[str]:
    """Pieces of the files as they stand there, mixed; every one once before one stands twice."""
    texts = [file.read_text("utf-8", "replace").replace("\n", " ") for file in files]
    pieces = [text[at : at + LETTERS] for text in texts for at in range(0, len(text) - LETTERS, LETTERS)]
    while True:
        yield from draw.sample(pieces, len(pieces))


TIMED = """
const done = arguments[arguments.length - 1], began = performance.now();
(async () => { %s })().then(() => requestAnimationFrame(() => done(performance.now() - began)));
"""


def timed(window: Browser, script: str) -> float:
    """Seconds of something that the page does, drawing included."""
    return float(window.run_to_end(TIMED % script)) / 1000


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    files = [Path(name) for name in sys.argv[2:]]
    with tempfile.TemporaryDirectory() as place, browser() as window:
        run = Path(place) / "run"
        made_run(run, rows(count, files), lambda n: DROP if n % 10 == 9 else None)
        began = time.perf_counter()
        page = report(run)
        found = {"rows": count, "written_s": time.perf_counter() - began, "page_mb": page.stat().st_size / 1e6}
        beside = page.with_name("report-stories")
        found["beside_mb"] = sum(p.stat().st_size for p in beside.iterdir()) / 1e6 if beside.is_dir() else 0
        window.open(page.resolve().as_uri())
        window.wait(lambda: window.run("return 'ready' in document.body.dataset"))
        paint = "return performance.getEntriesByName('first-contentful-paint')[0].startTime"
        found["first_paint_s"] = window.run(paint) / 1000
        found["first_rows_s"] = window.run("return performance.getEntriesByName('rows')[0].startTime") / 1000
        code = "filters.find((one) => one.name === 'judge_rating')"
        found["filter_s"] = timed(window, f"{code}.chosen = new Set([1, 2]); changed();")
        found["first_search_s"] = timed(window, "searchBox.value = 'qq not there'; await searched();")
        found["next_search_s"] = timed(window, "searchBox.value = 'the '; await searched();")
        found["nth_search_s"] = timed(window, "searchBox.value = 'and '; await searched();")
        found["open_row_s"] = timed(window, "await openRow(77);")
        found["heap_mb"] = window.run("return performance.memory.usedJSHeapSize") / 1e6
    print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=2))


if __name__ == "__main__":
    main()
