"""A pipeline walked without sending anything: what is known is worked out, the rest goes on with placeholders.

Sources are read, steps that ask no model run, and those that do are driven with the journal's answers: a plan after a
run replays that run exactly. Where the journal has no answer the step is given a placeholder (`steps.placeholders`).
From there on the row is open: a placeholder is never a reason to ask again or to drop a row. How many of the open rows
a step keeps is assumed or learned, and each goes on as that much of a row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import cast

from bezoar_data.llms.ask import Answer, Refused
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.pipeline.modules import Unrun
from bezoar_data.plan.estimate import times_asked
from bezoar_data.plan.flow import PLACEHOLDER, Key, ModelDemand, SampledRow, StepFlow
from bezoar_data.plan.history import Past, StepPast
from bezoar_data.plan.interval import LEAST, ONE, Interval, assumed, learned_rate, total
from bezoar_data.plan.placeholders import Asking, RowReplay
from bezoar_data.runs.row import Columns, Row
from bezoar_data.steps.base import GlobalMakingStep, GlobalModelStep, GlobalRowStep, Source
from bezoar_data.steps.driver import Outcome, WaveRun, outcome_of
from bezoar_data.steps.joins import Union, join, union
from bezoar_data.steps.verdicts import STEP_ERROR, Child, Made, Verdict

MOST_ROWS = 1000
"""Rows of one source that are walked. Of a larger one every second, fourth, eighth... row stands for the others."""

FOUND_LATER = 0.25
"""Where the journal answers rows in part, as after a run with another seed, so many of the questions that hang on
placeholders may be in it too. Our assumption."""


class Replay:
    """Walks one compiled pipeline. `past` is what earlier runs say of its steps."""

    def __init__(
        self,
        compiled: Compiled,
        asking: Asking,
        demands: Mapping[Key, ModelDemand],
        past: Past,
        *,
        limit: int | None = None,
    ) -> None:
        self._compiled = compiled
        self._asking = asking
        self._past = past
        self._limit = limit
        self._ready: dict[str, bool] = {}
        self._waiting: dict[str, list[tuple[int, SampledRow]]] = defaultdict(list)
        self.demands = demands
        self.flows = {node.id: StepFlow() for node in compiled.nodes}
        self.times: dict[Key, Interval] = {}
        """How many questions are asked for each that the replay asked."""

    def walk(self) -> None:
        """Walk all rows through all steps. Raises `InputError` for a source that cannot be read."""
        for node in self._compiled.nodes:
            flow = self.flows[node.id]
            flow.unknown = any(self.flows[before].opaque for before in node.after)
            flow.found_later = min((self.flows[b].found_later for b in node.after), key=lambda i: i.low, default=ONE)
            came = self._waiting.pop(node.id, [])
            if not flow.unknown:
                self._through(node, flow, came)
            self._send_on(node, flow)

    def _send_on(self, node: Node, flow: StepFlow) -> None:
        """Hand on the rows that leave a step, the open ones as the share of them that it may keep."""
        rate = node.step.keep_rate() if hasattr(node.step, "keep_rate") else (0.6, 1.0)
        self._set_times(node, flow, rate)
        left = flow.seen
        if flow.open_in:
            flow.keep, flow.learned_from = self._keep(node, flow, rate)
            if not flow.open:
                flow.hidden = True
                flow.notes["it makes nothing of placeholders for answers: unknown until a run is done"] = None
            else:
                share = flow.keep * (flow.open_in / total(r.weight for r in flow.open).likely)
                left = left + [replace(r, weight=r.weight * share) for r in flow.open]
        flow.rows_out = total(r.weight for r in left)
        for name in node.following:
            branch = self._compiled.node(name).after.index(node.id)
            self._waiting[name].extend((branch, row) for row in left)
        flow.seen, flow.open = [], []

    def _set_times(self, node: Node, flow: StepFlow, rate: tuple[float, float]) -> None:
        until = isinstance(node.step, GlobalModelStep)
        if flow.partly_found:
            most = min(FOUND_LATER, 2 * flow.partly_found / flow.partly_open)
            flow.found_later = Interval(1 - most, 1 - 0.4 * most, 1.0)
        for to in node.roles:
            demand = self.demands[node.id, to]
            times = times_asked(demand, flow, self._past.steps.get(node.id), rate, until=until)
            if until and node.step.most_requests is not None and demand.samples.likely:
                room = max(0.0, node.step.most_requests - demand.hits) / demand.samples.likely
                flow.enough = Interval(min(1.0, room / times.high), min(1.0, room / times.likely), 1.0)
                times = times.at_most(room)
            self.times[node.id, to] = times * flow.found_later

    def _keep(self, node: Node, flow: StepFlow, rate: tuple[float, float]) -> tuple[Interval, float]:
        """The share of open rows that a step keeps, and from how many rows that is known."""
        if isinstance(node.step, GlobalMakingStep):
            return flow.enough, 0.0
        past = self._past.steps.get(node.id)
        kept, seen = max(
            (flow.seen_kept, flow.seen_in),
            (float(past.rows_out), float(past.rows_in)) if past else (0.0, 0.0),
            key=lambda known: known[1],
        )
        if seen < LEAST:
            return assumed(*rate), 0.0
        return learned_rate(kept, seen, flow.open_in, rate), seen

    def _through(self, node: Node, flow: StepFlow, came: Sequence[tuple[int, SampledRow]]) -> None:
        """Take the rows that came to a step through it."""
        if node.is_source:
            self._read(node, flow)
            return
        rows = [row for _, row in came]
        if not getattr(node.step, "makes", False):
            flow.rows_in = total(row.weight for row in rows)
        if node.kind == "union":
            shared = cast(Union, node.step).shared
            flow.seen = [replace(r, row=union(r.row, node.id, branch, shared=shared)) for branch, r in came]
        elif node.kind == "join":
            self._join(node, flow, came)
        elif isinstance(node.step, Unrun) or (node.roles and not self._is_ready(node)):
            self._as_before(node, flow, rows)
        elif isinstance(node.step, GlobalMakingStep):
            self._make(node, flow, node.step, rows)
        elif isinstance(node.step, GlobalRowStep):
            self._decide_all(node, flow, node.step, rows)
        else:
            for row in rows:
                self._decide(node, flow, row)

    def _read(self, node: Node, flow: StepFlow) -> None:
        if getattr(node.step, "hub", None):
            flow.unknown = True
            flow.notes["its rows are on the Hub, and a plan downloads nothing: what follows is unknown"] = None
            return
        rows, count = _spread(islice(cast(Source, node.step).rows(), self._limit), MOST_ROWS)
        if len(rows) < count:
            flow.notes[f"replayed with {len(rows):,} of its {count:,} rows, evenly spread"] = None
        flow.rows_in = Interval.exactly(count)
        weight = Interval.exactly(count / max(1, len(rows)))
        flow.seen = [SampledRow(row, weight) for row in rows if row.lineage.drop is None]

    def _join(self, node: Node, flow: StepFlow, came: Sequence[tuple[int, SampledRow]]) -> None:
        sides: dict[str, list[SampledRow]] = defaultdict(list)
        for _, row in sorted(came, key=lambda one: one[0]):
            sides[row.row.id].append(row)
        for met in sides.values():
            if len(met) == len(node.after):
                # As many as its rarest branch keeps.
                weight = min((r.weight for r in met), key=lambda w: w.likely)
                flow.seen.append(SampledRow(join([r.row for r in met], node.id, len(met)), weight, _unknown(met)))

    def _as_before(self, node: Node, flow: StepFlow, rows: Sequence[SampledRow]) -> None:
        """A step that only a run may run: what it did in earlier runs is all that can be said of it."""
        past = self._past.steps.get(node.id)
        if past is None or not past.rows_in:
            flow.hidden = True
            flow.notes[f"a plan does not run '{node.use}': unknown until a run with it is done"] = None
            return
        flow.notes[f"a plan does not run '{node.use}': as in {past.rows_in:,} rows of past runs"] = None
        for to in node.roles:
            _ask_as_before(self.demands[node.id, to], past, to, flow.rows_in)
        for row in rows:
            self._open(node, flow, row, self._filled(node, row.row.columns))

    # Steps that decide row by row.

    def _decide(self, node: Node, flow: StepFlow, sampled: SampledRow) -> None:
        blind = bool(sampled.unknown & set(node.step.inputs))
        if not node.roles and (blind or not self._is_ready(node)):
            self._open(node, flow, sampled, sampled.row.columns)
            return
        replay = RowReplay(self._asking, node, sampled)
        outcome = replay.outcome()
        flow.longest = max(flow.longest, replay.asks)
        is_open = replay.open or blind
        flow.partly_found += sampled.weight.likely if replay.open and replay.found else 0.0
        flow.partly_open += sampled.weight.likely if replay.open else 0.0
        if outcome is None:
            self._open(node, flow, sampled, self._filled(node, sampled.row.columns))
            return
        children = cast(Sequence[Child], outcome.made)
        for i, out in enumerate(outcome.rows):
            asked = children[i].asked if children else None
            hangs = is_open if asked is None else any(PLACEHOLDER in answer.keys for _, answer in asked)
            if not hangs:
                self._seen(node, flow, sampled, out, counted=i > 0)
            elif out.lineage.drop is None:
                self._open(node, flow, replace(sampled, row=Row(sampled.row.columns, out.lineage)), out.columns)
            else:
                made = replace(sampled, row=Row(sampled.row.columns, replace(out.lineage, drop=None)))
                self._open(node, flow, made, self._filled(node, out.columns))

    def _seen(self, node: Node, flow: StepFlow, sampled: SampledRow, out: Row, *, counted: bool = False) -> None:
        """A row whose fate is known. `counted`: it is a further row that came of the same one."""
        makes, weight, drop = getattr(node.step, "makes", False), sampled.weight, out.lineage.drop
        if makes:
            flow.rows_in += weight
        flow.seen_in += weight.likely if makes or not counted else 0.0
        if drop is None:
            flow.seen_kept += weight.likely
            flow.seen.append(SampledRow(out, weight, sampled.unknown & set(out.columns)))
        elif drop.reason == STEP_ERROR:
            flow.notes[f"fails: {drop.detail.splitlines()[0][:200]}"] = None

    def _open(self, node: Node, flow: StepFlow, sampled: SampledRow, columns: Columns) -> None:
        """A row that goes on as the share of it that the step may keep."""
        if getattr(node.step, "makes", False):
            flow.rows_in += sampled.weight
        flow.open_in += sampled.weight.likely
        old = sampled.row.columns
        changed = {name for name, value in columns.items() if name not in old or old[name] != value}
        unknown = frozenset((sampled.unknown | changed) & set(columns))
        flow.open.append(SampledRow(Row(dict(columns), sampled.row.lineage), sampled.weight, unknown))

    def _is_ready(self, node: Node) -> bool:
        """Whether a step can be run here and now, without the network. Those that ask a model prepare themselves when
        first used, adapters of others' steps aside: to load them would open what they ask."""
        if node.id not in self._ready:
            try:
                if not node.roles:
                    node.step.load()
                elif hasattr(node.step, "make_ready"):
                    node.step.make_ready()
                self._ready[node.id] = True
            except Exception as error:
                self._ready[node.id] = False
                _cannot(self.flows[node.id], error)
        return self._ready[node.id]

    def _filled(self, node: Node, columns: Columns) -> Columns:
        """The row as it may leave a step that can do nothing with a placeholder."""
        return {**columns, **{name: self._asking.words(8) for name in node.step.outputs if name not in columns}}

    # Steps that see all rows.

    def _decide_all(self, node: Node, flow: StepFlow, step: GlobalRowStep, rows: Sequence[SampledRow]) -> None:
        reads = set(step.inputs)
        known = _in_order([r for r in rows if not r.unknown & reads])
        verdicts: Sequence[Verdict] = []
        if known and self._is_ready(node):
            try:
                verdicts = list(step.run_rows([r.row for r in known]))
            except Exception as error:
                _cannot(flow, error)
        known = known if verdicts else []
        for sampled, verdict in zip(known, verdicts, strict=True):
            for out in outcome_of(step, sampled.row, verdict).rows:
                self._seen(node, flow, sampled, out)
        decided = {id(r) for r in known}
        for sampled in rows:
            if id(sampled) not in decided:
                self._open(node, flow, sampled, sampled.row.columns)

    def _make(self, node: Node, flow: StepFlow, step: GlobalMakingStep, rows: Sequence[SampledRow]) -> None:
        """A step that makes rows of all rows. Where it asks, it does so until it has enough: what is open there is how
        much it must ask, not what it gives."""
        if not node.roles and any(r.unknown & set(step.inputs) for r in rows):
            flow.hidden = True
            flow.notes["what it makes depends on answers still to come"] = None
            return
        run = WaveRun(step, [r.row for r in _in_order(rows)])
        said = run.next()
        while not isinstance(said, Outcome):
            flow.longest += 1
            replies: list[Answer | Refused] = [self._asking.answer(node, ask, ONE) for ask in said]
            said = run.next(replies)
        by_id = {r.row.id: r for r in rows}
        for one, out in zip(cast(Sequence[Made], said.made), said.rows, strict=True):
            parents = [by_id[row.id] for row in one.parents]
            weight = max((r.weight for r in parents), key=lambda w: w.likely) if not node.roles else ONE
            if not any(PLACEHOLDER in answer.keys for answer in one.answers):
                self._seen(node, flow, SampledRow(out, weight, _unknown(parents)), out)
                continue
            flow.rows_in += weight
            flow.open_in += weight.likely
            if out.lineage.drop is None:
                flow.open.append(SampledRow(out, weight, frozenset(out.columns)))


