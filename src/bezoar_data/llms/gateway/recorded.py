"""A gateway to what is recorded alone: nobody is asked. With it a dataset is made anew, and what that took is noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.gateway.fallbacks import CachedAnswers
from bezoar_data.llms.gateway.gateway import Gateway
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.entry import Entry

NOT_RECORDED = "not_recorded"
"""Why a row is dropped whose answer is nowhere."""


@dataclass(slots=True)
class LookUps:
    """The keys that were looked up, and those of questions without an answer."""

    asked: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)


class RecordedGateway(Gateway):
    """Answers from the journal, and its recorded answers, as a run would find them. What is not there is refused."""

    def __init__(self, roles: Mapping[str, Model], journal: Journal, lookups: LookUps) -> None:
        super().__init__({}, journal)
        self._lookups = lookups
        self._found = journal
        self._known = CachedAnswers(roles, self)

    async def ask(self, role: str, ask: Ask, *, step: str, shielded: bool = True) -> Answer:
        found = self._known.find(role, ask)
        if isinstance(found.outcome, Refused):
            raise found.outcome
        if found.outcome is None:
            self._lookups.missing.update(key for key, entry in zip(found.keys, found.entries, strict=True) if not entry)
            raise Refused(NOT_RECORDED, "no recorded answer")
        return found.outcome

    async def ask_fully(self, role: str, ask: Ask, *, step: str) -> tuple[Answer, list[Entry]]:
        answer = await self.ask(role, ask, step=step)
        entries = (self._found.find(key, None) for key in answer.keys)
        return answer, [entry for entry in entries if entry is not None]

    def find(self, key: str, max_tokens: int | None, *, retry_failed: bool = False) -> Entry | None:
        """The journal's look-up, noted."""
        self._lookups.asked.add(key)
        return self._found.find(key, max_tokens, retry_failed=retry_failed)
