"""The journal by itself: what is put is found again, and each line of the look-up table of the design."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Ask
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.entry import Entry, JournalError, pack, unpack
from bezoar_data.llms.journal.lookup import choose, serves
from bezoar_data.llms.journal.request_key import KeyMaker
from bezoar_data.llms.redact import MARK, register_secret
from support.journal_entries import entry_of, key_of, put_all


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "journal.sqlite"


def cut(number: int = 0, max_tokens: int | None = 100, used: int | None = 100) -> Entry:
    return entry_of(number, finish_reason="length", max_tokens=max_tokens, completion_tokens=used)


def refusal(number: int = 0, max_tokens: int | None = 512) -> Entry:
    return entry_of(number, text=None, finish_reason="", error="http_400", detail="bad request", max_tokens=max_tokens)


async def test_an_answer_is_found_again_with_everything_it_took(path: Path) -> None:
    with Journal.open(path) as journal:
        assert journal.find(key_of(0), 512) is None
        assert journal.get(key_of(0)) is None
        assert await journal.put(entry_of(0)) == entry_of(0)
    with Journal.open(path) as journal:
        assert journal.notes == []
        assert journal.get(key_of(0)) == entry_of(0)
        assert journal.find(key_of(0), 512) == replace(entry_of(0), messages=None)


async def test_an_entry_is_found_while_it_waits_to_be_committed(path: Path) -> None:
    with Journal.open(path) as journal:
        with journal._writer.paused():
            waiting = asyncio.ensure_future(journal.put(entry_of(0)))
            await asyncio.sleep(0)
            with closing(sqlite3.connect(path)) as other:
                assert other.execute("SELECT count(*) FROM answers").fetchone() == (0,)
            assert journal.find(key_of(0), 512) is not None
            assert journal.get(key_of(0)) == entry_of(0)
        await waiting


async def test_when_put_returns_another_process_sees_the_entry(path: Path) -> None:
    with Journal.open(path) as journal:
        await asyncio.gather(*(journal.put(entry_of(n)) for n in range(300)))
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT count(*) FROM answers").fetchone() == (300,)


async def test_answers_that_come_together_share_transactions(path: Path) -> None:
    with Journal.open(path) as journal:
        statements: list[str] = []
        journal._writer._connection.set_trace_callback(statements.append)
        await asyncio.gather(*(journal.put(entry_of(n)) for n in range(256)))
        assert 1 <= sum(s == "COMMIT" for s in statements) <= 256 / 16


async def test_samples_and_attempts_share_one_copy_of_their_messages(path: Path) -> None:
    maker, ask = KeyMaker(Model(provider="openai", model="m")), Ask([{"role": "user", "content": "same"}], n=4)
    with Journal.open(path) as journal:
        for attempt in range(2):
            for key in maker.keys(replace(ask, attempt=attempt)):
                await journal.put(entry_of(0, key=key, messages=ask.messages))
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT count(*) FROM answers").fetchone() == (8,)
        assert file.execute("SELECT count(*) FROM requests").fetchone() == (1,)


async def test_reordered_rows_and_an_added_step_find_what_was_paid(path: Path) -> None:
    maker = KeyMaker(Model(provider="openai", model="m"))
    asks = [Ask([{"role": "user", "content": f"row {n}"}]) for n in range(20)]
    with Journal.open(path) as journal:
        for ask in asks:
            await journal.put(entry_of(0, key=maker.key(ask, 0), step="explain"))
    with Journal.open(path) as journal:
        assert all(journal.find(maker.key(ask, 0), 512) for ask in reversed(asks))
        # The name and place of the step that asks are no part of the question.
        assert await journal.put(entry_of(1, step="judge")) is not None
        assert all(journal.find(maker.key(ask, 0), 512) for ask in asks)


async def test_another_template_and_asking_again_are_new_questions(path: Path) -> None:
    maker, ask = KeyMaker(Model(provider="openai", model="m")), Ask([{"role": "user", "content": "Q: x"}])
    with Journal.open(path) as journal:
        await journal.put(entry_of(0, key=maker.key(ask, 0)))
        assert journal.find(maker.key(ask, 0), 512) is not None
        assert journal.find(maker.key(replace(ask, attempt=1), 0), 512) is None
        assert journal.find(maker.key(Ask([{"role": "user", "content": "Question: x"}]), 0), 512) is None


async def test_a_raised_limit_serves_answers_that_ended_by_themselves_and_not_cut_ones(path: Path) -> None:
    with Journal.open(path) as journal:
        await journal.put(entry_of(0, max_tokens=100))
        await journal.put(cut(1, max_tokens=100))
        for raised in (101, 1000, None):
            assert journal.find(key_of(0), raised) is not None
            assert journal.find(key_of(1), raised) is None
        assert journal.find(key_of(1), 100) is not None


async def test_a_lowered_limit_serves_answers_that_are_short_enough(path: Path) -> None:
    with Journal.open(path) as journal:
        await journal.put(entry_of(0, max_tokens=500, completion_tokens=60))
        assert journal.find(key_of(0), 60) is not None
        assert journal.find(key_of(0), 59) is None
        await journal.put(cut(1, max_tokens=100))
        assert journal.find(key_of(1), 99) is None


async def test_going_back_to_an_earlier_limit_pays_nothing_again(path: Path) -> None:
    short, long = cut(0, max_tokens=100), entry_of(0, text="all of it", max_tokens=1000, completion_tokens=400)
    with Journal.open(path) as journal:
        await journal.put(short)
        assert await journal.put(long) == long
    with Journal.open(path) as journal:
        for asked, expected in ((100, short), (1000, long), (None, long), (400, long)):
            found = journal.find(key_of(0), asked)
            assert found is not None
            assert found.text == expected.text
        assert journal.find(key_of(0), 150) is None
        best = journal.get(key_of(0))
        assert best is not None
        assert best.text == long.text


def test_a_provider_that_counts_past_its_own_limit_is_not_asked_for_ever() -> None:
    assert serves(entry_of(0, max_tokens=100, completion_tokens=130), 100)
    assert serves(cut(0, max_tokens=100, used=101), 100)


def test_an_answer_cut_by_the_providers_own_limit_is_asked_again_once_more_is_asked_for() -> None:
    entry = cut(0, max_tokens=None, used=16)
    assert serves(entry, None)
    assert serves(entry, 16)
    assert not serves(entry, 500)


async def test_refusals_are_found_unless_they_are_to_be_retried(path: Path) -> None:
    with Journal.open(path) as journal:
        await journal.put(refusal(0))
        for asked in (512, 1000, None):
            found = journal.find(key_of(0), asked)
            assert found is not None
            assert (found.error, found.detail, found.text) == ("http_400", "bad request", None)
            assert journal.find(key_of(0), asked, retry_failed=True) is None
        # "Maximum context exceeded" is what a lower limit cures.
        assert journal.find(key_of(0), 100) is None


async def test_an_answer_after_a_retried_refusal_replaces_it(path: Path) -> None:
    with Journal.open(path) as journal:
        await journal.put(refusal(0))
        await journal.put(entry_of(0))
        for retry in (True, False):
            found = journal.find(key_of(0), 512, retry_failed=retry)
            assert found is not None
            assert found.text == entry_of(0).text


async def test_a_refusal_never_hides_an_answer(path: Path) -> None:
    with Journal.open(path) as journal:
        await journal.put(entry_of(0))
        await journal.put(refusal(0))
        found = journal.find(key_of(0), 512)
        assert found is not None
        assert found.error is None


async def test_of_two_answers_to_one_question_the_first_stands_for_both_askers(path: Path) -> None:
    first, second = entry_of(0, text="first"), entry_of(0, text="second")
    with Journal.open(path) as one, Journal.open(path) as two:
        assert (await one.put(first)).text == "first"
        assert (await two.put(second)).text == "first"
        found = two.find(key_of(0), 512)
        assert found is not None
        assert found.text == "first"


_LIMITS = st.one_of(st.none(), st.integers(1, 50))
_ENTRIES = st.lists(
    st.builds(
        lambda number, finish, limit, used, error: entry_of(
            0,
            text=None if error else f"text {number}",
            finish_reason=finish,
            max_tokens=limit,
            completion_tokens=used,
            error="http_400" if error else None,
        ),
        st.integers(0, 9),
        st.sampled_from(["stop", "length"]),
        _LIMITS,
        st.one_of(st.none(), st.integers(1, 60)),
        st.booleans(),
    ),
    max_size=5,
)


@settings(max_examples=300)
@given(_ENTRIES, _LIMITS, _ENTRIES)
def test_what_a_row_was_made_from_stays_what_it_was_made_from(
    known: list[Entry], asked: int | None, later: list[Entry]
) -> None:
    """Once an answer served, no later entry takes its place; and an answer just given always serves its question."""
    before = choose(known, asked)
    if before is not None and before.error is None:
        assert choose(known + later, asked) is before
    for entry in known:
        assert serves(entry, entry.max_tokens)


async def test_a_planted_key_is_nowhere_in_the_files(path: Path) -> None:
    secret = "planted/key-0123456789"
    register_secret(secret)
    entry = entry_of(
        0,
        text=f"the key is {secret}",
        detail=f'{{"error": "{secret}"}}',
        request_id=secret,
        messages=[{"role": "user", "content": f"my key: {secret} and sk-{'aB3' * 10}"}],
        extra={"headers": [secret]},
    )
    with Journal.open(path) as journal:
        stored = await journal.put(entry)
        assert stored.text == f"the key is {MARK}"
        found = journal.get(key_of(0))
        assert found is not None
        assert found.messages == [{"role": "user", "content": f"my key: {MARK} and {MARK}"}]
        assert found.extra == {"headers": [MARK]}
        for file in path.parent.iterdir():
            assert b"planted" not in file.read_bytes()
    for file in path.parent.iterdir():
        assert b"planted" not in file.read_bytes()


@settings(max_examples=150)
@given(
    st.one_of(st.none(), st.text()),
    st.floats(),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.dictionaries(st.text(), st.one_of(st.floats(allow_nan=False), st.text(), st.none()), max_size=3),
)
def test_any_values_survive_the_file(text: str | None, number: float, tokens: int | None, extra: dict) -> None:  # type: ignore[type-arg]
    with closing(sqlite3.connect(":memory:")) as connection:
        packed = pack(entry_of(0, text=text, cost=number, prompt_tokens=tokens, extra=extra, messages=None))
        columns = ", ".join(f"c{i} {'REAL' if i in (12, 13, 14, 15, 16) else ''}" for i in range(len(packed.row)))
        connection.execute(f"CREATE TABLE t ({columns})")
        marks = ",".join("?" * len(packed.row))
        connection.execute(f"INSERT INTO t VALUES ({marks})", packed.row)  # noqa: S608
        back = unpack(connection.execute("SELECT * FROM t").fetchone())
    assert back is not None
    if number == number:
        assert back == replace(packed.entry, messages=None)
        assert back.cost == number
    assert back.text == text


async def test_lone_surrogates_are_replaced_in_what_put_returns_too(path: Path) -> None:
    with Journal.open(path) as journal:
        stored = await journal.put(entry_of(0, text="a\ud800b \ud83d\ude00"))
        assert stored.text == "a\ufffdb 😀"
        found = journal.find(key_of(0), 512)
        assert found is not None
        assert found.text == stored.text


async def test_an_entry_no_file_can_hold_fails_alone(path: Path) -> None:
    with Journal.open(path) as journal:
        outcomes = await asyncio.gather(
            *(journal.put(entry_of(n, prompt_tokens=2**70 if n == 5 else 1)) for n in range(20)), return_exceptions=True
        )
        assert [n for n, o in enumerate(outcomes) if isinstance(o, BaseException)] == [5]
        assert isinstance(outcomes[5], JournalError)
        assert journal.find(key_of(6), 512) is not None
        assert journal.find(key_of(5), 512) is None


async def test_a_cancelled_put_is_journalled_all_the_same(path: Path) -> None:
    with Journal.open(path) as journal:
        task = asyncio.ensure_future(journal.put(entry_of(0)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await journal.put(entry_of(1))
    with Journal.open(path) as journal:
        assert journal.find(key_of(0), 512) is not None


def test_closing_writes_what_is_waiting_in_a_loop_that_is_gone(path: Path) -> None:
    journal = Journal.open(path)

    async def leave() -> None:
        for number in range(10):
            asyncio.ensure_future(journal.put(entry_of(number)))  # noqa: RUF006
        await asyncio.sleep(0)

    asyncio.run(leave())
    journal.close()
    with Journal.open(path) as again:
        assert all(again.find(key_of(n), 512) for n in range(10))


def test_two_event_loops_one_after_the_other_use_one_journal(path: Path) -> None:
    with Journal.open(path) as journal:
        for number in range(3):
            asyncio.run(journal.put(entry_of(number)))
        assert put_all(journal, [entry_of(3)]) == [entry_of(3)]
        assert all(journal.find(key_of(n), 512) for n in range(4))


async def test_a_closed_journal_says_so(path: Path) -> None:
    journal = Journal.open(path)
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="is closed"):
        await journal.put(entry_of(0))
    with pytest.raises(JournalError, match="is closed"):
        journal.find(key_of(0), 512)


def test_a_key_that_is_none_is_a_fault_of_the_caller(path: Path) -> None:
    with Journal.open(path) as journal, pytest.raises(ValueError, match="64 hex digits"):
        journal.find("abcd", 1)


def test_without_create_a_missing_journal_is_a_mistake_and_is_not_made(path: Path) -> None:
    with pytest.raises(InputError, match="there is no journal"):
        Journal.open(path, create=False)
    assert not path.exists()


async def test_putting_and_finding_are_fast_enough(path: Path) -> None:
    """A tenth of what is measured, in time of the processor: only a change of order of magnitude fails here."""
    entries = [entry_of(n, text="word " * 100, messages=[{"role": "user", "content": f"q {n}"}]) for n in range(2000)]
    with Journal.open(path) as journal:
        start = time.process_time()
        await asyncio.gather(*(journal.put(e) for e in entries))
        put = time.process_time() - start
        start = time.process_time()
        assert all(journal.find(e.key, 512) for e in entries)
        found = time.process_time() - start
    assert put / len(entries) < 600e-6
    assert found / len(entries) < 600e-6
