"""Rows per second: 5,000 rows, 50 ms answers, 256 in flight for us and the bound, each peer at its own best."""

from __future__ import annotations

from collections.abc import Sequence

from contenders import PEERS, Contender, Setting
from session import Result, Run, Session, interleaved

ROWS = 5_000
SWEEP_ROWS = 2_000
CONCURRENCY = 256
LATENCY = 0.05


def throughput(session: Session) -> Result:
    settings: dict[str, Setting] = {"ours": Setting(CONCURRENCY)}
    sweeps: dict[str, list[Result]] = {}
    for name, peer in session.peers.items():
        tried = PEERS[name].settings
        if session.sweep and len(tried) > 1:
            settings[name], sweeps[name] = _sweep(session, peer, tried)
        else:
            settings[name] = tried[0]
    rows = session.rows(ROWS)

    def once(contender: Contender, setting: Setting) -> Run:
        return session.fresh(contender, setting, rows, timeout=600, latency=LATENCY)

    return {
        "rows": rows,
        "concurrency": CONCURRENCY,
        "latency": LATENCY,
        "repeats": session.repeats,
        "sweep_rows": session.rows(SWEEP_ROWS),
        "sweep": sweeps,
        "contenders": interleaved(session, settings, once),
        "missing": session.missing,
    }


def _sweep(session: Session, peer: Contender, tried: Sequence[Setting]) -> tuple[Setting, list[Result]]:
    """The setting with the shortest request window, and what each gave."""
    session.say(f"sweep of {peer.name}")
    rows = session.rows(SWEEP_ROWS)
    found: list[Result] = []
    best: tuple[float, Setting] | None = None
    for setting in tried:
        run = session.fresh(peer, setting, rows, timeout=180, latency=LATENCY)
        rate = rows / run.window if run.good and run.window else None
        if rate is not None and (best is None or rate > best[0]):
            best = (rate, setting)
        found.append({"setting": str(setting), "rows_per_second": rate and round(rate, 1), "faults": list(run.faults)})
    return (best[1] if best else tried[0]), found
