"""What endpoints say instead of an answer, in their own words, and what becomes of the run.

The shapes and their sources are in `tests/support/quirks/statuses.py`. Each is met by the real gateway and a real
server; a quirk with `_one` behind its name hits one row of several.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bezoar_data.config.errors import InputError, ProviderAway
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from support.gateways import QUICK, model, user
from support.quirk_server import QuirkServer

BRISK = replace(QUICK, quiet=0.05, at_start=0.3)
ROWS = ["How far does a ferry go?", *(f"question {i}" for i in range(5))]
SCHEMA = {"type": "object", "properties": {"rating": {"type": "integer"}}, "required": ["rating"]}


class Met:
    """How questions to one quirk ended, what was said meanwhile, and how many requests it took."""

    def __init__(self, ended: Sequence[Answer | BaseException], told: list[str], requests: int, seconds: float) -> None:
        self.ended, self.told, self.requests, self.seconds = ended, told, requests, seconds

    @property
    def answered(self) -> int:
        return sum(isinstance(end, Answer) for end in self.ended)

    @property
    def reasons(self) -> list[str]:
        return [end.reason for end in self.ended if isinstance(end, Refused)]


def words(end: Answer | BaseException) -> str:
    """All that a person is told when a run ends."""
    return f"{end} {' '.join(problem.hint for problem in end.problems)}" if isinstance(end, InputError) else ""


async def meet(quirks: QuirkServer, journal: Journal, quirk: str, asks: Sequence[Ask] = (), **values: Any) -> Met:
    """Ask a quirk all at once. `values` are the model's own."""
    quirks.forget()
    told: list[str] = []
    wanted = {"sampling": {"max_tokens": 64}, **values}
    role = model(quirks.url(quirk), **wanted)
    began = time.monotonic()
    hear = lambda what, facts: told.append(f"{what}: {facts.get('why', '')}")  # noqa: E731
    async with Gateway({"teacher": role}, journal, retry=BRISK, on_event=hear) as gateway:
        asked = (gateway.ask("teacher", ask, step="s") for ask in asks or [user(text) for text in ROWS])
        ended = await asyncio.gather(*asked, return_exceptions=True)
    return Met(ended, told, quirks.asked(quirk), time.monotonic() - began)


@pytest.mark.parametrize(
    ("quirk", "reason"),
    [
        ("openrouter_403_moderation", "content_filter"),
        ("azure_filter", "content_filter"),
        ("anthropic_filter", "content_filter"),
        ("bedrock_filter", "content_filter"),
        ("deepseek_risk", "content_filter"),
        ("dashscope_inspection", "content_filter"),
        ("gemini_block_reason", "content_filter"),
        ("azure_prompt_results", "content_filter"),
        ("vllm_context", "context_too_long"),
        ("llamacpp_context", "context_too_long"),
        ("openai_context", "context_too_long"),
        ("tgi_context", "context_too_long"),
        ("lmstudio_context_200", "context_too_long"),
        ("openrouter_raw_context", "context_too_long"),
        ("github_models_413", "context_too_long"),
        ("bad_value", "http_400"),
    ],
)
async def test_a_refused_row_is_lost_alone_and_journalled(
    quirks: QuirkServer, journal: Journal, quirk: str, reason: str
) -> None:
    met = await meet(quirks, journal, f"{quirk}_one")
    assert (met.answered, met.reasons, met.requests) == (5, [reason], 6)
    again = await meet(quirks, journal, f"{quirk}_one")
    assert (again.answered, again.reasons, again.requests) == (5, [reason], 0)
    assert str(again.ended[0]) == str(met.ended[0])


@pytest.mark.parametrize("quirk", ["openrouter_403_moderation", "vllm_context"])
async def test_rows_refused_for_what_they_say_never_end_a_run(
    quirks: QuirkServer, journal: Journal, quirk: str
) -> None:
    met = await meet(quirks, journal, quirk)
    assert len(met.reasons) == met.requests == 6
    assert len({*met.reasons}) == 1


