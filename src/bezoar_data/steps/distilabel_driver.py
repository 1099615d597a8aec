"""Driving a step under distilabel's own runners: batch by batch, without an event loop of ours, and no row vanishes.

A dropped row travels on with its mark, and a row that was taken in as material likewise: distilabel's runner hangs or
loses its place where a batch comes back shorter than expected (1.5.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bezoar_data.config.errors import BezoarError
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.gateway.distilabel_llm import ask_each
from bezoar_data.runs.row import RESERVED, Drop, Lineage, Row, seed_id
from bezoar_data.steps.driver import Outcome, RowRun, WaveRun, outcome_of
from bezoar_data.steps.verdicts import RUN_ENDED, TAKEN_IN, answer_name

if TYPE_CHECKING:
    from distilabel.models.llms.base import LLM

Columns = dict[str, Any]


def encode_for(step: Any, row: Row) -> Columns:
    """The row as distilabel carries it from this step on; a dropped one gets the step's output columns empty, as later
    steps expect."""
    if step._packed:
        try:
            return row.encode(packed=True)
        except BezoarError as error:
            return _run_ended(Row({}, row.lineage), error, str(step.name)).encode(packed=True)
    missing = {c: None for c in step.outputs if c not in row.columns} if row.lineage.drop else {}
    return {**row.encode(), **missing}


def process_batch(step: Any, inputs: Iterable[Columns]) -> list[Columns]:
    """One batch through `run_row` without an event loop of ours: all open questions of the batch are asked together,
    round after round, until every row has its verdict. Rows without lineage (a plain distilabel script) get one."""
    given = list(inputs)
    runs = {i: RowRun(step, row) for i, row in enumerate(_decoded(given)) if row.lineage.drop is None}
    ended: dict[int, Sequence[Row]] = {}
    replies: dict[int, Answer | Refused | None] = dict.fromkeys(runs)
    while replies:
        asks: dict[int, Ask] = {}
        for i, reply in replies.items():
            try:
                said = runs[i].next(reply)
            except BezoarError as error:
                ended[i] = [_run_ended(runs[i].row, error, str(step.name))]
                continue
            if isinstance(said, Outcome):
                ended[i] = _carried(runs[i].row, said, str(step.name))
            else:
                asks[i] = said
        try:
            replies = dict(zip(asks, _answers(step, list(asks.values())), strict=True))
        except BezoarError as error:
            ended |= {i: [_run_ended(runs[i].row, error, str(step.name))] for i in asks}
            break
    return _in_place(step, given, ended)


def process_rows(step: Any, inputs: Iterable[Columns]) -> list[Columns]:
    """All rows through `run_rows`, those dropped before set aside and put back in their places."""
    given = list(inputs)
    rows = {i: row for i, row in enumerate(_decoded(given)) if row.lineage.drop is None}
    order = sorted(rows, key=lambda i: rows[i].lineage.order)
    name = str(step.name)
    try:
        verdicts = zip(order, step.run_rows([rows[i] for i in order]), strict=True)
        ended = {i: _carried(rows[i], outcome_of(step, rows[i], verdict), name) for i, verdict in verdicts}
    except BezoarError as error:
        ended = {i: [_run_ended(row, error, name)] for i, row in rows.items()}
    return _in_place(step, given, ended)


def process_waves(step: Any, inputs: Iterable[Columns]) -> list[Columns]:
    """All rows through `run_all`: they are marked as taken in, and the new rows stand behind them."""
    name = str(step.name)
    rows = _decoded(inputs)
    live = sorted((r for r in rows if r.lineage.drop is None), key=lambda r: r.lineage.order)
    try:
        run = WaveRun(step, live)
        said = run.next()
        while not isinstance(said, Outcome):
            said = run.next(_answers(step, said))
        taken = {id(r): _marked(r, Drop(name, TAKEN_IN)) for r in live}
        made = said.rows
    except BezoarError as error:
        taken, made = {id(r): _run_ended(r, error, name) for r in live}, ()
    return [encode_for(step, row) for row in (*(taken.get(id(r), r) for r in rows), *made)]


def _decoded(inputs: Iterable[Columns]) -> list[Row]:
    return [Row.decode(r) if RESERVED in r else adopted(r, i) for i, r in enumerate(inputs)]


def adopted(columns: Columns, position: int) -> Row:
    """A row without lineage, from a plain distilabel script, with one of its own."""
    identity = seed_id("script", "", position)
    return Row(dict(columns), Lineage(id=identity, order=(position,), seed_ids=(identity,), source="script"))


def _in_place(step: Any, given: Sequence[Columns], ended: Mapping[int, Sequence[Row]]) -> list[Columns]:
    """What came of each row in its place; a row that came with a drop mark goes on as it came."""
    empty = {} if step._packed else dict.fromkeys(step.outputs)
    return [
        out
        for i, columns in enumerate(given)
        for out in ([encode_for(step, row) for row in ended[i]] if i in ended else [{**empty, **columns}])
    ]


def _carried(row: Row, outcome: Outcome, step: str) -> Sequence[Row]:
    """What goes on under distilabel's runners: with a row's children also the row itself, marked as taken in."""
    if not outcome.made:
        return outcome.rows
    return (_marked(row, Drop(step, TAKEN_IN, detail=str(len(outcome.rows)))), *outcome.rows)


def _run_ended(row: Row, error: BezoarError, step: str) -> Row:
    """A row that carries an error which ends the whole run out of a process of distilabel's."""
    return _marked(row, Drop(step, RUN_ENDED, str(error), str(error.exit_code), failed=True))


def _marked(row: Row, mark: Drop) -> Row:
    return Row(row.columns, row.lineage.dropped(mark))


def _answers(step: Any, asks: Sequence[Ask]) -> list[Answer | Refused]:
    """The answers to one round's questions, in order: each model of the step's gets its own together."""
    answers: dict[int, Answer | Refused] = {}
    for to in dict.fromkeys(ask.to for ask in asks):
        model: LLM | None = getattr(step, to, None)
        if model is None:
            raise TypeError(f"step '{step.name}' asks '{to}', which is none of its models")
        mine = [i for i, ask in enumerate(asks) if ask.to == to]
        name = answer_name(str(step.name), to)
        answers.update(zip(mine, ask_each(model, [asks[i] for i in mine], step=name), strict=True))
    return [answers[i] for i in range(len(asks))]
