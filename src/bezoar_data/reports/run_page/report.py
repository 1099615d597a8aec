"""Putting the page of a run together, and writing it.

Up to `MOST_INSIDE` rows their stories stand in the page. Those of more lie in a folder beside it, a file for each block
of rows, and are read when a row is opened.
"""

from __future__ import annotations

import re
import shutil
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from bezoar_data.reports.charts.letters import json_text, packed_numbers
from bezoar_data.reports.charts.picture import Pictures, charts_part, charts_source
from bezoar_data.reports.judged import judged_lines
from bezoar_data.reports.page import ENCODING, Html, data, element, page, plain_text
from bezoar_data.reports.review_report import review_lines
from bezoar_data.reports.rows.story import Stories
from bezoar_data.reports.run_page.filters import Filter, filters_of, useful
from bezoar_data.reports.run_page.packed import ROW, RowBlock, Texts
from bezoar_data.reports.run_page.pictures import Tally, longest_texts, pictures_of
from bezoar_data.reports.run_page.told import ID, fields_of, story_json
from bezoar_data.runs.folder import replace_folder, write_text
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.published import dataset_folder

MOST_INSIDE = 20_000
NAME = "report.html"
_STORIES = re.compile(r"\d{5}\.js")
_SCRIPTS = ("data", "choose", "table", "story")


@dataclass
class _Rows:
    """The rows as they stand in the page."""

    filters: Sequence[Filter]
    tally: Tally = field(default_factory=Tally)
    texts: Texts = field(default_factory=Texts)
    blocks: list[int] = field(default_factory=list)
    stories: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)
    lengths: array[int] = field(default_factory=lambda: array("I"))

    def take(self, stories: Stories) -> None:
        block, told = RowBlock(), list[str]()
        for story in stories.all():
            for one in self.filters:
                one.see(story.row)
            self.tally.see(story)
            fields = fields_of(story.row)
            block.add(fields)
            self.columns.update(dict.fromkeys(name for name in fields if name[:1] != " "))
            self.lengths.append(sum(len(said) for name, said in fields.items() if name != ID))
            told.append(json_text(story_json(story, fields, block.names)))
            if block.is_full:
                self._end(block, told)
                block, told = RowBlock(), []
        if len(block):
            self._end(block, told)

    def _end(self, block: RowBlock, told: Sequence[str]) -> None:
        self.counts.append(len(block))
        self.blocks.append(self.texts.add(block.text()))
        self.stories.append(self.texts.add(ROW.join(told)))


@dataclass(frozen=True, slots=True)
class RunPage:
    """A page, and the files of stories that lie in a folder of this name beside it, if any."""

    html: str
    folder: str
    stories: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Write both, never half of either. Raises `OSError`."""
        beside = path.with_name(self.folder)
        if self.stories:
            new = path.with_name(f".{self.folder}.new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            for number, content in enumerate(self.stories):
                said = content.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
                (new / f"{number:05d}.js").write_text(f'told({number}, "{said}")\n', ENCODING)
            replace_folder(new, beside)
        elif beside.is_dir() and all(_STORIES.fullmatch(one.name) for one in beside.iterdir()):
            shutil.rmtree(beside)  # of a run that had more rows
        write_text(path, self.html, ENCODING)


def run_page(run: Path, path: Path | None = None) -> RunPage:
    """The page of a finished run, or of a dataset that was pulled, to be written to `path` (default: beside it). Raises
    `InputError` where there is none, or where its files are damaged."""
    dataset = dataset_folder(run)
    lock = Lock.read(dataset / "lock.json")
    with Stories.open(run) as stories:
        rows = _Rows(filters_of(lock))
        rows.take(stories)
    apart = len(rows.lengths) > MOST_INSIDE
    folder = f"{(path or Path(NAME)).stem}-stories"
    chosen, pictures = useful(rows.filters), Pictures()
    shown = [pictures.place(one) for one in pictures_of(lock, dataset, rows.tally)]
    index = {
        "rows": len(rows.lengths),
        "blocks": rows.counts,
        "columns": list(rows.columns),
        "shown": _shown(lock, list(rows.columns)),
        "filters": [{"name": plain_text(one.name), "values": one.values} for one in chosen],
        "stories": folder if apart else "",
    }
    words, texts = rows.texts.packed()
    blocks, told = ([texts[number] for number in numbers] for numbers in (rows.blocks, rows.stories))
    rows_data = [data(f"rows-{number}", block) for number, block in enumerate(blocks)]
    html = page(
        lock.pipeline.name,
        *_head(lock),
        element("main", Html(_file("page.html")), element("h2", "Pictures", id="pictures-head"), *shown),
        data("index", json_text(index), "application/json"),
        pictures.tables(),
        *(data(f"codes-{number}", packed_numbers(one.codes)) for number, one in enumerate(chosen)),
        data("lengths", packed_numbers(rows.lengths)),
        data("words", words),
        *rows_data[:1],  # the first rows are drawn while the others are still being read
        style=charts_part("charts.css") + _file("page.css"),
        script="\n".join(_scripts()),
        more=(charts_source(), *(("'self'", "file:") if apart else ())),
        behind=(
            *rows_data[1:],
            *(data(f"stories-{number}", block) for number, block in enumerate(() if apart else told)),
            pictures.library(),
        ),
    )
    return RunPage(html, folder, tuple(told) if apart else ())


def _file(name: str) -> str:
    return (files(__package__) / "browser" / name).read_text("utf-8")


def _scripts() -> Iterator[str]:
    yield charts_part("unpack.js")
    yield from (_file(f"{name}.js") for name in _SCRIPTS)
    yield charts_part("charts.js")
    yield from (_file(f"{name}.js") for name in ("pictures", "main"))


def _head(lock: Lock) -> Iterator[Html]:
    counts = lock.counts
    yield Html('<a class="skip" href="#rows">To the rows</a>')
    of = "of" if counts.kept + counts.dropped == counts.source else "made from"
    lines = [
        f"{counts.kept:,} rows kept, {counts.dropped:,} dropped, {of} {counts.source:,}",
        *judged_lines(lock),
        *review_lines(lock),
        "cost unknown: no price given" if lock.cost is None else f"cost of all answers: ${lock.cost:,.4f}",
    ]
    demo = "demo: made of shipped rows or by models that only show the flow; not for training"
    yield element(
        "header",
        element("h1", lock.pipeline.name),
        *([element("p", lock.pipeline.description)] if lock.pipeline.description else []),
        *(element("p", line.strip(), classes="dim") for line in lines),
        *([element("p", demo, classes="bad")] if lock.demo else []),
    )


def _shown(lock: Lock, columns: Sequence[str]) -> list[str]:
    """The columns that the table begins with: the two of the longest texts, but for judges' reasons, and verdicts."""
    texts = longest_texts(lock)
    verdicts = [name for judge in lock.judges for name in (f"{judge.name}_status", f"{judge.name}_rating")]
    wanted = {plain_text(name) for name in (*texts[:2], *verdicts)}
    return [name for name in columns if name in wanted] or list(columns[:3])
