"""One of the shards that a run is cut into."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import printable


@dataclass(frozen=True, slots=True)
class Shard:
    """The `number`-th (from 0) of `of` shards, in one phase."""

    number: int
    of: int
    phase: int = 1

    @classmethod
    def named(cls, name: str, phase: int = 1) -> Shard:
        """The shard that `0/7` names. Raises `InputError`."""
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", name)
        if found is None or int(found[1]) >= int(found[2]):
            message = f"'{printable(name)}' names no shard"
            hint = "of seven shards, the first is 0/7 and the last 6/7"
            raise InputError(Problem("bad-shard", message, hint=hint))
        return cls(int(found[1]), int(found[2]), phase)

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def folder(self) -> str:
        """Where its files lie, below those of all shards."""
        return f"phase-{self.phase}/{self.number}-of-{self.of}"

    def share(self, rows: int) -> tuple[int, int]:
        """Where its piece of so many rows begins, and how long it is."""
        begin = rows * self.number // self.of
        return begin, rows * (self.number + 1) // self.of - begin
