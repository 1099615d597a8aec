"""How long a run may take: at the limits of its endpoints, and at speeds that are learned or assumed.

A step that needs all rows ends a stage: what comes after it cannot start before the last answer of what came before.
Within a stage an endpoint answers as many requests at once as it may, and no more than it may in a minute.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from bezoar_data.config.files.models import Model
from bezoar_data.llms.providers.base import builtin_class
from bezoar_data.pipeline.compile import Compiled
from bezoar_data.plan.estimate import Numbers
from bezoar_data.plan.flow import Key, ModelDemand, StepFlow
from bezoar_data.plan.interval import LEAST, Interval, assumed, total

FIRST_TOKEN = (0.2, 1.5)
"""Seconds until an endpoint begins to answer. Our assumption."""
TOKENS_PER_SECOND = (150.0, 30.0)
"""How fast it goes on. Our assumption."""
START = 3.0
"""Seconds a run takes besides."""
ROWS_PER_SECOND = 1500.0
"""What the engine itself gets through."""


def seconds(
    compiled: Compiled,
    demands: Mapping[Key, ModelDemand],
    flows: Mapping[str, StepFlow],
    numbers: Mapping[Key, Numbers],
) -> Interval | None:
    """Seconds from start to end. None where a model's speed is unknown."""
    stages = _stages(compiled)
    work: dict[int, dict[str, list[tuple[ModelDemand, Numbers, Interval]]]] = defaultdict(lambda: defaultdict(list))
    for key, demand in demands.items():
        if numbers[key].requests.high > 0:
            speed = _per_answer(demand, numbers[key].answer_tokens)
            if speed is None:
                return None
            work[stages[key[0]]][_endpoint(demand.model)].append((demand, numbers[key], speed))
    rows = total(flow.rows_in for flow in flows.values()).high
    time = Interval(START, START, START + rows / ROWS_PER_SECOND)
    for endpoints in work.values():
        spans = [_busy(uses) for uses in endpoints.values()]
        chain: dict[str, Interval] = {}
        for demand, _, speed in (use for uses in endpoints.values() for use in uses):
            chain[demand.step] = _longest([speed * flows[demand.step].longest, chain.get(demand.step, speed)])
        time += _longest([*spans, total(chain.values())])
    return time


def _per_answer(demand: ModelDemand, tokens: float) -> Interval | None:
    """Seconds for one answer of so many tokens; None: unknown (a model in this process, a batch)."""
    past = sorted(answer.seconds for answer in demand.past)
    if len(past) >= LEAST:
        # Past times include waiting in the queue; the quickest did not wait.
        fast = past[len(past) // 10]
        return assumed(fast, max(2 * fast, min(4 * fast, past[len(past) // 2])))
    kind = builtin_class(demand.model.provider)
    if kind is not None and kind.demo:
        return assumed(0.0005, 0.005)
    if demand.model.mode == "batch" or (kind is not None and not kind.needs_network):
        return None
    return assumed(*(first + tokens / pace for first, pace in zip(FIRST_TOKEN, TOKENS_PER_SECOND, strict=True)))


def _busy(uses: Sequence[tuple[ModelDemand, Numbers, Interval]]) -> Interval:
    """How long an endpoint is busy with these."""
    model = uses[0][0].model
    limits, endpoints = model.limits, len(model.at_each())
    requests = total(numbers.requests for _, numbers, _ in uses)
    tokens = total(numbers.prompt_tokens + numbers.completion_tokens for _, numbers, _ in uses)
    least = [total(numbers.requests * speed for _, numbers, speed in uses) * (1 / model.in_flight)]
    if limits.requests_per_minute:
        least.append((requests + Interval.exactly(-1)) * (60 / limits.requests_per_minute / endpoints))
    if limits.tokens_per_minute:
        least.append(tokens * (60 / limits.tokens_per_minute / endpoints))
    return _longest(least)


def _longest(spans: Sequence[Interval]) -> Interval:
    return Interval(
        max(span.low for span in spans), max(span.likely for span in spans), max(span.high for span in spans)
    )


def _stages(compiled: Compiled) -> dict[str, int]:
    """For each step, how many steps that need all rows end before it. One that asks in waves begins a stage, and ends
    it, by itself."""
    stages: dict[str, int] = {}
    for node in compiled.nodes:
        before = [(stages[name], compiled.node(name)) for name in node.after]
        ended = max((stage + (step.is_barrier and bool(step.roles)) for stage, step in before), default=0)
        stages[node.id] = ended + (node.is_barrier and bool(before))
    return stages


def _endpoint(model: Model) -> str:
    """Roles with one endpoint share its limits."""
    return model.model_dump_json(include={"provider", "model", "base_url", "endpoints", "api_key_env", "limits"})