async def test_a_firewalls_page_costs_a_row_until_it_is_all_that_comes(quirks: QuirkServer, journal: Journal) -> None:
    asks = [user(text) for text in (*ROWS[1:], ROWS[0])]
    await meet(quirks, journal, "firewall_page_one", asks[:5])
    met = await meet(quirks, journal, "firewall_page_one", asks)
    assert isinstance(met.ended[-1], InputError), "nothing was answered since the run began"
    async with Gateway({"teacher": model(quirks.url("firewall_page_one"))}, journal, retry=BRISK) as gateway:
        await gateway.ask("teacher", user("a question before"), step="s")
        with pytest.raises(Refused, match="Attention Required") as refused:
            await gateway.ask("teacher", user("a ferry once more"), step="s")
        for i in range(BRISK.few - 1):
            with pytest.raises(Refused):
                await gateway.ask("teacher", user(f"ferry {i}"), step="s")
        with pytest.raises(InputError):
            await gateway.ask("teacher", user("the last ferry"), step="s")
    assert refused.value.reason == "content_filter"


@pytest.mark.parametrize(
    ("quirk", "said"),
    [
        ("fastapi_422", "body.mirostat: Extra inputs are not permitted"),
        ("bad_value", "integer above maximum value"),
        ("gemini_wrong_key", "authentication failed (HTTP 400): API key not valid"),
        ("no_credit_400", "no credit left (HTTP 400)"),
        ("openai_quota", "no credit left (HTTP 429)"),
        ("openrouter_402", "no credit left (HTTP 402)"),
        ("ollama_404", "try pulling it first"),
        ("fastapi_404", "Not Found"),
        ("firewall_page", "a web page: Attention Required!"),
    ],
)
async def test_what_refuses_everybody_ends_the_run_with_its_words_and_leaves_nothing(
    quirks: QuirkServer, journal: Journal, quirk: str, said: str
) -> None:
    met = await meet(quirks, journal, quirk, limits={"concurrency": 2})
    assert met.requests <= 4
    assert any(said in words(end) for end in met.ended)
    # A corrected file: the same questions, answered now.
    mended = await meet(quirks, journal, "good")
    assert (mended.answered, mended.requests) == (6, 6)


@pytest.mark.parametrize("concurrency", [1, 32])
async def test_refusals_before_the_first_answer_wait_for_it(
    quirks: QuirkServer, journal: Journal, concurrency: int
) -> None:
    """Four of many rows are refused at once in the same words while the first answer is being written."""

    def slow_but_for_ferries(body: dict[str, Any], nth: int) -> Any:
        if "ferry" in json.dumps(body):
            return quirks.quirks["bad_value"](body, nth)

        async def late(request: Any) -> Any:
            await asyncio.sleep(0.2)
            return web_json(quirks.quirks["good"](body, nth))

        return late

    quirks.quirks["slow"] = slow_but_for_ferries
    ferries = [user(f"ferry {i}") for i in range(4)]
    asks = [*ferries, user("a good row"), user("another")] if concurrency > 1 else [user("a good row"), *ferries]
    met = await meet(quirks, journal, "slow", asks, limits={"concurrency": concurrency})
    assert met.reasons == ["http_400"] * 4
    again = await meet(quirks, journal, "slow", asks)
    assert (again.requests, again.reasons) == (0, met.reasons), "an endpoint that answers is taken at its word"


def web_json(value: Any) -> Any:
    from aiohttp import web

    return web.json_response(value)


