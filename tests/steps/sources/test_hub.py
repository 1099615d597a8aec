"""`load_flan` from a Hub dataset, through the real libraries and a small Hub of our own."""

import gzip
import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.flan_rows import flan
from support.hub_server import Hub, Repo, hub_server

READ = """
import json, sys
from bezoar_data.config.errors import InputError
from bezoar_data.steps.sources.load_flan import LoadFlan
def read(settings):
    step = LoadFlan(name="load_flan", **settings)
    try:
        rows = [{**r.columns, "source": r.lineage.source, "id": r.id} for r in step.rows()]
        (fact,) = step.facts()
        return {"rows": rows, "revision": fact.revision, "licence": fact.licence, "url": fact.url}
    except InputError as wrong:
        return {"problems": [p.as_json() for p in wrong.problems]}
print(json.dumps([read(settings) for settings in json.loads(sys.argv[1])]))
"""

ROWS = [flan(i, task_source="NIv2", task_name=f"task{i % 2}", template_type="zs_opt") for i in range(40)]


@pytest.fixture
def hub():
    lines = "".join(json.dumps(r) + "\n" for r in ROWS)
    files = {"README.md": b"---\nlicense: apache-2.0\n---\n", "train.jsonl": lines.encode()}
    with hub_server() as served:
        repo = served.repos["somebody/flan"] = Repo(private=False, card={"license": "apache-2.0"})
        repo.tags["v1"] = repo.add(files)
        yield served