def _ask_as_before(demand: ModelDemand, past: StepPast, to: str, rows: Interval) -> None:
    each = rows * (1 / past.rows_in)
    demand.asks += each * past.answers[to]
    demand.samples += each * past.answers[to]
    demand.known += each * past.prompt_tokens[to]
    demand.guessed += each.likely * past.completion_tokens[to]
    demand.wanted += each.likely * past.answers[to]
    demand.estimated = demand.billed = 1.0  # what was billed is not our count


def _unknown(rows: Iterable[SampledRow]) -> frozenset[str]:
    return frozenset[str]().union(*(r.unknown for r in rows))


def _in_order(rows: Sequence[SampledRow]) -> list[SampledRow]:
    return sorted(rows, key=lambda r: r.row.lineage.order)


def _cannot(flow: StepFlow, error: Exception) -> None:
    said = str(error) or type(error).__name__
    flow.notes[f"a plan cannot run it ({said.splitlines()[0]})"] = None


def _spread(rows: Iterable[Row], most: int) -> tuple[list[Row], int]:
    """At most so many rows, evenly spread over all, and how many there are."""
    kept: list[Row] = []
    stride, count = 1, 0
    for count, row in enumerate(rows, start=1):
        if (count - 1) % stride == 0:
            kept.append(row)
            if len(kept) > most:
                kept = kept[::2]
                stride *= 2
    return kept, count
