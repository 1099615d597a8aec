"""`load_helpsteer2`: NVIDIA's HelpSteer2, answers that people rated on five attributes (arXiv 2406.08673)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from bezoar_data.measures.words import is_blank
from bezoar_data.runs.row import Columns
from bezoar_data.steps.base import Dropped, Kept
from bezoar_data.steps.sources.dialogues import parse_helpsteer
from bezoar_data.steps.sources.files import FileSource, SourceRow, texts_of

TEXTS = ("prompt", "response")
ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")


class LoadHelpsteer2(FileSource):
    """Rated answers of HelpSteer2 from local files or the Hub, one to a row.

    `prompt` becomes a list of messages: the source writes a conversation as one text, with lines `<extra_id_1>User` and
    `<extra_id_1>Assistant` between its turns. The attributes are whole numbers from 0 to 4. Two answers to one prompt
    stand next to each other; `prompt_index` numbers the prompts, so that `pairs.best_worst` with `by: [prompt_index]`
    finds the two again, and an answer whose neighbour is missing is alone there.

    It drops rows whose conversation does not end with the user (`even`), does not alternate (`roles`, as is a marker
    that begins no turn, in the response too), has an empty turn, or an empty response (`empty`), and those with a
    rating that is not one of 0 to 4 (`rating`).
    """

    use: ClassVar[str] = "load_helpsteer2"
    version: ClassVar[int] = 1
    holds: ClassVar[str] = "rated answer"
    needs: ClassVar[tuple[str, ...]] = TEXTS
    writes: ClassVar[tuple[str, ...]] = (*TEXTS, *ATTRIBUTES, "prompt_index", "{keep:=}")
    types: ClassVar[Mapping[str, str]] = {
        "prompt": "list",
        "response": "text",
        **dict.fromkeys((*ATTRIBUTES, "prompt_index"), "integer"),
    }
    example: ClassVar[str] = "- use: load_helpsteer2\n  with: {hub: nvidia/HelpSteer2}\n"

    def take(self, row: SourceRow) -> Columns | Dropped | None:
        texts = texts_of(row, TEXTS, empty=TEXTS)
        if isinstance(texts, Dropped):
            return texts
        return {**texts, **{name: row.values.get(name) for name in ATTRIBUTES}}

    def rows_in(self) -> Iterator[tuple[SourceRow, Columns | Dropped]]:
        prompt_index = -1
        waiting: tuple[str, str] | None = None
        for row, columns in super().rows_in():
            this = (row.source, str(row.values.get("prompt")))
            if waiting == this:
                waiting = None
            else:
                waiting = this
                prompt_index += 1
            yield row, columns if isinstance(columns, Dropped) else {**columns, "prompt_index": prompt_index}

    def decide(self, columns: Columns) -> Kept | Dropped:
        prompt = parse_helpsteer(columns["prompt"], columns["response"])
        if isinstance(prompt, Dropped):
            return prompt
        if is_blank(columns["response"]):
            return Dropped("empty", "the response says nothing")
        bad = next((name for name in ATTRIBUTES if not _rates(columns[name])), None)
        if bad:
            return Dropped("rating", f"{bad} is {columns[bad]!r:.60}, not one of 0 to 4")
        ratings = {name: int(columns[name]) for name in ATTRIBUTES}
        return Kept({**columns, "prompt": prompt, **ratings})


def _rates(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value in range(5)
