"""Which items of a suite stand in the data that a model was trained on: the rule of our `decontaminate`, afterwards.

An item is found in a row if more than half of its words are covered by runs of eight words that both have (Tülu 3,
arXiv 2411.15124, section 3.2); where the dataset's own pipeline was searched by another rule, by that one too. All
builds of the whole chain of stages are searched, and of each the rows that its stage could take: its split, and where
it says so, those that it chose. A score is then told for all items, the clean ones and those that were found.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from bezoar_data.config.errors import InputError
from bezoar_data.config.where import Where
from bezoar_data.evaluation.items import TaskItems
from bezoar_data.evaluation.record import Contaminated, Contamination
from bezoar_data.measures.contamination import ItemIndex
from bezoar_data.measures.words import text_of, words_of
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.parquet import each_of
from bezoar_data.runs.published import data_files, open_rows
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED
from bezoar_data.runs.stage_record import StageData

Name = TypeVar("Name", bound=Hashable)
Rule = tuple[int, float, int]
"""Words in a run, the share of an item's words that is covered, and what is too short to be found within a row."""
_USUAL: Rule = (8, 0.5, 4)
"""The defaults of the step `decontaminate`."""


class Builds:
    """The builds of datasets that are here, and what was found in them."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._here = {lock.hash: (folder, lock) for folder, lock in _datasets_in(folders)}
        self._found: dict[Hashable, set[tuple[str, str]]] = {}

    def search(self, learnt: Sequence[StageData], tasks: Mapping[str, TaskItems]) -> Contamination:
        """The items of tasks that stand in what a model has learnt from."""
        questions = {(task, item): text for task, one in tasks.items() for item, text in one.questions.items()}
        found: dict[str, dict[str, set[str]]] = {}
        for data in learnt:
            for task, item in self._items(data, questions):
                found.setdefault(task, {}).setdefault(data.card, set()).add(item)
        unchecked = {data.card for data in learnt if data.lock not in self._here}
        return Contamination(
            checked=tuple(sorted({data.card for data in learnt} - unchecked)),
            unchecked=tuple(sorted(unchecked)),
            tasks={task: _told_apart(tasks[task], by_card) for task, by_card in sorted(found.items())},
        )

    def _items(self, data: StageData, questions: Mapping[tuple[str, str], str]) -> set[tuple[str, str]]:
        """Those that the build holds. Stages of one chain share builds: each is searched once for the same items."""
        if data.lock not in self._here:
            return set()
        key = (data.lock, str(data.split), data.where, hash(tuple(questions.items())))
        if key not in self._found:
            self._found[key] = items_in_rows(questions, *self._here[data.lock], data)
        return self._found[key]


def items_in_rows(questions: Mapping[Name, str], dataset: Path, lock: Lock, data: StageData) -> set[Name]:
    """The items, by their names, whose question stands in some row of the dataset that the stage could take."""
    names = list(questions)
    searched = lock.contamination.steps if lock.contamination is not None else ()
    rules = {_USUAL, *((one.ngram, one.coverage, one.shortest) for one in searched)}
    items = [words_of(questions[name]) for name in names]
    indexes = [ItemIndex(items, *rule) for rule in sorted(rules)]
    found: set[Name] = set()
    for text in _texts(dataset, data):
        words = words_of(text)
        found.update(names[match.item] for index in indexes for match in index.find(words))
    return found


def _datasets_in(folders: Iterable[Path]) -> Iterator[tuple[Path, Lock]]:
    """The datasets of folders of runs, and of those that were pulled."""
    for file in (file for folder in folders for file in sorted(folder.glob("**/lock.json"))):
        if (file.parent / "data").is_dir():
            try:
                yield file.parent, Lock.read(file)
            except InputError:
                continue


def _texts(dataset: Path, data: StageData) -> Iterator[str]:
    """Every row as one text, and each of its columns: a short item may be all that one of them says."""
    for split in _splits(dataset, data):
        rows = open_rows(dataset, split)
        columns = [name for name in rows.schema.names if name not in (*LINEAGE_COLUMNS, RESERVED)]
        where = Where.parse(data.where).arrow(rows.schema) if data.where is not None else None
        for batch in each_of(rows.to_batches(columns=columns, filter=where, batch_size=1000), dataset):
            for row in batch.to_pylist():
                texts = [text for text in map(text_of, row.values()) if text]
                yield "\n".join(texts)
                yield from texts


def _splits(dataset: Path, data: StageData) -> Sequence[str | None]:
    """The splits whose rows the stage drew from. What it held out of them for its loss is not told apart."""
    split = data.split if isinstance(data.split, Mapping) else {"train": data.split}
    names = [split.get("train"), *(["validation"] if isinstance(split.get("validation"), float) else [])]
    there = {file.name.partition("-")[0] for file in data_files(dataset)}
    return [name for name in names if name in there] or [None]


def _told_apart(task: TaskItems, by_card: Mapping[str, set[str]]) -> Contaminated:
    flagged, scores = set().union(*by_card.values()), task.scores.get(task.metric, {})
    clean = [score for item, score in scores.items() if item not in flagged]
    hit = [score for item, score in scores.items() if item in flagged]
    return Contaminated(
        cards={card: len(items) for card, items in sorted(by_card.items())},
        items=tuple(sorted(flagged)),
        clean=sum(clean) / len(clean) if clean else None,
        flagged=sum(hit) / len(hit) if hit else 0.0,
    )
