"""`ChatLLM` under distilabel: its tasks, its runner, its copies; and `ask_each` over any distilabel LLM."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distilabel.models.llms.base import LLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration, UltraFeedback

from bezoar_data.config.errors import InputError
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.gateway.distilabel_llm import ChatLLM, ask_each
from bezoar_data.llms.journal import Journal, maintenance
from support.fault_server import FaultServer
from support.gateways import model, user


def chat(server: FaultServer, folder: Path, **values: Any) -> ChatLLM:
    return ChatLLM(role="teacher", spec=model(server, **values), journal=str(folder / "journal.sqlite"))


@pytest.fixture
def llm(server: FaultServer, tmp_path: Path) -> Iterator[ChatLLM]:
    made = chat(server, tmp_path)
    made.load()
    yield made
    made.unload()


def messages(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_one_refused_request_is_none_for_its_row_only(llm: ChatLLM) -> None:
    good, bad, other = llm.generate_outputs([messages("a"), messages("b [[400]]"), messages("c")], num_generations=2)
    assert all(isinstance(text, str) for text in good["generations"] + other["generations"])
    assert len(good["generations"]) == 2
    assert bad["generations"] == [None, None]
    assert bad["finish_reason"] == ["http_400", "http_400"]
    assert sum(good["statistics"]["output_tokens"]) == 40
    assert all(len(key) == 64 for key in good["key"])


def test_answers_come_from_the_journal_the_second_time(llm: ChatLLM, server: FaultServer, tmp_path: Path) -> None:
    first = llm.generate([messages(f"q {i}") for i in range(10)])
    again = chat(server, tmp_path)
    again.load()
    assert again.generate([messages(f"q {i}") for i in range(10)]) == first
    again.unload()
    assert server.stats()["requests"] == 10


def test_recorded_answers_serve_where_its_own_journal_has_none(
    llm: ChatLLM, server: FaultServer, tmp_path: Path
) -> None:
    first = llm.generate([messages(f"q {i}") for i in range(3)])
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        maintenance.export(journal, tmp_path / "answers.jsonl")
    again = chat(server, tmp_path / "elsewhere")
    again.answers = [str(tmp_path / "answers.jsonl")]
    again.load()
    assert again.generate([messages(f"q {i}") for i in range(3)]) == first
    again.unload()
    assert server.stats()["requests"] == 3


def test_a_schema_reaches_the_server_from_the_input_and_from_the_field(llm: ChatLLM, server: FaultServer) -> None:
    schema = {"type": "object", "properties": {}}
    llm.generate([(messages("a"), {"format": "json", "schema": schema})])
    assert server.stats()["last_body"]["response_format"]["json_schema"]["schema"] == schema
    llm.structured_output = {"schema": schema}
    llm.generate([messages("b")])
    assert server.stats()["last_body"]["response_format"]["json_schema"]["schema"] == schema
    with pytest.raises(InputError):
        llm.generate([(messages("a"), {"format": "regex", "schema": "a+"})])


async def test_it_may_be_awaited_on_a_loop_that_runs(llm: ChatLLM) -> None:
    outputs = await asyncio.gather(*(llm.agenerate(messages(f"q {i}")) for i in range(5)))
    assert all(o["generations"][0] for o in outputs)
    assert llm.generate([messages("q 0")])[0] == outputs[0]


def test_threads_may_share_it(llm: ChatLLM, server: FaultServer) -> None:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(llm.generate([messages("q")]))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(f == found[0] for f in found)
    assert server.stats()["requests"] == 1


def test_tasks_that_share_it_may_load_and_unload_it_in_any_order(server: FaultServer, tmp_path: Path) -> None:
    llm = chat(server, tmp_path)
    before = threading.active_count()
    llm.load()
    llm.load()
    llm.unload()
    assert llm.generate([messages("q")])[0]["generations"][0]
    llm.unload()
    assert threading.active_count() <= before
    llm.unload()
    llm.load()
    assert llm.generate([messages("q")])[0]["generations"][0]
    llm.unload()


def test_copies_and_pickles_hold_values_only(llm: ChatLLM) -> None:
    llm.generate([messages("q")])
    for made in (llm.model_copy(deep=True), copy.deepcopy(llm), pickle.loads(pickle.dumps(llm))):  # noqa: S301
        assert made.spec == llm.spec
        assert made._runtime.gateway is None
        made.load()
        assert made.generate([messages("q")]) == llm.generate([messages("q")])
        made.unload()


def test_it_is_written_and_read_as_distilabel_does(server: FaultServer, tmp_path: Path) -> None:
    price = {"input": 1, "output": 2, "read": "2026-01-01"}
    llm = chat(server, tmp_path, price=price, sampling={"stop": ["a", "b"]})
    for name in ("llm.json", "llm.yaml"):
        llm.save(path=tmp_path / name, format=name.rpartition(".")[2])
        read = ChatLLM.from_json if name.endswith("json") else ChatLLM.from_yaml
        assert read(tmp_path / name).spec == llm.spec
    assert "python/tuple" not in (tmp_path / "llm.yaml").read_text()


async def test_bound_it_asks_through_the_engine_s_gateway(server: FaultServer, tmp_path: Path) -> None:
    llm = chat(server, tmp_path)
    with Journal.open(tmp_path / "other.sqlite") as journal:
        async with Gateway({"teacher": llm.spec}, journal) as gateway:
            llm.bind(gateway, asyncio.get_running_loop(), "a-step")
            llm.load()
            outputs = await asyncio.to_thread(llm.generate, [messages(f"q {i}") for i in range(5)])
            assert (await llm.agenerate(messages("q 0"))) == outputs[0]
            with pytest.raises(RuntimeError, match="agenerate"):
                llm.generate([messages("q 0")])
            assert gateway.snapshot()["steps"]["a-step"]["m"]["answered"] == 5
            llm.unload()
            assert (await gateway.ask("teacher", user("q 0"), step="x")).text == outputs[0]["generations"][0]
    assert not (tmp_path / "journal.sqlite").exists()


def test_distilabel_s_own_runner_keeps_every_row(server: FaultServer, tmp_path: Path) -> None:
    server.set(latency=0.02, rate_429=0.1, retry_after="0.1")
    rows = [{"instruction": f"question {i}" + (" [[400]]" if i == 13 else "")} for i in range(60)]
    with Pipeline(name="chat", cache_dir=tmp_path / "cache") as pipeline:
        load = LoadDataFromDicts(data=rows, batch_size=20)
        load >> TextGeneration(name="answer", llm=chat(server, tmp_path), input_batch_size=20)
    made = pipeline.run(use_cache=False)["default"]["train"]
    assert [r["instruction"] for r in made] == [r["instruction"] for r in rows]
    assert [i for i, r in enumerate(made) if r["generation"] is None] == [13]
    assert made[0]["llm_answer_finish_reason"] == "stop"
    assert made[0]["distilabel_metadata"]["statistics_answer"]["output_tokens"] == 20
    assert made[13]["llm_answer_finish_reason"] == "http_400"
    assert made[0]["model_name"] == "m"


def test_ultrafeedback_asks_with_its_schema(server: FaultServer, tmp_path: Path) -> None:
    task = UltraFeedback(name="judge", llm=chat(server, tmp_path), aspect="overall-rating")
    task.llm.structured_output = {"format": "json", "schema": task.get_structured_output()}
    task.load()
    (rows,) = task.process([{"instruction": "say a", "generations": ["a", "b"]}])
    assert len(rows) == 1
    assert server.stats()["last_body"]["response_format"]["json_schema"]["schema"] == task.get_structured_output()
    task.unload()


def test_ask_each_gives_answers_and_refusals_in_order(llm: ChatLLM) -> None:
    found = ask_each(llm, [user("a"), user("b [[422]]"), user("c", n=2)], step="s")
    assert [type(f) for f in found] == [Answer, Refused, Answer]
    assert isinstance(found[2], Answer)
    assert len(found[2].samples) == 2


def test_ask_each_ends_the_run_for_a_refused_key(server: FaultServer, tmp_path: Path) -> None:
    server.set(status=401)
    llm = chat(server, tmp_path)
    with pytest.raises(InputError):
        ask_each(llm, [user("a"), user("b")], step="s")
    llm.unload()


class Foreign(LLM):
    """A distilabel LLM as others write them: one bad input fails the whole batch."""

    structured_output: Any = None

    @property
    def model_name(self) -> str:
        return "foreign"

    def generate(self, inputs: list[Any], num_generations: int = 1) -> list[Any]:  # type: ignore[override]
        outputs = []
        for given in inputs:
            text = (given[0] if isinstance(given, tuple) else given)[-1]["content"]
            if text == "bad":
                raise ValueError("cannot say that")
            schema = given[1]["schema"] if isinstance(given, tuple) else None
            texts = [None if text == "none" else f"{text} {i} {schema}" for i in range(num_generations)]
            outputs.append({"generations": texts, "statistics": {"input_tokens": [1], "output_tokens": [1]}})
        return outputs


def test_ask_each_works_with_any_distilabel_llm() -> None:
    schema = {"type": "object"}
    asks = [user("a"), user("b", n=2), user("bad"), user("none"), Ask(messages("c"), schema)]
    found = ask_each(Foreign(), asks, step="s")
    assert [f.text if isinstance(f, Answer) else f.reason for f in found] == [
        "a 0 None",
        "b 0 None",
        "llm_error",
        "no_usable_answer",
        "c 0 {'type': 'object'}",
    ]
    assert isinstance(found[1], Answer)
    assert [s.text for s in found[1].samples] == ["b 0 None", "b 1 None"]
    assert found[1].model == "foreign"
