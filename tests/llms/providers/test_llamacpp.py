"""The provider that runs a GGUF in this process, with the real SmolLM2-135M: at most 200 answer tokens in all."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Ask
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.gateway.fallbacks import CachedAnswers
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.providers.base import Completion, Refusal, Request, provider_class
from bezoar_data.llms.providers.llamacpp import LlamaCpp
from bezoar_data.llms.weights import known_weights
from support.projects import Project
from support.smollm2 import NAME, alone, needs_llamacpp, smollm2, weights

PROMPTS = ["Name a river.", "What is two plus two? Explain it to a child, step by step, and say why.", "Say hello."]
SHA256 = known_weights()[NAME].sha256


@pytest.fixture(scope="module")
def model_alone() -> Iterator[Path]:
    with alone():
        yield weights()


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


async def ask(provider: LlamaCpp, prompt: str, **more: Any) -> list[Completion]:
    return list(await provider.complete(Request(more.pop("model", provider.model), user(prompt), **more)))


@needs_llamacpp
async def test_one_server_greedy_n_schema_and_its_address(model_alone: Path, monkeypatch: pytest.MonkeyPatch):
    provider = LlamaCpp(smollm2(slots=2))
    await provider.open()
    try:
        # The same words one by one and all at once (more than there are slots), in another order.
        one_by_one = [(await ask(provider, prompt))[0].text for prompt in PROMPTS]
        at_once = await asyncio.gather(*(ask(provider, prompt) for prompt in reversed(PROMPTS)))
        assert [answers[0].text for answers in reversed(at_once)] == one_by_one
        assert len(set(one_by_one)) == 3

        # More samples than slots: each has its own seed and its own count, and the same comes again.
        warm = provider.model.model_copy(
            update={"sampling": provider.model.sampling.model_copy(update={"temperature": 1.0, "max_tokens": 5})}
        )
        samples = await ask(provider, PROMPTS[0], model=warm, samples=(0, 1, 2))
        assert len({sample.text for sample in samples}) == 3
        assert [sample.completion_tokens for sample in samples] == [5, 5, 5]
        assert all((sample.prompt_tokens or 0) > 10 for sample in samples)
        assert (await ask(provider, PROMPTS[0], model=warm, samples=(1,)))[0].text == samples[1].text

        # A schema holds it to the form.
        schema = {"type": "object", "properties": {"size": {"enum": ["small", "large"]}}, "required": ["size"],
                  "additionalProperties": False}  # fmt: skip
        form = provider.model.model_copy(
            update={"sampling": provider.model.sampling.model_copy(update={"max_tokens": 24})}
        )
        (formed,) = await ask(provider, "Is an ant small or large?", model=form, schema=schema)
        assert json.loads(formed.text)["size"] in ("small", "large")

        # A prompt that does not fit drops its row, and says why.
        with pytest.raises(Refusal, match="context size"):
            await ask(provider, "river " * 600)

        # A request that nobody waits for ends; so does the server with one underway.
        endless = form.model_copy(update={"extra_body": {"ignore_eos": True, "max_tokens": 100_000}})
        gone = asyncio.ensure_future(ask(provider, "Count.", model=endless))
        await asyncio.sleep(0.2)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone

        await the_address_is_closed_to_others(provider, one_by_one[0], monkeypatch)
    finally:
        await provider.close()


async def the_address_is_closed_to_others(provider: LlamaCpp, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It wants the key and allows no web page; with the key, `provider: openai` gets the same words."""
    url, key = provider.endpoint
    body = {"messages": user(PROMPTS[0]), "max_tokens": 1}
    async with aiohttp.ClientSession() as session:
        for headers in ({}, {"Authorization": "Bearer guessed"}):
            async with session.post(f"{url}/chat/completions", json=body, headers=headers) as response:
                assert response.status == 401
        async with session.get(f"{url}/models", headers={"Origin": "https://example.org"}) as response:
            assert response.status == 401
            assert not response.headers.get("Access-Control-Allow-Origin")
    monkeypatch.setenv("LOCAL_API_KEY", key)
    fields = {"provider": "openai", "model": "any", "base_url": url, "api_key_env": "LOCAL_API_KEY"}
    model = Model.model_validate({**fields, "sampling": {"temperature": 0, "max_tokens": 8}})
    client = provider_class("openai")(model)
    await client.open()
    try:
        (answer,) = await client.complete(Request(model, user(PROMPTS[0])))
    finally:
        await client.close()
    assert answer.text == text


