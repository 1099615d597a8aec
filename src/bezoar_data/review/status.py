"""`review status`: how far each annotator is, how far they agree, and how long it will take at this pace."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from bezoar_data.config.words import many
from bezoar_data.measures.agreement import agreement, pairs_of_people
from bezoar_data.measures.helpsteer import PEOPLE, still_to_ask
from bezoar_data.review.client import ArgillaClient
from bezoar_data.review.protocol import answered
from bezoar_data.review.records import OUTDATED, row_of
from bezoar_data.runs.reviewed import SIDES, most_said

_HELPFULNESS = [side + "helpfulness" for side in SIDES]
_PAUSE = 15 * 60
"""Seconds between two answers of one person after which they were doing something else."""


@dataclass(frozen=True, slots=True)
class ReviewStatus:
    """Progress as a plain value; `print` it for a few lines. `seconds_left` is of work by one person, None while too
    little is known."""

    value: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return dict(self.value)

    def __str__(self) -> str:
        return _text(self.value)


def status_of(argilla: ArgillaClient, datasets: Sequence[Mapping[str, Any]]) -> ReviewStatus:
    """How far people are with a dataset, and with those in which others decide its ties. Raises `InputError`,
    `ProviderAway`."""
    users = argilla.usernames()
    people: dict[str, Counter[str]] = defaultdict(Counter)
    times: dict[str, list[float]] = defaultdict(list)
    done = answers_missing = 0
    verdicts: dict[str, dict[str, str]] = defaultdict(dict)
    rated: dict[str, list[dict[str, int]]] = defaultdict(list)
    protocol = datasets[0]["metadata"]["bezoar"].get("protocol")
    overlap = datasets[0]["distribution"]["min_submitted"]
    wanted = [
        (one["distribution"]["min_submitted"], record) for one in datasets for record in argilla.records(one["id"])
    ]
    for overlap_here, record in wanted:
        outdated = OUTDATED in (record["metadata"] or {})
        given = {} if outdated else verdicts[row_of(record)]
        for response in record["responses"] or ():
            name = users.get(str(response["user_id"]), str(response["user_id"]))
            people[name][response["status"]] += 1
            times[name].append(datetime.fromisoformat(response["updated_at"]).timestamp())
            values = {k: v.get("value") for k, v in (response["values"] or {}).items()}
            if response["status"] == "submitted" and protocol and not outdated:
                rated[row_of(record)].append(answered(values, swapped=False)[0])
            elif response["status"] == "submitted" and (one := values.get("verdict") or values.get("preference")):
                given[name] = str(one)
        submitted = sum(r["status"] == "submitted" for r in record["responses"] or ())
        done += submitted >= overlap_here
        answers_missing += 0 if outdated else max(0, overlap_here - submitted)
    first, second, groups = pairs_of_people(list(verdicts.values()))
    found = agreement(first, second, groups=groups) if first else None
    pace = _pace(times.values())
    value = {
        "records": len(wanted),
        "completed": done,
        "overlap": overlap,
        "divided": sum(len(said) > 1 and most_said(said.values()) is None for said in verdicts.values()),
        "protocol": protocol or None,
        "far_apart": sum(map(_far_apart, rated.values())),
        "people": {
            name: {status: counts[status] for status in ("submitted", "draft", "discarded")}
            for name, counts in sorted(people.items())
        },
        "agreement": {k: v for k, v in found.as_json().items() if k in ("rows", "agreement", "kappa")}
        if found
        else None,
        "seconds_each": round(pace, 1) if pace else None,
        "seconds_left": round(pace * answers_missing) if pace else None,
    }
    return ReviewStatus(value)


def _far_apart(ratings: Sequence[Mapping[str, int]]) -> bool:
    """Whether a fourth or fifth person is to rate one of a row's responses."""
    levels = [[one[name] for one in ratings if name in one] for name in _HELPFULNESS]
    return any(len(given) >= PEOPLE and still_to_ask(given) > 0 for given in levels)


def _pace(times: Any) -> float | None:
    """The median of seconds between one person's answers, pauses aside."""
    gaps = [b - a for one in times for a, b in pairwise(sorted(one)) if 0 < b - a < _PAUSE]
    return sorted(gaps)[len(gaps) // 2] if len(gaps) >= 3 else None


def _text(found: Mapping[str, Any]) -> str:
    """The progress in a few lines."""
    each = f", {found['overlap']} answers each" if found["overlap"] > 1 else ""
    lines = [f"{found['completed']:,} of {found['records']:,} records are done{each}"]
    for name, counts in found["people"].items():
        text = f"{counts['submitted']:,} submitted, {counts['draft']:,} drafts, {counts['discarded']:,} discarded"
        lines.append(f"  {name}: {text}")
    if agreed := found["agreement"]:
        kappa = agreed["kappa"]["value"]
        text = f"Cohen's kappa {kappa:.2f}" if kappa is not None else "kappa is not defined yet"
        lines.append(
            f"two people agree on {100 * agreed['agreement']['value']:.0f} % of {agreed['rows']:,} pairs; {text}"
        )
    if divided := found["divided"]:
        lines.append(f"people are evenly divided on {many(divided, 'row')}: `review push RUN --ties` lists them")
    if far := found["far_apart"]:
        lines.append(f"helpfulness is too far apart on {many(far, 'row')}: `review push RUN --ties` lists them")
    if found["seconds_left"]:
        lines.append(
            f"about {found['seconds_left'] / 60:.0f} minutes of work left, at {found['seconds_each']:g} s each"
        )
    return "\n".join(lines)
