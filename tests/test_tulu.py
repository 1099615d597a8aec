"""Tülu 1's mixtures, from small files of the shapes in which their sources are published."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from bezoar_data.cards.licences.lineage import licence_of
from bezoar_data.cards.truth import truth_of
from bezoar_data.config.yaml.document import load_yaml
from bezoar_data.runs.lock import Lock
from support.command import bezoar

ROOT = Path(__file__).parents[1]
PAPER = {
    "flan_v2": 100_000,
    "cot": 100_000,
    "dolly": 15_011,
    "oasst1": 34_795,
    "gpt4_alpaca": 52_002,
    "code_alpaca": 20_022,
    "sharegpt": 168_864,
}
HUMAN = list(PAPER)[:4]


def said(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


def published() -> list[dict[str, Any]]:
    """The set as Tülu's authors published it: all seven sets, of which FLAN's two are read."""
    names = ("flan_v2", "cot", "dolly", "sharegpt", "oasst1")
    return [
        {"dataset": name, "id": f"{name}_{i}", "messages": said(f"{name} asks {i}", f"{name} says {i}")}
        for name in names
        for i in range(6)
    ]


def dolly() -> list[dict[str, Any]]:
    return [
        {
            "instruction": f"Name {i} birds.",
            "context": "A pond." if i % 2 else "",
            "response": f"{i} ducks" if i else "",
            "category": "open_qa",
        }
        for i in range(5)
    ]


def message(name: str, parent: str | None, role: str, *, rank: int | None = None, **more: Any) -> dict[str, Any]:
    return {
        "message_id": name,
        "parent_id": parent,
        "user_id": "someone",
        "created_date": "2023-02-05T14:23:50.983374+00:00",
        "text": f"{name} speaks",
        "role": role,
        "lang": "de" if name.startswith("q2") else "en",
        "review_count": 3,
        "review_result": True,
        "deleted": False,
        "rank": rank,
        "synthetic": False,
        "model_name": None,
        "detoxify": {"toxicity": 0.0004, "severe_toxicity": 0.0},
        "message_tree_id": "q1",
        "tree_state": "ready_for_export",
        "emojis": {"name": ["+1"], "count": [1]},
        "labels": {"name": ["quality"], "value": [0.7], "count": [3]},
        **more,
    }


def oasst1() -> list[dict[str, Any]]:
    return [
        message("q1", None, "prompter"),
        message("q1a", "q1", "assistant", rank=1),
        message("q1b", "q1", "assistant", rank=0),
        message("q1bq", "q1b", "prompter"),
        message("q1bqa", "q1bq", "assistant", rank=0),
        message("q1bqb", "q1bq", "assistant", deleted=True),
        message("q2", None, "prompter"),
        message("q2a", "q2", "assistant"),
        message("q2aq", "q2a", "prompter"),
    ]


def alpaca(words: str, *, text: bool) -> list[dict[str, Any]]:
    rows = [{"instruction": f"{words} {i}", "input": "of it" if i else "", "output": f"done {i}"} for i in range(3)]
    return [{**row, "text": "Below is an instruction."} if text else row for row in rows]


def sharegpt() -> list[dict[str, Any]]:
    def talk(name: str, *turns: tuple[str, str]) -> dict[str, Any]:
        return {"id": name, "conversations": [{"from": who, "value": value} for who, value in turns]}

    long = "word " * 900
    return [
        talk("short", ("human", "Hi"), ("gpt", "Hello"), ("human", "More?")),
        talk("cut", *[(("human", "gpt")[i % 2], f"{i} {long}") for i in range(4)]),
        talk("begun", ("gpt", "as I said"), ("human", "And?"), ("gpt", "So.")),
        talk("huge", ("human", long * 3), ("gpt", "No.")),
        talk("chat", ("user", "Ping"), ("chatgpt", "Pong")),
    ]


@dataclass
class Built:
    folder: Path
    report: dict[str, Any]

    def rows(self) -> list[dict[str, Any]]:
        files = sorted((self.folder / "dataset" / "data").glob("*.parquet"))
        return [row for file in files for row in pq.read_table(file).to_pylist()]

    def by_dataset(self) -> dict[str, list[list[str]]]:
        found = defaultdict(list)
        for row in self.rows():
            found[row["dataset"]].append([m["content"] for m in row["messages"]])
        return found

    def dropped(self) -> Counter[tuple[str, str]]:
        rows = pq.read_table(self.folder / "dropped.parquet").to_pylist()
        return Counter((row["step"], row["reason"]) for row in rows)

    def lock(self) -> dict[str, Any]:
        lock: dict[str, Any] = json.loads((self.folder / "dataset" / "lock.json").read_text())
        return lock

    def licence(self) -> dict[str, Any]:
        licence: dict[str, Any] = truth_of(self.folder / "dataset").own["licence"]
        return licence


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources' files, and a tokenizer whose tokens are words."""
    folder = tmp_path_factory.mktemp("tulu")
    for name, rows in (("published", published()), ("dolly", dolly())):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(oasst1()), folder / "oasst1.parquet")
    pq.write_table(pa.Table.from_pylist(alpaca("Tell", text=True)), folder / "gpt4-alpaca.parquet")
    (folder / "code-alpaca.json").write_text(json.dumps(alpaca("Code", text=False), indent=2))
    (folder / "sharegpt.json").write_text(json.dumps(sharegpt()))
    words = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.save(str(folder / "tokenizer.json"))
    return folder


