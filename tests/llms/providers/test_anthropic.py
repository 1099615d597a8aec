"""The Anthropic provider against a server that speaks its Messages API, faults included."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Answer, Refused
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.providers.anthropic import Anthropic
from bezoar_data.llms.providers.base import Completion, Refusal, Request, Transient, Unauthorised
from bezoar_data.llms.providers.common.received import received
from support.anthropic_server import KEY, AnthropicServer
from support.gateways import QUICK, ask_all, user

TALK = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "Name a river."},
    {"role": "assistant", "content": "Ob"},
    {"role": "user", "content": "Another."},
]
OBJECT = {"type": "object", "properties": {"river": {"type": "string"}}, "required": ["river"]}


@pytest_asyncio.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AnthropicServer]:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    async with AnthropicServer(words=5) as made:
        yield made


def model(server: AnthropicServer, **values: Any) -> Model:
    fixed = {"provider": "anthropic", "model": "m", "base_url": server.url, "api_key_env": "ANTHROPIC_API_KEY"}
    return Model.model_validate({**fixed, **values})


async def ask(
    server: AnthropicServer, messages: Any = TALK, schema: Any = None, n: int = 1, attempt: int = 0, **values: Any
) -> Any:
    made = model(server, **values)
    provider = Anthropic(made)
    assert provider.problems() == []
    await provider.open()
    try:
        return received(await provider.complete(Request(made, messages, schema, tuple(range(n)), attempt)))
    finally:
        await provider.close()


async def test_system_texts_stand_beside_the_messages_and_a_limit_is_always_sent(server: AnthropicServer) -> None:
    await ask(server, [*TALK, {"role": "system", "content": "In capitals."}])
    assert server.bodies == [
        {"model": "m", "max_tokens": 4096, "system": "Be short.\n\nIn capitals.", "messages": TALK[1:]}
    ]


async def test_sampling_values_have_anthropics_names(server: AnthropicServer) -> None:
    sampling = {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "stop": ["END"], "max_tokens": 99, "seed": 3}
    await ask(server, sampling=sampling, extra_body={"metadata": {"user_id": "u"}})
    sent = {k: v for k, v in server.bodies[0].items() if k not in ("messages", "system", "model")}
    assert sent == {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "stop_sequences": ["END"], "max_tokens": 99,
                    "metadata": {"user_id": "u"}}  # fmt: skip


async def test_what_is_asked_again_is_asked_with_a_temperature(server: AnthropicServer) -> None:
    for attempt in (0, 1):
        await ask(server, attempt=attempt, sampling={"temperature": 0})
    assert [body["temperature"] for body in server.bodies] == [0, 0.7]


async def test_all_values_of_top_k_are_said_by_silence(server: AnthropicServer) -> None:
    await ask(server, sampling={"top_k": -1})
    assert "top_k" not in server.bodies[0]


async def test_an_answer_brings_its_tokens_and_its_name(server: AnthropicServer) -> None:
    (made,) = await ask(server)
    assert len(made.text.split()) == 5
    assert (made.finish_reason, made.prompt_tokens, made.completion_tokens) == ("stop", 5, 5)
    assert made.request_id.startswith("msg-")
    (cut,) = await ask(server, sampling={"max_tokens": 2})
    assert (cut.text, cut.finish_reason) == (" ".join(made.text.split()[:2]), "length")


async def test_tokens_of_the_cache_are_prompt_tokens(server: AnthropicServer) -> None:
    usage = {"input_tokens": 3, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 100, "output_tokens": 7}
    server.overrides = {"usage": usage, "content": [{"type": "text", "text": "x"}], "id": "m1"}
    extra = {"usage": {"cache_creation_input_tokens": 10, "cache_read_input_tokens": 100}}
    assert await ask(server) == [Completion("x", "stop", 113, 7, "m1", extra)]


@pytest.mark.parametrize(
    ("told", "reason"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("refusal", "refusal"),
     ("model_context_window_exceeded", "length"), ("pause_turn", "length"), (None, "unknown"), ("new", "new")],
)  # fmt: skip
async def test_reasons_are_told_in_the_houses_words(server: AnthropicServer, told: str | None, reason: str) -> None:
    server.overrides = {"stop_reason": told}
    (made,) = await ask(server)
    assert made.finish_reason == reason


async def test_thoughts_are_kept_apart_from_the_answer(server: AnthropicServer) -> None:
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "a"},
              {"type": "text", "text": "b"}]  # fmt: skip
    server.overrides = {"content": blocks}
    (made,) = await ask(server)
    assert (made.text, made.extra) == ("ab", {"reasoning": "hm"})


async def test_saying_nothing_is_an_answer(server: AnthropicServer) -> None:
    server.overrides = {"content": []}
    (made,) = await ask(server)
    assert (made.text, made.finish_reason) == ("", "stop")


async def test_a_schema_is_asked_for_as_the_input_of_a_tool(server: AnthropicServer) -> None:
    (made,) = await ask(server, schema=OBJECT)
    assert json.loads(made.text) == {"river": "a river"}
    assert made.finish_reason == "stop"
    assert server.bodies[0]["tool_choice"] == {"type": "tool", "name": "answer"}
    assert server.bodies[0]["tools"][0]["input_schema"] == OBJECT


async def test_a_schema_of_no_object_travels_in_one(server: AnthropicServer) -> None:
    schema = {"$ref": "#/$defs/word", "$defs": {"word": {"type": "string"}}}
    (made,) = await ask(server, schema=schema)
    form = server.bodies[0]["tools"][0]["input_schema"]
    assert form == {"type": "object", "properties": {"value": {"$ref": "#/$defs/word"}}, "required": ["value"],
                    "$defs": schema["$defs"]}  # fmt: skip
    assert len(json.loads(made.text).split()) == 5


async def test_a_model_that_thinks_is_allowed_its_tool_and_may_answer_in_words(server: AnthropicServer) -> None:
    (made,) = await ask(server, schema=OBJECT, extra_body={"thinking": {"type": "enabled", "budget_tokens": 1024}})
    assert server.bodies[0]["tool_choice"] == {"type": "auto"}
    assert len(made.text.split()) == 5


@pytest.mark.parametrize("content", ["text", None, [7], {"type": "text"}])
async def test_rubbish_is_worth_another_try_and_its_bill_is_read(server: AnthropicServer, content: Any) -> None:
    server.overrides = {"content": content}
    with pytest.raises(Transient) as error:
        await ask(server)
    assert (error.value.cause, error.value.billed) == ("garbage", (5, 5))


@pytest.mark.parametrize(
    ("mark", "kind", "cause"),
    [("503", Transient, "unavailable"), ("429", Transient, "rate_limited"), ("500", Transient, "server_error"),
     ("cut", Transient, "cut"), ("garbage", Transient, "garbage"), ("400", Refusal, None), ("413", Refusal, None),
     ("403", Unauthorised, None)],
)  # fmt: skip
async def test_faults_are_told_apart(server: AnthropicServer, mark: str, kind: Any, cause: str | None) -> None:
    with pytest.raises(kind) as error:
        await ask(server, [{"role": "user", "content": f"[[{mark}]]"}])
    if cause is not None:
        assert error.value.cause == cause
    if mark in ("429", "503"):
        assert error.value.retry_after == 1


async def test_an_overloaded_server_says_529(server: AnthropicServer) -> None:
    with pytest.raises(Transient, match="529"):
        await ask(server, [{"role": "user", "content": "[[503]]"}])
    assert server.statuses == [529]


async def test_an_empty_account_ends_the_run(server: AnthropicServer) -> None:
    text = "Your credit balance is too low to access the API. [[400]]"
    with pytest.raises(Unauthorised):
        await ask(server, [{"role": "user", "content": text}])


async def test_a_wrong_key_is_told_without_the_key(server: AnthropicServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "planted-wrong-key-0123")
    with pytest.raises(Unauthorised) as error:
        await ask(server)
    assert "planted" not in str(error.value)


async def test_an_address_without_its_version_gets_it(server: AnthropicServer) -> None:
    assert len(await ask(server, base_url=server.url.removesuffix("/v1"))) == 1


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"base_url": None, "api_key_env": None}, "no-key-variable"),
        ({"api_key_env": "NOT_SET_API_KEY"}, "no-key"),
        ({"sampling": {"temperature": 1.5}}, "bad-temperature"),
        ({"sampling": {"repetition_penalty": 1.1}}, "no-repetition-penalty"),
        ({"extra_body": {"system": "x"}}, "extra-body-taken"),
        ({"extra_body": {"stream": True}}, "extra-body-taken"),
    ],
)
def test_mistakes_are_found_before_anything_is_sent(values: dict[str, Any], code: str) -> None:
    found = Anthropic(Model.model_validate({"provider": "anthropic", "model": "m", "base_url": "http://x", **values}))
    assert [p.code for p in found.problems()] == [code]


async def test_several_answers_are_several_requests_each_journalled(server: AnthropicServer, tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite")
    async with Gateway({"teacher": model(server)}, journal) as gateway:
        answer = await gateway.ask("teacher", user("hi", n=3), step="s")
        again = await gateway.ask("teacher", user("hi", n=3), step="s")
    assert len(set(answer.keys)) == 3
    assert again == answer
    assert len(server.bodies) == 3
    assert all(journal.get(key) is not None for key in answer.keys)
    journal.close()


async def test_faulty_answers_are_asked_again_until_every_row_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    journal = Journal.open(tmp_path / "journal.sqlite")
    faults = {"rate_429": 0.1, "rate_500": 0.05, "rate_cut": 0.02, "rate_garbage": 0.02, "retry_after": "0"}
    async with (
        AnthropicServer(**faults) as server,
        Gateway({"teacher": model(server)}, journal, retry=QUICK) as gateway,
    ):
        answers = await ask_all(gateway, [f"row {i}" for i in range(120)] + ["[[400]]"])
    journal.close()
    assert all(isinstance(a, Answer) for a in answers[:-1])
    assert isinstance(answers[-1], Refused)
    assert len(server.bodies) < 121 * 1.4
    assert {429, 500} <= set(server.statuses)


async def test_a_wrong_key_ends_the_run_at_once(
    server: AnthropicServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "planted-wrong-key-0123")
    journal = Journal.open(tmp_path / "journal.sqlite")
    async with Gateway({"teacher": model(server)}, journal) as gateway:
        with pytest.raises(InputError) as error:
            await gateway.ask("teacher", user("hi"), step="s")
    journal.close()
    assert "ANTHROPIC_API_KEY" in error.value.problems[0].hint
    assert "planted" not in str(error.value)
    assert not any(b"planted" in path.read_bytes() for path in tmp_path.iterdir())
