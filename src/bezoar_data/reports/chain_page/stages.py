"""The stages: as a chain of boxes, in one table, and each with its curves and samples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.recipe import BASE
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.words import size_of, time_of
from bezoar_data.reports.charts.picture import Cell, Picture, Pictures
from bezoar_data.reports.page import Html, element, long_text, plain_text, table
from bezoar_data.reports.scores.figures import NONE
from bezoar_data.reports.texts import as_text
from bezoar_data.runs.stage_record import SAMPLES, StageRecord, StageSummary, TrainedStage
from bezoar_data.training.curves import PANELS
from bezoar_data.training.sampling import read_samples

_LOG = "log.jsonl"
_MOST_POINTS = 1_000
"""Points of a curve that are drawn: no screen shows more."""


def chain_picture(stages: Sequence[TrainedStage], *, links: bool = True) -> Html:
    """Boxes in the order of training, the base first; with `links` each leads to its stage."""
    boxes = [
        element("li", element("div", element("strong", BASE), *_lines([base_of(stages[-1].record)]), classes="box"))
    ]
    before = BASE
    for number, stage in enumerate(stages):
        record = stage.record
        name = element("a", record.stage, href=f"#stage-{number}") if links else element("strong", record.stage)
        on = record.start == before
        said = [record.use, *([] if on else [f"from {record.start}"]), *trains(record), *_effort(record)]
        box = element("div", name, *_lines(said), classes="box")
        boxes.append(element("li", box, classes="on") if on else element("li", box))
        before = record.stage
    return element("ol", *boxes, classes="chain")


def _lines(said: Sequence[str]) -> Iterator[Html]:
    yield from (element("div", line, classes="dim") for line in said if line)


def _effort(record: StageRecord) -> Iterator[str]:
    steps, seconds = (number_of(one) for one in (record.metrics.get("steps"), record.times.get("seconds")))
    parts = [f"{steps:,.0f} steps" if steps is not None else "", time_of(seconds) if seconds is not None else ""]
    yield ", ".join(part for part in parts if part)
    memory = number_of(record.times.get("peak_memory_bytes"))
    if memory is not None:
        yield size_of(memory)


def trains(record: StageSummary) -> list[str]:
    """Whether weights or an adapter are trained, and on what."""
    if record.data is None:
        dtype = record.metrics.get("dtype")
        return [f"adapter put into the weights{f', {dtype}' if dtype else ''}"]
    if record.adapter is None:
        return ["all weights"]
    quantised = ", on a quantised base" if record.quantisation else ""
    return [f"adapter, rank {record.adapter.get('r', '?')}{quantised}"]


def base_of(record: StageRecord) -> str:
    """The base in few words."""
    base = record.base
    if "make" in base:
        return "a tiny model with random weights"
    return f"{base.get('model') or base.get('gguf')}, {base.get('licence') or 'licence not stated'}"


def stages_table(stages: Sequence[TrainedStage]) -> Html:
    head = ["stage", "does", "goes on from", "trains", "steps", "loss", "held out, best", "margin", "time", "memory"]
    rows = []
    for stage in stages:
        record, m = stage.record, stage.record.metrics
        seconds, memory = number_of(record.times.get("seconds")), number_of(record.times.get("peak_memory_bytes"))
        rows.append([
            record.stage, record.use, record.start, ", ".join(trains(record)), _figure(m.get("steps"), ",.0f"),
            _from_to(m, "first_loss", "last_loss"), _figure(m.get("best_eval_loss")),
            _from_to(m, "first_margin", "last_margin"), time_of(seconds) if seconds is not None else NONE,
            size_of(memory) if memory is not None else NONE,
        ])  # fmt: skip
    return wide("Stages", table(head, rows, frozenset(range(4, len(head)))))


def _from_to(metrics: Mapping[str, Any], first: str, last: str) -> str:
    return f"{_figure(metrics[first])} → {_figure(metrics.get(last))}" if first in metrics else NONE


def number_of(value: Any) -> float | None:
    """A figure of a record, if it is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None


def _figure(value: Any, how: str = ".3f") -> str:
    found = number_of(value)
    return NONE if value is None else as_text(value) if found is None else format(found, how)


def wide(name: str, *content: Html) -> Html:
    """What may be wider than the page: it is moved sideways, by keyboard too."""
    return element("div", *content, classes="wide", role="region", tabindex="0", **{"aria-label": plain_text(name)})


