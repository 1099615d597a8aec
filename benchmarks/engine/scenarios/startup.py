"""How long one waits before anything happens: to the first request, and for `--help`."""

from __future__ import annotations

import sys

import measure
from contenders import Contender, Setting
from session import Result, Run, Session, interleaved

ROWS = 10


def startup(session: Session) -> Result:
    settings = {name: Setting(50, 50) for name in session.peers}
    settings["ours"] = Setting(50)
    if "curator" in settings:
        settings["curator"] = Setting(50, backend="openai")

    def once(contender: Contender, setting: Setting) -> Run:
        return session.fresh(contender, setting, ROWS, timeout=120)

    found = interleaved(session, settings, once)
    bare, helped = _help(session)
    return {
        "rows": ROWS,
        "repeats": session.repeats,
        "contenders": found,
        "bare": bare,
        "help": helped,
        "missing": session.missing,
    }


def _help(session: Session) -> tuple[list[float], list[float]]:
    """Seconds of a bare interpreter and of `--help`, in turns. The first of each is not counted: it fills caches."""
    work = session.folder("help")
    commands = ([str(session.ours.python), "-c", "pass"], [*session.ours.program, "--help"])
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(session.repeats + 1):
        for command, into in zip(commands, times, strict=True):
            outcome = measure.run(command, session.cores.measured, work, timeout=60)
            if outcome.code:
                session.say(f"  {' '.join(command)} ended with {outcome.code}: {outcome.last_words()}")
                return [], []
            if turn:
                into.append(round(outcome.seconds, 4))
    print(f"  bare {times[0]}, --help {times[1]}", file=sys.stderr)
    session.discard(work)
    return times
