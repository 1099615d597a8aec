"""`decontaminate`: rows that hold items of an evaluation set, which a model must not have seen before its test."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, PrivateAttr, field_validator

from bezoar_data.measures.contamination import ItemIndex
from bezoar_data.measures.words import text_of, words_of
from bezoar_data.runs.row import Row
from bezoar_data.spec.errors import InputError, Problem
from bezoar_data.steps.curation.sorting import SortingStep
from bezoar_data.steps.curation.texts import Item, checked_hub, read_items


class Decontaminate(SortingStep):
    """Sort out rows that hold items of evaluation sets.

    The rule is Tülu 3's: a test item is in a row if more than half of its words are covered by runs of eight words that
    both have, whatever their case and punctuation. `ngram: 13, coverage: 0` is the older rule of any thirteen words.
    Items shorter than a run must stand in the row whole. The detail, and with `action: mark` the column, names the
    item most covered, its share and a run both have. A row found out wrongly is named in `allow` and stays.
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
    allow: list[str] = Field(default=[], description="Ids of rows that stay whatever is found in them.")

    _hub = field_validator("hub")(checked_hub)
    _items: tuple[list[Item], ItemIndex] | None = PrivateAttr(default=None)

    def load(self) -> None:
        super().load()
        self._loaded()

    def fault(self, row: Row, text: str) -> tuple[str, str] | None:
        items, index = self._loaded()
        if row.id in self.allow:
            return None
        # Each column by itself, too: a short item may be all that one of them says.
        columns = self.inputs
        texts = [text, *(text_of(row.get(c)) for c in columns if len(columns) > 1)]
        found = [match for one in texts for match in index.find(words_of(one))]
        if not found:
            return None
        best = max(found, key=lambda m: (m.coverage, -m.item))
        sets = {items[m.item].source for m in found}
        more = f", and {len({m.item for m in found}) - 1} more" if len({m.item for m in found}) > 1 else ""
        more += f" of {', '.join(sorted(sets))}" if len(sets) > 1 else ""
        return "contaminated", f"{items[best.item]}, {best.coverage:.0%} of its words, such as '{best.run}'{more}"

    def _loaded(self) -> tuple[list[Item], ItemIndex]:
        if self._items is None:
            if not self.against and not self.hub:
                hint = "give `against` (files) or `hub`"
                raise InputError(Problem("missing-key", f"'{self.name}' compares rows with nothing", hint=hint))
            items = list(read_items(self.against, self.hub, self.fields))
            words = (words_of(item.text) for item in items)
            self._items = items, ItemIndex(words, self.ngram, self.coverage, self.shortest)
        return self._items
