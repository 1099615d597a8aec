"""Thinking in an answer's text: told apart in every spelling, and nothing else taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezoar_data.llms.reading.answer import read_answer
from bezoar_data.llms.reading.special_tokens import _AFTER, _PARTS
from bezoar_data.llms.reading.thinking import _OPENED_BY, _WORDS, split_thinking, with_thinking
from support.quirks.answers import SPELLINGS, THOUGHT

ANSWER = "The answer is 42."


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_thinking_in_every_spelling_goes_where_a_servers_own_field_goes(spelling: str) -> None:
    found = read_answer(SPELLINGS[spelling].format(thinking=THOUGHT, answer=ANSWER), "stop", {})
    assert found is not None
    assert (found.text, found.error) == (ANSWER, None)
    assert found.extra["reasoning"].strip() == THOUGHT
    assert read_answer(found.text, found.finish_reason, found.extra) is None, "what was read once is read"


@pytest.mark.parametrize(
    "text",
    [
        f"<think>\n{THOUGHT}",
        f"[THINK]{THOUGHT}",
        f"<seed:think>{THOUGHT}\n\n{ANSWER}",
        f"<|channel|>analysis<|message|>{THOUGHT}",
        f"<|channel|>commentary<|message|>{THOUGHT}<|end|>",
        f"<|channel>thought\n{THOUGHT}",
        f"analysis{THOUGHT}",
        f"thought\n{THOUGHT}",
        f"<think>{THOUGHT}</think>",
        f"{THOUGHT}\n</think>\n",
        f"<think></think>\n\n<think>{THOUGHT}",
    ],
)
def test_thinking_without_an_answer_is_none(text: str) -> None:
    for finish in ("stop", "length"):
        found = read_answer(text, finish, {})
        assert found is not None
        assert (found.text, found.error) == ("", "only_thinking")
        assert THOUGHT in found.extra["reasoning"]
        assert ("max_tokens" in found.detail) == (finish == "length")


NEAR_MISSES = {
    "a tag in the middle of prose": "Models write <think> before they answer, and </think> after it.",
    "a tag in a code span": "`<think>` opens it, and `</think>` closes it.\nThen comes the answer.",
    "a tag at the start of a code span": "`</think>`\nis how it ends.",
    "a fence at the start": "```xml\n<think>\nhm\n</think>\n```\nThat is the form.",
    "a fence further on": "It looks so:\n\n```\nhm\n</think>\n\n42\n```\n",
    "tildes": "It looks so:\n~~~\nhm\n</think>\n~~~\nand no other way.",
    "an unclosed fence": "It looks so:\n```\nhm\n</think>\n",
    "XML with a tag of that name": "Here it is:\n<reasoning>\nTwo and two.\n</reasoning>\n<answer>4</answer>",
    "HTML": "<p>Think of a number.</p>\n<thinker>Rodin</thinker>",
    "quotes": 'It ends with "</think>"\nand then the answer follows.',
    "a closing tag that prose names": "Close the block with </think>\nand go on with the answer.",
    "a closing tag in brackets": "There is a tag for the end (</think>) and one for the start.",
    "JSON": '{"reason": "It closes with.</think>and goes on.", "rating": 4}',
    "a word that begins like a channel": "analysis of variance: the final assistant was right.",
    "a label that begins like a channel": "analysis: we need the sum.",
    "harmony in code": "It writes `<|channel|>final<|message|>` before the answer.",
    "an attribute": '<think mode="fast">hm</think> is not what models write.',
    "brackets": "[THINKING ALOUD] Well, it is 42.",
    "a list of tags": "The tags are\n* <think> and </think>\n* <answer> and </answer>",
    "a less-than sign": "If a < b and b < c, then a < c.",
    "generics": "Map<String, List<Thinking>> is the type.",
    "a word alone": "thought",
    "a thought in prose": "thought is free.",
}


@pytest.mark.parametrize("text", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_what_only_looks_like_thinking_stays(text: str) -> None:
    assert read_answer(text, "stop", {}) is None


def test_blocks_follow_each_other_and_marks_of_two_models_mix() -> None:
    assert split_thinking("<think>a</think>\n<reasoning>b</reasoning>\nc") == split_thinking(
        "<think>a\n\nb</thinking>c"
    )
    twice = split_thinking("a <think>\nb\n</think>\nc\n</think>\n42")
    assert twice is None, "opened in the middle: that is the answer's"
    nested = split_thinking("<think>a <think>b</think> c\n</think>\n42")
    assert nested is not None
    assert nested.answer == "42"


VERDICT = '{"reason": "It is right.", "rating": 4, "status": "Accept"}'


@pytest.mark.parametrize(
    "text",
    [
        f"So {VERDICT}? No.</think>\n{VERDICT}",
        f"<think>{VERDICT}</think>\n<reasoning>{VERDICT}</reasoning>{VERDICT}",
        f"<think>{VERDICT} no wait</think>{VERDICT}",
    ],
)
def test_a_verdict_that_a_judge_thinks_of_is_not_its_verdict(text: str) -> None:
    found = read_answer(text, "stop", {})
    assert found is not None
    assert (found.text, found.error) == (VERDICT, None)


def test_thinking_that_came_apart_and_again_in_the_text_is_kept_once() -> None:
    text = f"<think>{THOUGHT}</think>{ANSWER}"
    for known, kept in ((THOUGHT, THOUGHT), ("Before.", f"Before.\n\n{THOUGHT}")):
        found = read_answer(text, "stop", {"reasoning": known})
        assert found is not None
        assert found.extra["reasoning"] == kept


def test_the_quick_looks_miss_no_mark() -> None:
    assert all(any(word in closing for word in _WORDS) for closing in _OPENED_BY)
    assert all(any(part in token for part in _PARTS) for token in _AFTER)


def test_kept_thinking_has_one_spelling() -> None:
    assert with_thinking(" hm \n", "42") == "<think>\nhm\n</think>\n\n42"


@given(st.text(alphabet='ab. \n`"<>|/[]{}', max_size=60), st.sampled_from(list(SPELLINGS)))
def test_no_text_breaks_the_reading_and_what_is_read_is_read_once(text: str, spelling: str) -> None:
    for given_text in (text, SPELLINGS[spelling].format(thinking=text, answer=text), text + spelling):
        found = read_answer(given_text, "stop", {})
        if found is not None and found.error is None:
            again = read_answer(found.text, found.finish_reason, found.extra)
            assert again is None or again.text == found.text
