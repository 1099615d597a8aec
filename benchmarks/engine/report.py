"""RESULTS.md from what the scenarios found: first the table of ratios and bars, then each scenario in full."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

Found = Mapping[str, Any]

HEAD = """\
# What was measured

Written by `python benchmarks/engine/bench.py`; the figures behind it stand in `results.json`. Times are medians of the
repeats. "Window" is from the first request the server saw to the last answer it gave, "whole" is the process from start
to end. The server has one core, everything measured has another; nothing else may use either. All contenders were given
the same questions and had every answer checked against the one right one; runs with a wrong, missing or doubled row do
not count. Peers run at the best of the settings listed under "Sweep", in environments pinned by the lists in `peers/`.

To be known when reading: distilabel runs several processes, which share the one measured core. Curator and Data
Designer would download a table to count tokens with; a smaller local one stands in its place, which costs them less.
Data Designer is 0.9.6: 0.9.7 asks for a certifi that the package index did not yet have when the lists were pinned.
"""


def render(results: Mapping[str, Found], scale: float = 1.0) -> str:
    """The page. `results` maps a scenario's name to {when, machine, commit, result}."""
    parts = [HEAD]
    if scale != 1.0:
        parts.append(f"**A trial of the benchmark itself with {scale:.0%} of the rows: the figures mean nothing.**\n")
    parts.append(bars(results))
    for name, section in SECTIONS.items():
        if name in results:
            found = results[name]
            parts.append(section(found["result"]))
            parts.append(f"Measured {found['when']}, commit {found['commit']}, on: {found['machine']}\n")
    not_run = [n for n in SECTIONS if n not in results]
    if not_run:
        parts.append(f"## Not measured yet\n\n{', '.join(not_run)}\n")
    return "\n".join(parts)


def bars(results: Mapping[str, Found]) -> str:
    """The one table: each promise, what was measured, and whether it was kept."""
    rows: list[Sequence[str]] = []
    for name, judge in JUDGES.items():
        if name in results:
            rows += judge(results[name]["result"])
    return "## Promises\n\n" + _table(("what", "bar", "measured", "kept"), rows)


def _throughput_bars(found: Found) -> list[Sequence[str]]:
    ours = _mid(found, "ours", "window")
    bound = _mid(found, "raw-aiohttp", "window")
    best = _best_peer(found, "window")
    rate = found["rows"] / ours if ours else None
    label = f"{found['rows']:,} rows, {found['concurrency']} in flight"
    rows: list[Sequence[str]] = []
    versus = _ratio(best[1] if best else None, ours)
    who = f" ({best[0]})" if best else ""
    rows.append((f"{label}: rate over the best peer's", "at least 4.8x", _times(versus) + who, _kept(versus, 4.8)))
    over = _ratio(bound, ours)
    rows.append((f"{label}: rate over raw aiohttp's", "at least 0.85x", _times(over), _kept(over, 0.85)))
    rows.append((f"{label}: rows/s", "aim: 1,500", _number(rate), _kept(rate, 1500.0)))
    return rows


def _straggler_bars(found: Found) -> list[Sequence[str]]:
    over = _ratio(_mid(found, "ours", "window"), found["bound"])
    label = f"{found['rows']:,} rows, {found['slow']} of them slow: window over the lower bound"
    return [(label, "at most 1.15x", _times(over), _kept(over, 1.15, most=True))]


def _replay_bars(found: Found) -> list[Sequence[str]]:
    ours = found["contenders"].get("ours", {})
    rates = [found["rows"] / median(ours[k]) if ours.get(k) else None for k in ("whole", "inside")]
    label = f"replay of {found['rows']:,} rows, rows/s of the whole process (without start-up)"
    measured = f"{_number(rates[0])} ({_number(rates[1])}), {ours.get('requests', '?')} requests"
    return [(label, "at least 3,000", measured, _kept(rates[0], 3000.0))]


def _memory_bars(found: Found) -> list[Sequence[str]]:
    settled, most, peak = found["at_settled"], found["most_answering"], found["peak"]
    growth = most / settled if settled and most else None
    label = f"{found['rows']:,} rows: memory after {found['settled']:,}, most while answering, peak at any time"
    measured = f"{_mega(settled)}, {_mega(most)}, {_mega(peak)}"
    # Flat: a tenth of room for the allocator's own ups and downs.
    flat = growth is not None and growth <= 1.1 and peak < 1e9 and not found["faults"]
    return [(label, "flat, under 1,000 MB", measured, "yes" if flat else "NO")]


def _startup_bars(found: Found) -> list[Sequence[str]]:
    first = _mid(found, "ours", "first")
    rows: list[Sequence[str]] = [
        ("start to first request", "at most 1.4 s", _seconds(first), _kept(first, 1.4, most=True))
    ]
    if found["help"]:
        over = median(found["help"]) - median(found["bare"])
        rows.append(("`--help` over a bare interpreter", "within 0.3 s", _seconds(over), _kept(over, 0.3, most=True)))
    return rows


