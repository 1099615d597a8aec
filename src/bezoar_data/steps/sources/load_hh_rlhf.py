"""`load_hh_rlhf`: the preference pairs of Anthropic's HH-RLHF, their dialogues taken apart into messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from bezoar_data.runs.row import Columns
from bezoar_data.steps.base import Dropped, Kept
from bezoar_data.steps.sources.dialogues import check_pair, merge_consecutive, parse_hh
from bezoar_data.steps.sources.files import FileSource, SourceRow, texts_of

SIDES = ("chosen", "rejected")
SUBSETS = ("harmless-base", "helpful-base", "helpful-online", "helpful-rejection-sampled")


class LoadHhRlhf(FileSource):
    """Pairs of HH-RLHF from local files or the Hub, in TRL's conversational preference format.

    A row of the source is two dialogues, each one text. It becomes `prompt`, `chosen` and `rejected`, lists of
    messages, or is dropped, with its two texts, by the first of these rules that it breaks: `turn_count` (the sides
    have different numbers of turns), `odd` (an odd number), `roles` (they do not alternate from the user on, or text
    stands before the first), `empty` (a turn says nothing), `history` (the sides differ before the last turn),
    `identical` (they differ nowhere). `repair` makes turns of one role in a row one turn before the rules are applied,
    and `repaired` then marks the rows it changed.

    The source's order is kept, so `limit: 100000` is the slice that OpenBezoar took: it counts the source's rows, and
    whatever draws at random draws from it. `subset` is the part of HH-RLHF, by the file's path or `data_dir`.
    """

    use: ClassVar[str] = "load_hh_rlhf"
    version: ClassVar[int] = 1
    holds: ClassVar[str] = "pair"
    needs: ClassVar[tuple[str, ...]] = SIDES
    writes: ClassVar[tuple[str, ...]] = ("prompt", *SIDES, "subset", "{keep:=}")
    optional_writes: ClassVar[tuple[str, ...]] = ("repaired",)
    types: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("prompt", *SIDES), "list"),
        "subset": "text",
        "repaired": "boolean",
    }
    example: ClassVar[str] = "- use: load_hh_rlhf\n  with: {hub: Anthropic/hh-rlhf, limit: 100000}\n"

    repair: bool = Field(default=False, description="Make turns of one role in a row one turn, instead of dropping.")

    def take(self, row: SourceRow) -> Columns | Dropped | None:
        texts = texts_of(row, SIDES, empty=SIDES)
        return texts if isinstance(texts, Dropped) else {**texts, "subset": _subset(row.source)}

    def decide(self, columns: Columns) -> Kept | Dropped:
        chosen, rejected = (parse_hh(columns[side]) for side in SIDES)
        for side, turns in zip(SIDES, (chosen, rejected), strict=True):
            if isinstance(turns, Dropped):
                return Dropped(turns.reason, f"{side}: {turns.detail}")
        assert not isinstance(chosen, Dropped)  # noqa: S101
        assert not isinstance(rejected, Dropped)  # noqa: S101
        said = (chosen, rejected)
        if self.repair:
            chosen, rejected = merge_consecutive(chosen), merge_consecutive(rejected)
        if dropped := check_pair(chosen, rejected):
            return dropped
        pair = {**columns, "prompt": chosen[:-1], "chosen": chosen[-1:], "rejected": rejected[-1:]}
        return Kept({**pair, "repaired": said != (chosen, rejected)} if self.repair else pair)


def _subset(source: str) -> str:
    return next((name for name in reversed(SUBSETS) if name in source), "")