def read(server: Hub, folder: Path, *settings: dict, script: str = READ, given: Any = None) -> list[dict]:
    """Read in a process of its own: the libraries take the Hub's address when they are imported."""
    env = {**os.environ, "HF_ENDPOINT": server.url, "HF_HOME": str(folder), "HF_HUB_OFFLINE": "0", "HF_TOKEN": ""}
    asked = json.dumps(given or [{"hub": "somebody/flan", **one} for one in settings])
    done = subprocess.run([sys.executable, "-c", script, asked], env=env, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


READ_OTHERS = """
import json, sys
from bezoar_data.steps.known import find_step
def read(use, settings):
    step = find_step(use).load_class()(name="load", **settings)
    rows = list(step.rows())
    ends = [r.lineage.drop.reason if r.lineage.drop else "kept" for r in rows]
    (fact,) = step.facts()
    subset = [r.columns.get("subset") for r in rows]
    return {"ends": ends, "sources": sorted({r.lineage.source for r in rows}), "subset": subset, "fact": fact.name,
            "url": fact.url, "ids": [r.id for r in rows], "as_text": fact.as_text, "first": rows[0].columns}
print(json.dumps([read(*one) for one in json.loads(sys.argv[1])]))
"""


def parquet(**columns: Any) -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(pa.table({name: [value] for name, value in columns.items()}), out)
    return out.getvalue().to_pybytes()


def test_a_folder_of_a_dataset_is_a_source_of_its_own_and_what_became_text_is_said(tmp_path: Path) -> None:
    def pair(better: str, worse: str) -> bytes:
        texts = {"chosen": f"\n\nHuman: Hi\n\nAssistant: {better}", "rejected": f"\n\nHuman: Hi\n\nAssistant: {worse}"}
        return gzip.compress(json.dumps(texts).encode() + b"\n")

    compared = {"prompt": "Q", "response_1": "a", "response_2": "b", "preference_strength": 2, "split": "train"}
    files = {
        "harmless-base/train.jsonl.gz": pair("yes", "no"),
        "helpful-base/train.jsonl.gz": pair("same", "same"),
        "preference/preference.jsonl.gz": gzip.compress(json.dumps(compared).encode()),
        "dates/dates.parquet": parquet(
            words="So", day=date(2024, 2, 29), price=Decimal("1.50"), raw=[b"\xff"], n=[1.5]
        ),
    }
    hh = {"hub": "somebody/flan", "revision": "v1"}
    asked = [
        ("load_hh_rlhf", {**hh, "data_dir": "harmless-base"}),
        ("load_hh_rlhf", {**hh, "data_dir": "helpful-base"}),
        ("load_helpsteer2_preference", {**hh, "data_dir": "preference"}),
        ("load_rows", {**hh, "data_dir": "dates", "texts": ["words"]}),
    ]
    with hub_server() as server:
        repo = server.repos["somebody/flan"] = Repo(private=False, card={"license": "mit"})
        repo.tags["v1"] = repo.add(files)
        first, second, third, fourth = read(server, tmp_path, script=READ_OTHERS, given=asked)
    assert (first["ends"], first["subset"]) == (["kept"], ["harmless-base"])
    assert (second["ends"], second["subset"]) == (["identical"], ["helpful-base"])
    assert third["ends"] == ["kept"]
    assert first["sources"] == [first["fact"]] == ["somebody/flan/harmless-base"]
    assert first["url"] == second["url"] == "https://huggingface.co/datasets/somebody/flan"
    assert first["ids"] != second["ids"]
    assert fourth["first"] == {"words": "So", "day": "2024-02-29", "price": "1.50", "raw": ["/w=="], "n": [1.5]}
    assert (first["as_text"], fourth["as_text"]) == ([], ["day", "price", "raw"])


def test_streams_a_dataset_pinned_to_its_commit(hub: Hub, tmp_path: Path) -> None:
    (got,) = read(hub, tmp_path, {"revision": "v1", "limit": 30})
    assert [r["inputs"] for r in got["rows"]] == [r["inputs"] for r in ROWS[:30]]
    assert {r["source"] for r in got["rows"]} == {"somebody/flan"}
    assert [r["original_index"] for r in got["rows"]] == list(range(30))
    assert (got["revision"], got["licence"]) == (hub.repos["somebody/flan"].head, "apache-2.0")
    assert any(f"/resolve/{got['revision']}/train.jsonl" in path for path in hub.requests)
    assert not list(tmp_path.rglob("*.arrow")), "streamed, not downloaded whole"


def test_caps_and_quotas_hold_for_hub_datasets_too(hub: Hub, tmp_path: Path) -> None:
    capped, quota = read(hub, tmp_path, {"per_task": 3}, {"quotas": {"NIv2": 7}})
    assert [r["original_index"] for r in capped["rows"]] == [0, 1, 2, 3, 4, 5]
    assert len(quota["rows"]) == 7


def test_each_wrong_name_is_one_plain_problem(hub: Hub, tmp_path: Path) -> None:
    wrong = {"hub": "somebody/else"}, {"revision": "gone"}, {"split": "gone"}, {"config": "gone"}
    found = [problem for got in read(hub, tmp_path, *wrong) for problem in got["problems"]]
    assert [p["code"] for p in found] == ["hub-dataset"] * 4
    assert "no such dataset" in found[0]["message"]
    assert "no such revision" in found[1]["message"]
    assert "Available splits: ['train']" in found[2]["message"]
    assert "Available: ['default']" in found[3]["message"]


def test_a_bad_row_is_dropped_or_told_by_its_number(hub: Hub, tmp_path: Path) -> None:
    rows = [*ROWS[:3], {**ROWS[3], "inputs": None}]
    hub.repos["somebody/flan"].files["train.jsonl"] = "".join(json.dumps(r) + "\n" for r in rows).encode()
    ((found,),) = (got["problems"] for got in read(hub, tmp_path, {"on_bad_row": "stop"}))
    assert found["code"] == "missing"
    assert "row 4" in found["message"]


def test_a_dataset_that_cannot_be_read_to_its_end_is_told(hub: Hub, tmp_path: Path) -> None:
    hub.repos["somebody/flan"].files["train.jsonl"] += b"{broken\n"
    ((found,),) = (got["problems"] for got in read(hub, tmp_path, {}))
    assert found["code"] == "hub-dataset"
