"""Running code that asks a model in the middle of a call as a generator that yields its questions.

distilabel's tasks call `llm.generate(...)` and wait. Here each such call runs in a thread that is stopped while its
answer is on the way, so that the step contract holds: questions are yielded, answers sent, and many rows' questions are
under way at once. Only one of the threads ever runs, and each finds Python's and NumPy's global random generators as it
left them: what a task draws depends on (seed, step, row) alone, not on which answer came first, and a resumed run asks
the same questions again.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.runs.row import canonical, digest

_ONE_AT_A_TIME = threading.RLock()
_THREAD = threading.local()


class RandomState:
    """A random state of its own, in the place of the process's while it is active."""

    def __init__(self, *seed: Any) -> None:
        self.number = int(digest("foreign", *seed, length=8), 16)
        self._states: tuple[Any, Any] | None = None

    @contextmanager
    def active(self) -> Iterator[None]:
        """Hold all other threads, with the global random generators where this state left them."""
        import numpy

        with _ONE_AT_A_TIME:
            before = random.getstate(), numpy.random.get_state()
            if self._states is None:
                random.seed(self.number)
                numpy.random.seed(self.number)
            else:
                random.setstate(self._states[0])
                numpy.random.set_state(self._states[1])
            try:
                yield
            finally:
                self._states = random.getstate(), numpy.random.get_state()
                random.setstate(before[0])
                numpy.random.set_state(before[1])


class _Abandoned(BaseException):
    """Raised where a call waits for an answer that nobody will bring. Not an `Exception`: nobody may handle it."""


class Call:
    """One call that asks. It counts what it asked: the same question a second time is a question anew."""

    def __init__(self, work: Callable[[], Any], first_attempt: int) -> None:
        self._work = work
        self._first_attempt = first_attempt
        self._asked: Counter[str] = Counter()
        self._said: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._replies: SimpleQueue[Answer | Refused | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="bezoar-external", daemon=True)
        self.refused: Refused | None = None
        self.last: Answer | None = None
        self.cut = False
        """Whether the token limit ended any of its answers."""

    def _run(self) -> None:
        _THREAD.call = self
        try:
            self._said.put(("value", self._work()))
        except _Abandoned:
            pass
        except BaseException as error:
            self._said.put(("error", error))

    def resume(self, reply: Answer | Refused | None) -> tuple[str, Any]:
        """Let the call run on until it asks (`ask`) or ends (`value`, `error`)."""
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._replies.put(reply)
        return self._said.get()

    def abandon(self) -> None:
        """End the call where it waits, if it still does."""
        if self._thread.is_alive():
            self._replies.put(None)

    def ask(self, ask: Ask) -> Answer | Refused:
        """Called in the call's own thread: hand the question out and wait for what comes back."""
        self._said.put(("ask", numbered(ask, self._asked, self._first_attempt)))
        reply = self._replies.get()
        if reply is None:
            raise _Abandoned
        if isinstance(reply, Refused):
            self.refused = reply
        else:
            self.last = reply
            self.cut |= reply.is_cut
        return reply


def numbered(ask: Ask, asked: Counter[str], first_attempt: int = 0) -> Ask:
    """The question under its attempt: how often it was asked before. One that does not end with a user's words says
    nothing of its row (Magpie asks so): equal ones of different rows are different questions."""
    said = canonical([ask.messages, ask.schema])
    ends_with_user = bool(ask.messages) and ask.messages[-1]["role"] == "user"
    attempt = asked[said] + (0 if ends_with_user else first_attempt)
    asked[said] += 1
    return Ask(ask.messages, ask.schema, ask.n, attempt)


def current_call() -> Call | None:
    """The call this thread runs, if it runs one."""
    return getattr(_THREAD, "call", None)


def run_in_thread(work: Callable[[], Any], state: RandomState) -> Generator[Ask, Answer, tuple[Any, Call]]:
    """Yield what `work` asks; return what it gives, with the call itself. Raises what it raises; where a request of
    its was refused, that refusal."""
    call = Call(work, state.number)
    reply: Answer | Refused | None = None
    try:
        while True:
            with state.active():
                kind, said = call.resume(reply)
            if kind != "ask":
                break
            try:
                reply = yield said
            except Refused as refusal:
                reply = refusal
    finally:
        call.abandon()
    if kind == "error":
        raise (call.refused or said) if isinstance(said, Exception) else said
    return said, call
