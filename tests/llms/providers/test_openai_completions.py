"""Plain completions: the prompt made of messages, what is sent, what is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from bezoar_data.config.files.models import Model
from bezoar_data.llms.providers.base import Refusal, Transient, provider_class
from bezoar_data.llms.providers.common.prompt_template import PromptTemplate
from support.endpoint import Endpoint, serving

TALK = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "Name a river. {{ 7 * 7 }}"},
]


def said(*texts: str, **values: Any) -> web.Response:
    choices = [{"index": i, "text": text, "finish_reason": "stop", **values} for i, text in enumerate(texts)]
    usage = {"prompt_tokens": 9, "completion_tokens": 4}
    return web.json_response({"id": "cmpl-1", "choices": choices, "usage": usage})


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with serving("openai-completions", "/completions", lambda: said(" Ob")) as made:
        yield made


async def test_the_plain_template_says_who_speaks_and_stops_before_the_user_speaks_again(endpoint: Endpoint) -> None:
    await endpoint.ask([*TALK, {"role": "assistant", "content": "Ob"}, {"role": "user", "content": "Another."}])
    prompt = "Be short.\n\nUser: Name a river. {{ 7 * 7 }}\n\nAssistant: Ob\n\nUser: Another.\n\nAssistant:"
    assert endpoint.body == {"model": "m", "prompt": prompt, "stop": ["\nUser:"]}


async def test_a_template_of_the_models_file_makes_the_prompt_and_is_not_sent(endpoint: Endpoint) -> None:
    template = (
        "{% set ns = namespace(n=0) %}\n"
        "{% for m in messages %}\n"
        "  {% set ns.n = ns.n + 1 %}\n"
        "{{ ns.n }}|{{ m['role'] }}|{{ m['content'] | trim }}\n"
        "{% endfor %}\n"
        "{% if tools %}{{ tools | tojson }}{% endif %}{% if add_generation_prompt %}=>{% endif %}"
    )
    await endpoint.ask(TALK, extra_body={"chat_template": template, "min_p": 0.1})
    prompt = "1|system|Be short.\n2|user|Name a river. {{ 7 * 7 }}\n=>"
    assert endpoint.body == {"model": "m", "prompt": prompt, "min_p": 0.1}


async def test_answers_are_read_without_the_prompts_last_blank(endpoint: Endpoint) -> None:
    endpoint.answer = lambda: said(" Ob", "  two", "Don", logprobs={"tokens": ["x"]})
    made = await endpoint.ask(
        TALK, samples=(0, 1, 2), extra_body={"logprobs": 3}, sampling={"stop": ["END"], "seed": 4}
    )
    assert [c.text for c in made] == ["Ob", " two", "Don"]
    assert [c.prompt_tokens for c in made] == [9, 0, 0]
    assert sum(c.completion_tokens for c in made) == 4
    assert made[0].extra == {"logprobs": {"tokens": ["x"]}}
    sent = {name: endpoint.body[name] for name in ("n", "logprobs", "stop", "seed")}
    assert sent == {"n": 3, "logprobs": 3, "stop": ["END"], "seed": 4}


@pytest.mark.parametrize("body", ['{"choices": [{"message": {"content": 1}}]}', '{"choices": [7]}', '{"choices": 1}'])
async def test_answers_that_are_none_are_worth_another_try(endpoint: Endpoint, body: str) -> None:
    endpoint.answer = lambda: web.Response(text=body, content_type="application/json")
    with pytest.raises(Transient):
        await endpoint.ask(TALK)


async def test_messages_that_a_template_refuses_cost_one_row_and_send_nothing(endpoint: Endpoint) -> None:
    template = "{% if messages[0].role == 'system' %}{{ raise_exception('no system, please') }}{% endif %}"
    with pytest.raises(Refusal, match="no system, please"):
        await endpoint.ask(TALK, extra_body={"chat_template": template})
    assert endpoint.body == {}


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].clear() }}",
        "{{ unheard_of }}",
        "{% for i in range(999999999) %}x{% endfor %}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(text: str) -> None:
    template = PromptTemplate(text)
    with pytest.raises(Refusal):
        template.render(TALK)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"chat_template": "{% for %}"}, "bad-template"),
        ({"chat_template": ["x"]}, "bad-template"),
        ({"prompt": "x"}, "extra-body-taken"),
        ({"messages": []}, "extra-body-taken"),
    ],
)
def test_mistakes_are_found_before_anything_is_sent(body: dict[str, Any], code: str) -> None:
    values = {"provider": "openai-completions", "model": "m", "base_url": "http://x/v1", "extra_body": body}
    found = provider_class("openai-completions")(Model.model_validate(values)).problems()
    assert [p.code for p in found] == [code]
