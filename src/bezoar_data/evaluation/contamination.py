"""Which items of a suite stand in the data that a model was trained on: the rule of our `decontaminate`, afterwards.

An item is found in a row if more than half of its words are covered by runs of eight words that both have (Tülu 3,
arXiv 2411.15124, section 3.2). A score is then told for all items, the clean ones and those that were found.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from bezoar_data.config.errors import InputError
from bezoar_data.measures.contamination import ItemIndex
from bezoar_data.measures.words import text_of, words_of
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.published import open_rows
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED

Name = TypeVar("Name", bound=Hashable)

NGRAM, COVERAGE, SHORTEST = 8, 0.5, 4
"""The defaults of the step `decontaminate`."""


def datasets_in(runs: Path) -> dict[str, Path]:
    """The datasets of a folder of runs, by the hash of their lock."""
    found: dict[str, Path] = {}
    for file in sorted(runs.glob("**/dataset/lock.json")):
        try:
            found[Lock.read(file).hash] = file.parent
        except InputError:
            continue
    return found


def items_in_rows(questions: Mapping[Name, str], dataset: Path) -> set[Name]:
    """The items, by their names, whose question stands in some row of the dataset."""
    names = list(questions)
    index = ItemIndex((words_of(questions[name]) for name in names), NGRAM, COVERAGE, SHORTEST)
    found: set[Name] = set()
    for text in _texts(dataset):
        found.update(names[match.item] for match in index.find(words_of(text)))
    return found


def _texts(dataset: Path) -> Iterator[str]:
    """Every row as one text, and each of its columns: a short item may be all that one of them says."""
    rows = open_rows(dataset)
    columns = [name for name in rows.schema.names if name not in (*LINEAGE_COLUMNS, RESERVED)]
    for batch in rows.to_batches(columns=columns, batch_size=1000):
        for row in batch.to_pylist():
            texts = [text for text in map(text_of, row.values()) if text]
            yield "\n".join(texts)
            yield from texts
