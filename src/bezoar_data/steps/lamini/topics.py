"""Topics that instructions are asked about: a list in a file, or chosen from Wikipedia's categories.

    python -m bezoar_data.steps.lamini.topics enwiki-latest-category.sql.gz > topics.txt

LaMini-LM (arXiv 2304.14402) takes categories whose title is under three words and that have more than 10 sub-categories
and more than 50 pages. The shipped list needs no download: it was put together for this project.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.packed import opened
from bezoar_data.steps.sources.readers import BadRows, extension, read_lines, read_records

SHIPPED = Path(__file__).parent.parent / "text" / "lamini_topics.txt"

UNDER_WORDS = 3
OVER_SUBCATEGORIES = 10
OVER_PAGES = 50

COLUMNS = ("title", "subcategories", "pages")

# A row of the table `category` in MediaWiki's dump: (id, 'title', members, sub-categories, files).
_DUMP_ROW = re.compile(r"\((\d+),'((?:[^'\\]|\\.)*)',(-?\d+),(-?\d+),(-?\d+)\)")
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Category:
    title: str
    subcategories: int
    pages: int


def load_topics(file: Path = SHIPPED) -> tuple[str, ...]:
    """The topics of a text file, one a line; `#` begins a comment. Raises `InputError` for a file without topics."""
    bad_rows = BadRows()
    lines = [" ".join(line.split()) for _, line in read_lines(file, bad_rows)] if _readable(file) else []
    bad_rows.raise_if_any()
    topics = tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not topics:
        raise InputError(Problem("empty-source", "there are no topics in it", Place(str(file)), "one topic a line"))
    return topics


def topics_from_categories(file: Path) -> tuple[str, ...]:
    """The topics LaMini-LM's rules choose from Wikipedia's categories, in the alphabet's order.

    `file` is MediaWiki's dump of the table `category` (`.sql` or `.sql.gz`), or a JSONL, Parquet or TSV file with the
    columns `title`, `subcategories` and `pages`. Raises `InputError` for a file with bad rows or without topics.
    """
    if not _readable(file):
        return ()
    dump = file.name.lower().endswith((".sql", ".sql.gz"))
    topics = sorted({c.title for c in (_from_dump(file) if dump else _from_table(file)) if _is_topic(c)})
    if not topics:
        hint = (
            f"a topic has under {UNDER_WORDS} words, over {OVER_SUBCATEGORIES} sub-categories, over {OVER_PAGES} pages"
        )
        raise InputError(Problem("empty-source", "no category in it makes a topic", Place(str(file)), hint))
    return tuple(topics)


def _is_topic(category: Category) -> bool:
    return (
        0 < len(category.title.split()) < UNDER_WORDS
        and category.subcategories > OVER_SUBCATEGORIES
        and category.pages > OVER_PAGES
    )


def _from_dump(file: Path) -> Iterator[Category]:
    try:
        with opened(file) as stream:
            for raw in stream:
                if not raw.startswith(b"INSERT INTO"):
                    continue
                for row in _DUMP_ROW.finditer(raw.decode("utf-8", "replace")):
                    title = _ESCAPE.sub(r"\1", row[2]).replace("_", " ")
                    members, subcategories, files = int(row[3]), int(row[4]), int(row[5])
                    # MediaWiki counts sub-categories and files among the members.
                    yield Category(title, subcategories, members - subcategories - files)
    except (OSError, EOFError) as error:
        raise InputError(Problem("unreadable-file", f"cannot be read: {error}", Place(str(file)))) from None


def _from_table(file: Path) -> Iterator[Category]:
    if extension(file) is None:
        hint = "a MediaWiki dump (.sql, .sql.gz), or JSONL, Parquet or TSV"
        raise InputError(Problem("wrong-extension", f"cannot tell what '{file.name}' holds", Place(str(file)), hint))
    bad_rows = BadRows()
    for record in read_records(file, bad_rows, header=COLUMNS, tsv_columns=COLUMNS):
        title = record.values.get("title")
        numbers = [_whole(record.values.get(name)) for name in COLUMNS[1:]]
        if not isinstance(title, str) or any(n is None for n in numbers):
            bad_rows.add("bad-row", f"a row needs {', '.join(COLUMNS)}", file, record.line, "the last two are numbers")
            continue
        yield Category(" ".join(title.replace("_", " ").split()), *cast("list[int]", numbers))
    bad_rows.raise_if_any()


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,18}\s*", value, re.ASCII):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _readable(file: Path) -> bool:
    if not file.is_file():
        raise InputError(Problem("missing-file", "there is no such file", Place(str(file))))
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the topics that a file of Wikipedia's categories holds, one a line."""
    parser = argparse.ArgumentParser(prog="python -m bezoar_data.steps.lamini.topics", description=main.__doc__)
    parser.add_argument(
        "file", type=Path, help="MediaWiki's category.sql.gz, or a table of title, subcategories, pages"
    )
    file = parser.parse_args(arguments).file
    try:
        topics = topics_from_categories(file)
    except InputError as error:
        for problem in error.problems:
            sys.stderr.write(f"{problem.place}: {problem.message}{f' ({problem.hint})' if problem.hint else ''}\n")
        return error.exit_code
    sys.stdout.writelines(f"{topic}\n" for topic in topics)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
