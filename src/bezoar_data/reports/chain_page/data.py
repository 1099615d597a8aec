"""What the stages learnt from: cards, rows taken and left out, licences, and the verdict on the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bezoar_data.cards.licences.weights import licence_of_weights
from bezoar_data.reports.chain_page.stages import number_of, wide
from bezoar_data.reports.charts.picture import Cell, Picture, Pictures
from bezoar_data.reports.page import Html, element, table
from bezoar_data.reports.texts import as_text
from bezoar_data.runs.stage_record import StageData, StageRecord, TrainedStage, last_of

_NOT_ADVICE = (
    "Whether the terms of training data hold for weights is not settled; here they are taken to. This is information "
    "gathered by software, not legal advice."
)


def data_sections(stages: Sequence[TrainedStage], pictures: Pictures) -> Iterator[Html]:
    """All of it, under its headings."""
    learnt = [(stage.record.stage, data) for stage in stages if (data := stage.record.data) is not None]
    if learnt:
        yield element("h2", "Data")
        yield pictures.place(_rows_picture(learnt))
        yield _cards(learnt)
        yield from _left_out(learnt)
    yield element("h2", "Licence of the weights")
    for stage in last_of(stages) or stages[-1:]:
        yield from _verdict(stage.record)
    yield element("p", _NOT_ADVICE, classes="dim")


_Learnt = Sequence[tuple[str, StageData]]


def _count(data: StageData, side: str, what: str) -> int:
    found = data.rows.get(side, {}).get(what)
    if isinstance(found, Mapping):
        return sum(int(number_of(one) or 0) for one in found.values())
    return int(number_of(found) or 0)


def _rows_picture(learnt: _Learnt) -> Picture:
    rows: list[tuple[Cell, ...]] = [
        (
            f"{stage}: {data.card}",
            _count(data, "train", "examples"),
            _count(data, "validation", "examples"),
            _count(data, "train", "left_out") + _count(data, "validation", "left_out"),
            data.passed_over,
        )
        for stage, data in learnt
    ]
    head = ("stage and card", "trained on", "held out", "left out", "not chosen")
    return Picture("What became of the rows", "bars", head, tuple(rows), stacked=True)


def _cards(learnt: _Learnt) -> Html:
    head = ["stage", "card", "build", "rows taken", "cut short", "tokens", "licence", "commercial use", "demo"]
    lines = []
    for stage, data in learnt:
        cut = _count(data, "train", "truncated") + _count(data, "validation", "truncated")
        lines.append([
            stage, data.card, data.lock, _taken(data), f"{cut:,}", f"{_count(data, 'train', 'tokens'):,}",
            as_text(data.licence.get("result")), as_text(data.licence.get("commercial")), "demo" if data.demo else "",
        ])  # fmt: skip
    return wide("Data", table(head, lines, frozenset({4, 5})))


def _taken(data: StageData) -> str:
    """Which rows of the split were taken."""
    drawn = data.split.get("rows") if isinstance(data.split, Mapping) else None
    parts = [data.where or "", f"{as_text(drawn)} drawn" if drawn and data.passed_over else ""]
    return ", ".join(part for part in parts if part) or "all"


def _left_out(learnt: _Learnt) -> Iterator[Html]:
    lines = [
        [stage, "trained on" if side == "train" else "held out", reason, f"{number_of(count) or 0:,.0f}"]
        for stage, data in learnt
        for side, counted in data.rows.items()
        for reason, count in _items(counted.get("left_out"))
    ]
    if lines:
        yield element("h3", "Rows left out, and why")
        yield wide("Rows left out", table(["stage", "of the rows", "reason", "rows"], lines, frozenset({3})))


def _items(value: Any) -> Sequence[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, Mapping) else []


def _verdict(record: StageRecord) -> Iterator[Html]:
    found = licence_of_weights(record)
    licence = found.licence
    said = f"{licence.result}. Commercial use: {licence.commercial}. May be published: {found.publish}."
    yield element("h3", record.stage)
    yield element("p", element("strong", said))
    against = [f"Against publishing: {sentence}." for _, sentence in found.concerns]
    yield element("ul", *(element("li", one) for one in (*licence.reasons, *against)))
    if licence.attribution:
        yield element("p", "Anyone who passes the weights on must name:")
        yield element("ul", *(element("li", one) for one in licence.attribution))
