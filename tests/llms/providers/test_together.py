"""Providers of several kinds in one line: fallbacks, several answers to a question, roles that share an endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Answer, Refused
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from support.anthropic_server import KEY, AnthropicServer
from support.fault_server import FaultServer
from support.gateways import CURT, QUICK, ask_all, user


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


def claude(url: str, **values: Any) -> dict[str, Any]:
    return {"provider": "anthropic", "model": "first", "base_url": url, "api_key_env": "ANTHROPIC_API_KEY", **values}


def gpt(url: str, **values: Any) -> dict[str, Any]:
    return {"provider": "openai", "model": "second", "base_url": url, **values}


async def test_who_refuses_is_followed_by_the_next_of_another_kind(journal: Journal) -> None:
    with FaultServer(words=5) as second:
        async with AnthropicServer(words=5) as first:
            line = Model.model_validate(claude(first.url, fallbacks=[gpt(second.url)]))
            async with Gateway({"teacher": line}, journal, retry=QUICK) as gateway:
                before = await gateway.ask("teacher", user("hi"), step="s")
                first.faults.set(status=400)
                after = await gateway.ask("teacher", user("another"), step="s")
                both = await ask_all(gateway, ["[[400]]"])
        assert (before.model, after.model) == ("first", "second")
        assert isinstance(both[0], Refused)
        assert second.stats()["requests"] == 2


async def test_who_is_away_is_stood_in_for_and_the_answers_stay(journal: Journal) -> None:
    with FaultServer(words=5) as second:
        line = Model.model_validate(claude("http://127.0.0.1:9/v1", fallbacks=[gpt(second.url)]))
        texts = [f"row {i}" for i in range(10)]
        for _ in range(2):
            async with Gateway({"teacher": line}, journal, retry=CURT) as gateway:
                answers = await ask_all(gateway, texts)
            assert [a.model for a in answers if isinstance(a, Answer)] == ["second"] * 10
        assert second.stats()["requests"] == 10


async def test_a_stand_in_gives_all_samples_of_a_question_or_none(journal: Journal) -> None:
    with FaultServer(words=5, one_choice=True) as second:
        async with AnthropicServer(status=400) as first:
            line = Model.model_validate(claude(first.url, fallbacks=[gpt(second.url, sampling={"seed": 3})]))
            async with Gateway({"teacher": line}, journal, retry=QUICK) as gateway:
                answer = await gateway.ask("teacher", user("hi", n=4), step="s")
        assert answer.model == "second"
        assert len({sample.text for sample in answer.samples}) == 4
        assert len(set(answer.keys)) == 4


async def test_more_samples_later_ask_only_for_those_that_are_missing(journal: Journal) -> None:
    async with AnthropicServer(words=5) as first:
        model = Model.model_validate(claude(first.url))
        async with Gateway({"teacher": model}, journal) as gateway:
            two = await gateway.ask("teacher", user("hi", n=2), step="s")
            five = await gateway.ask("teacher", user("hi", n=5), step="s")
        assert five.keys[:2] == two.keys
        assert len(first.bodies) == 5


@pytest.mark.parametrize("first", ["teacher", "judge"])
async def test_roles_that_share_an_endpoint_are_asked_with_their_own_values(journal: Journal, first: str) -> None:
    with FaultServer() as server:
        async with AnthropicServer() as other:
            roles = {}
            for make, url in ((gpt, server.url), (claude, other.url)):
                roles[f"teacher-{make.__name__}"] = make(url, sampling={"temperature": 0.7, "max_tokens": 99})
                judge = {"sampling": {"temperature": 0.0, "max_tokens": 7}, "extra_body": {"metadata": {"a": "b"}}}
                roles[f"judge-{make.__name__}"] = make(url, **judge)
            models = {name: Model.model_validate(value) for name, value in roles.items()}
            async with Gateway(models, journal) as gateway:
                for role in dict.fromkeys([first, "teacher", "judge"]):
                    wanted = {"temperature": 0.7, "max_tokens": 99, "metadata": None}
                    if role == "judge":
                        wanted = {"temperature": 0.0, "max_tokens": 7, "metadata": {"a": "b"}}
                    await gateway.ask(f"{role}-gpt", user(f"hi {role}"), step="s")
                    sent = server.stats()["last_body"]
                    assert {name: sent.get(name) for name in wanted} == wanted
                    await gateway.ask(f"{role}-claude", user(f"hi {role}"), step="s")
                    assert {name: other.bodies[-1].get(name) for name in wanted} == wanted
