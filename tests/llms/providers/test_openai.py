"""The OpenAI-compatible provider: what it sends, and what it makes of what comes back."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Ask
from bezoar_data.llms.journal.request_key import KeyMaker
from bezoar_data.llms.providers.base import (
    ASKED_AGAIN,
    Completion,
    Provider,
    Refusal,
    Request,
    Transient,
    Unauthorised,
    known_providers,
    provider_class,
)
from bezoar_data.llms.providers.common.http import is_own_server
from bezoar_data.llms.providers.openai import OpenAI
from support.endpoint import Endpoint, serving

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
COLD = {"temperature": 0.0, "top_k": 1}


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with serving("openai", "/chat/completions", lambda: ok("hello")) as made:
        yield made


def ok(content: Any, finish: Any = "stop", usage: Any = None, **message: Any) -> web.Response:
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return web.json_response({"id": "r1", "choices": [choice], "usage": usage})


def says(status: int, body: Any = None, **headers: str) -> Callable[[], web.Response]:
    return lambda: web.json_response(body or {"error": {"message": "why"}}, status=status, headers=headers)


async def test_only_values_that_were_set_are_sent(endpoint: Endpoint) -> None:
    await endpoint.ask()
    assert endpoint.body == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert "Authorization" not in endpoint.headers


async def test_all_values_are_sent_under_the_names_servers_know(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "abcdef-123456\n")
    sampling = {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "repetition_penalty": 1.1, "seed": 7, "stop": ["END"],
                "max_tokens": 99}  # fmt: skip
    await endpoint.ask(
        samples=(0, 1),
        schema=SCHEMA,
        sampling=sampling,
        api_key_env="MY_API_KEY",
        extra_headers={"X-Team": "t"},
        extra_body={"min_p": 0.1},
    )
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    assert endpoint.body == {
        **sampling,
        "n": 2,
        "min_p": 0.1,
        "response_format": form,
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
    }
    assert endpoint.headers["Authorization"] == "Bearer abcdef-123456"
    assert endpoint.headers["X-Team"] == "t"


async def test_a_schema_with_optional_properties_is_not_called_strict(endpoint: Endpoint) -> None:
    await endpoint.ask(schema={**SCHEMA, "required": []})
    assert endpoint.body["response_format"]["json_schema"]["strict"] is False


async def test_attempts_and_later_samples_have_seeds_of_their_own(endpoint: Endpoint) -> None:
    seeds = []
    for samples, attempt in (((0,), 0), ((1,), 0), ((0,), 1), ((0,), 0)):
        await endpoint.ask(samples=samples, attempt=attempt, sampling={"seed": 7})
        seeds.append(endpoint.body["seed"])
    assert seeds[0] == seeds[3] == 7
    assert len(set(seeds)) == 3


async def test_what_is_asked_again_is_never_asked_for_the_likeliest_words(endpoint: Endpoint) -> None:
    sent = []
    for attempt, values in ((0, COLD), (1, COLD), (2, {"temperature": 1.2}), (1, {}), (0, COLD)):
        await endpoint.ask(attempt=attempt, sampling=values)
        sent.append({name: endpoint.body[name] for name in ("temperature", "top_k") if name in endpoint.body})
    assert sent == [COLD, {"temperature": ASKED_AGAIN}, {"temperature": 1.2}, {}, COLD]


async def test_tokens_reason_and_request_id_are_read(endpoint: Endpoint) -> None:
    endpoint.answer = lambda: ok("hello", "length", {"prompt_tokens": 3, "completion_tokens": 5})
    assert await endpoint.ask() == [Completion("hello", "length", 3, 5, "r1")]


async def test_a_bill_for_several_samples_adds_up(endpoint: Endpoint) -> None:
    choice = {"message": {"content": "x"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 7}
    endpoint.answer = lambda: web.json_response({"choices": [choice] * 5, "usage": usage})
    made = await endpoint.ask(samples=(0, 1, 2))
    assert [c.prompt_tokens for c in made] == [10, 0, 0]
    assert [c.completion_tokens for c in made] == [3, 2, 2]


async def test_log_probabilities_and_thoughts_are_kept(endpoint: Endpoint) -> None:
    choice = {
        "message": {"content": "x", "reasoning_content": "hm"},
        "finish_reason": "stop",
        "logprobs": {"content": []},
    }
    endpoint.answer = lambda: web.json_response({"choices": [choice]})
    (made,) = await endpoint.ask()
    assert made.extra == {"logprobs": {"content": []}, "reasoning": "hm"}


@pytest.mark.parametrize(
    ("content", "finish", "message", "text", "reason", "error"),
    [
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "stop", {}, "ab", "stop", None),
        (None, "length", {}, "", "length", "only_thinking"),
        (None, "content_filter", {}, "", "content_filter", "content_filter"),
        (None, "stop", {"refusal": "I will not"}, "I will not", "refusal", "refused"),
        ("", "stop", {}, "", "stop", None),
        ("x", None, {}, "x", "unknown", None),
    ],
)
async def test_odd_but_whole_answers_are_taken(
    endpoint: Endpoint, content: Any, finish: Any, message: Any, text: str, reason: str, error: str | None
) -> None:
    endpoint.answer = lambda: ok(content, finish, **message)
    (made,) = await endpoint.ask()
    assert (made.text, made.finish_reason, made.error) == (text, reason, error)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "[1]",
        '"text"',
        "{}",
        '{"choices": []}',
        '{"choices": {}}',
        '{"choices": [null]}',
        '{"choices": [{"message": {}}]}',
        '{"choices": [{"message": {"content": 7}}]}',
        '{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}',
        '{"choices": [{"message": {"content": "\\ud800"}}]}',
        "[" * 200_000,
    ],
)
async def test_rubbish_is_worth_another_try(endpoint: Endpoint, body: str) -> None:
    endpoint.answer = lambda: web.Response(text=body, content_type="application/json")
    with pytest.raises(Transient) as error:
        await endpoint.ask()
    assert error.value.cause == "garbage"
    assert len(str(error.value)) < 300


async def test_a_bomb_is_not_unpacked(endpoint: Endpoint) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b" " * 2**20) for _ in range(200)) + packer.flush()
    endpoint.answer = lambda: web.Response(body=bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(Transient):
        await endpoint.ask()


async def test_a_bill_in_a_useless_answer_is_read(endpoint: Endpoint) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    endpoint.answer = lambda: web.json_response({"choices": [], "usage": usage})
    with pytest.raises(Transient) as error:
        await endpoint.ask()
    assert error.value.billed == (3, 5)


@pytest.mark.parametrize("status", [400, 404, 405, 413, 422])
async def test_statuses_that_refuse_for_good(endpoint: Endpoint, status: int) -> None:
    endpoint.answer = says(status)
    with pytest.raises(Refusal) as error:
        await endpoint.ask()
    assert error.value.status == status
    assert error.value.detail == "why"


@pytest.mark.parametrize(
    ("status", "cause"),
    [(408, "timeout"), (409, "conflict"), (429, "rate_limited"), (500, "server_error"), (502, "server_error"),
     (503, "unavailable"), (504, "timeout"), (529, "unavailable")],
)  # fmt: skip
async def test_statuses_worth_another_try(endpoint: Endpoint, status: int, cause: str) -> None:
    endpoint.answer = says(status, None, **{"Retry-After": "12"})
    with pytest.raises(Transient) as error:
        await endpoint.ask()
    assert error.value.cause == cause
    assert error.value.retry_after == 12


async def test_an_error_inside_a_200_counts_as_what_it_is(endpoint: Endpoint) -> None:
    endpoint.answer = says(200, {"error": {"code": 429, "message": "slow down"}})
    with pytest.raises(Transient) as error:
        await endpoint.ask()
    assert error.value.cause == "rate_limited"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, None),
        (402, None),
        (403, None),
        (429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}),
    ],
)
async def test_answers_that_no_waiting_changes(endpoint: Endpoint, status: int, body: Any) -> None:
    endpoint.answer = says(status, body)
    with pytest.raises(Unauthorised):
        await endpoint.ask()


async def test_no_key_follows_a_redirect(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "secret-abcdef-123456")
    received: list[dict[str, str]] = []

    async def trap(request: web.Request) -> web.Response:
        received.append(dict(request.headers))
        return ok("stolen")

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", trap)
    async with TestServer(app) as other:
        endpoint.answer = says(307, None, Location=str(other.make_url("/v1/chat/completions")))
        with pytest.raises(Unauthorised, match="base_url"):
            await endpoint.ask(api_key_env="MY_API_KEY")
    assert received == []


@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_an_echoed_key_is_not_passed_on(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    key = "planted/Key+0123456789abcdef"
    monkeypatch.setenv("MY_API_KEY", key)
    endpoint.answer = says(status, {"error": {"message": f"{'x' * 590}Bearer {key} is wrong"}})
    with pytest.raises((Refusal, Unauthorised, Transient)) as error:
        await endpoint.ask(api_key_env="MY_API_KEY")
    assert "planted" not in str(error.value)
    assert json.dumps(key)[1:9] not in str(error.value)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"base_url": None}, "no-key-variable"),
        ({"base_url": "ftp://x/v1"}, "bad-base-url"),
        ({"base_url": "http://x:port/v1"}, "bad-base-url"),
        ({"base_url": "http://me:secret@x/v1"}, "secret-in-file"),
        ({"api_key_env": "NOT_SET_API_KEY"}, "no-key"),
        ({"extra_body": {"stream": True}}, "extra-body-taken"),
    ],
)
def test_mistakes_are_found_before_anything_is_sent(values: dict[str, Any], code: str) -> None:
    model = Model.model_validate({"provider": "openai", "model": "m", "base_url": "http://x/v1", **values})
    (problem,) = OpenAI(model).problems()
    assert problem.code == code
    assert "secret@" not in problem.message


def test_every_known_kind_is_a_provider_of_that_kind() -> None:
    for kind in known_providers():
        found = provider_class(kind)
        assert issubclass(found, Provider)
        assert found.kind == kind


def test_an_installed_package_may_add_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_provider.py").write_text(
        "from bezoar_data.llms.providers.base import Provider\n"
        "class Theirs(Provider):\n    kind = 'theirs'\n    async def complete(self, request):\n        return []\n"
    )
    _installed(tmp_path, "theirs = their_provider:Theirs")
    monkeypatch.syspath_prepend(tmp_path)
    assert "theirs" in known_providers()
    assert provider_class("theirs").kind == "theirs"


def test_a_kind_whose_package_is_missing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(tmp_path, "odd = no_such_package.odd:Odd")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError) as error:
        provider_class("odd")
    assert error.value.problems[0].code == "provider-not-installed"


def _installed(folder: Path, entry_point: str) -> None:
    """A package that registers a kind."""
    facts = folder / "their_provider-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: their-provider\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[bezoar_data.providers]\n{entry_point}\n")


async def test_bounds_of_a_schema_go_to_servers_of_ones_own_and_change_no_key(endpoint: Endpoint) -> None:
    short = {**SCHEMA, "properties": {"a": {"type": "integer", "maximum": 9}}}
    model = Model.model_validate({"provider": "openai", "model": "m", "base_url": endpoint.url})
    hosted = model.model_copy(update={"base_url": "https://models.example.com/v1"})
    messages = [{"role": "user", "content": "hi"}]
    request = Request(model, messages, SCHEMA, narrower=short)
    sent = [OpenAI(one)._body(request)["response_format"]["json_schema"]["schema"] for one in (model, hosted)]
    assert sent == [short, SCHEMA]
    keys = KeyMaker(model)
    assert keys.key(Ask(messages, SCHEMA, narrower=short), 0) == keys.key(Ask(messages, SCHEMA), 0)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://localhost:8000/v1", True), ("http://127.0.0.1:9", True), ("http://[::1]:9", True),
        ("http://192.168.0.4/v1", True), ("http://vllm:8000/v1", True), ("https://box.local/v1", True),
        ("https://api.openai.com/v1", False), ("http://8.8.8.8/v1", False),
    ],
)  # fmt: skip
def test_servers_of_ones_own_are_known_by_their_address(url: str, own: bool) -> None:
    assert is_own_server(url) == own