@pytest.mark.parametrize(
    ("quirk", "asked", "word", "gone"),
    [
        ("max_completion_tokens", {}, "max_completion_tokens: true", "max_tokens"),
        ("no_temperature", {"temperature": 0.7}, "temperature: false", "temperature"),
        ("kimi_only_1", {"temperature": 0.7}, "temperature: false", "temperature"),
        ("not_both", {"temperature": 0.7, "top_p": 0.9}, "top_p: false", "top_p"),
        ("gemini_unknown_name", {"top_k": 40}, "top_k: false", "top_k"),
        (
            "unknown_field",
            {"repetition_penalty": 1.1, "temperature": 0.5},
            "repetition_penalty: false",
            "repetition_penalty",
        ),
        ("no_system", {}, "system: false", ""),
        ("gemma_no_system", {}, "system: false", ""),
        ("roles_alternate", {}, "system: false", ""),
        ("o1_no_system", {}, "system: false", ""),
        ("no_response_format", {}, "json_schema: false", "response_format"),
        ("deepseek_no_schema", {}, "json_schema: false", "response_format"),
        ("deepseek_no_schema_422", {}, "json_schema: false", "response_format"),
        ("groq_n", {}, "n: false", "n"),
    ],
)
async def test_what_an_endpoint_does_not_take_is_left_out_and_told_once(
    quirks: QuirkServer, journal: Journal, quirk: str, asked: dict[str, Any], word: str, gone: str
) -> None:
    n = 1 + (quirk == "groq_n")
    system = {"role": "system", "content": "Be brief."}
    asks = [Ask([system, {"role": "user", "content": text}], SCHEMA, n) for text in ROWS]
    sampling = {"max_tokens": 64, **asked}
    met = await meet(quirks, journal, quirk, asks, sampling=sampling)
    assert met.answered == 6, met.ended
    assert [line for line in met.told if word in line] == met.told, "said once, with what to write into the file"
    assert len(met.told) == 1
    assert met.requests <= 6 + 12, "each request once more, and samples one by one"
    body = quirks.bodies[quirk]
    assert gone not in body
    if word == "system: false":
        assert [m["role"] for m in body["messages"]] == ["user"]
        assert body["messages"][0]["content"].startswith("Be brief.\n\n")
    # Said beforehand, nothing is refused; forbidden, the words end the run.
    name, _, value = word.partition(": ")
    told = await meet(
        quirks, journal, quirk, [replace(asks[0], attempt=1)], sampling=sampling, supports={name: value == "true"}
    )
    assert (told.answered, told.told, told.requests) == (1, [], n)
    kept = await meet(
        quirks,
        journal,
        quirk,
        [replace(ask, attempt=2) for ask in asks],
        sampling=sampling,
        supports={**dict.fromkeys(asked, True), name: value != "true"},
    )
    assert (kept.answered, kept.told) == (0, [])
    assert any(isinstance(end, InputError) for end in kept.ended)


async def test_what_was_not_sent_stands_with_the_answer(quirks: QuirkServer, journal: Journal) -> None:
    role = model(quirks.url("no_temperature"), sampling={"temperature": 0.7})
    async with Gateway({"teacher": role}, journal, retry=BRISK) as gateway:
        _, (entry,) = await gateway.ask_fully("teacher", user("Name a river."), step="s")
    assert entry.extra["sent_without"] == ["temperature"]
    async with Gateway({"teacher": model(quirks.url("good"), sampling={"temperature": 0.7})}, journal) as gateway:
        _, (found,) = await gateway.ask_fully("teacher", user("Name a river."), step="s")
    assert found == replace(entry, messages=None), "the key is that of what was wanted: nothing is paid twice"


async def test_several_things_that_are_not_taken_are_found_one_after_the_other(
    quirks: QuirkServer, journal: Journal
) -> None:
    """As OpenAI's first reasoning models, which took neither."""
    steps = [quirks.quirks[name] for name in ("max_completion_tokens", "no_temperature", "o1_no_system")]

    def all_of_them(body: dict[str, Any], nth: int) -> Any:
        made = [quirk(body, nth) for quirk in steps]
        return next((refused for refused in made if not isinstance(refused, dict)), made[-1])

    quirks.quirks["o1"] = all_of_them
    asks = [Ask([{"role": "system", "content": "Be brief."}, *user(text).messages]) for text in ROWS]
    met = await meet(quirks, journal, "o1", asks, sampling={"max_tokens": 64, "temperature": 0.7})
    assert (met.answered, len(met.told)) == (6, 3)
    assert met.requests <= 6 * 4
    assert set(quirks.bodies["o1"]) == {"model", "messages", "max_completion_tokens"}


