"""distilabel's own LLM classes as providers: over a real server, and with a real model in this process."""

from __future__ import annotations

import importlib.util
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model, load_models_file
from bezoar_data.llms.ask import Answer
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.providers.base import Refusal, Request, Transient, Unauthorised, known_providers, provider_class
from bezoar_data.llms.providers.distilabel import DistilabelLLM
from support.fault_server import FaultServer
from support.faults import one_bad_row_is_lost_alone, told_as
from support.gateways import ask_all, user
from support.tiny_model import save_tiny_model

KEY = "planted-key-0123456789"
needs_openai = pytest.mark.skipif(
    importlib.util.find_spec("openai") is None,
    reason="the openai client of distilabel's class is not installed",
)
INSTALLED = all(importlib.util.find_spec(name) for name in ("torch", "transformers", "accelerate"))


pytestmark = pytest.mark.server(retry_after="7", words=5)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", KEY)


def model(server: FaultServer | str, **values: Any) -> Model:
    url = server if isinstance(server, str) else server.url
    fixed = {"provider": "distilabel:OpenAILLM", "model": "m", "base_url": url, "api_key_env": "MY_API_KEY"}
    return Model.model_validate({**fixed, **values})


async def ask(entry: Model, text: str = "hi", samples: tuple[int, ...] = (0,), attempt: int = 0) -> Any:
    provider = provider_class(entry.provider)(entry)
    assert isinstance(provider, DistilabelLLM)
    assert provider.problems() == []
    await provider.open()
    try:
        return await provider.complete(Request(entry, [{"role": "user", "content": text}], None, samples, attempt))
    finally:
        await provider.close()


def test_a_models_file_may_name_any_class(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text("version: 1\nroles:\n  teacher: {provider: 'distilabel:OpenAILLM', model: m}\n")
    loaded = load_models_file(path, known_providers()).file.roles["teacher"]
    assert provider_class(loaded.provider) is DistilabelLLM


@pytest.mark.parametrize("kind", ["openai:OpenAILLM", "distilabels:OpenAILLM"])
def test_only_distilabel_wants_a_class_behind_a_colon(kind: str) -> None:
    with pytest.raises(InputError):
        provider_class(kind)


@needs_openai
async def test_values_key_and_settings_reach_the_endpoint(server: FaultServer) -> None:
    sampling = {"temperature": 0.5, "top_p": 0.9, "stop": ["END"], "max_tokens": 99, "seed": 7}
    extra = {"generation_kwargs": {"presence_penalty": 0.5}}
    headers = {"X-Team": "t"}
    made = await ask(model(server, sampling=sampling, extra_body=extra, extra_headers=headers), samples=(0, 1))
    stats = server.stats()
    sent = {name: stats["last_body"][name] for name in (*sampling, "model", "n", "presence_penalty")}
    assert sent == {**sampling, "model": "m", "n": 2, "presence_penalty": 0.5}
    assert stats["last_headers"]["Authorization"] == f"Bearer {KEY}"
    assert {name.lower(): value for name, value in stats["last_headers"].items()}["x-team"] == "t"
    assert [len(c.text.split()) for c in made] == [5, 5]
    assert [c.prompt_tokens for c in made] == [1, 0]
    assert sum(c.completion_tokens for c in made) == 10


@needs_openai
async def test_its_small_limit_is_not_used_and_a_cut_answer_is_called_cut(server: FaultServer) -> None:
    (whole,) = await ask(model(server))
    assert server.stats()["last_body"]["max_tokens"] == 1024
    (cut,) = await ask(model(server, sampling={"max_tokens": 3}))
    assert (whole.finish_reason, cut.finish_reason) == ("stop", "length")


@needs_openai
async def test_attempts_have_seeds_and_temperatures_of_their_own(server: FaultServer) -> None:
    sent = []
    for attempt in (0, 1, 0):
        await ask(model(server, sampling={"seed": 7, "temperature": 0}), attempt=attempt)
        sent.append(tuple(server.stats()["last_body"][name] for name in ("seed", "temperature")))
    assert sent[0] == sent[2] == (7, 0) != sent[1]
    assert sent[1][1] == 0.7


@needs_openai
@pytest.mark.parametrize(
    ("mark", "kind", "cause"),
    [("400", Refusal, 400), ("404", Refusal, 404), ("422", Refusal, 422), ("401", Unauthorised, None),
     ("403", Unauthorised, None), ("429", Transient, "rate_limited"), ("500", Transient, "server_error"),
     ("503", Transient, "unavailable"), ("null", Transient, "garbage"), ("empty", Transient, "garbage")],
)  # fmt: skip
async def test_faults_are_told_in_the_houses_words_and_not_tried_again_there(
    server: FaultServer, mark: str, kind: Any, cause: Any
) -> None:
    with pytest.raises(kind) as error:
        await ask(model(server), f"[[{mark}]]")
    told_as(error.value, mark, cause)
    assert server.stats()["requests"] == 1


@needs_openai
async def test_an_endpoint_that_is_not_there_is_told() -> None:
    with pytest.raises(Transient) as error:
        await ask(model("http://127.0.0.1:9/v1"))
    assert error.value.cause == "connection"


@needs_openai
async def test_an_echoed_key_is_not_passed_on(server: FaultServer, caplog: pytest.LogCaptureFixture) -> None:
    server.set(key="another-key")
    with caplog.at_level(logging.INFO), pytest.raises(Unauthorised) as error:
        await ask(model(server))
    assert KEY not in str(error.value)
    assert KEY not in caplog.text


@needs_openai
async def test_settings_change_the_journals_key_and_roles_keep_theirs(server: FaultServer, tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite")
    roles = {
        "teacher": model(server, sampling={"temperature": 0.7}),
        "judge": model(server, extra_body={"generation_kwargs": {"temperature": 0.0, "frequency_penalty": 1.0}}),
    }
    async with Gateway(roles, journal) as gateway:
        taught = await gateway.ask("teacher", user("hi"), step="s")
        first = server.stats()["last_body"]
        judged = await gateway.ask("judge", user("hi"), step="s")
        second = server.stats()["last_body"]
    journal.close()
    assert taught.keys != judged.keys
    assert (first["temperature"], first["frequency_penalty"]) == (0.7, 0.0)
    assert (second["temperature"], second["frequency_penalty"]) == (0.0, 1.0)


@needs_openai
async def test_one_bad_row_is_lost_alone_and_nothing_is_asked_twice(server: FaultServer, journal: Journal) -> None:
    server.set(rate_429=0.1, rate_500=0.05, retry_after="0", words=5)
    await one_bad_row_is_lost_alone(server, model(server), journal, 60)
    assert not [t for t in threading.enumerate() if t.name.startswith("bezoar-distilabel")]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"provider": "distilabel"}, "unknown-class"),
        ({"provider": "distilabel:OpenAILM"}, "unknown-class"),
        ({"provider": "distilabel:LLM"}, "unknown-class"),
        ({"provider": "distilabel:CudaDevicePlacementMixin"}, "unknown-class"),
        ({"provider": "distilabel:MixtureOfAgentsLLM"}, "unknown-class"),
        ({"provider": "distilabel:os.system"}, "unknown-class"),
        ({"api_key_env": "NOT_SET_API_KEY"}, "no-key"),
        ({"revision": "abc"}, "unsupported-value"),
        (
            {"provider": "distilabel:MistralLLM", "base_url": None, "api_key_env": None, "extra_headers": {"a": "b"}},
            "unsupported-value",
        ),
        ({"sampling": {"top_k": 5}}, "unsupported-value"),
        ({"extra_body": {"api_key": "x"}}, "extra-body-taken"),
        ({"extra_body": {"use_offline_batch_generation": True}}, "extra-body-taken"),
        ({"extra_body": {"timeouts": 3}}, "unknown-setting"),
        ({"extra_body": {"generation_kwargs": {"temprature": 3}}}, "unknown-setting"),
        ({"extra_body": {"generation_kwargs": [1]}}, "bad-setting"),
    ],
)
def test_mistakes_are_found_before_anything_is_sent(values: dict[str, Any], code: str) -> None:
    assert [p.code for p in DistilabelLLM(model("http://localhost/v1", **values)).problems()] == [code]