def _kill_bars(found: Found) -> list[Sequence[str]]:
    trials = found["trials"]
    again = max(t["journalled_asked_again"] for t in trials)
    twice = max(t["asked_twice"] for t in trials)
    same = sum(not t["differing_files"] and not t["faults"] and not t["hung"] for t in trials)
    orphans, hung = sum(t["orphans"] for t in trials), sum(t["hung"] for t in trials)
    in_flight = found["concurrency"]
    label = f"`kill -9` in {found['rows']:,} rows, {len(trials)} times"
    missed = sum(not t["killed"] for t in trials)
    note = f" ({missed} ended before the kill)" if missed else ""
    return [
        (f"{label}: journalled answers asked again", "0", f"{again}{note}", _yes(again == 0 and not missed)),
        (f"{label}: answers asked twice, at most", f"in flight: {in_flight}", str(twice), _yes(twice <= in_flight)),
        (f"{label}: output byte-identical", "all", f"{same} of {len(trials)}", _yes(same == len(trials))),
        (f"{label}: orphans, hangs", "0, 0", f"{orphans}, {hung}", _yes(not orphans and not hung)),
    ]


def _throughput(found: Found) -> str:
    lines = [
        f"## Throughput\n\n{found['rows']:,} rows, {found['latency'] * 1000:.0f} ms answers, {found['repeats']} "
        f"rounds. We and the bound have {found['concurrency']} requests in flight; our journal is on.\n",
        _contender_table(found, rates=True),
    ]
    if found["sweep"]:
        lines.append(f"### Sweep\n\n{found['sweep_rows']:,} rows, one run for each setting.\n")
        rows = [
            (found["contenders"][name]["title"], s["setting"], _number(s["rows_per_second"]), "; ".join(s["faults"]))
            for name, tried in found["sweep"].items()
            for s in tried
        ]
        lines.append(_table(("peer", "setting", "rows/s", "faults"), rows))
    return "\n".join(lines)


def _stragglers(found: Found) -> str:
    return (
        f"## Stragglers\n\n{found['rows']:,} rows, {found['slow']} of them answered after "
        f"{found['slow_latency']:.0f} s, the others after {found['latency'] * 1000:.0f} ms, {found['concurrency']} in "
        f"flight, {found['repeats']} rounds. Lower bound {found['bound']:.2f} s: each answer's time, in the rows' "
        "order, on the slot that is free first.\n\n" + _contender_table(found, over=("the bound", found["bound"]))
    )


def _replay(found: Found) -> str:
    rows = []
    for c in found["contenders"].values():
        whole, inside = (median(c[k]) if c[k] else None for k in ("whole", "inside"))
        rates = (_number(found["rows"] / t if t else None) for t in (whole, inside))
        cells = (c["title"], _seconds(c["filled"]), _seconds(whole), *rates, str(c["requests"]))
        rows.append((*cells, _trouble({"runs": 0, "good": 0, **c})))
    heads = ("who", "first run", "again", "rows/s whole", "rows/s without start-up", "requests", "trouble")
    return (
        f"## Replay\n\nA finished run of {found['rows']:,} rows again, {found['repeats']} times. Ours looks up each "
        "answer in the journal and writes the dataset anew; Curator finds the whole run's finished file.\n\n"
        + _table(heads, rows)
    )


def _memory(found: Found) -> str:
    rows = [(f"{t:.0f} s", f"{n:,}", _mega(resident)) for t, n, resident in found["series"]]
    kept = "?" if found["kept"] is None else f"{found['kept']:,}"
    faults = f" Trouble: {'; '.join(found['faults'])}." if found["faults"] else ""
    return (
        f"## Memory\n\n{found['rows']:,} rows through the embedded teacher in {found['seconds']:.0f} s, {kept} kept. "
        f"Resident memory of the one process, sampled ten times a second.{faults}\n\n"
        + _table(("after", "answers in the journal", "resident"), rows)
    )


def _startup(found: Found) -> str:
    rows = []
    for name, c in found["contenders"].items():
        rows.append(
            (c["title"], _seconds(_mid(found, name, "first")), _seconds(_mid(found, name, "whole")), _trouble(c))
        )
    text = f"## Start-up\n\n{found['rows']} rows, {found['repeats']} rounds.\n\n"
    text += _table(("who", "start to first request", "whole process", "trouble"), rows)
    if found["help"]:
        bare, helped = median(found["bare"]), median(found["help"])
        text += f"\n`bezoar-data --help` {helped:.3f} s, `python -c pass` {bare:.3f} s.\n"
    return text


