"""`exact_duplicates`: of rows that say the same, only the first stays."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from bezoar_data.measures.words import text_of, words_of
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Verdict
from bezoar_data.steps.curation.filter_step import GlobalFilterStep


class ExactDuplicates(GlobalFilterStep):
    """Drop rows whose text is that of an earlier row.

    Texts are the same if they have the same characters, white space aside (`compare: text`), or the same words,
    whatever their case, punctuation and white space (`compare: words`; "3 + 2" and "3 - 2" are then the same). Texts
    without any word count by their characters. Rows without text are nobody's duplicates.
    """

    use: ClassVar[str] = "exact_duplicates"
    version: ClassVar[int] = 2
    example: ClassVar[str] = "- use: exact_duplicates\n  with: {column: inputs}\n"

    mark: str = Field(default="duplicate", description="The column that `action: mark` writes; null for the first.")
    compare: Literal["words", "text"] = Field(
        default="text", description="Compare the text as it is, or its words, case and punctuation aside."
    )

    def run_rows(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        columns = self.inputs
        first: dict[bytes, str] = {}
        for row in rows:
            key = self._key(row, columns)
            earlier = first.setdefault(key, row.id) if key else row.id
            yield self.keep(row) if earlier == row.id else self.drop(row, "exact_duplicate", f"of {earlier}")

    def _key(self, row: Row, columns: Sequence[str]) -> bytes:
        texts = [text_of(row.get(c)) for c in columns]
        if not any(t.strip() for t in texts):
            return b""
        parts = [" ".join(words_of(t)) for t in texts] if self.compare == "words" else []
        if not any(parts):
            parts = [" ".join(unicodedata.normalize("NFC", t).split()) for t in texts]
        # The zero keeps columns apart: "a b" and "c" are not "a" and "b c".
        return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
