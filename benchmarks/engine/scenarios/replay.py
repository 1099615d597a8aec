"""A finished run again, all from the journal: 20,000 rows, no request. And Curator's re-run of its own cached run."""

from __future__ import annotations

import measure
from contenders import Contender, Job, Setting
from session import Result, Session

ROWS = 20_000
CONCURRENCY = 256


def replay(session: Session) -> Result:
    rows = session.rows(ROWS)
    found: Result = {"rows": rows, "repeats": session.repeats, "contenders": {}, "missing": session.missing}
    settings = {"ours": Setting(CONCURRENCY), "curator": Setting(CONCURRENCY, backend="openai")}
    everyone: list[Contender] = [session.ours, *(p for n, p in session.peers.items() if n == "curator")]
    for contender in everyone:
        work = session.folder("replay", contender.name)
        with measure.serving(session.cores.server, rows, options={"latency": 0.01}) as server:
            job = Job(rows, server.base_url, work, settings[contender.name], resume=True)
            contender.prepare(job)
            filled = session.once(contender, job, server, timeout=900)
            runs = [session.once(contender, job, server, timeout=600) for _ in range(session.repeats)]
        good = [r for r in runs if r.good]
        found["contenders"][contender.name] = {
            "title": contender.title,
            "filled": round(filled.whole, 3),
            "fill_faults": list(filled.faults),
            "whole": [round(r.whole, 4) for r in good],
            # What the run itself says it took, without starting Python and importing: only ours tells.
            "inside": [r.facts["seconds"] for r in good if "seconds" in r.facts],
            "requests": sum(r.asked for r in runs),
            "runs": len(runs),
            "good": len(good),
            "hung": sum(r.hung for r in runs),
            "faults": sorted({f for r in runs for f in r.faults}),
        }
        session.discard(work)
    return found