async def test_an_endpoint_that_gives_one_answer_for_several_is_asked_one_by_one(
    quirks: QuirkServer, journal: Journal
) -> None:
    met = await meet(quirks, journal, "ignores_n", [Ask(user(text).messages, n=3) for text in ROWS[:2]])
    assert met.answered == 2
    assert all(len({sample.text for sample in end.samples}) == 3 for end in met.ended if isinstance(end, Answer))
    assert met.requests == 6
    assert "n" not in quirks.bodies["ignores_n"]
    assert len(met.told) == 1


@pytest.mark.parametrize("rows", [1, 6, 20])
@pytest.mark.parametrize(
    ("quirk", "said"),
    [
        ("portal", "a web page: Sign in to the guest network"),
        ("lmstudio", "Unexpected endpoint or method"),
        ("detail_200", "Unknown route"),
        ("sse_anyway", "an event stream"),
        ("deepseek_blank_then_close", "an empty body"),
        ("choices_empty", "an answer without choices"),
    ],
)
async def test_an_address_that_never_gives_an_answer_ends_the_run_soon(
    quirks: QuirkServer, journal: Journal, quirk: str, said: str, rows: int
) -> None:
    met = await meet(quirks, journal, quirk, [user(f"question {i}") for i in range(rows)])
    assert all(said in words(end) for end in met.ended), met.ended
    assert met.seconds < 4 * (BRISK.at_start + 1), "the policy of a run is ten times as long: some six seconds"


@pytest.mark.parametrize(
    ("quirk", "wait"),
    [
        ("groq_413", 0.0),
        ("gemini_429_list", 0.3),
        ("openrouter_200_429", 0.0),
        ("rate_limit_in_words_200", 0.0),
        ("overloaded_200", 0.0),
        ("minimax_200", 0.0),
        ("deepseek_blank", 0.0),
    ],
)
async def test_what_passes_is_waited_for(quirks: QuirkServer, journal: Journal, quirk: str, wait: float) -> None:
    met = await meet(quirks, journal, quirk, limits={"concurrency": 1})
    assert met.answered == 6
    assert met.requests == 6 + (quirk != "deepseek_blank")
    assert met.seconds >= wait


async def test_few_rows_that_fail_are_not_waited_for_in_silence(quirks: QuirkServer, journal: Journal) -> None:
    retry = replace(BRISK, silent=0.1)
    told: list[str] = []
    role = model(quirks.url("openrouter_200_502"), limits={"max_outage": 1})
    hear = lambda what, facts: told.append(f"{what}: {facts.get('why')}")  # noqa: E731
    async with Gateway({"teacher": role}, journal, retry=retry, on_event=hear) as gateway:
        with pytest.raises(ProviderAway):
            await gateway.ask("teacher", user("hi"), step="s")
    assert told == ["not answering: server_error: HTTP 502: Provider returned error"]


async def test_a_request_larger_than_the_rate_limit_is_given_up_alone(quirks: QuirkServer, journal: Journal) -> None:
    met = await meet(quirks, journal, "groq_413_for_ever_one")
    assert (met.answered, met.reasons) == (5, ["too_large"])
    assert met.requests == 5 + BRISK.too_large + 1


async def test_an_error_inside_a_200_goes_by_its_code(quirks: QuirkServer, journal: Journal) -> None:
    met = await meet(quirks, journal, "openrouter_200_502_one", limits={"total_timeout": 1})
    assert (met.answered, met.reasons) == (5, ["no_usable_answer"])
    assert "HTTP 502: Provider returned error" in str(met.ended[0])
    never = await meet(quirks, journal, "openrouter_200_502", [user("another")], limits={"max_outage": 1})
    assert isinstance(never.ended[0], ProviderAway)