@needs_llamacpp
async def test_the_journal_knows_weights_by_their_sha256_wherever_they_lie(model_alone: Path, tmp_path: Path):
    elsewhere = tmp_path / "renamed.gguf"
    shutil.copy(model_alone, elsewhere)
    by_name = smollm2(extra_body={"logprobs": True, "top_logprobs": 2}, sampling={"max_tokens": 3})
    by_path = by_name.model_copy(update={"model": str(elsewhere)})
    question = Ask(user(PROMPTS[0]))
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        async with Gateway({"teacher": by_name}, journal) as gateway:
            answer, (entry,) = await gateway.ask_fully("teacher", question, step="s")
        assert (entry.model, entry.revision, entry.provider) == (NAME, SHA256, "llamacpp")
        tokens = entry.extra["logprobs"]["content"]
        assert "".join(token["token"] for token in tokens) == answer.text
        assert all(len(token["top_logprobs"]) == 2 for token in tokens)
        assert entry.completion_tokens == 3
        for model in (by_name, by_path):
            assert CachedAnswers({"teacher": model}, journal).find("teacher", question).outcome is not None
        other = replace(question, messages=user(PROMPTS[1]))
        assert CachedAnswers({"teacher": by_path}, journal).find("teacher", other).outcome is None


@needs_llamacpp
async def test_what_is_no_gguf_is_told(tmp_path: Path):
    path = tmp_path / "no.gguf"
    path.write_text("something else")
    (problem,) = await refused_to_open({"model": str(path)})
    assert problem.code == "model-not-loaded"
    assert "no.gguf" in problem.message


async def refused_to_open(entry: dict[str, Any]) -> tuple[Any, ...]:
    from bezoar_data.config.errors import InputError

    provider = LlamaCpp(Model.model_validate({"provider": "llamacpp", **entry}))
    with pytest.raises(InputError) as caught:
        await provider.open()
    await provider.close()
    return tuple(caught.value.problems)


def test_what_is_wrong_with_an_entry_is_told_before_anything_runs(tmp_path: Path):
    def codes(**entry: Any) -> list[str]:
        return [p.code for p in LlamaCpp(Model.model_validate({"provider": "llamacpp", **entry})).problems()]

    assert codes(model="smollm3") == ["unknown-weights"]
    assert codes(model=str(tmp_path / "none.gguf")) == ["no-weights"]
    assert codes(model=NAME, revision="main") == ["bad-revision"]
    assert codes(model=NAME, base_url="http://localhost:8000/v1") == ["no-address"]
    assert codes(model=NAME) == codes(model="owner/name:file.gguf") == []


def test_defaults_stand_in_the_entry_as_it_is_asked():
    asked = LlamaCpp.as_asked(Model.model_validate({"provider": "llamacpp", "model": NAME}))
    assert (asked.revision, asked.sampling.seed, asked.sampling.max_tokens) == (SHA256, 0, 1024)
    assert (asked.limits.concurrency, asked.output_licence.id) == (8, "Apache-2.0")
    assert LlamaCpp.as_asked(asked) == asked
    given = {"sampling": {"seed": 7}, "limits": {"concurrency": 3, "timeout": 5}, "output_licence": {"id": "MIT"}}
    asked = LlamaCpp.as_asked(Model.model_validate({"provider": "llamacpp", "model": NAME, **given}))
    assert (asked.sampling.seed, asked.limits.concurrency, asked.limits.timeout) == (7, 3, 5)
    assert asked.output_licence.id == "MIT"


MODELS = "version: 1\nroles:\n  teacher: {provider: %s, model: %s%s}\n"


@pytest.mark.parametrize(
    ("provider", "model", "more", "code"),
    [
        ("openai", "models/a.gguf", "", "gguf-elsewhere"),
        ("transformers", NAME, "", "gguf-elsewhere"),
        ("openai", NAME, ", base_url: 'http://localhost:1/v1'", None),
        ("openai", "m", ", base_url: 'http://localhost:1/v1', local: {threads: 1}", "not-local"),
    ],
)
def test_a_gguf_given_to_another_provider_is_told_where_it_belongs(
    project: Project, provider: str, model: str, more: str, code: str | None
):
    project.rows(1)
    project.pipeline()
    (project.folder / "models.yaml").write_text(MODELS % (provider, model, more))
    told = project.bezoar("validate", "pipeline.yaml", "--json")
    found = [problem["code"] for problem in json.loads(told.out)["problems"]]
    assert (code in found) if code else not {"gguf-elsewhere", "not-local"} & set(found)
    if code:
        assert "llamacpp" in told.out


def test_without_the_extra_a_run_stops_before_a_row_and_says_what_to_type(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    from bezoar_data.llms.providers import llamacpp

    monkeypatch.setattr(llamacpp.importlib.util, "find_spec", lambda name: None)
    project.rows(2)
    project.pipeline()
    (project.folder / "models.yaml").write_text(MODELS % ("llamacpp", NAME, ""))
    done = project.run()
    assert done.code == 2
    assert 'pip install -c lock.txt -e ".[local]"' in done.err
    assert '"bezoar-data[local]"' in done.err
    assert "--models pipelines/models/offline.yaml" in done.err
    assert not (project.folder / "runs" / "test").exists()
