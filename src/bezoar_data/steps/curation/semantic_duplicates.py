"""`semantic_duplicates`: of rows that mean nearly the same, only the first stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
from pydantic import Field

from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Verdict
from bezoar_data.steps.curation.embedding import Embedder, Library
from bezoar_data.steps.curation.filter_step import GlobalFilterStep, joined

_BLOCK = 1024


class SemanticDuplicates(GlobalFilterStep):
    """Drop rows whose meaning is nearly that of an earlier row that stayed.

    Meaning is a vector of an embedding model, likeness the cosine of two of them. Every row is compared with every row
    that stayed, in blocks, so the time grows with the square of the rows; the comparison is exact. The detail names
    the nearest row and the likeness. Rows without text, or without a word the model knows, stay.
    """

    use: ClassVar[str] = "semantic_duplicates"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "semantic"
    example: ClassVar[str] = """\
- use: semantic_duplicates
  with: {column: inputs, model: minishlab/potion-base-8M, threshold: 0.9}
"""

    mark: str = Field(default="semantic_duplicate", description="The column that `action: mark` writes; null if new.")
    model: str = Field(min_length=1, description="An embedding model: a folder, or its name on the Hub.")
    library: Library = Field(
        default="auto", description="Who reads the model: model2vec or sentence-transformers; by its files if auto."
    )
    threshold: float = Field(default=0.9, gt=0, le=1, description="Cosine from which a row is a duplicate.")

    def load(self) -> None:
        super().load()
        _ = self.embedder

    def run_rows(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        columns = self.inputs
        vectors = self.embedder.vectors([joined(row, columns) for row in rows])
        kept = np.empty_like(vectors)
        places: list[int] = []
        for start in range(0, len(rows), _BLOCK):
            block = vectors[start : start + _BLOCK]
            before = len(places)
            near = block @ kept[:before].T
            best = near.argmax(axis=1) if before else np.zeros(len(block), dtype=np.int64)
            inside = block @ block.T
            stayed: list[int] = []  # of this block
            for i, row in enumerate(rows[start : start + _BLOCK]):
                likeness, place = (float(near[i, best[i]]), places[best[i]]) if before else (-1.0, -1)
                if stayed:
                    j = stayed[int(inside[i, stayed].argmax())]
                    if float(inside[i, j]) > likeness:
                        likeness, place = float(inside[i, j]), start + j
                if likeness >= self.threshold - 1e-6:
                    detail = f"of {rows[place].id}, likeness {min(likeness, 1.0):.2f}"
                    yield self.drop(row, "semantic_duplicate", detail)
                    continue
                if block[i].any():
                    kept[len(places)] = block[i]
                    places.append(start + i)
                    stayed.append(i)
                yield self.keep(row)

    @cached_property
    def embedder(self) -> Embedder:
        return Embedder(self.model, self.library)
