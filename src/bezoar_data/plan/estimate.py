"""From what a replay counted to intervals: each count times the factors that are not known, learned from past runs or
taken from ranges that are stated here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bezoar_data.llms.journal.history import PastAnswer
from bezoar_data.plan.flow import ModelDemand, StepFlow
from bezoar_data.plan.history import StepPast
from bezoar_data.plan.interval import LEAST, Interval, assumed, learned_factor, learned_mean, total
from bezoar_data.plan.token_count import Tokens

LENGTHS_OFF = (0.65, 1.55)
"""By what factor assumed lengths of answers may be off: models differ in how much they say. Our assumption."""
LEARNED_FILLING_OFF = (0.8, 1.25)
"""The same of a placeholder inside a prompt, once the lengths of past answers are known. Our assumption."""
REASKED = (0.96, 1.06)
"""Questions asked for one that should do: some are asked again for an unusable answer, of equal ones only one. Our
assumption."""
COUNTED = 30
"""Past prompts whose real count is compared with our count."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one use of a model would take, or all. Cost is US dollars, 0 where the model has no price."""

    requests: Interval
    prompt_tokens: Interval
    completion_tokens: Interval
    cost: Interval
    answer_tokens: float = 0.0
    """The mean length of an answer."""
    learned_from: int = 0
    """Past answers that this length was learned from; 0: it is assumed."""

    @classmethod
    def sum(cls, all: Iterable[Numbers]) -> Numbers:
        each = list(all)
        return cls(
            total(one.requests for one in each),
            total(one.prompt_tokens for one in each),
            total(one.completion_tokens for one in each),
            total(one.cost for one in each),
        )


def estimate(demand: ModelDemand, times: Interval, tokens: Tokens, *, learned: bool) -> Numbers:
    """What a demand takes, where each question is asked `times`. `learned`: placeholders in prompts have the lengths of
    past answers."""
    is_learned = len(demand.lengths) >= LEAST
    if is_learned:
        length = learned_mean(demand.lengths, demand.samples.likely)
    else:
        length = assumed(*LENGTHS_OFF, likely=1.0) * demand.guess
    length = length.at_most(demand.model.sampling.max_tokens or length.high)
    filling = assumed(*(LEARNED_FILLING_OFF if learned else LENGTHS_OFF), likely=1.0)
    prompt = demand.known * _counting(demand, tokens) + demand.filling * filling
    completion = demand.samples * length
    price = demand.model.price
    cost = (prompt * price.input).and_independent(completion * price.output) * 1e-6 if price else Interval.exactly(0)
    learned_from = len(demand.lengths) if is_learned else 0
    return Numbers(demand.asks * times, prompt * times, completion * times, cost * times, length.likely, learned_from)


def times_asked(
    demand: ModelDemand, flow: StepFlow, past: StepPast | None, rate: tuple[float, float], *, until: bool
) -> Interval:
    """How many questions are asked for each that the replay asked. A step that asks `until` it has enough needs more of
    them the fewer candidates it keeps, of which the share `rate` is assumed."""
    replayed = flow.open_in + (flow.seen_kept if until else flow.seen_in)
    if not flow.open_in or not demand.wanted:
        return Interval.exactly(1)
    rows = 0 if past is None else past.rows_out if until else past.rows_in
    answers = 0 if past is None else past.answers[demand.to]
    if rows >= LEAST and answers:
        ratio = answers / rows / (demand.wanted / replayed)
        # How much one request brings is a matter of lengths; that one is asked again is rare.
        spread = 0.25 if until else max(abs(ratio - 1), 0.01) ** 0.5
        seen, ahead = (answers, demand.samples.likely) if until else (rows, flow.open_in)
        times = learned_factor(seen, ahead, spread) * ratio
    else:
        times = assumed(1 / rate[1], 1 / rate[0]) if until else assumed(*REASKED, likely=1.0)
    # Of prompts that are all known, equal ones were found.
    return times if demand.filling.high else times.at_least(1.0)


def _counting(demand: ModelDemand, tokens: Tokens) -> Interval:
    """How far our count of prompt tokens is off: by the answers found, by others of the step, or by assumption."""
    estimated, billed = demand.estimated, demand.billed
    if not billed:
        estimated, billed = _compared(demand.past, tokens)
    return Interval(0.97, 1.0, 1.03) * (billed / estimated) if billed and estimated else tokens.off


def _compared(past: Sequence[PastAnswer], tokens: Tokens) -> tuple[float, float]:
    estimated = billed = 0.0
    for answer in [a for a in past if a.messages and a.prompt_tokens][:COUNTED]:
        estimated += tokens.prompt(answer.messages or ())[0]
        billed += answer.prompt_tokens or 0
    return estimated, billed
