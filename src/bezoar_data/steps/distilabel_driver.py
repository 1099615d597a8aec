"""Driving a step under distilabel's own runners: batch by batch, without an event loop of ours, and no row vanishes.

A dropped row travels on with its mark, and a row that was taken in as material likewise: distilabel's runner hangs or
loses its place where a batch comes back shorter than expected (1.5.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from bezoar_data.config.errors import BezoarError
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.gateway.distilabel_llm import ask_each
from bezoar_data.runs.row import RESERVED, Drop, Lineage, Row, seed_id
from bezoar_data.steps.verdicts import (
    RUN_ENDED,
    TAKEN_IN,
    Children,
    Dropped,
    Turns,
    Verdict,
    as_made,
    asked_as,
    broken,
    refused,
    replace_lineage,
    settle,
    take_turn,
)

if TYPE_CHECKING:
    from distilabel.models.llms.base import LLM

    from bezoar_data.steps.base import RowStep


def encode_for(outputs: Iterable[str], row: Row) -> dict[str, Any]:
    """The row as distilabel carries it; a dropped one gets the step's output columns empty, as later steps expect."""
    missing = {c: None for c in outputs if c not in row.columns} if row.lineage.drop else {}
    return {**row.encode(), **missing}


def passed_by(outputs: Iterable[str], given: dict[str, Any]) -> dict[str, Any]:
    """A row that came with a drop mark, as it came and with the step's output columns."""
    return {**dict.fromkeys(outputs), **given}


def process_batch(step: RowStep, batch: Iterable[dict[str, Any]], llm: LLM | None) -> list[dict[str, Any]]:
    """One batch through `run_row` without an event loop of ours: all open questions of the batch are asked together,
    round after round, until every row has its verdict. Rows without lineage (a plain distilabel script) get one."""
    name = str(step.name)
    given = list(batch)
    rows = [Row.decode(r) if RESERVED in r else adopt(r, i) for i, r in enumerate(given)]
    turns: dict[int, Turns] = {}
    verdicts: dict[int, Verdict] = {}
    asks: dict[int, Ask] = {}

    def advance(i: int, answer: Answer | Refused | None) -> None:
        try:
            ask, verdict = take_turn(turns[i], answer)
            if ask is not None:
                asks[i] = ask
            else:
                verdicts[i] = cast(Verdict, verdict)
        except Refused as error:
            verdicts[i] = refused(error)
        except Exception as error:
            verdicts[i] = broken(error)

    for i, row in enumerate(rows):
        if row.lineage.drop is None:
            turns[i] = step.run_row(row)
            advance(i, None)
    while asks:
        open_asks, asks = asks, {}
        try:
            answers = _ask_round(step, llm, list(open_asks.values()))
        except BezoarError as error:
            ended = Dropped(RUN_ENDED, detail=str(error), raw=str(error.exit_code), failed=True)
            verdicts.update(dict.fromkeys(open_asks, ended))
            break
        for (i, ask), answer in zip(open_asks.items(), answers, strict=True):
            if isinstance(answer, Answer):
                row, asked = rows[i], asked_as(name, ask)
                rows[i] = replace_lineage(row, row.lineage.answered(asked, answer.model, answer.keys, demo=answer.demo))
            advance(i, answer)
    return [
        out
        for i, row in enumerate(rows)
        for out in (
            [encode_for(step.outputs, o) for o in carried(row, as_made(step, row, verdicts[i]), name)]
            if i in verdicts
            else [passed_by(step.outputs, given[i])]
        )
    ]


def carried(row: Row, verdict: Verdict, step: str) -> list[Row]:
    """What goes on under distilabel's runners: with a row's children also the row itself, marked as taken in."""
    outs = settle(row, verdict, step)
    if isinstance(verdict, Children):
        mark = Drop(step, TAKEN_IN, detail=str(len(outs)))
        outs.insert(0, replace_lineage(row, row.lineage.dropped(mark)))
    return outs


def _ask_round(step: RowStep, llm: LLM | None, asks: Sequence[Ask]) -> list[Answer | Refused]:
    """The answers to one round's questions, in order: each model of the step's gets its own together."""
    answers: dict[int, Answer | Refused] = {}
    for to in dict.fromkeys(ask.to for ask in asks):
        model = llm if to == "llm" else getattr(step, to)
        if model is None:
            raise TypeError(f"step '{step.name}' asked a model but has no llm")
        mine = [i for i, ask in enumerate(asks) if ask.to == to]
        name = asked_as(str(step.name), asks[mine[0]])
        answers.update(zip(mine, ask_each(model, [asks[i] for i in mine], step=name), strict=True))
    return [answers[i] for i in range(len(asks))]


def adopt(columns: dict[str, Any], position: int) -> Row:
    """A row without lineage, from a plain distilabel script, with one of its own."""
    identity = seed_id("script", "", position)
    return Row(dict(columns), Lineage(id=identity, order=(position,), seed_ids=(identity,), source="script"))
