"""A row's whole story: where it came from, each question to a model with its answer, and what steps found in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.entry import Entry
from bezoar_data.llms.journal.recorded import RecordedAnswers
from bezoar_data.reports.page import plain_text
from bezoar_data.reports.run_page.packed import LEAST_SHARED, referring
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.ingredients import Ingredients
from bezoar_data.runs.row import Drop, Lineage

Answers = Callable[[str], Entry | None]
"""The journal's entry under a key."""


@contextmanager
def answers_of(dataset: Path) -> Iterator[Answers | None]:
    """Where the answers behind a dataset are found; None where they are not on this machine."""
    folder = dataset.resolve()
    try:
        of_run = Ingredients.of_run(RunFolder(folder.parent)) if folder.name == "dataset" else None
        made_from = of_run or Ingredients.published(dataset)
    except InputError:
        made_from = Ingredients.published(dataset)
    if made_from is None:
        yield None
    elif made_from.journal is not None and made_from.journal.exists():
        with Journal.open(made_from.journal, create=False, answers=made_from.answers) as journal:
            yield lambda key: journal.get(key) or _first(journal.recorded, key)
    else:
        with closing(RecordedAnswers(made_from.answers)) as recorded:
            yield lambda key: _first(recorded, key)


def _first(recorded: RecordedAnswers | None, key: str) -> Entry | None:
    return next(iter(recorded.whole(key)), None) if recorded is not None else None


def story_of(lineage: Lineage, fields: Mapping[str, str], names: Sequence[str], answers: Answers | None) -> Any:
    """The story as JSON. A value of the row's own `fields` stands in its texts as its place in the block's `names`."""
    values = [(names.index(name), value) for name, value in fields.items() if len(value) >= LEAST_SHARED]
    values.sort(key=lambda one: (-len(one[1]), one[0]))
    marks = [*lineage.flags, *lineage.soft_failures, *([lineage.drop] if lineage.drop else [])]
    steps: list[dict[str, Any]] = []
    for step in dict.fromkeys([*lineage.keys, *(mark.step for mark in marks)]):
        told: dict[str, Any] = {"step": plain_text(step)}
        if answers is not None and (keys := [key for key in lineage.keys.get(step, ()) if key]):
            told["asked"] = [_asked(answers(key), values) for key in keys]
        if found := [_found(mark, lineage) for mark in marks if mark.step == step]:
            told["found"] = found
        steps.append(told)
    story = {
        "source": plain_text(lineage.source),
        "seeds": [] if lineage.seed_ids == (lineage.id,) else list(lineage.seed_ids),
        "parents": list(lineage.parent_ids),
        "steps": steps,
    }
    return {name: value for name, value in story.items() if value}


def _asked(entry: Entry | None, values: Sequence[tuple[int, str]]) -> dict[str, Any]:
    if entry is None:
        return {}
    told = {
        "model": plain_text(entry.model),
        "messages": [
            [plain_text(one.get("role", "")), referring(plain_text(one.get("content") or ""), values)]
            for one in entry.messages or ()
        ],
        "answer": None if entry.text is None else referring(plain_text(entry.text), values),
        "error": entry.error and plain_text(f"{entry.error} {entry.detail}"),
        "tokens": [entry.prompt_tokens, entry.completion_tokens] if entry.completion_tokens is not None else None,
        "cost": entry.cost,
    }
    return {name: value for name, value in told.items() if value is not None}


def _found(mark: Drop, lineage: Lineage) -> list[str]:
    """What a step found: the kind of it, the reason's code, and its words."""
    kind = "dropped" if mark is lineage.drop else "marked" if mark in lineage.flags else "not done"
    return [kind, plain_text(mark.reason), plain_text(mark.detail)]