def build(work: Path, name: str) -> Built:
    sources = ["published.jsonl", "dolly.jsonl", "oasst1.parquet"]
    sets = []
    if name == "tulu-human-gpt":
        sources += ["gpt4-alpaca.parquet", "code-alpaca.json", "sharegpt.json"]
        sets += ["--set", f"steps.parts.tokenizer={work / 'tokenizer.json'}"]
    for file in sources:
        step = file.partition(".")[0]
        sets += ["--set", f"steps.{step}.hub=null", "--set", f"steps.{step}.path={work / file}"]
        if step == "sharegpt":
            sets += ["--set", "steps.sharegpt.data_dir=null"]
    out = work / "runs" / name
    done = bezoar("run", ROOT / "pipelines" / f"{name}.yaml", *sets, "--out", out, "--json", cwd=work)
    assert done.code == 0, done.err
    return Built(out, done.json)


@pytest.fixture(scope="module")
def human(work: Path) -> Built:
    return build(work, "tulu-human")


@pytest.fixture(scope="module")
def whole(work: Path) -> Built:
    return build(work, "tulu-human-gpt")


def test_the_four_sources_become_conversations_as_they_were_published(human: Built):
    assert human.report["asked"]["requests"] == 0
    found = human.by_dataset()
    assert set(found) == set(HUMAN)
    assert found["flan_v2"] == [[f"flan_v2 asks {i}", f"flan_v2 says {i}"] for i in range(6)]
    assert len(found["cot"]) == 6
    assert found["dolly"][:2] == [["Name 1 birds.\n\nA pond.", "1 ducks"], ["Name 2 birds.", "2 ducks"]]
    assert sorted(found["oasst1"]) == [
        ["q1 speaks", "q1a speaks"],
        ["q1 speaks", "q1b speaks", "q1bq speaks", "q1bqa speaks"],
    ]
    assert human.dropped() == {
        ("flan", "not_chosen"): 18,
        ("dolly-messages", "empty"): 1,
        ("trees", "deleted"): 1,
        ("trees", "no_answer"): 1,
    }


def test_the_three_sets_of_gpts_answers_join_them_with_sharegpt_cut(human: Built, whole: Built):
    found = whole.by_dataset()
    assert set(found) == set(PAPER)
    assert {name: found[name] for name in HUMAN} == dict(human.by_dataset())
    assert found["gpt4_alpaca"] == [["Tell 0", "done 0"], ["Tell 1\n\nof it", "done 1"], ["Tell 2\n\nof it", "done 2"]]
    assert [talk[0] for talk in found["code_alpaca"]] == ["Code 0", "Code 1\n\nof it", "Code 2\n\nof it"]
    assert [[text[:4] for text in talk] for talk in found["sharegpt"]] == [
        ["Hi", "Hell"],
        ["0 wo", "1 wo"],
        ["2 wo", "3 wo"],
        ["And?", "So."],
        ["Ping", "Pong"],
    ]
    sharegpt = {reason: n for (step, reason), n in whole.dropped().items() if step == "parts"}
    assert sharegpt == {"no_answer": 1, "no_question": 1, "too_long": 1}
    (parts,) = (step for step in whole.lock()["steps"] if step["id"] == "parts")
    assert parts["noted"] == {"cut": 2}