@pytest.mark.parametrize("settings", [{"trust_remote_code": True}, {"model_kwargs": {"trust_remote_code": True}}])
def test_no_code_of_a_models_repository_is_run(settings: dict[str, Any]) -> None:
    entry = Model.model_validate({"provider": "distilabel:TransformersLLM", "model": "m", "extra_body": settings})
    assert [p.code for p in DistilabelLLM(entry).problems()] == ["remote-code"]


@needs_openai
async def test_a_setting_of_the_wrong_type_is_told_without_its_value() -> None:
    entry = model("http://localhost/v1", extra_body={"timeout": "planted-header"})
    with pytest.raises(InputError, match="timeout") as error:
        await DistilabelLLM(entry).open()
    assert "planted" not in str(error.value)


async def test_a_class_whose_package_is_missing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "groq", None)
    entry = model("http://localhost/v1", provider="distilabel:GroqLLM")
    with pytest.raises(InputError) as error:
        await DistilabelLLM(entry).open()
    assert error.value.problems[0].code == "provider-not-installed"


@pytest.mark.skipif(not INSTALLED, reason="torch and transformers (extra 'train') are not installed")
async def test_a_class_that_is_not_asynchronous_answers_from_a_thread(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "tiny")
    entry = Model.model_validate(
        {"provider": "distilabel:TransformersLLM", "model": str(folder), "sampling": {"max_tokens": 6},
         "extra_body": {"generation_kwargs": {"do_sample": True, "temperature": 1.0}}}
    )  # fmt: skip
    journal = Journal.open(tmp_path / "journal.sqlite")
    async with Gateway({"teacher": entry}, journal) as gateway:
        answers = await ask_all(gateway, ["hi", "the river"])
        two = await gateway.ask("teacher", user("fox?", n=2), step="s")
    journal.close()
    assert all(isinstance(a, Answer) and a.text for a in answers)
    assert len(two.samples) == 2