def _kill(found: Found) -> str:
    rows = [
        (
            f"{t['share']:.0%}",
            str(t["asked_before"]),
            str(t["answered_before"]),
            str(t["journalled"]),
            str(t["asked_after"]),
            str(t["asked_twice"]),
            str(t["journalled_asked_again"]),
            "yes" if not t["differing_files"] and not t["hung"] else ", ".join(t["differing_files"]) or "no",
            str(t["orphans"]),
            "HUNG" if t["hung"] else _seconds(t["seconds"]) + (f"; {'; '.join(t['faults'])}" if t["faults"] else ""),
        )
        for t in found["trials"]
    ]
    heads = (
        "killed at",
        "asked",
        "answered",
        "journalled",
        "asked after",
        "twice",
        "journalled again",
        "same bytes",
        "orphans",
        "end",
    )
    text = (
        f"## Kill\n\n{found['rows']:,} rows, {found['concurrency']} in flight; SIGKILL to the process at a random "
        "share of the answers (seeded), then the same command to its end.\n\n" + _table(heads, rows)
    )
    peers = []
    for p in found["peers"].values():
        if not p["killed"]:
            end = "ended before the kill"
        elif p["hung"]:
            end = f"HUNG, ended by the watchdog after {p['seconds']:.0f} s"
        else:
            end = _seconds(p["seconds"]) + (f"; {'; '.join(p['faults'])}" if p["faults"] else "")
        cells = (p["answered_before"], p["asked_after"], p["asked_twice"], p["never_asked"], p["orphans"])
        peers.append((p["title"], p["setting"], *map(str, cells), end))
    if peers:
        peer_heads = ("peer", "setting", "answered", "asked after", "twice", "never asked", "orphans", "end")
        text += "\nThe peers, killed once at half of the answers and run again with their way of going on:\n\n"
        text += _table(peer_heads, peers)
    return text


def _contender_table(found: Found, *, rates: bool = False, over: tuple[str, float] | None = None) -> str:
    ours = _mid(found, "ours", "window")
    ours_whole = _mid(found, "ours", "whole")
    heads = ["who", "setting", "window"]
    heads += ["rows/s"] if rates else []
    heads += [f"over {over[0]}"] if over else []
    heads += ["whole", "we are faster by (window)", "(whole)", "most in flight", "server busy", "trouble"]
    rows = []
    for name, c in found["contenders"].items():
        window, whole = _mid(found, name, "window"), _mid(found, name, "whole")
        cells = [f"{c['title']} {c['version']}".strip(), c["setting"], _spread(c["window"])]
        cells += [_number(found["rows"] / window if window else None)] if rates else []
        cells += [_times(_ratio(window, over[1]))] if over else []
        cells += [_spread(c["whole"]), _times(_ratio(window, ours)), _times(_ratio(whole, ours_whole))]
        rows.append([*cells, str(c["most_in_flight"]), f"{c['server_busy']:.0%}", _trouble(c)])
    text = _table(heads, rows)
    for name, why in found["missing"].items():
        text += f"\n{name} could not be run here: {why}\n"
    return text


def _trouble(c: Found) -> str:
    parts = list(c["faults"])
    parts += [f"{c['hung']} of {c['runs']} hung"] if c["hung"] else []
    parts += [f"{c['extra_requests']} requests too many"] if c.get("extra_requests") else []
    parts += [f"{c['orphans']} orphans"] if c.get("orphans") else []
    parts += [f"{c['good']} of {c['runs']} runs good"] if c["good"] < c["runs"] else []
    return "; ".join(parts)


def _mid(found: Found, name: str, key: str) -> float | None:
    values = found["contenders"].get(name, {}).get(key)
    return median(values) if values else None


def _best_peer(found: Found, key: str) -> tuple[str, float] | None:
    times = {
        c["title"]: median(c[key])
        for n, c in found["contenders"].items()
        if n not in ("ours", "raw-aiohttp") and c[key]
    }
    return min(times.items(), key=lambda item: item[1]) if times else None


def _ratio(a: float | None, b: float | None) -> float | None:
    return a / b if a and b else None


def _kept(value: float | None, bar: float, *, most: bool = False) -> str:
    return "not measured" if value is None else _yes(value <= bar if most else value >= bar)


def _yes(fact: bool) -> str:
    return "yes" if fact else "NO"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _spread(values: Sequence[float]) -> str:
    """The median, and the range it stands in."""
    return f"{median(values):.2f} s ({min(values):.2f}-{max(values):.2f})" if values else "-"


def _mega(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e6:,.0f} MB"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


JUDGES: dict[str, Callable[[Found], list[Sequence[str]]]] = {
    "throughput": _throughput_bars,
    "stragglers": _straggler_bars,
    "kill": _kill_bars,
    "replay": _replay_bars,
    "memory": _memory_bars,
    "startup": _startup_bars,
}

SECTIONS: dict[str, Callable[[Found], str]] = {
    "throughput": _throughput,
    "stragglers": _stragglers,
    "kill": _kill,
    "replay": _replay,
    "memory": _memory,
    "startup": _startup,
}
