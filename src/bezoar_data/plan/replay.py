"""A pipeline walked without sending anything: what is known is worked out, what is not is stood in for.

Sources are read, steps that ask no model run, and the generators of those that do are driven with the journal's
answers: a plan after a run replays that run exactly. Where the journal has no answer the step is given a stand-in
(`steps.forecast`). From there on the row's fate is open: a stand-in is never a reason to ask again or to drop a row.
How many of such rows a step keeps is assumed or learned (`Share`), and the row goes on as that much of a row.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from math import prod
from typing import cast

from bezoar_data.llms.gateway.fallbacks import CachedAnswers
from bezoar_data.llms.journal.history import PastAnswer
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.pipeline.modules import Unrun
from bezoar_data.plan.flow import STAND_IN, Channel, Key, Path, Traffic, Walker
from bezoar_data.plan.history import Past, StepPast
from bezoar_data.plan.placeholders import Asking, Drive
from bezoar_data.plan.priors import ALIKE, CORRELATION, Share, design_effect
from bezoar_data.plan.token_count import UNNAMED, Tokens
from bezoar_data.runs.row import Columns, Row
from bezoar_data.steps.base import GlobalMakingStep, GlobalRowStep, RowStep, Source
from bezoar_data.steps.driver import Outcome, WaveRun, outcome_of
from bezoar_data.steps.joins import Union, join, union
from bezoar_data.steps.verdicts import (
    STEP_ERROR,
    Child,
    Children,
    Dropped,
    Kept,
    Made,
    Verdict,
    answer_name,
)

MOST_ROWS = 1000
"""Rows of one source that are walked. Of a larger one every second, fourth, eighth... row stands for the others."""


class Replay:
    """Walks one compiled pipeline. `past` is what earlier runs say of its steps, `answers` are theirs."""

    def __init__(
        self,
        compiled: Compiled,
        known: CachedAnswers,
        tokens: Tokens,
        past: Past,
        answers: Mapping[Key, Sequence[PastAnswer]],
        *,
        limit: int | None = None,
    ) -> None:
        self._compiled = compiled
        self.tokens = tokens
        self._past = past
        self._limit = limit
        self._ready: dict[str, bool] = {}
        self._waiting: dict[str, list[tuple[int, Walker]]] = defaultdict(list)
        self.traffic = {node.id: Traffic() for node in compiled.nodes}
        self.channels = {
            (node.id, to): Channel(node.id, to, role) for node in compiled.nodes for to, role in node.roles.items()
        }
        self._asking = Asking(known, tokens, self.channels, self.weight, answers)

    @property
    def doubt(self) -> float:
        """How far off the number of equal answers to come may be, as its standard deviation over itself: as for rare
        events, that come several at a time where rows are alike."""
        seen = ahead = 0.0
        for channel in self.channels.values():
            alike = max(self.traffic[channel.node].alike, ALIKE)
            seen += sum(kind.repeats for kind in channel.kinds.values()) / alike
            ahead += sum(kind.drawn for kind in channel.kinds.values()) / alike
        return math.sqrt(1 / seen + 1 / ahead) if seen and ahead else 0.0

    def walk(self) -> None:
        """Walk all rows through all steps. Raises `InputError` for a source that cannot be read."""
        for node in self._compiled.nodes:
            traffic = self.traffic[node.id]
            traffic.unknown = any(self.traffic[before].opaque for before in node.after)
            if not traffic.unknown:
                self._pass(node, list(self._through(node)))
            traffic.group = max((self.traffic[before].group for before in node.after), default=1.0)
            if traffic.draws:
                traffic.group *= sum(traffic.came.values()) / len(traffic.draws)
            # Where rows are compared with each other, those of one draw stay or go together.
            traffic.alike = design_effect(traffic.group, 1.0 if isinstance(node.step, GlobalRowStep) else CORRELATION)
            self._waiting.pop(node.id, None)

    def weight(self, base: float, path: Path) -> float:
        return base * prod(share.mid for name in path if (share := self.traffic[name].share) is not None)

    def _pass(self, node: Node, outs: Sequence[Walker]) -> None:
        traffic = self.traffic[node.id]
        if traffic.open_in:
            traffic.share = self._share(node)
        if traffic.stood_out >= traffic.open_in > 0:
            traffic.hidden = True
            traffic.notes["it makes nothing of the texts that stand for answers: unknown until a run is done"] = None
        elif traffic.stood_out:
            # What stand-ins sorted out is in the share already: the others go on as if there had been none.
            left = 1 - traffic.stood_out / traffic.open_in
            outs = [replace(w, base=w.base / left) if w.path[-1:] == (node.id,) else w for w in outs]
        for walker in outs:
            traffic.went[walker.path] += walker.base
        for name in node.following:
            branch = self._compiled.node(name).after.index(node.id)
            self._waiting[name].extend((branch, walker) for walker in outs)

    def _through(self, node: Node) -> Iterable[Walker]:
        """The rows that leave a step, given those that wait before it."""
        came = self._waiting[node.id]
        if node.is_source:
            return self._read(node)
        if not getattr(node.step, "makes", False):
            for _, walker in came:
                self.traffic[node.id].came[walker.path] += walker.base
        if node.kind == "union":
            shared = cast(Union, node.step).shared
            return [replace(w, row=union(w.row, node.id, branch, shared=shared)) for branch, w in came]
        if node.kind == "join":
            return self._join(node)
        walkers = [walker for _, walker in came]
        if isinstance(node.step, Unrun) or (node.roles and not self._is_ready(node)):
            return self._as_before(node, walkers)
        if isinstance(node.step, GlobalMakingStep):
            return self._make(node, node.step, walkers) if node.roles else self._form(node, node.step, walkers)
        if isinstance(node.step, GlobalRowStep):
            return self._decide_all(node, node.step, walkers)
        return [out for walker in walkers for out in self._decide(node, walker)]

    def _read(self, node: Node) -> Iterator[Walker]:
        traffic = self.traffic[node.id]
        if getattr(node.step, "hub", None):
            traffic.unknown = True
            traffic.notes["its rows are on the Hub, and a plan asks nobody: what follows from them is unknown"] = None
            return
        rows, total = _spread(islice(cast(Source, node.step).rows(), self._limit), MOST_ROWS)
        if len(rows) < total:
            traffic.notes[f"worked out on {len(rows):,} of its {total:,} rows, evenly spread"] = None
        traffic.came[()] += total
        for row in rows:
            if row.lineage.drop is None:
                yield Walker(row, total / len(rows))

    def _join(self, node: Node) -> Iterator[Walker]:
        sides: dict[str, list[tuple[int, Walker]]] = defaultdict(list)
        for branch, walker in sorted(self._waiting[node.id], key=lambda w: w[0]):
            sides[walker.row.id].append((branch, walker))
        for met in sides.values():
            if len(met) == len(node.after):
                walkers = [w for _, w in met]
                path = tuple(dict.fromkeys(name for w in walkers for name in w.path))
                unknown = frozenset[str]().union(*(w.unknown for w in walkers))
                yield Walker(join([w.row for w in walkers], node.id, len(met)), walkers[0].base, path, unknown)

    def _as_before(self, node: Node, walkers: list[Walker]) -> Iterator[Walker]:
        """A step that only a run may run: what it did in earlier runs is all that can be said of it."""
        traffic, past = self.traffic[node.id], self._past.steps.get(node.id)
        if past is None or not past.rows_in:
            traffic.hidden = True
            traffic.notes[f"a plan does not run '{node.use}': unknown until a run with it is done"] = None
            return
        traffic.notes[f"a plan does not run '{node.use}': as in {past.rows_in:,} rows of past runs"] = None
        for walker in walkers:
            for to in node.roles:
                self._ask_as_before(self.channels[node.id, to], past, walker)
            yield self._let_pass(node, walker, self._filled(node, walker))

    def _ask_as_before(self, channel: Channel, past: StepPast, walker: Walker) -> None:
        name, amount = answer_name(channel.node, channel.to), channel.ahead[walker.path]
        each = walker.base / past.rows_in
        kind = self._asking.kind(channel)
        amount.asks += each * past.answers[name]
        amount.kinds[kind.letter] += each * past.answers[name]  # type: ignore[assignment]
        amount.known += each * past.prompt_tokens[name]
        amount.samples += each * past.answers[name]
        amount.answers[kind.letter] += each * past.completion_tokens[name]  # type: ignore[assignment]
        channel.open_asks += self.weight(each * past.answers[name], walker.path)

    # Steps that decide row by row.

    def _decide(self, node: Node, walker: Walker) -> Iterator[Walker]:
        step = cast(RowStep, node.step)
        blind = bool(walker.unknown & set(node.step.inputs))
        if not node.roles and (blind or not self._is_ready(node)):
            yield self._let_pass(node, walker, walker.row.columns)
            return
        drive = Drive(self._asking, node, walker, self._share(node).mid)
        outcome = drive.outcome(step)
        traffic = self.traffic[node.id]
        traffic.longest = max(traffic.longest, drive.asks.total())
        if outcome is not None and not (drive.open or blind):
            yield from self._seen(node, walker, outcome, drive)
        elif outcome is not None and isinstance(outcome.verdict, Children):
            yield from self._children(node, walker, outcome, drive)
        else:
            for channel, asks in drive.asks.items():
                self.channels[node.id, channel].open_asks += self.weight(asks * walker.base, walker.path)
            verdict = outcome.verdict if outcome is not None else None
            columns = verdict.columns if isinstance(verdict, Kept) else self._filled(node, walker)
            yield self._let_pass(node, walker, columns)

    def _seen(self, node: Node, walker: Walker, outcome: Outcome, drive: Drive) -> Iterator[Walker]:
        """A row whose fate is known."""
        traffic, weight = self.traffic[node.id], self.weight(walker.base, walker.path)
        verdict = outcome.verdict
        if isinstance(verdict, Dropped) and verdict.reason == STEP_ERROR:
            traffic.notes[f"fails: {verdict.detail.splitlines()[0][:200]}"] = None
        for channel, asks in drive.asks.items():
            self.channels[node.id, channel].seen_asks += asks * weight
        for i, out in enumerate(outcome.rows):
            traffic.seen_in += weight if getattr(node.step, "makes", False) or not i else 0.0
            self._candidate(node, walker, out)
            if out.lineage.drop is None:
                traffic.seen_kept += weight
                yield replace(walker, row=out, unknown=walker.unknown & set(out.columns))

    def _children(self, node: Node, walker: Walker, outcome: Outcome, drive: Drive) -> Iterator[Walker]:
        """Children of a row of which some were made with stand-ins."""
        traffic, weight = self.traffic[node.id], self.weight(walker.base, walker.path)
        children = cast("Sequence[Child]", outcome.made)
        if any(child.asked is None for child in children):
            for channel, asks in drive.asks.items():
                self.channels[node.id, channel].open_asks += asks * weight
        for child, out in zip(children, outcome.rows, strict=True):
            self._candidate(node, walker, out)
            answers = [answer for _, answer in child.asked] if child.asked is not None else drive.answers
            is_open = any(STAND_IN in answer.keys for answer in answers)
            for ask, _ in child.asked or ():
                if is_open:
                    self.channels[node.id, ask.to].open_asks += weight
                else:
                    self.channels[node.id, ask.to].seen_asks += weight
            if is_open:
                if child.dropped is None:
                    made = replace(walker, row=out)
                    yield self._let_pass(node, made, out.columns, before=walker.row.columns, counted=True)
                elif not getattr(node.step, "makes", False):
                    made = replace(walker, row=Row(out.columns, replace(out.lineage, drop=None)))
                    yield self._let_pass(node, made, self._filled(node, walker), counted=True)
                else:
                    traffic.open_in += weight
                    traffic.stood_out += weight
                continue
            traffic.seen_in += weight
            if child.dropped is None:
                traffic.seen_kept += weight
                yield replace(walker, row=out)

    def _candidate(self, node: Node, walker: Walker, out: Row | None = None) -> None:
        if getattr(node.step, "makes", False):
            traffic = self.traffic[node.id]
            traffic.came[walker.path] += walker.base
            if out is not None and (draw := node.step.shared_draw(out.columns)) is not None:
                traffic.draws.add(draw)

    def _let_pass(
        self, node: Node, walker: Walker, columns: Columns, *, before: Columns | None = None, counted: bool = False
    ) -> Walker:
        """An open row that goes on as the share of it that the step may keep."""
        traffic = self.traffic[node.id]
        if not counted:
            self._candidate(node, walker)
        traffic.open_in += self.weight(walker.base, walker.path)
        old = walker.row.columns if before is None else before
        changed = {name for name, value in columns.items() if name not in old or old[name] != value}
        unknown = frozenset((walker.unknown | changed) & set(columns))
        return Walker(Row(dict(columns), walker.row.lineage), walker.base, (*walker.path, node.id), unknown)

    def _share(self, node: Node) -> Share:
        """The share of open rows that a step keeps, by what is known up to now."""
        if isinstance(node.step, GlobalMakingStep):
            return Share.assumed(1.0, 1.0)  # it asks until it has enough
        traffic = self.traffic[node.id]
        likely = node.step.keep_rate() if hasattr(node.step, "keep_rate") else (0.6, 1.0)
        seen = Share.learned(traffic.seen_kept, traffic.seen_in, likely)
        known = [share for share in (self._past.share(node.id, likely), seen) if share is not None]
        if known:
            return max(known, key=lambda share: share.total)
        return Share.assumed(*likely)

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
                self._cannot(node, error)
        return self._ready[node.id]

    def _cannot(self, node: Node, error: Exception) -> None:
        said = str(error) or type(error).__name__
        self.traffic[node.id].notes[f"cannot be worked out before the run ({said.splitlines()[0]})"] = None

    def _filled(self, node: Node, walker: Walker) -> Columns:
        """The row as it may leave a step that said nothing usable of it, because it was given a stand-in."""
        words = self._asking.filler.words(UNNAMED)
        added = {name: words(8) for name in node.step.outputs if name not in walker.row.columns}
        return {**walker.row.columns, **added}

    # Steps that see all rows.

    def _decide_all(self, node: Node, step: GlobalRowStep, walkers: list[Walker]) -> Iterator[Walker]:
        reads = set(step.inputs)
        known = _in_order([w for w in walkers if not w.unknown & reads])
        traffic = self.traffic[node.id]
        verdicts: Sequence[Verdict] = []
        if known and self._is_ready(node):
            try:
                verdicts = list(step.run_rows([w.row for w in known]))
            except Exception as error:
                self._cannot(node, error)
        known = known if verdicts else []
        blind = {id(w) for w in walkers} - {id(w) for w in known}
        for walker, verdict in zip(known, verdicts, strict=True):
            weight = self.weight(walker.base, walker.path)
            traffic.seen_in += weight
            for out in outcome_of(step, walker.row, verdict).kept:
                traffic.seen_kept += weight
                yield replace(walker, row=out)
        for walker in walkers:
            if id(walker) in blind:
                yield self._let_pass(node, walker, walker.row.columns)

    def _form(self, node: Node, step: GlobalMakingStep, walkers: list[Walker]) -> Iterator[Walker]:
        """A step that makes rows of rows, without asking: pairs, mixtures."""
        traffic = self.traffic[node.id]
        if any(w.unknown & set(step.inputs) for w in walkers):
            traffic.hidden = True
            traffic.notes["what it makes depends on answers still to come"] = None
            return
        by_id = {w.row.id: w for w in walkers}
        outcome = WaveRun(step, [w.row for w in _in_order(walkers)]).next()
        assert isinstance(outcome, Outcome)  # noqa: S101 (it asks nobody)
        for one, out in zip(cast("Sequence[Made]", outcome.made), outcome.rows, strict=True):
            parents = [by_id[row.id] for row in one.parents]
            base = max(w.base for w in parents)
            path = tuple(dict.fromkeys(name for w in parents for name in w.path))
            unknown = frozenset[str]().union(*(w.unknown for w in parents)) & set(out.columns)
            traffic.came[path] += base
            traffic.seen_in += self.weight(base, path)
            if out.lineage.drop is None:
                traffic.seen_kept += self.weight(base, path)
                yield Walker(out, base, path, unknown)

    def _make(self, node: Node, step: GlobalMakingStep, walkers: list[Walker]) -> Iterator[Walker]:
        """A step that makes rows until it has enough: what is open there is how much it must ask, not what it gives."""
        channel, traffic = self.channels[node.id, "llm"], self.traffic[node.id]
        run = WaveRun(step, [w.row for w in _in_order(walkers)])
        said = run.next()
        while not isinstance(said, Outcome):
            traffic.longest += 1
            said = run.next([self._asking.answer(node, ask, 1.0, ()) for ask in said])
        for one, out in zip(cast("Sequence[Made]", said.made), said.rows, strict=True):
            is_open = _is_open(one)
            path = (node.id,) if is_open else ()
            traffic.came[path] += 1
            if is_open:
                traffic.open_in += 1
            else:
                traffic.seen_in += 1
                traffic.seen_kept += out.lineage.drop is None
            if out.lineage.drop is None:
                yield Walker(out, 1.0, path, frozenset(out.columns) if is_open else frozenset())
        channel.open_asks = channel.ahead[()].asks
        channel.seen_asks = channel.hits


def _in_order(walkers: Sequence[Walker]) -> list[Walker]:
    return sorted(walkers, key=lambda w: w.row.lineage.order)


def _is_open(made: Made) -> bool:
    return any(STAND_IN in answer.keys for answer in made.answers)


def _spread(rows: Iterable[Row], most: int) -> tuple[list[Row], int]:
    """At most so many rows, evenly spread over all, and how many there are."""
    kept: list[Row] = []
    stride, total = 1, 0
    for total, row in enumerate(rows, start=1):
        if (total - 1) % stride == 0:
            kept.append(row)
            if len(kept) > most:
                kept = kept[::2]
                stride *= 2
    return kept, total