def stage_sections(stages: Sequence[TrainedStage], pictures: Pictures) -> Iterator[Html]:
    """Each stage with what was measured and said while it was trained. Raises `InputError`."""
    keys = {stage.record.stage: stage.record.key for stage in stages}
    for number, stage in enumerate(stages):
        record = stage.record
        lead = element("span", f" · {record.use}, from {record.start}", classes="dim")
        curves = [pictures.place(one, "h4") for one in curves_of(stage)]
        yield element(
            "section",
            element("h3", record.stage, lead),
            *_made_anew(record, keys),
            *(element("p", note, classes="dim") for note in record.notes),
            element("div", *curves, classes="curves"),
            *_samples(stage),
            *_settings(record),
            id=f"stage-{number}",
        )


def _made_anew(record: StageRecord, keys: Mapping[str, str]) -> Iterator[Html]:
    """Where the stage that it goes on from is another one by now."""
    for one in record.lineage:
        if one.stage == record.start and keys.get(one.stage, one.key) != one.key:
            yield element(
                "p", f"{one.stage} was trained again since: this stage goes on from the earlier one", classes="bad"
            )


def curves_of(stage: TrainedStage) -> Iterator[Picture]:
    """What the trainer measured by step: in training, and on the rows held out."""
    lines = _log(stage)
    for name, keys in PANELS:
        sides = [(side, key) for side, key in zip(("training", "held out"), keys, strict=True) if _points(lines, key)]
        if not sides:
            continue
        found: dict[float, list[Cell]] = {}
        for place, (_, key) in enumerate(sides):
            for step, value in _points(lines, key):
                found.setdefault(step, [None] * len(sides))[place] = value
        kept = _thinned(sorted(found.items()))
        note = f"{len(kept):,} of {len(found):,} points" if len(kept) < len(found) else ""
        yield Picture(name, "lines", ("step", *(side for side, _ in sides)), tuple(kept), note)


def _thinned(points: Sequence[tuple[float, list[Cell]]]) -> list[tuple[Cell, ...]]:
    """Points evenly, the last one, and all of the rows held out: these are few."""
    every, end = -(-len(points) // _MOST_POINTS), len(points) - 1
    return [
        (int(step) if step.is_integer() else step, *values)
        for i, (step, values) in enumerate(points)
        if i % every == 0 or i == end or (len(values) > 1 and values[-1] is not None)
    ]


def _points(lines: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    found = ((number_of(line.get("step")), number_of(line.get(key))) for line in lines)
    return [(step, value) for step, value in found if step is not None and value is not None]


def _log(stage: TrainedStage) -> list[Mapping[str, Any]]:
    file = stage.path / _LOG
    try:
        found = [json.loads(line) for line in file.read_text("utf-8").split("\n") if line] if file.is_file() else []
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            Problem("log-malformed", f"the log cannot be read: {error}", Place(str(file)), _AGAIN)
        ) from None
    return [line for line in found if isinstance(line, Mapping)]


_AGAIN = "remove the file, or train the stage again"


def _samples(stage: TrainedStage) -> Iterator[Html]:
    """What the model said to each prompt, first and last; what it said between them is folded away."""
    said: dict[int, list[Mapping[str, Any]]] = {}
    try:
        for one in read_samples(stage.path):
            said.setdefault(int(one["prompt"]), []).append(one)
        shown = [_sample(answers) for _, answers in sorted(said.items())]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        place = Place(str(stage.path / SAMPLES))
        raise InputError(Problem("samples-malformed", "the samples cannot be read", place, _AGAIN)) from None
    if shown:
        yield element("h4", "What it said")
        yield from shown


def _sample(answers: Sequence[Mapping[str, Any]]) -> Html:
    first, between, last = answers[0], answers[1:-1], answers[-1]
    turns = [
        part
        for turn in first["turns"]
        for part in (element("div", turn.get("role", ""), classes="label"), long_text(as_text(turn.get("content"))))
    ]
    sides = [first] if len(answers) == 1 else [first, last]
    columns = [element("div", _at(one), long_text(as_text(one["answer"]))) for one in sides]
    folded = [part for one in between for part in (_at(one), long_text(as_text(one["answer"])))]
    more = [element("details", element("summary", f"{len(between):,} between"), *folded)] if between else []
    return element("div", *turns, element("div", *columns, classes="sides"), *more, classes="sample")


def _at(sample: Mapping[str, Any]) -> Html:
    step = sample["step"]
    return element("div", f"answered after step {step}" if step else "answered before", classes="label")


def _settings(record: StageRecord) -> Iterator[Html]:
    groups = (("training", record.settings), ("adapter", record.adapter), ("quantisation", record.quantisation))
    lines = [f"{group}.{name}: {as_text(value)}" for group, values in groups for name, value in (values or {}).items()]
    lines += [f"key: {record.key}", f"template: {record.template.get('name')}"]
    yield element("details", element("summary", "settings"), element("pre", "\n".join(lines)))
