"""Asking without sending: questions are answered by the journal, or else by placeholders."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from bezoar_data.llms.ask import Answer, Ask, Refused, Sample
from bezoar_data.llms.endpoint.budget import most_prompt_tokens
from bezoar_data.llms.endpoint.usage import cost_of
from bezoar_data.llms.gateway.fallbacks import CachedAnswers, CacheLookup
from bezoar_data.pipeline.compile import Node
from bezoar_data.plan.asked import Asked
from bezoar_data.plan.flow import PLACEHOLDER, Key, ModelDemand, SampledRow
from bezoar_data.plan.interval import LEAST, Interval
from bezoar_data.plan.token_count import Tokens
from bezoar_data.steps.driver import Outcome, RowRun
from bezoar_data.steps.verdicts import Dropped

MOST_ASKS = 200
"""Questions asked for one row before a step is taken for one that placeholders do not satisfy."""


class Asking:
    """Answers questions from the journal or by placeholders, and books both."""

    def __init__(
        self, known: CachedAnswers, tokens: Tokens, demands: Mapping[Key, ModelDemand], asked: Asked | None = None
    ) -> None:
        asked = asked or Asked()
        self.tokens = tokens
        self.words = asked.words
        self._known = known
        self._demands = demands
        self._asked = asked.answers

    def answer(self, node: Node, ask: Ask, weight: Interval) -> Answer | Refused:
        """The journal's answer, or a placeholder. `weight` says how many rows it is asked for."""
        demand = self._demands[node.id, ask.to]
        found = self._known.find(demand.role, ask)
        demand.wanted += ask.n * weight.likely
        # Equal questions are asked once.
        if (before := self._asked.get(found.keys)) is not None:
            return before
        if isinstance(found.outcome, Refused):
            return found.outcome
        if found.outcome is None:
            answer = self._placeholder(node, demand, ask, found, weight)
        else:
            answer = found.outcome
            self._book_found(demand, ask, found, weight.likely)
        self._asked[found.keys] = answer
        return answer

    def _placeholder(self, node: Node, demand: ModelDemand, ask: Ask, found: CacheLookup, weight: Interval) -> Answer:
        missing = sum(entry is None for entry in found.entries)
        known, filling = self.tokens.prompt(ask.messages)
        demand.asks += weight
        demand.samples += weight * missing
        demand.known += weight * known
        demand.filling += weight * filling
        demand.guessed += self.tokens.text(node.step.placeholder(ask, self.words)) * weight.likely * missing
        demand.hits += weight.likely * (ask.n - missing)
        prompt = most_prompt_tokens(ask.messages, ask.schema)
        most = (demand.model.sampling.max_tokens or 0) * missing
        demand.worst = max(demand.worst, cost_of(demand.model.price, prompt, most) or 0.0)
        # One for each sample: equal answers would make later questions equal.
        words = partial(self._scaled, self._scale(demand))
        samples = (Sample(node.step.placeholder(ask, words), "stop", PLACEHOLDER) for _ in range(ask.n))
        return Answer(tuple(samples), demand.model.model)

    def _scale(self, demand: ModelDemand) -> float:
        """How much longer past answers are than this step's placeholders."""
        if len(demand.lengths) < LEAST or not demand.guess:
            return 1.0
        return sum(demand.lengths) / len(demand.lengths) / demand.guess

    def _scaled(self, scale: float, wanted: int) -> str:
        return self.words(max(1, round(wanted * scale)))

    def _book_found(self, demand: ModelDemand, ask: Ask, found: CacheLookup, weight: float) -> None:
        entries = [entry for entry in found.entries if entry is not None]
        demand.hits += weight * len(entries)
        demand.paid += weight * sum(entry.cost or 0.0 for entry in entries)
        billed = sum(entry.prompt_tokens or 0 for entry in entries)
        if billed:
            demand.estimated += self.tokens.prompt(ask.messages)[0]
            demand.billed += billed


class RowReplay:
    """One row's way through one step that decides row by row."""

    def __init__(self, asking: Asking, node: Node, sampled: SampledRow) -> None:
        self._asking = asking
        self._node = node
        self._sampled = sampled
        self.open = self.found = False
        """Whether placeholders answered, and whether the journal did."""
        self.asks = 0

    def outcome(self) -> Outcome | None:
        """What comes of the row; None where the step can do nothing with a placeholder."""
        run = RowRun(self._node.step, self._sampled.row)
        said = run.next()
        while isinstance(said, Ask):
            asked, reply = said, self._asking.answer(self._node, said, self._sampled.weight)
            is_placeholder = isinstance(reply, Answer) and PLACEHOLDER in reply.keys
            self.open |= is_placeholder
            self.found |= not is_placeholder
            self.asks += 1
            said = run.next(reply)
            if is_placeholder and isinstance(said, Ask):
                again = said.attempt > asked.attempt and said.to == asked.to
                if again or self.asks >= MOST_ASKS:
                    return None
        return None if self.open and isinstance(said.verdict, Dropped) else said
