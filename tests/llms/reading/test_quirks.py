"""Answers as real endpoints give them, through the real gateway: kept, asked again, or refused under a reason.

The shapes and their sources are in `tests/support/quirks/answers.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bezoar_data.llms.ask import Answer, Refused
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.entry import Entry
from bezoar_data.llms.reading.finish_reasons import SPELLINGS as ENDS
from bezoar_data.llms.reading.finish_reasons import ending_of
from support.gateways import QUICK, model, user
from support.quirk_server import QuirkServer
from support.quirks.answers import SPELLINGS, THOUGHT
from support.quirks.base import text_for

ASK = user("How far is it?")
GOOD = text_for({"messages": list(ASK.messages)})


@pytest_asyncio.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    with Journal.open(tmp_path / "journal.sqlite") as opened:
        yield opened


class Asked:
    """What came of one question to a quirk, and how often it was asked."""

    def __init__(self, answer: Answer | Refused, usage: dict[str, Any], requests: int, entry: Entry | None) -> None:
        self.answer, self.usage, self.requests, self.entry = answer, usage, requests, entry

    @property
    def text(self) -> str:
        assert isinstance(self.answer, Answer), self.answer
        return self.answer.text

    @property
    def reason(self) -> str:
        assert isinstance(self.answer, Refused), self.answer
        return self.answer.reason


async def ask(quirks: QuirkServer, journal: Journal, quirk: str, told: Any = None, **values: Any) -> Asked:
    question = replace(ASK, **{k: values.pop(k) for k in ("n", "messages") if k in values})
    role = model(quirks.url(quirk), **{"sampling": {"max_tokens": 500}, **values})
    async with Gateway({"teacher": role}, journal, retry=QUICK, on_event=told) as gateway:
        try:
            answer: Answer | Refused = await gateway.ask("teacher", question, step="s")
        except Refused as refused:
            answer = refused
        key = gateway._chains["teacher"][0].keys.key(question, 0)
        return Asked(answer, gateway.snapshot(), quirks.asked(quirk), journal.get(key))


@pytest.mark.parametrize(
    "quirk",
    [*(f"thinks_{spelling}" for spelling in SPELLINGS), "reasoning_content", "reasoning_object", "reasoning_details",
     "mistral_parts", "reasoning_part"],
)  # fmt: skip
async def test_thinking_is_journalled_apart(quirks: QuirkServer, journal: Journal, quirk: str) -> None:
    first = await ask(quirks, journal, quirk)
    assert first.text == GOOD
    assert first.entry is not None
    assert (first.entry.text, first.entry.extra["reasoning"].strip()) == (GOOD, THOUGHT)
    kept = await ask(quirks, journal, quirk, thinking="keep")
    assert kept.text == f"<think>\n{THOUGHT}\n</think>\n\n{GOOD}"
    assert kept.requests == 1, "how thinking is treated is no part of the question"


@pytest.mark.parametrize(
    "quirk",
    ["ollama_reasoning_empty", "ollama_reasoning_length", "answer_taken_for_thinking", "mlx_no_content", "unclosed",
     "unclosed_length", "hidden_thinking", "hidden_thinking_stop", "content_missing_length"],
)  # fmt: skip
async def test_nothing_but_thinking_is_not_asked_again_under_the_same_limit(
    quirks: QuirkServer, journal: Journal, quirk: str
) -> None:
    found = await ask(quirks, journal, quirk)
    assert (found.reason, found.requests) == ("only_thinking", 1)
    assert found.usage["completion_tokens"] == 20, "and it is paid for"
    assert (await ask(quirks, journal, quirk)).requests == 1
    assert (await ask(quirks, journal, quirk, sampling={"max_tokens": 100})).requests == 1
    assert (await ask(quirks, journal, quirk, sampling={"max_tokens": 900})).requests == 2, "a larger limit may cure it"


@pytest.mark.parametrize("quirk", ["content_null_once", "content_empty_list_once"])
async def test_no_content_at_all_is_asked_again(quirks: QuirkServer, journal: Journal, quirk: str) -> None:
    found = await ask(quirks, journal, quirk)
    assert (found.text, found.requests) == (GOOD, 2)
    assert found.usage["failures"] == {"garbage": 1}


@pytest.mark.parametrize(
    "end", ["error", "insufficient_system_resource", "network_error", "MALFORMED_FUNCTION_CALL", "abort"]
)
async def test_part_of_an_answer_is_thrown_away_and_paid(quirks: QuirkServer, journal: Journal, end: str) -> None:
    found = await ask(quirks, journal, f"once_{end}")
    assert (found.text, found.requests) == (GOOD, 2)
    assert found.usage["failures"] == {"unavailable" if "resource" in end else "unfinished": 1}
    assert (found.usage["completion_tokens"], found.usage["unknown_bills"]) == ((20, 1) if end == "error" else (40, 0))


@pytest.mark.parametrize(
    ("end", "word"),
    [
        *((end, "stop") for end in ("stop", "STOP", "eos_token", "eos", "COMPLETE", "end_turn", "stop_sequence",
                                    "FinishReason.STOP")),
        *((end, "length") for end in ("length", "model_length", "MAX_TOKENS", "max_tokens",
                                      "model_context_window_exceeded", "FINISH_REASON_MAX_TOKENS")),
        ("galactic", "galactic"), ("OTHER", "OTHER"),
    ],
)  # fmt: skip
async def test_ends_have_one_word(quirks: QuirkServer, journal: Journal, end: str, word: str) -> None:
    found = await ask(quirks, journal, f"ends_{end}")
    assert (found.text, found.requests) == (GOOD, 1)
    assert isinstance(found.answer, Answer)
    assert (found.answer.finish_reason, found.answer.is_cut) == (word, word == "length")


@pytest.mark.parametrize(
    "quirk",
    [*(f"ends_{end}" for end in ("SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "sensitive",
                                 "content_filter", "content_filter: hate", "content-filter", "guardrail_intervened",
                                 "ERROR_TOXIC")),
     "safety_without_content"],
)  # fmt: skip
async def test_what_a_filter_stopped_is_refused_and_journalled(
    quirks: QuirkServer, journal: Journal, quirk: str
) -> None:
    found = await ask(quirks, journal, quirk)
    assert (found.reason, found.requests) == ("content_filter", 1)
    assert found.usage["refused"] == 1
    assert (await ask(quirks, journal, quirk)).requests == 1, "found in the journal"


@pytest.mark.parametrize("quirk", ["refusal_field", "refusal_part"])
async def test_a_refusal_in_words_is_no_answer(quirks: QuirkServer, journal: Journal, quirk: str) -> None:
    found = await ask(quirks, journal, quirk)
    assert (found.reason, found.requests) == ("refused", 1)
    assert isinstance(found.answer, Refused)
    assert found.answer.text is not None
    assert found.answer.text.startswith("I'm sorry, I can't")


@pytest.mark.parametrize(
    ("quirk", "tokens"),
    [
        ("chatml_marks", 2),
        ("llama2_marks", 2),
        ("llama3_marks", 2),
        ("gemma_marks", 2),
        ("inst_mark", 1),
        ("goes_on", 2),
    ],
)
async def test_marks_round_an_answer_are_cut_off(
    quirks: QuirkServer, journal: Journal, quirk: str, tokens: int
) -> None:
    found = await ask(quirks, journal, quirk)
    assert found.text == GOOD
    assert found.entry is not None
    assert len(found.entry.extra["special_tokens"]) == tokens


async def test_usage_that_counts_one_sample_of_several_counts_each(quirks: QuirkServer, journal: Journal) -> None:
    for quirk in ("llamacpp_n", "all_counted_n"):
        found = await ask(quirks, journal, quirk, n=3, model=quirk)
        assert found.usage["completion_tokens"] == 165, quirk
        assert found.usage["prompt_tokens"] == 9


@pytest.mark.parametrize("quirk", ["no_usage", "null_usage", "finish_null", "parts"])
async def test_what_is_missing_does_no_harm(quirks: QuirkServer, journal: Journal, quirk: str) -> None:
    assert (await ask(quirks, journal, quirk)).text == GOOD


async def test_one_sample_of_several_is_lost_alone(quirks: QuirkServer, journal: Journal) -> None:
    found = await ask(quirks, journal, "one_filtered", n=3)
    assert isinstance(found.answer, Answer)
    assert [s.refusal for s in found.answer.samples] == ["", "content_filter", ""]
    assert [bool(s.text) for s in found.answer.samples] == [True, False, True]
    assert (found.requests, found.usage["answered"], found.usage["refused"]) == (1, 2, 1)


async def test_one_sample_that_failed_is_asked_again_alone(quirks: QuirkServer, journal: Journal) -> None:
    first, then = quirks.quirks["one_failed"], quirks.quirks["all_counted_n"]
    quirks.quirks["fails_once"] = lambda body, nth: (first if nth == 1 else then)(body, nth)
    found = await ask(quirks, journal, "fails_once", n=3)
    assert isinstance(found.answer, Answer)
    assert len(found.answer.samples) == 3
    assert (found.requests, quirks.bodies["fails_once"].get("n", 1)) == (2, 1)
    assert found.usage["completion_tokens"] == 2 * 165, "all that was billed"


async def test_a_prompt_that_was_cut_in_silence_is_told_once(quirks: QuirkServer, journal: Journal) -> None:
    told: list[str] = []
    long = "The quick brown fox jumps over the lazy dog. " * 2000

    async def asked(text: str, quirk: str = "cut_prompt") -> None:
        hear = lambda what, facts: told.append(f"{what}: {facts['why']}")  # noqa: E731
        await ask(quirks, journal, quirk, hear, messages=[{"role": "user", "content": text}], model=quirk)

    for text in ("short", " " * 60_000, long[: 4 * 4096]):
        await asked(text)
    await asked(long, "no_usage")
    assert told == []
    await asked(long)
    assert len(told) == 1
    assert "4,096 tokens" in told[0]
    assert "context" in told[0]


def entry_of(found: Asked, **changes: Any) -> Entry:
    assert found.entry is not None
    return replace(found.entry, **changes)


@pytest.mark.parametrize(
    ("text", "finish", "outcome"),
    [
        (f"<think>{THOUGHT}</think>\n\nold", "stop", "old"),
        ("old<|im_end|>", "eos", "old"),
        ("half", "MAX_TOKENS", "half"),
        ("I will not", "refusal", "refused"),
        ("half", "SAFETY", "content_filter"),
        (f"<think>{THOUGHT}", "stop", "only_thinking"),
        ("half", "error", GOOD),
    ],
)
async def test_an_answer_of_an_older_journal_is_read_as_one_of_today(
    quirks: QuirkServer, tmp_path: Path, text: str, finish: str, outcome: str
) -> None:
    """Keys are as they were; what stands under them is read anew. Only part of an answer is asked for again."""
    with Journal.open(tmp_path / "new.sqlite") as new:
        now = await ask(quirks, new, "good")
    with Journal.open(tmp_path / "old.sqlite") as old:
        await old.put(entry_of(now, text=text, finish_reason=finish, extra={}))
        found = await ask(quirks, old, "good")
    said = found.reason if isinstance(found.answer, Refused) else found.text
    assert (said, found.requests) == (outcome, 2 if outcome == GOOD else 1)


def test_no_spelling_stands_for_two_ends() -> None:
    words = [word for spellings in ENDS.values() for word in spellings]
    assert len(words) == len(set(words))
    assert all(ending_of(word) == ending for ending, spellings in ENDS.items() for word in spellings)
    assert ending_of("contextLengthReached") == ending_of("maxPredictedTokensReached") == "length"
    assert ending_of("eosFound") == "stop"
