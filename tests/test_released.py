"""OpenBezoar's data as its authors released it, through the pipelines that read it: nothing lost, nothing changed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from bezoar_data.pipeline.builders import builder_of
from support.command import bezoar
from support.pipeline_files import load_pipeline_file
from support.released_rows import RELEASED

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "pipelines" / "openbezoar"
HUB = {"lamini": "SurgeGlobal/LaMini", "evol-instruct": "SurgeGlobal/Evol-Instruct", "orca": "SurgeGlobal/Orca"}
LINEAGE = {"id", "content_hash", "seed_ids", "parent_ids", "_bezoar"}


@pytest.mark.parametrize("name", RELEASED)
def test_every_row_and_column_comes_out_as_published(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows: list[dict[str, Any]] = [RELEASED[name](i) for i in range(24)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train-00000-of-00001.parquet")
    source = ["steps.load_rows.hub=null", f"steps.load_rows.path={tmp_path / '*.parquet'}"]
    out = tmp_path / "runs" / name
    sets = [word for one in source for word in ("--set", one)]
    done = bezoar("run", FOLDER / f"released-{name}.yaml", *sets, "--out", out, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.json["counts"] == {"source": 24, "kept": 24, "dropped": 0}
    assert done.json["asked"]["requests"] == 0

    published = load_dataset(str(out / "dataset"), split="train", cache_dir=str(tmp_path / "cache"))
    assert [c for c in published.column_names if c not in LINEAGE] == list(rows[0]), "the columns, in their order"
    assert [{c: row[c] for c in rows[0]} for row in published] == rows
    assert bezoar("card", "check", out).code == 0

    exported = bezoar("export", out, "--format", "messages", "--out", tmp_path / "accepted.jsonl", cwd=tmp_path)
    assert exported.code == 0, exported.err
    said = [json.loads(line)["messages"][-1]["content"] for line in (tmp_path / "accepted.jsonl").open()]
    answer = "explained_targets" if name == "orca" else "response"
    assert said == [row[answer] for row in rows if row["gpt4_status"] == "Accept"]

    lock = json.loads((out / "dataset" / "lock.json").read_text())
    card = (out / "dataset" / "README.md").read_text()
    by = "category" if name == "evol-instruct" else "source" if name == "lamini" else "dataset_source"
    for column in (by, "gpt4_status"):
        counts = Counter(row[column] for row in rows)
        assert lock["values"][column] == counts
        (line,) = (line for line in card.splitlines() if line.startswith(f"| `{column}` | `") and " 1" in line)
        assert all(f"`{value}` {n}" in line for value, n in counts.items())


@pytest.mark.parametrize("name", RELEASED)
def test_each_reads_the_hubs_dataset_and_asks_nobody(name: str):
    loaded = load_pipeline_file(FOLDER / f"released-{name}.yaml")
    (step,) = loaded.file.steps
    assert step.settings["hub"] == HUB[name]
    assert step.settings["keep"] == "all"
    assert loaded.file.models is None
    card = ROOT / "cards" / "openbezoar" / f"released-{name}.md"
    built = builder_of(card)
    assert built is not None
    assert built.loaded.file.name == f"openbezoar-released-{name}"
