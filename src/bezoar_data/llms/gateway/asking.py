"""Models that are asked from outside a pipeline, by evaluations and their judges, with all that a run's have.

A caller gives its questions in order and gets the answers in order; many are in flight at a time. Journal, limits,
fallbacks and budget are those of a run: what was answered once is not asked again, and a caller that was stopped or
killed goes on when it asks the same again.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model, load_models_file
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.sanitize import clean_text
from bezoar_data.config.signals import signals_as_ctrl_c
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.endpoint.health import Stopped
from bezoar_data.llms.gateway.fallbacks import address_notes
from bezoar_data.llms.gateway.gateway import Gateway
from bezoar_data.llms.gateway.on_thread import CLOSE_WITHIN, GatewayThread
from bezoar_data.llms.gateway.prepare import prepare_models
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.places import note_addresses
from bezoar_data.llms.providers.base import known_providers
from bezoar_data.runs.project import find_journal

_LINES = 5.0
"""Seconds between two lines of progress."""

Say = Callable[[str], None]


def models_for(
    roles: Sequence[str], *, models: Path | None = None, named: Mapping[str, str] | None = None
) -> tuple[dict[str, Model], tuple[Path, ...]]:
    """Who answers for these roles, of the file `models` or each `named` in one word, as `judge: openai:gpt-4o`, which
    replaces the file's; and the files of recorded answers that the file names. Raises `InputError`."""
    loaded = load_models_file(models, known_providers(), named)
    known = loaded.file.roles
    if missing := [role for role in roles if role not in known]:
        place = Place(str(models)) if models is not None else None
        raise InputError(
            Problem("unknown-role", f"no model is named for the role '{role}'", place, did_you_mean(role, list(known)))
            for role in missing
        )
    return {role: known[role] for role in roles}, loaded.answers


class OpenModels:
    """Models by role, ready to be asked. Belongs to one thread, which need not be the main one.

    `journal` is the project's by default; `max_cost` the most that may be spent here, in US dollars. `quiet` shows no
    progress; notes are shown always, both on standard error or to `say`. Close it, or use it in a `with`. Raises
    `InputError` for whatever cannot work.
    """

    def __init__(
        self,
        roles: Mapping[str, Model],
        *,
        answers: Sequence[Path] = (),
        journal: Path | None = None,
        max_cost: float | None = None,
        retry_failed: bool = False,
        quiet: bool = False,
        say: Say | None = None,
    ) -> None:
        self.roles = dict(roles)
        self._quiet, self._say = quiet, say or _to_stderr
        prepare_models(self.roles.values(), quiet=quiet)
        opened = Journal.open(find_journal(journal), answers=answers)
        for note in [*opened.notes, *address_notes(opened, self.roles)]:
            self._note(note)
        opened.tell = self._note
        self._thread = GatewayThread(
            self.roles, opened, retry_failed=retry_failed, max_cost=max_cost, on_event=self._on_event
        )
        self._closed = False

    def __enter__(self) -> OpenModels:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections and journal, once answers underway are written down."""
        if not self._closed:
            self._closed = True
            with suppress(InputError):  # what was answered counts more than where
                note_addresses(self._thread.journal.path, self._thread.gateway.answered_at())
            self._thread.close()

    def ask(
        self, role: str, asks: Sequence[Ask], *, step: str, sampling: Mapping[str, Any] | None = None
    ) -> list[Answer | Refused]:
        """An answer or a refusal for each question, in their order. `step` is what the journal and the costs know them
        by; `sampling` are values in place of the model's own.

        Raises `BudgetStop`, `ProviderAway`, `InputError`, or `Stopped` after Ctrl-C or another signal to stop; what was
        answered by then is in the journal, and nothing can be asked here any more.
        """
        asked = self._with(role, sampling or {})
        done = [0]

        async def one(gateway: Gateway, ask: Ask) -> Answer | Refused:
            try:
                return await gateway.ask(asked, ask, step=step)
            except Refused as refusal:
                return refusal
            finally:
                done[0] += 1

        async def together(gateway: Gateway) -> list[Answer | Refused]:
            try:
                return await asyncio.gather(*(one(gateway, ask) for ask in asks))
            except Exception:
                await gateway.stop(CLOSE_WITHIN)  # what is on its way is paid for
                raise

        with signals_as_ctrl_c():
            future = self._thread.start(together)
            try:
                return self._awaited(future, lambda: f"{step}: {done[0]:,} of {len(asks):,}, {self.told()}")
            except KeyboardInterrupt:
                self._say("stopping: waiting for answers in flight (again to leave at once)")
                try:
                    self._thread.start(lambda gateway: gateway.stop(CLOSE_WITHIN)).result()
                except KeyboardInterrupt:
                    self._thread.start(lambda gateway: gateway.stop(0.0)).result()
                with suppress(Exception):
                    future.result()
                raise Stopped("stopped; run the same command again to continue") from None

    def usage(self) -> dict[str, Any]:
        """Questions, cache hits, requests, tokens and dollars so far: all together, and by step and model."""
        return self._thread.gateway.snapshot()

    def answered_at(self, answers: Iterable[Answer | Refused]) -> float:
        """When the newest of these answers was given, in seconds since the epoch; 0 where that is not known."""
        journal = self._thread.journal
        entries = (journal.get(key) or journal.find(key, None) for answer in answers for key in answer.keys)
        return max((entry.answered_at for entry in entries if entry is not None), default=0.0)

    def told(self) -> str:
        """What it took so far, in a line."""
        usage = self.usage()
        parts = [f"{usage['hits']:,} from the journal", f"{usage['requests']:,} requests"]
        if usage["refused"]:
            parts.append(f"{usage['refused']:,} refused")
        if usage["cost"]:
            parts.append(f"${usage['cost']:,.4f}")
        return ", ".join(parts)

    def _note(self, text: str) -> None:
        self._say(f"note: {text}")

    def _on_event(self, what: str, facts: Mapping[str, Any]) -> None:
        rest = ", ".join(f"{v}" for k, v in facts.items() if k != "address" and v)
        self._note(f"{facts.get('address')} is {what}{f': {rest}' if rest else ''}")

    def _with(self, role: str, sampling: Mapping[str, Any]) -> str:
        """The name of the role with these sampling values. Its models share the limits of the role's own."""
        if not sampling:
            return role
        name = f"{role} {sorted(sampling.items())}"
        if name not in self.roles:
            self.roles[name] = _sampled(self.roles[role], sampling)
            self._thread.gateway.add({name: self.roles[name]})
        return name

    def _awaited(self, future: Future[list[Answer | Refused]], line: Callable[[], str]) -> list[Answer | Refused]:
        said = ""
        while True:
            try:
                return future.result(_LINES)
            except TimeoutError:
                if future.done():
                    raise
                if not self._quiet and line() != said:
                    said = line()
                    self._say(said)


def _sampled(model: Model, sampling: Mapping[str, Any]) -> Model:
    drawn = model.sampling.model_validate({**model.sampling.model_dump(), **sampling})
    fallbacks = tuple(_sampled(fallback, sampling) for fallback in model.fallbacks)
    return model.model_copy(update={"sampling": drawn, "fallbacks": fallbacks})


def _to_stderr(text: str) -> None:
    with suppress(OSError):  # whoever read it may be gone
        print(clean_text(text), file=sys.stderr, flush=True)  # noqa: T201
