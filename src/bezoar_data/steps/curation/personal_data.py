"""`personal_data`: e-mail addresses, phone and card numbers, bank accounts, addresses of machines, and keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bezoar_data.measures.personal import find_personal
from bezoar_data.measures.words import text_of
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, RowStep, Verdict
from bezoar_data.steps.curation.filter_step import ColumnNames

PersonalDataKind = Literal["email", "phone", "card", "iban", "ip", "key"]


class PersonalData(RowStep):
    """Mask personal data and keys, mark the rows that hold any, or drop them.

    Looks for e-mail addresses, phone numbers, payment cards (with a right check digit), IBANs (likewise), public IP
    addresses and keys of well-known services. Each column is searched by itself, inside lists and records too. A mask
    is the kind in brackets, such as [EMAIL]. Names and postal addresses have no shape and are not found. Reports hold
    kinds and numbers, never what was found; a dropped row is kept whole among the dropped rows.
    """

    use: ClassVar[str] = "personal_data"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("{column}",)
    optional_writes: ClassVar[tuple[str, ...]] = ("{mark}",)
    types: ClassVar[Mapping[str, str]] = {"{mark}": "text"}
    example: ClassVar[str] = "- use: personal_data\n  with: {column: [inputs, explained_targets], action: mask}\n"

    column: ColumnNames = Field(description="The column to search, or a list of columns.")
    action: Literal["mark", "mask", "drop"] = Field(
        default="mask", description="Mask what is found, only mark its row in the column `mark`, or drop the row."
    )
    mark: str = Field(
        default="personal_data", description="The column that `action: mark` writes: the kinds found, null for none."
    )
    kinds: Annotated[list[PersonalDataKind], Field(min_length=1)] = Field(
        default=["email", "phone", "card", "iban", "ip", "key"],
        description="What to look for: email, phone, card, iban, ip, key.",
    )

    @property
    def outputs(self) -> list[str]:
        return [self.mark] if self.action == "mark" else []

    def run_row(self, row: Row) -> Verdict:
        counts: Counter[str] = Counter()
        masked = {c: self._masked(row[c], counts) for c in self.inputs if row.get(c) is not None}
        if self.action == "mark":
            columns = row.with_columns(**{self.mark: ", ".join(sorted(counts)) or None})
            return Kept(columns, flag=Dropped("personal_data") if counts else None)
        if not counts:
            return Kept(row.columns)
        found = ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))
        if self.action == "mask":
            return Kept(row.with_columns(**masked), flag=Dropped("masked", found))
        return Dropped("personal_data", found)

    def _masked(self, value: Any, counts: Counter[str]) -> Any:
        if isinstance(value, str):
            return self._mask(value, counts)
        if isinstance(value, list | tuple):
            return [self._masked(v, counts) for v in value]
        if isinstance(value, dict):
            return {k: self._masked(v, counts) for k, v in value.items()}
        for found in find_personal(text_of(value), self.kinds):  # a number can be seen, but holds no mask
            counts[found.kind] += 1
        return value

    def _mask(self, text: str, counts: Counter[str]) -> str:
        parts, end = [], 0
        for found in find_personal(text, self.kinds):
            counts[found.kind] += 1
            parts += [text[end : found.start], f"[{found.kind.upper()}]"]
            end = found.end
        return "".join([*parts, text[end:]])
