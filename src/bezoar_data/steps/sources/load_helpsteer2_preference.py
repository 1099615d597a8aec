"""`load_helpsteer2_preference`: the preferences that NVIDIA added to HelpSteer2 (arXiv 2410.01257)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from bezoar_data.measures.words import is_blank
from bezoar_data.runs.row import Columns
from bezoar_data.steps.base import Dropped, Kept
from bezoar_data.steps.sources.dialogues import parse_helpsteer
from bezoar_data.steps.sources.files import FileSource, SourceRow, texts_of

TEXTS = ("prompt", "response_1", "response_2")
STRENGTH = "preference_strength"


class LoadHelpsteer2Preference(FileSource):
    """Preferences between two answers from HelpSteer2's preference set, from local files or the Hub.

    `preference_strength` goes from -3 (the first answer is much better) over 0 (they are the same) to 3; turn it into
    pairs with `pairs.preferred`. `prompt` becomes a list of messages, as in `load_helpsteer2`. On the Hub the set is
    `data_dir: preference`, all in one split; its own column `split` says which rows are for training (`part`).

    It drops rows of the other part (`other_part`), rows whose conversation does not end with the user (`even`), does
    not alternate (`roles`, as is a marker that begins no turn, in a response too), has an empty turn, or an empty
    response (`empty`), and those whose strength is not a whole number from -3 to 3 (`strength`).
    """

    use: ClassVar[str] = "load_helpsteer2_preference"
    version: ClassVar[int] = 1
    holds: ClassVar[str] = "preference"
    needs: ClassVar[tuple[str, ...]] = (*TEXTS, STRENGTH)
    writes: ClassVar[tuple[str, ...]] = (*TEXTS, STRENGTH, "split", "{keep:=}")
    types: ClassVar[Mapping[str, str]] = {
        "prompt": "list",
        "response_1": "text",
        "response_2": "text",
        STRENGTH: "integer",
    }
    example: ClassVar[str] = (
        "- use: load_helpsteer2_preference\n  with: {hub: nvidia/HelpSteer2, data_dir: preference, part: train}\n"
    )

    part: Literal["train", "validation", "all"] = Field(
        default="all", description="Which rows to keep, by the source's own column `split`."
    )

    def take(self, row: SourceRow) -> Columns | Dropped | None:
        texts = texts_of(row, TEXTS, empty=TEXTS)
        if isinstance(texts, Dropped):
            return texts
        return {**texts, STRENGTH: row.values.get(STRENGTH), "split": row.values.get("split")}

    def decide(self, columns: Columns) -> Kept | Dropped:
        # Whatever is not "train" is for validation, as the set's own page has it.
        part = "train" if columns["split"] == "train" else "validation"
        if self.part not in ("all", part):
            return Dropped("other_part", f"its split is {columns['split']!r:.60}")
        prompt = parse_helpsteer(*(columns[name] for name in TEXTS))
        if isinstance(prompt, Dropped):
            return prompt
        empty = next((name for name in TEXTS[1:] if is_blank(columns[name])), None)
        if empty:
            return Dropped("empty", f"{empty} says nothing")
        strength = columns[STRENGTH]
        if not _is_strength(strength):
            return Dropped("strength", f"{STRENGTH} is {strength!r:.60}, not a whole number from -3 to 3")
        return Kept({**columns, "prompt": prompt, STRENGTH: int(strength)})


def _is_strength(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value in range(-3, 4)
