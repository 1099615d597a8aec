"""`message_trees`: conversations out of messages that name the message they reply to.

OpenAssistant's OASST1 is published so: a row a message, with `message_id` and `parent_id`. Tülu 1 took from each tree
the paths from its root to the replies that nobody answered, in every language and whatever their rank (open-instruct's
`reformat_datasets.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from bezoar_data.runs.conversations.spellings import ROLE_OF
from bezoar_data.runs.conversations.turns import Unread, read_turns
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, GlobalMakingStep, Made
from bezoar_data.steps.sources.formats import is_missing

_Branch = tuple[int, ...]
"""The places of a message and of those before it, the root first."""


class MessageTrees(GlobalMakingStep):
    """Make conversations of message trees: the paths from a root to replies.

    A row is a message, and `parent` names the one it replies to; a root names none. A path ends at the assistant's
    replies that nobody answered (`ends: leaves`), or at every reply of it (`ends: replies`), so that a shorter path
    stands beside the longer ones that go on from it. With `best`, only so many replies to each message are followed,
    by `rank`, 0 before 1 and those without a rank last. A conversation has all its messages as parents: what came of
    one tree stands on one side of a split.

    A candidate is a path, or a message where one breaks off, all that follows it included: `no_answer` (the user's,
    and no reply is left), `deleted`, `rank` (beyond `best`), `no_parent` (the message it names is not there), `no_id`,
    `same_id` (an earlier one has its id), `circle`; and where a text or a role cannot be read `empty`, `roles`,
    `not_text`.
    """

    use: ClassVar[str] = "message_trees"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("{id}", "{parent}", "{text}", "{role}", "{rank}", "{deleted}", "{keep}")
    writes: ClassVar[tuple[str, ...]] = ("messages", "{keep}")
    types: ClassVar[Mapping[str, str]] = {"messages": "list"}
    example: ClassVar[str] = "- use: message_trees\n  with: {best: 1, keep: [lang]}\n"

    id: str = Field(default="message_id", min_length=1, description="The column that names a message.")
    parent: str = Field(default="parent_id", min_length=1, description="The column that names the one it replies to.")
    text: str = Field(default="text", min_length=1, description="The column of texts.")
    role: str = Field(default="role", min_length=1, description="The column that says who speaks.")
    rank: str = Field(default="rank", description='The column of ranks among replies, 0 the best; "" for none.')
    deleted: str = Field(default="deleted", description='The column that is true of deleted ones; "" for none.')
    ends: Literal["leaves", "replies"] = Field(
        default="leaves", description="Where a path ends: at replies that nobody answered, or at every reply."
    )
    best: PositiveInt | None = Field(
        default=None, description="Follow at most this many replies to a message, best rank first.", examples=[1]
    )
    keep: list[str] = Field(default=[], description="Other columns to take along, from a path's last message.")

    def run_all(self, rows: Sequence[Row]) -> Sequence[Made]:
        made: dict[int, Made] = {}
        paths, replies = self._trees(rows, made)
        while paths:
            path = paths.pop()
            followed, cut = self._followed(rows, replies[path[-1]])
            for i, why in cut.items():
                self._cut(rows, made, (*path, i), replies, why)
            answers = self._speaker(rows[path[-1]]) == "assistant"
            if answers and (self.ends == "replies" or not followed):
                made[path[-1]] = self._made(rows, path)
            elif not followed:
                made[path[-1]] = self._made(rows, path, Dropped("no_answer", "no reply to the last message"))
            paths += ((*path, i) for i in followed)
        return [made[i] for i in sorted(made)]

    def _trees(self, rows: Sequence[Row], made: dict[int, Made]) -> tuple[list[_Branch], defaultdict[int, list[int]]]:
        """The roots, and the replies to each message, by their places. What is in no tree goes into `made`."""
        places = self._places(rows, made)
        replies: defaultdict[int, list[int]] = defaultdict(list)
        roots, orphans = [], []
        for i in places.values():
            parent = rows[i].get(self.parent)
            if is_missing(parent) or parent == "":
                roots.append(i)
            elif (before := places.get(str(parent))) is None:
                orphans.append((i, str(parent)))
            else:
                replies[before].append(i)
        for i, parent in orphans:
            self._cut(rows, made, (i,), replies, Dropped("no_parent", f"there is no message {parent[:60]!r}"))
        reached = {i for start in (*roots, *(i for i, _ in orphans)) for i in _below(start, replies)}
        for name, i in places.items():
            if i not in reached:
                made[i] = self._made(rows, (i,), Dropped("circle", f"{name[:60]!r} is among those before itself"))
        unusable = {i: why for i in roots if (why := self._unusable(rows[i])) is not None}
        for i, why in unusable.items():
            self._cut(rows, made, (i,), replies, why)
        return [(i,) for i in roots if i not in unusable], replies

    def _places(self, rows: Sequence[Row], made: dict[int, Made]) -> dict[str, int]:
        places: dict[str, int] = {}
        for i, row in enumerate(rows):
            name = row.get(self.id)
            if is_missing(name) or name == "":
                made[i] = self._made(rows, (i,), Dropped("no_id", f"nothing in '{self.id}'"))
            elif places.setdefault(str(name), i) != i:
                made[i] = self._made(rows, (i,), Dropped("same_id", f"an earlier message is {str(name)[:60]!r} too"))
        return places

    def _unusable(self, row: Row) -> Dropped | None:
        if self.deleted and row.get(self.deleted) is True:
            return Dropped("deleted", "the message is marked as deleted")
        turns = read_turns([self._turn(row)], "user")
        return Dropped(turns.reason, turns.detail) if isinstance(turns, Unread) else None

    def _followed(self, rows: Sequence[Row], replies: Sequence[int]) -> tuple[Sequence[int], dict[int, Dropped]]:
        """The replies to go on with, and why others are cut. One that cannot be used takes no place among the best."""
        cut = {i: why for i in replies if (why := self._unusable(rows[i])) is not None}
        usable = [i for i in replies if i not in cut]
        if self.best is not None:
            ranked = sorted(usable, key=lambda i: self._rank(rows[i]))
            cut |= {i: Dropped("rank", f"not among the best {self.best}") for i in ranked[self.best :]}
        return [i for i in usable if i not in cut], cut

    def _rank(self, row: Row) -> float:
        value = row.get(self.rank) if self.rank else None
        return float(value) if isinstance(value, int | float) else float("inf")

    def _speaker(self, row: Row) -> str | None:
        return ROLE_OF.get(str(row.get(self.role)).strip().casefold())

    def _turn(self, row: Row) -> dict[str, Any]:
        return {"role": row.get(self.role), "content": row.get(self.text)}

    def _cut(
        self,
        rows: Sequence[Row],
        made: dict[int, Made],
        path: _Branch,
        replies: Mapping[int, Sequence[int]],
        why: Dropped,
    ) -> None:
        """Leave the last message of a path out, with all that follows it."""
        more = sum(1 for _ in _below(path[-1], replies)) - 1
        detail = f"{why.detail}; {more} more follow it" if more else why.detail
        made[path[-1]] = self._made(rows, path, Dropped(why.reason, detail))

    def _made(self, rows: Sequence[Row], path: _Branch, dropped: Dropped | None = None) -> Made:
        messages = [rows[i] for i in path]
        turns = read_turns([self._turn(row) for row in messages], "user")
        said = [self._turn(row) for row in messages] if isinstance(turns, Unread) else turns
        kept = {column: messages[-1].get(column) for column in self.keep}
        return Made(messages, (path[-1],), {"messages": said, **kept}, dropped=dropped)


def _below(start: int, replies: Mapping[int, Sequence[int]]) -> Iterator[int]:
    """A message and all that follow it."""
    waiting = [start]
    while waiting:
        i = waiting.pop()
        yield i
        waiting += replies.get(i, ())
