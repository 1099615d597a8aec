"""How long a run may take: at the limits of its endpoints, and at speeds that are learned or ours.

A step that needs all rows ends a stage: what comes after it cannot start before the last answer of what came before.
Within a stage an endpoint answers as many requests at once as it may, and no more than it may in a minute.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bezoar_data.config.files.models import Model
from bezoar_data.llms.providers.base import own_class
from bezoar_data.pipeline.compile import Compiled
from bezoar_data.plan.flow import Key
from bezoar_data.plan.replay import Replay
from bezoar_data.plan.result import Interval
from bezoar_data.plan.simulate import Outcome

FIRST_TOKEN = (0.2, 1.5)
"""Seconds until an endpoint begins to answer. Ours."""
TOKENS_PER_SECOND = (150.0, 30.0)
"""How fast it goes on. Ours."""
START = 3.0
"""Seconds a run takes besides."""
ROWS_PER_SECOND = 1500.0
"""What this house itself gets through."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds for one answer, at best and at worst; None: nobody can say (a model in this process)."""

    fast: float
    slow: float


def speed_of(model: Model, tokens: float, past: Sequence[float]) -> Speed | None:
    """How long one answer of so many tokens takes. `past` are seconds of past ones, standing in line included."""
    if len(past) >= 5:
        ordered = sorted(past)
        # The quickest did not stand in line.
        fast = ordered[len(ordered) // 10]
        return Speed(fast, max(2 * fast, min(4 * fast, ordered[len(ordered) // 2])))
    kind = own_class(model.provider)
    if kind is not None and kind.demo:
        return Speed(0.0005, 0.005)
    if model.mode == "batch" or (kind is not None and not kind.needs_network):
        return None
    fast, slow = (first + tokens / pace for first, pace in zip(FIRST_TOKEN, TOKENS_PER_SECOND, strict=True))
    return Speed(fast, slow)


def seconds(
    compiled: Compiled,
    replay: Replay,
    outcome: Outcome,
    models: Mapping[Key, Model],
    speeds: Mapping[Key, Speed | None],
) -> Interval | None:
    """Seconds from start to end. None where a model's speed is unknown."""
    stages = _stages(compiled)
    work: dict[int, dict[str, list[Key]]] = defaultdict(lambda: defaultdict(list))
    for key in replay.channels:
        if outcome.channels[key].requests.high > 0:
            if speeds[key] is None:
                return None
            work[stages[key[0]]][_endpoint(models[key])].append(key)
    low = likely = high = START
    rows = sum(outcome.rows_in[node.id].high for node in compiled.nodes)
    high += rows / ROWS_PER_SECOND
    for endpoints in work.values():
        spans = [_span(keys, replay, outcome, models, speeds) for keys in endpoints.values()]
        chain = _chain([key for keys in endpoints.values() for key in keys], replay, speeds)
        low += max(chain.low, *(span.low for span in spans))
        high += max(chain.high, *(span.high for span in spans))
        likely += max(chain.likely, *(span.likely for span in spans))
    return Interval(low, max(low, min(high, likely)), high)


def _span(
    keys: Sequence[Key],
    replay: Replay,
    outcome: Outcome,
    models: Mapping[Key, Model],
    speeds: Mapping[Key, Speed | None],
) -> Interval:
    """How long an endpoint is busy with these."""
    limits = models[keys[0]].limits

    def busy(requests: float, tokens: float, answering: float) -> float:
        least = answering / limits.concurrency
        if limits.requests_per_minute:
            least = max(least, 60 * (requests - 1) / limits.requests_per_minute)
        if limits.tokens_per_minute:
            least = max(least, 60 * tokens / limits.tokens_per_minute)
        return least

    sums = [[0.0, 0.0, 0.0] for _ in range(3)]
    for key in keys:
        numbers, speed = outcome.channels[key], speeds[key]
        assert speed is not None  # noqa: S101
        both = numbers.prompt_tokens + numbers.completion_tokens
        for i, (end, per_answer) in enumerate(
            (("low", speed.fast), ("likely", (speed.fast + speed.slow) / 2), ("high", speed.slow))
        ):
            requests = getattr(numbers.requests, end)
            sums[i][0] += requests
            sums[i][1] += getattr(both, end)
            sums[i][2] += requests * per_answer
    return Interval(*(busy(*one) for one in sums))


def _chain(keys: Sequence[Key], replay: Replay, speeds: Mapping[Key, Speed | None]) -> Interval:
    """How long the longest row's questions take, one after the other."""
    fast = slow = 0.0
    for node in dict.fromkeys(key[0] for key in keys):
        mine = [speed for key in keys if key[0] == node and (speed := speeds[key]) is not None]
        longest = replay.traffic[node].longest
        fast += longest * min(s.fast for s in mine)
        slow += longest * max(s.slow for s in mine)
    return Interval(fast, (fast + slow) / 2, slow)


def _stages(compiled: Compiled) -> dict[str, int]:
    """For each step, how many steps that need all rows end before it. One that asks in waves begins a stage, and ends
    it, by itself."""
    stages: dict[str, int] = {}
    for node in compiled.nodes:
        before = [stages[name] + _ends_stage(compiled, name) for name in node.after]
        stages[node.id] = max(before, default=0) + (node.is_barrier and bool(before))
    return stages


def _ends_stage(compiled: Compiled, name: str) -> bool:
    node = compiled.node(name)
    return node.is_barrier and bool(node.roles)


def _endpoint(model: Model) -> str:
    """Roles with one endpoint share its limits."""
    return model.model_dump_json(include={"provider", "model", "base_url", "api_key_env", "limits"})
