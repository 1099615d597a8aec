"""What ends a command from outside: Ctrl-C, SIGTERM, and a terminal that was closed (SIGHUP)."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType


def stop_signals() -> tuple[signal.Signals, ...]:
    """The signals that stop a command cleanly. What was started with `nohup` outlives its terminal."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM, *(() if ignored else (signal.SIGHUP,)))


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Whatever takes these signals meanwhile, those who took them before do so again afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


@contextmanager
def signals_as_ctrl_c() -> Iterator[None]:
    """All of them are as Ctrl-C, which is Python's own also where somebody else has taken it. In a thread other than
    the main one nothing happens: its owner takes signals. Children that come of a fork end as they would have."""
    with handlers_kept():
        if threading.current_thread() is threading.main_thread():
            for number in stop_signals():
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else _as_ctrl_c)
        yield


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGHUP:
        terminal_is_gone()
    signal.default_int_handler(number, frame)


_fork = threading.local()
_NOT_INHERITED = (signal.SIGTERM, signal.SIGHUP)


def _before_fork() -> None:
    _fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _NOT_INHERITED)


def _after_fork() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _fork.mask)


def _after_fork_in_child() -> None:
    # Whoever forks ends its children by SIGTERM (a pool does), and a handler of Python's may never come to run in one
    # that waits for a semaphore. What was sent to it since the fork has been kept waiting until here.
    for number in _NOT_INHERITED:
        if signal.getsignal(number) is _as_ctrl_c:
            signal.signal(number, signal.SIG_DFL)
    _after_fork()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)


def terminal_is_gone() -> None:
    """To be called in the main thread, once SIGHUP has come. It may come twice, from the kernel and from the shell: the
    second must not cut short what the first began to end. What is said to the terminal is lost from now on, rather than
    an error in the midst of that."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in lost_terminals():
        say_no_more(number)


def lost_terminals() -> list[int]:
    """Those of our two outputs, as file descriptors, that go to a terminal which is there no more."""
    found = []
    nowhere = Path(os.devnull).stat()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            number = stream.fileno()
            which = os.fstat(number)
            if stat.S_ISCHR(which.st_mode) and not os.isatty(number) and not os.path.samestat(which, nowhere):
                found.append(number)
    return found


def say_no_more(number: int) -> None:
    """Whatever is written to this file descriptor from now on is lost."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
