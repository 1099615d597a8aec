"""What ends a command from outside: Ctrl-C, SIGTERM, and a terminal that was closed (SIGHUP)."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    the main one nothing happens: its owner takes signals."""
    own = os.getpid()

    def as_ctrl_c(number: int, frame: FrameType | None) -> None:
        if os.getpid() != own:  # a child that came of a fork ends as it would have
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            return
        if number == signal.SIGHUP:
            terminal_is_gone()
        signal.default_int_handler(number, frame)

    with handlers_kept():
        if threading.current_thread() is threading.main_thread():
            for number in stop_signals():
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else as_ctrl_c)
        yield


def terminal_is_gone() -> None:
    """To be called in the main thread, once SIGHUP has come. It may come twice, from the kernel and from the shell: the
    second must not cut short what the first began to end. What is said to the terminal is lost from now on, rather than
    an error in the midst of that."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            number = stream.fileno()
            if stat.S_ISCHR(os.fstat(number).st_mode) and not os.isatty(number):
                say_no_more(number)


def say_no_more(number: int) -> None:
    """Whatever is written to this file descriptor from now on is lost."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