@pytest.mark.parametrize("name", ["tulu-human", "tulu-human-gpt"])
def test_every_row_is_counted_and_the_card_is_whole(name: str, human: Built, whole: Built):
    built = human if name == "tulu-human" else whole
    for step in built.lock()["steps"]:
        assert step["rows_in"] == step["rows_out"] + sum(step["dropped"].values()), step
    card = (built.folder / "dataset" / "README.md").read_text()
    assert "not described" not in card, "every column is described"
    assert bezoar("card", "check", built.folder).code == 0


@pytest.mark.parametrize("name", ["tulu-human", "tulu-human-gpt"])
def test_the_amounts_and_the_cards_table_are_the_papers(name: str):
    sets = HUMAN if name == "tulu-human" else list(PAPER)
    steps = load_yaml(ROOT / "pipelines" / f"{name}.yaml").value["steps"]
    (mix,) = (step for step in steps if step["use"] == "mix")
    assert mix["with"]["amounts"] == {name: {"rows": PAPER[name]} for name in sets}
    card = (ROOT / "cards" / f"{name}.md").read_text()
    told = {found: int(n.replace(",", "")) for found, n in re.findall(r"\(`(\w+)`\) \| ([\d,]+) \|", card)}
    assert told == {name: PAPER[name] for name in sets}
    assert f"| together | {sum(told.values()):,} |" in card


def test_human_may_be_used_for_commerce_and_gpts_answers_may_not(human: Built, whole: Built):
    assert {s["name"]: s["licence"] for s in human.lock()["sources"]} == {
        "published.jsonl": "Apache-2.0 AND ODC-By-1.0",
        "dolly.jsonl": "CC-BY-SA-3.0",
        "oasst1.parquet": "Apache-2.0",
    }
    assert human.licence()["commercial"] == "yes"
    assert whole.licence()["commercial"] == "no"
    reasons = " ".join(whole.licence()["reasons"])
    for source in ("gpt4-alpaca.parquet", "code-alpaca.json"):
        assert f"Source {source}: its licence is stated as CC-BY-NC-4.0 AND LicenseRef-OpenAI-terms" in reasons
    assert "compete with OpenAI" in reasons
    credit = "Contains material from gpt4-alpaca.parquet, used under CC-BY-NC-4.0 and LicenseRef-OpenAI-terms; changes"
    assert any(said.startswith(credit) for said in whole.licence()["attribution"])


@pytest.mark.parametrize(("name", "commercial"), [("tulu-human", "yes"), ("tulu-human-gpt", "no")])
def test_read_from_the_hub_the_verdict_is_the_same(name: str, commercial: str, human: Built, whole: Built):
    steps = load_yaml(ROOT / "pipelines" / f"{name}.yaml").value["steps"]
    hubs = {step["id"]: step["with"]["hub"] for step in steps if "hub" in step.get("with", {})}
    lock = Lock.read((human if name == "tulu-human" else whole).folder / "dataset" / "lock.json")
    assert [s.name.partition(".")[0] for s in lock.sources] == list(hubs)
    read = [
        replace(source, name=hub, url=f"https://huggingface.co/datasets/{hub}")
        for source, hub in zip(lock.sources, hubs.values(), strict=True)
    ]
    licence = licence_of(replace(lock, sources=tuple(read)), None)
    assert licence.commercial == commercial
    assert not any("known as" in reason for reason in licence.reasons), "what is stated is what is known"
    assert licence.result == ("CC-BY-SA-3.0" if commercial == "yes" else "unknown"), licence


def test_training_for_commerce_on_gpts_answers_is_refused_with_the_reason(work: Path, whole: Built):
    for folder in ("pipelines", "cards", "recipes"):
        shutil.copytree(ROOT / folder, work / folder)
    text = (ROOT / "recipes" / "tulu.yaml").read_text().replace("commercial: false", "commercial: true")
    recipe = work / "recipes" / "mine.yaml"
    recipe.write_text(re.sub(r"card: \S+", "card: ../cards/tulu-human-gpt.md", text))
    done = bezoar("train", recipe, "--json", cwd=work)
    assert done.code == 4, done.err
    problem = next(p for p in done.json["problems"] if p["code"] == "refused-commercial")
    stated = "CC-BY-NC-4.0 AND LicenseRef-OpenAI-terms"
    assert problem["message"].endswith(f": gpt4-alpaca.parquet is {stated}, code-alpaca.json is {stated}")
    assert "is forbidden" in problem["message"]
