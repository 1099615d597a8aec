"""`decontaminate`: rows that hold items of an evaluation set, which a model must not have seen before its test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar

from pydantic import Field, field_validator

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.measures.contamination import ItemIndex, Match
from bezoar_data.measures.words import text_of, words_of
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Verdict
from bezoar_data.steps.curation.filter_step import FilterStep
from bezoar_data.steps.curation.texts import TextItem, TextSet, checked_hub, read_sets

FOUND, ALLOWED = "contaminated", "kept_on_appeal"
_REPORTED = 20
"""Items of one row that its report names; a row that holds more is a list of test items."""


class Decontaminate(FilterStep):
    """Drop rows that hold items of evaluation sets.

    The rule is Tülu 3's: a test item is in a row if more than half of its words are covered by runs of eight words that
    both have, whatever their case and punctuation. `ngram: 13, coverage: 0` is the older rule of any thirteen words.
    Items shorter than a run must stand in the row whole. The detail, and with `action: mark` the column, names the
    item most covered, its share and a run both have. A row that is matched wrongly is named in `allow` and stays.
    """

    use: ClassVar[str] = "decontaminate"
    version: ClassVar[int] = 1
    example: ClassVar[str] = """\
- use: decontaminate
  with: {column: [inputs, explained_targets], against: evaluation/mt_bench.jsonl}
"""

    mark: str = Field(default="contamination", description="The column that `action: mark` writes; null if clean.")
    against: str | list[str] | None = Field(
        default=None,
        description="Evaluation sets: JSONL, Parquet, TSV or text files (one item a line), folders or globs of these.",
        json_schema_extra={"path": "input"},
    )
    hub: list[str] = Field(
        default=[],
        description="Evaluation sets on the Hub: owner/name, owner/name:split or owner/name:config:split; test by "
        "default.",
    )
    fields: list[str] = Field(
        default=[],
        description="The fields that hold an item's text; else the first there is of turns, prompt, question, "
        "instruction, problem and the like. The texts of a list are items of their own.",
    )
    ngram: int = Field(default=8, ge=2, le=100, description="Words in a run.")
    coverage: float = Field(
        default=0.5, ge=0, lt=1, description="An item is in a row if more than this share of its words is covered."
    )
    shortest: int = Field(
        default=4, ge=1, description="Items with fewer words are found only in rows that say nothing else."
    )
    allow: list[str] = Field(default=[], description="Ids of rows to keep whatever is found in them.")

    _hub = field_validator("hub")(checked_hub)

    def load(self) -> None:
        super().load()
        _ = self._index

    @cached_property
    def sets(self) -> tuple[TextSet, ...]:
        """What rows are compared with. Raises `InputError` for what cannot be read."""
        if not self.against and not self.hub:
            hint = "give `against` (files) or `hub`"
            raise InputError(Problem("missing-key", f"'{self.name}' compares rows with nothing", hint=hint))
        return tuple(read_sets(self.against, self.hub, self.fields))

    @cached_property
    def _items(self) -> tuple[TextItem, ...]:
        return tuple(item for one in self.sets for item in one.items)

    @cached_property
    def _index(self) -> ItemIndex:
        words = (words_of(item.text) for item in self._items)
        return ItemIndex(words, self.ngram, self.coverage, self.shortest)

    def run_row(self, row: Row) -> Verdict:
        found = self._find(row)
        if not found:
            return self.keep(row)
        detail = self._detail(found)
        facts = {
            "items": len(found),
            "sets": sorted({self._items[match.item].source for match in found}),
            "matches": [self._as_json(match) for match in found[:_REPORTED]],
        }
        if row.id in self.allow:
            return replace(self.keep(row), flag=Dropped(ALLOWED, detail, facts=facts))
        return self.drop(row, FOUND, detail, facts)

    def _find(self, row: Row) -> list[Match]:
        """The items found in a row, each once, those most covered first."""
        said = [words_of(text_of(row.get(column))) for column in self.inputs]
        # A short item may be all that one of the columns says.
        alone = (match for words in said for match in self._index.whole(words)) if len(said) > 1 else ()
        best: dict[int, Match] = {}
        for match in chain(self._index.find(list(chain.from_iterable(said))), alone):
            if match.item not in best or match.coverage > best[match.item].coverage:
                best[match.item] = match
        return sorted(best.values(), key=lambda m: (-m.coverage, m.item))

    def _detail(self, found: Sequence[Match]) -> str:
        best = found[0]
        sets = {self._items[m.item].source for m in found}
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        more += f" of {', '.join(sorted(sets))}" if len(sets) > 1 else ""
        return f"{self._items[best.item]}, {best.coverage:.0%} of its words, such as '{best.run}'{more}"

    def _as_json(self, match: Match) -> dict[str, Any]:
        item = self._items[match.item]
        return {"set": item.source, "item": item.label, "coverage": round(match.coverage, 4), "ngram": match.run}
