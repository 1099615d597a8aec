"""`novelty`: instructions unlike the seeds and unlike each other (Self-Instruct, arXiv 2212.10560, section 2.2)."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import ClassVar

from pydantic import Field, field_validator

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.measures.rouge import RougePool, count_words
from bezoar_data.measures.words import words_of
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Verdict
from bezoar_data.steps.curation.filter_step import GlobalFilterStep, joined
from bezoar_data.steps.curation.texts import TextItem, checked_hub, read_items


class Novelty(GlobalFilterStep):
    """Drop rows too like a seed or an earlier row that stayed.

    Likeness is ROUGE-L (F-measure of the longest common subsequence of words, case and punctuation aside); a row goes
    if it reaches `threshold`, as `like_a_seed` or `like_an_earlier_row`, with the nearest text and the likeness. The
    result is that of comparing all pairs, found without doing so: rows without enough common words are ruled out by an
    inverted index. Rows without words stay.
    """

    use: ClassVar[str] = "novelty"
    version: ClassVar[int] = 1
    example: ClassVar[str] = "- use: novelty\n  with: {column: instruction, seeds: seeds/dolly.jsonl}\n"

    mark: str = Field(default="not_novel", description="The column that `action: mark` writes; null if the row is new.")
    threshold: float = Field(default=0.7, gt=0, le=1, description="The ROUGE-L from which a row is not new.")
    seeds: str | list[str] | None = Field(
        default=None,
        description="JSONL, Parquet, TSV or text files (one a line) of seeds to be unlike as well.",
        json_schema_extra={"path": "input"},
    )
    hub: list[str] = Field(
        default=[], description="Hub datasets of seeds: owner/name, owner/name:split or owner/name:config:split."
    )
    fields: list[str] = Field(
        default=[], description="The seeds' fields that hold their text; else turns, prompt, question, instruction..."
    )
    earlier: bool = Field(default=True, description="Rows must be unlike earlier rows too, not only the seeds.")

    _hub = field_validator("hub")(checked_hub)

    def run_rows(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        if not self.earlier and not self.seeds and not self.hub:
            hint = "give `seeds` or `hub`, or leave `earlier` true"
            raise InputError(Problem("missing-key", f"'{self.name}' compares rows with nothing", hint=hint))
        columns = self.inputs
        seeds: list[TextItem] = list(read_items(self.seeds, self.hub, self.fields)) if self.seeds or self.hub else []
        said = [words_of(seed.text) for seed in seeds]
        texts = (words_of(joined(row, columns)) for row in rows) if self.earlier else ()
        pool = RougePool(self.threshold, count_words(chain(said, texts)))
        for words in said:
            pool.add(words)
        stayed = array("q")
        for i, row in enumerate(rows):
            words = words_of(joined(row, columns))
            nearest = pool.nearest(words)
            if nearest is None:
                if self.earlier:
                    pool.add(words)
                    stayed.append(i)
                yield self.keep(row)
                continue
            place = nearest.index - len(seeds)
            reason, name = (
                ("like_a_seed", seeds[place]) if place < 0 else ("like_an_earlier_row", rows[stayed[place]].id)
            )
            yield self.drop(row, reason, f"{name}, ROUGE-L {nearest.similarity:.2f}")
