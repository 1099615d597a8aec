"""The litellm provider, over its route to OpenAI-compatible endpoints. Needs the extra `litellm`."""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.providers.base import Refusal, Request, Transient, Unauthorised
from bezoar_data.llms.providers.litellm import LiteLLM
from support.fault_server import FaultServer
from support.faults import one_bad_row_is_lost_alone, told_as
from support.gateways import QUICK, user

needs_litellm = pytest.mark.skipif(
    importlib.util.find_spec("litellm") is None, reason="litellm (extra 'litellm') is not installed"
)
KEY = "planted-key-0123456789"
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


pytestmark = pytest.mark.server(retry_after="7", words=5)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", KEY)


def model(server: FaultServer | str, **values: Any) -> Model:
    url = server if isinstance(server, str) else server.url
    fixed = {"provider": "litellm", "model": "openai/m", "base_url": url, "api_key_env": "MY_API_KEY"}
    return Model.model_validate({**fixed, **values})


async def ask(
    entry: Model, text: str = "hi", samples: tuple[int, ...] = (0,), schema: Any = None, attempt: int = 0
) -> Any:
    provider = LiteLLM(entry)
    assert provider.problems() == []
    await provider.open()
    try:
        return await provider.complete(Request(entry, [{"role": "user", "content": text}], schema, samples, attempt))
    finally:
        await provider.close()


@needs_litellm
async def test_values_and_key_reach_the_endpoint(server: FaultServer) -> None:
    sampling = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["END"], "max_tokens": 99}
    made = await ask(model(server, sampling=sampling, extra_headers={"X-Team": "t"}), samples=(0, 1), schema=SCHEMA)
    stats = server.stats()
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    messages = [{"role": "user", "content": "hi"}]
    assert stats["last_body"] == {**sampling, "n": 2, "model": "m", "messages": messages, "response_format": form}
    assert stats["last_headers"]["Authorization"] == f"Bearer {KEY}"
    assert {name.lower(): value for name, value in stats["last_headers"].items()}["x-team"] == "t"
    assert [len(c.text.split()) for c in made] == [5, 5]
    assert [(c.finish_reason, c.prompt_tokens, c.completion_tokens) for c in made] == [("stop", 1, 5), ("stop", 0, 5)]


@needs_litellm
async def test_what_is_asked_again_is_asked_with_a_temperature(server: FaultServer) -> None:
    await ask(model(server, sampling={"temperature": 0}), attempt=1)
    assert server.stats()["last_body"]["temperature"] == 0.7


@needs_litellm
async def test_a_cut_answer_says_so(server: FaultServer) -> None:
    (made,) = await ask(model(server, sampling={"max_tokens": 2}))
    assert (len(made.text.split()), made.finish_reason) == (2, "length")


@needs_litellm
@pytest.mark.parametrize(
    ("mark", "kind", "cause"),
    [("400", Refusal, 400), ("404", Refusal, 404), ("413", Refusal, 413), ("422", Refusal, 422),
     ("401", Unauthorised, None), ("403", Unauthorised, None), ("429", Transient, "rate_limited"),
     ("500", Transient, "server_error"), ("503", Transient, "unavailable"), ("garbage", Transient, "garbage"),
     ("empty", Transient, "garbage"), ("null", Transient, "garbage")],
)  # fmt: skip
async def test_what_litellm_raises_is_told_in_the_houses_words(
    server: FaultServer, mark: str, kind: Any, cause: Any
) -> None:
    with pytest.raises(kind) as error:
        await ask(model(server), f"[[{mark}]]")
    told_as(error.value, mark, cause)
    assert server.stats()["requests"] == 1, "litellm tried again by itself"


@needs_litellm
async def test_an_endpoint_that_is_not_there_is_no_servers_error() -> None:
    with pytest.raises(Transient) as error:
        await ask(model("http://127.0.0.1:9/v1"))
    assert error.value.cause == "connection"


@needs_litellm
async def test_an_echoed_key_is_not_passed_on(server: FaultServer, caplog: pytest.LogCaptureFixture) -> None:
    server.set(key="another-key")
    with caplog.at_level(logging.DEBUG), pytest.raises(Unauthorised) as error:
        await ask(model(server))
    assert KEY not in str(error.value)
    assert KEY not in caplog.text


@needs_litellm
@pytest.mark.parametrize("name", ["m", "no-such-kind/m"])
async def test_a_name_that_litellm_does_not_know_is_told_before_anything_is_sent(name: str) -> None:
    provider = LiteLLM(Model(provider="litellm", model=name))
    with pytest.raises(InputError) as error:
        await provider.open()
    assert error.value.problems[0].code == "unknown-model"


@needs_litellm
async def test_a_value_that_the_endpoint_does_not_take_is_told_before_anything_is_sent() -> None:
    entry = Model.model_validate({"provider": "litellm", "model": "openai/o3", "sampling": {"top_p": 0.5}})
    with pytest.raises(InputError, match="top_p"):
        await LiteLLM(entry).open()
    provider = LiteLLM(entry.model_copy(update={"extra_body": {"drop_params": True}}))
    await provider.open()
    await provider.close()


@needs_litellm
async def test_rows_survive_faults_and_are_not_asked_twice(server: FaultServer, journal: Journal) -> None:
    server.set(rate_429=0.1, rate_500=0.05, rate_garbage=0.03, retry_after="0", words=5)
    await one_bad_row_is_lost_alone(server, model(server), journal, 40)
    async with Gateway({"teacher": model(server)}, journal, retry=QUICK) as gateway:
        three = await gateway.ask("teacher", user("many", n=3), step="s")
    assert len(three.samples) == 3


@needs_litellm
def test_importing_it_reads_no_env_file_and_calls_nobody(tmp_path: Path) -> None:
    """In a process of its own, whose every attempt to connect is written down."""
    (tmp_path / ".env").write_text("FROM_A_FILE=1\n")
    program = (
        "import asyncio, os, sys\n"
        "calls = []\n"
        "sys.addaudithook(lambda name, args: calls.append(args) if name in ('socket.connect', 'socket.getaddrinfo') "
        "else None)\n"
        "from bezoar_data.llms.providers.litellm import LiteLLM\n"
        "from bezoar_data.config.files.models import Model\n"
        "assert 'litellm' not in sys.modules\n"
        "asyncio.run(LiteLLM(Model(provider='litellm', model='gemini/gemini-2.0-flash')).open())\n"
        "print(calls, 'FROM_A_FILE' in os.environ)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] False"


def test_without_litellm_it_says_what_to_install() -> None:
    program = (
        "import importlib.util\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'litellm' else real(name, *a)\n"
        "from bezoar_data.llms.providers.base import provider_class\n"
        "from bezoar_data.config.files.models import Model\n"
        "for p in provider_class('litellm')(Model(provider='litellm', model='gemini/m')).problems():\n"
        "    print(p.code, p.hint, sep='|')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == 'provider-not-installed|pip install "bezoar-data[litellm]"'


@pytest.mark.parametrize("name", ["model", "n", "stream", "max_retries", "api_key"])
def test_what_is_not_for_a_file_to_say_is_refused(name: str) -> None:
    found = LiteLLM(model("http://localhost/v1", extra_body={name: 1})).problems()
    assert [p.code for p in found if p.code != "provider-not-installed"] == ["extra-body-taken"]
