"""How far a judge can be relied on: measured against people, against other judges, and against itself.

Two label columns are all that is needed, whoever gave them: a judge's and a person's, two judges', the same judge's on
another day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.where import Where
from bezoar_data.engine.judge_stats import Judging, judges_in
from bezoar_data.measures.agreement import agreement, as_label, ratings_of, scale_of
from bezoar_data.measures.bias import length_effect, longer_chosen
from bezoar_data.measures.calibration import calibrate
from bezoar_data.measures.intervals import LEVEL, RESAMPLES, SEED
from bezoar_data.reports.labels import Labelled, read_labelled
from bezoar_data.runs.judged import AcceptCounts, LockedJudging, PeopleAgreement, RatingCalibration
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.parquet import each_of
from bezoar_data.runs.published import dataset_folder, open_rows
from bezoar_data.runs.record import parse

MOST_SLICES = 20
"""Slices of a column that are shown by themselves, the largest first."""

_BINNED = 8
"""A column of numbers with more different values than this is cut into thirds."""


def compare_columns(
    run: Path,
    judge: str,
    other: str,
    *,
    slices: Sequence[str] = (),
    text: Sequence[str] = (),
    labels: Path | None = None,
    where: str | None = None,
) -> tuple[PeopleAgreement, Labelled]:
    """How far two label columns agree; `other` counts as right where a judge's bias is measured.

    `slices` are columns by whose values agreement is split. `text` is the column of the judged answers, or the two
    of compared ones: what their length does to the judge is measured. Raises `InputError`.
    """
    rows = read_labelled(run, (judge, other, *slices, *text), labels=labels, where=where)
    ours, theirs, groups = rows.texts(judge), rows.texts(other), rows.groups()
    both = [i for i in range(rows.table.num_rows) if ours[i] is not None and theirs[i] is not None]
    if not both:
        message = f"no row has both '{judge}' and '{other}'"
        hint = f"{rows.strangers:,} labels are for rows that are not here" if rows.strangers else ""
        raise InputError(Problem("no-labels", message, Place(str(run)), hint))
    first, second = [str(ours[i]) for i in both], [str(theirs[i]) for i in both]
    mine = [groups[i] for i in both]
    scale = scale_of((*first, *second))
    found = agreement(first, second, groups=mine, labels=scale)
    report = {
        "columns": [judge, other],
        "labelled_by": rows.labels,
        "where": where,
        "missing": {judge: ours.count(None), other: theirs.count(None)},
        "strangers": rows.strangers,
        "interval": {"level": LEVEL, "resamples": RESAMPLES, "seed": SEED, "units": len(set(mine))},
        **found.as_json(),
        "slices": [
            part for column in slices for part in _slices(column, rows.column(column), both, first, second, mine, scale)
        ],
        "length": _length([rows.column(name) for name in text], both, first, second, mine),
    }
    return parse(PeopleAgreement, report), rows


def calibrate_cut(
    run: Path,
    rating: str,
    good: str,
    wanted: float,
    *,
    level: float = LEVEL,
    labels: Path | None = None,
    where: str | None = None,
) -> tuple[RatingCalibration, Labelled]:
    """The rating cut from which a share of `wanted` rows is good, as people see it. `good` is an expression over the
    dataset's columns and those of the labels, such as `human_status == "Accept"`; rows for which it is unknown (no
    person said anything) are left out. Raises `InputError`."""
    is_good = Where.parse(good)
    rows = read_labelled(run, (rating, *is_good.columns), labels=labels, where=where)
    said = rows.texts(rating)
    numbers = ratings_of(sorted({r for r in said if r is not None}))
    if not numbers:
        rated = [name for name in open_rows(dataset_folder(run)).schema.names if name.endswith("_rating")]
        hint = f"name a judge's ratings: {', '.join(rated) or 'this dataset has none'}"
        raise InputError(Problem("not-a-rating", f"'{rating}' holds no numbers", Place(str(run)), hint))
    judged = rows.table.select(list(is_good.columns)).to_pylist()
    verdicts = [None if said[i] is None else is_good.value(row) for i, row in enumerate(judged)]
    known = [i for i, verdict in enumerate(verdicts) if verdict is not None]
    if not known:
        message = f"no row has both '{rating}' and what '{good}' asks for"
        raise InputError(Problem("no-labels", message, Place(str(run))))
    found = calibrate([float(str(said[i])) for i in known], [bool(verdicts[i]) for i in known], wanted, level=level)
    groups = rows.groups()
    repeated = len(known) - len({groups[i] for i in known})
    report = {
        "rating": rating,
        "good_if": good,
        "labelled_by": rows.labels,
        "where": where,
        "rows_sharing_seeds": repeated,
        **found.as_json(),
    }
    return parse(RatingCalibration, report), rows


def _slices(
    column: str,
    values: Sequence[Any],
    both: Sequence[int],
    first: Sequence[str],
    second: Sequence[str],
    groups: Sequence[Any],
    scale: Sequence[str],
) -> list[dict[str, Any]]:
    names = _binned([values[i] for i in both])
    parts = []
    for name, _ in sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))[:MOST_SLICES]:
        mine = [k for k, n in enumerate(names) if n == name]
        found = agreement(
            [first[k] for k in mine], [second[k] for k in mine], groups=[groups[k] for k in mine], labels=scale
        )
        measures = {k: v for k, v in found.as_json().items() if k not in ("labels", "table")}
        parts.append({"column": column, "value": name, **measures})
    return parts


def _binned(values: Sequence[Any]) -> list[str]:
    """The values as names of slices; many different numbers as thirds."""
    import numpy as np

    numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values) or len(set(numbers)) <= _BINNED:
        return ["(empty)" if v is None else as_label(v)[:80] for v in values]
    low, high = np.quantile(numbers, [1 / 3, 2 / 3], method="inverted_cdf")
    names = (f"up to {as_label(float(low))}", f"up to {as_label(float(high))}", f"above {as_label(float(high))}")
    return [names[(n > low) + (n > high)] for n in numbers]


def _length(
    texts: Sequence[Sequence[Any]],
    both: Sequence[int],
    first: Sequence[str],
    second: Sequence[str],
    groups: Sequence[Any],
) -> dict[str, Any] | None:
    """What length does: to ratings and verdicts against one text, to preferences against two. None where no text is
    named, or the labels are of neither kind."""
    lengths = [[len(str(column[i] or "").split()) for i in both] for column in texts]
    if len(lengths) == 2:
        chosen = longer_chosen(first, second, list(zip(*lengths, strict=True)), groups=groups)
        return chosen.as_json() if chosen else None
    ours, theirs = _numbers(first), _numbers(second)
    if len(lengths) != 1 or ours is None or theirs is None:
        return None
    effect = length_effect([a - b for a, b in zip(ours, theirs, strict=True)], lengths[0], groups=groups)
    return effect.as_json() if effect else None


def _numbers(labels: Sequence[str]) -> list[float] | None:
    """Ratings as they are, verdicts as 1 and 0."""
    verdicts = {"accept": 1.0, "reject": 0.0}
    if all(label.casefold() in verdicts for label in labels):
        return [verdicts[label.casefold()] for label in labels]
    return [float(label) for label in labels] if ratings_of(sorted(set(labels))) else None


def known_reliability(run: Path) -> tuple[tuple[AcceptCounts, ...], LockedJudging]:
    """What the rows themselves show of their judges, without labels of people. Raises `InputError`."""
    folder = dataset_folder(run)
    rows = open_rows(folder)
    try:
        panels = {judge.name for judge in Lock.read(folder / "lock.json").judges if judge.kind == "panel"}
    except InputError:
        panels = set()  # rows without a lock are measured all the same
    judges = [judge for judge in judges_in(rows.schema.names, "") if judge.name not in panels]
    if not judges:
        hint = "name two columns of labels with --columns"
        raise InputError(Problem("no-judge", "no judge has judged these rows", Place(str(run)), hint))
    judging = Judging(judges)
    looked_at = {"seed_ids", *(column for judge in judges for column in judge.columns)}
    wanted = [name for name in rows.schema.names if name in looked_at]
    for batch in each_of(rows.to_batches(columns=wanted), folder):
        for row in batch.to_pylist():
            judging.add(row, row.get("seed_ids") or ())
    return parse(tuple[AcceptCounts, ...], judging.judges()), parse(LockedJudging, judging.measured())
