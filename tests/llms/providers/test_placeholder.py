"""The provider `placeholder`: texts that say that they are no answer."""

import asyncio
from typing import Any

import pytest

from bezoar_data.config.files.models import Model
from bezoar_data.llms.providers.base import Completion, Refusal, Request, provider_class
from bezoar_data.measures.placeholder import MARK


def ask(text: str, *, samples: tuple[int, ...] = (0,), attempt: int = 0, schema: Any = None, **model: Any) -> list[Any]:
    made = Model.model_validate({"provider": "placeholder", "model": "m", **model})
    provider = provider_class("placeholder")(made)
    assert provider.problems() == []
    request = Request(made, [{"role": "user", "content": text}], schema, samples, attempt)
    found: list[Completion] = list(asyncio.run(provider.complete(request)))
    return found


def test_a_placeholder_says_what_it_is_and_depends_on_the_request_alone():
    first, second = ask("What is a tide?", samples=(0, 1))
    assert first.text.startswith(MARK)
    assert "--models" in first.text
    assert first.finish_reason == "stop"
    again, other, anew = (
        ask("What is a tide?")[0],
        ask("What is a tie?")[0],
        ask("What is a tide?", attempt=1)[0],
    )
    assert again == first
    assert len({first.text, second.text, other.text, anew.text}) == 4


@pytest.mark.parametrize(
    ("model", "words", "reason"),
    [
        ({}, 40, "stop"),
        ({"extra_body": {"words": 300}}, 300, "stop"),
        ({"extra_body": {"words": 7}}, 7, "stop"),
        ({"extra_body": {"words": 60}, "sampling": {"max_tokens": 50}}, 50, "length"),
        ({"sampling": {"max_tokens": 50}}, 40, "stop"),
        ({"sampling": {"max_tokens": 3}}, 3, "length"),
    ],
)
def test_its_length_is_as_stated(model: dict[str, Any], words: int, reason: str):
    (said,) = ask("Tell me.", **model)
    assert (len(said.text.split()), said.finish_reason) == (words, reason)


def test_it_gives_no_instance_of_a_schema():
    with pytest.raises(Refusal, match="--models"):
        ask("Judge this.", schema={"type": "object"})


@pytest.mark.parametrize("words", [0, -1, True, "many", 1.5])
def test_a_length_that_is_none_is_told(words: Any):
    made = Model.model_validate({"provider": "placeholder", "model": "m", "extra_body": {"words": words}})
    (problem,) = provider_class("placeholder")(made).problems()
    assert "words" in problem.message
