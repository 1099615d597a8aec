"""`kill -9` half way, then the same command again: what is paid twice, what is lost, and does it end at all?"""

from __future__ import annotations

import hashlib
import random
import shutil
import socket
import sqlite3
from pathlib import Path

import measure
from contenders import Contender, Job, Setting
from session import Result, Session

ROWS = 2_000
TRIALS = 10
SEED = 20_26
CONCURRENCY = 256
WATCHDOG = 120.0
"""Seconds after which a run that goes on is taken for hung. The longest uninterrupted run takes a third of it."""

SETTLE = 3.0
"""Seconds that children get to notice their parent's death before they count as orphans."""


def kill(session: Session) -> Result:
    rows = session.rows(ROWS)
    port = _free_port()
    reference = _uninterrupted(session, rows, port)
    draw = random.Random(SEED)
    trials = [_ours(session, rows, port, draw.uniform(0.2, 0.8), reference) for _ in range(TRIALS)]
    settings = {
        "distilabel": Setting(50, 50),
        "curator": Setting(CONCURRENCY, backend="openai"),
        "data-designer": Setting(64, 250),
    }
    peers = {n: _peer(session, p, settings[n], rows) for n, p in session.peers.items() if n in settings}
    return {"rows": rows, "concurrency": CONCURRENCY, "trials": trials, "peers": peers, "missing": session.missing}


def _uninterrupted(session: Session, rows: int, port: int) -> dict[str, str]:
    """Hash of each file of the dataset that a run leaves which nobody kills."""
    work = session.folder("kill", "reference")
    with measure.serving(session.cores.server, rows, port=port) as server:
        job = Job(rows, server.base_url, work, Setting(CONCURRENCY))
        session.ours.prepare(job)
        run = session.once(session.ours, job, server, timeout=WATCHDOG)
    if not run.good:
        raise RuntimeError(f"the uninterrupted run failed: {'; '.join(run.faults) or 'it hung'}")
    return _hashes(session.ours.out(job) / "dataset")


def _ours(session: Session, rows: int, port: int, share: float, reference: dict[str, str]) -> Result:
    work = session.folder("kill", "trial")
    ours = session.ours
    with measure.serving(session.cores.server, rows, port=port) as server:
        job = Job(rows, server.base_url, work, Setting(CONCURRENCY))
        ours.prepare(job)
        goal = int(rows * share)
        killed = session.once(
            ours,
            job,
            server,
            timeout=WATCHDOG,
            kill_when=lambda: server.stats()["answered"] >= goal,
            settle=SETTLE,
            check=False,
        )
        before = server.stats()
        journalled = _journalled(ours.journal(job), work / "snapshot")
        again = session.once(ours, job, server, timeout=WATCHDOG, settle=SETTLE)
    hashes = _hashes(ours.out(job) / "dataset") if again.good else {}
    session.discard(work)
    return {
        "share": round(share, 3),
        "killed": killed.facts["code"] == -9,
        "asked_before": before["asked"],
        "answered_before": before["answered"],
        "journalled": journalled,
        "asked_after": again.asked,
        # Every row that was not in the journal must be asked now; whatever goes beyond that was asked although it was.
        "journalled_asked_again": again.asked - (rows - journalled),
        "asked_twice": again.extra,
        "differing_files": sorted(n for n in {*hashes, *reference} if hashes.get(n) != reference.get(n)),
        "orphans": killed.orphans + again.orphans,
        "hung": again.hung,
        "faults": list(again.faults),
        "seconds": round(again.whole, 3),
    }


def _peer(session: Session, peer: Contender, setting: Setting, rows: int) -> Result:
    work = session.folder("kill", peer.name)
    with measure.serving(session.cores.server, rows) as server:
        job = Job(rows, server.base_url, work, setting, resume=True)
        peer.prepare(job)
        killed = session.once(
            peer,
            job,
            server,
            timeout=WATCHDOG,
            kill_when=lambda: server.stats()["answered"] >= rows // 2,
            settle=SETTLE,
            check=False,
        )
        before = server.stats()
        again = session.once(peer, job, server, timeout=WATCHDOG, settle=SETTLE)
        after = server.stats()
    session.discard(work)
    return {
        "title": peer.title,
        "setting": str(setting),
        "killed": killed.facts["code"] == -9,
        "answered_before": before["answered"],
        "asked_before": before["asked"],
        "asked_after": again.asked,
        "asked_twice": after["extra"],
        "never_asked": after["never"],
        "orphans": killed.orphans,
        "hung": again.hung,
        "faults": list(again.faults),
        "seconds": round(again.whole, 3),
    }


def _journalled(journal: Path, snapshot: Path) -> int:
    """How many answers the killed run left in its journal, counted on a copy: opening the journal itself would do the
    recovery that the next run is to show."""
    snapshot.mkdir()
    for name in (journal.name, f"{journal.name}-wal"):
        if (journal.parent / name).exists():
            shutil.copy(journal.parent / name, snapshot / name)
    connection = sqlite3.connect(snapshot / journal.name)
    try:
        query = "SELECT count(DISTINCT key) FROM answers WHERE text IS NOT NULL"
        return int(connection.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # killed before the first answer was written
    finally:
        connection.close()


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _free_port() -> int:
    """One port for all trials: the address stands in the run's files, which are compared byte for byte."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
