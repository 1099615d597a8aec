"""The pipelines of preference data and of the mixture, run as shipped, on real data, and over HTTP."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from bezoar_data import export, load_pipeline
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import load_card
from bezoar_data.runs.lock import RowCounts
from bezoar_data.runs.row import seed_id
from support.fault_server import FaultServer
from support.projects import Project

PIPELINES = Path(__file__).parents[2] / "pipelines"
HH = {"turn_count": 1, "odd": 1, "roles": 1, "empty": 1, "history": 1, "identical": 1}
SHIPPED: Mapping[str, tuple[int, dict[str, int]]] = {
    "hh-rlhf-sft": (18, HH),
    "hh-rlhf-dpo": (18, HH),
    "helpsteer2": (12, {"even": 1, "rating": 1, "alone": 1, "tie": 2}),
    "helpsteer2-preference": (9, {"other_part": 2, "tie": 1}),
    "mixture": (130, {**HH, "not_in_mix": 54}),
    "ultrachat": (10, {}),
    "best-of-n": (11, {"tie": 1}),
}


def run(folder: Path, name: str, **settings: Any) -> Path:
    """One shipped pipeline run in this process; its run folder."""
    out = folder / name
    report = load_pipeline(
        PIPELINES / f"{name}.yaml", out=out, journal=out.parent / "journal.sqlite", set=settings
    ).run(quiet=True)
    assert report.exit_code == 0
    return out


def kept(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "dataset" / "data").glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def dropped(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "dropped.parquet").to_pylist()
    return rows


def published(folder: Path) -> dict[str, bytes]:
    files = [*(folder / "dataset").rglob("*"), folder / "dropped.parquet"]
    return {str(f.relative_to(folder)): f.read_bytes() for f in files if f.is_file()}


@pytest.mark.parametrize("name", [*list(SHIPPED)[:-1], pytest.param("best-of-n", marks=pytest.mark.slow)])
def test_a_shipped_pipeline_accounts_for_every_row_and_repeats_to_the_byte(tmp_path: Path, name: str):
    first = run(tmp_path / "a", name)
    rows, reasons = SHIPPED[name]
    assert (len(kept(first)), Counter(r["reason"] for r in dropped(first))) == (rows, reasons)
    lock = json.loads((first / "dataset" / "lock.json").read_text())
    for step in lock["steps"]:
        assert step["rows_in"] == step["rows_out"] + sum(step["dropped"].values()), step
    ids = [r["id"] for r in (*kept(first), *dropped(first))]
    assert len(set(ids)) == len(ids)
    assert published(run(tmp_path / "b", name)) == published(first)
    card = (first / "dataset" / "README.md").read_text()
    assert "not described" not in card, "every column is described"
    assert ("synthetic" in load_card(first / "dataset" / "README.md").front["tags"]) == bool(lock["models"])


@pytest.mark.parametrize(
    "name", ["helpsteer2", *(pytest.param(n, marks=pytest.mark.slow) for n in ("hh-rlhf-dpo", "best-of-n"))]
)
def test_pairs_are_read_by_datasets_as_trl_wants_them(tmp_path: Path, name: str):
    folder = run(tmp_path, name)
    loaded = load_dataset(str(folder / "dataset"), cache_dir=str(tmp_path / "cache"))
    rows = [row for split in loaded.values() for row in split]
    assert {r["id"]: r["prompt"] for r in rows} == {r["id"]: r["prompt"] for r in kept(folder)}
    for row in rows:
        assert [m["role"] for m in row["prompt"]] == (["user", "assistant"] * len(row["prompt"]))[: len(row["prompt"])]
        assert row["prompt"][-1]["role"] == "user"
        assert [set(m) for m in row["prompt"]] == [{"role", "content"}] * len(row["prompt"])
        assert [m["role"] for m in (*row["chosen"], *row["rejected"])] == ["assistant"] * 2
        assert row["chosen"] != row["rejected"]
        assert "margin" not in row or row["margin"] > 0
    done = export(folder, "messages", tmp_path / "pairs", view="preference")
    written = [json.loads(line) for path, _ in done.files.values() for line in path.read_text().splitlines()]
    keys = ["prompt", "chosen", "rejected", "margin"]
    by_id = {json.dumps(r["prompt"]): r for r in rows}
    assert written
    for pair in written:
        assert pair == {k: by_id[json.dumps(pair["prompt"])][k] for k in keys if k in pair}
        assert ("margin" in pair) == ("margin" in rows[0])


def test_a_pair_names_both_answers_as_parents_and_they_lead_to_the_source(tmp_path: Path):
    folder = run(tmp_path, "helpsteer2")
    source = [json.loads(line) for line in (PIPELINES / "seeds" / "helpsteer2_like.jsonl").read_text().splitlines()]

    said = {seed_id("helpsteer2_like.jsonl", "", i): row for i, row in enumerate(source)}
    for row in kept(folder):
        better, worse = (said[parent] for parent in row["parent_ids"])
        assert row["seed_ids"] == row["parent_ids"]
        assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == (better["response"], worse["response"])
        assert row["margin"] == better["helpfulness"] - worse["helpfulness"] > 0
        assert better["prompt"] == worse["prompt"]


def test_copies_in_the_mixture_stand_on_one_side_and_each_set_has_its_amount(tmp_path: Path):
    folder = run(tmp_path, "mixture")
    rows = kept(folder)
    assert Counter(r["dataset"] for r in rows) == {"flan": 50, "dolly": 32, "talks": 30, "hh": 18}
    sides: dict[str, set[str]] = {}
    for name in ("train", "validation"):
        for row in pq.read_table(folder / "dataset" / "data" / f"{name}-00000-of-00001.parquet").to_pylist():
            sides.setdefault(row["seed_ids"][0], set()).add(name)
    assert {len(s) for s in sides.values()} == {1}
    lock = json.loads((folder / "dataset" / "lock.json").read_text())
    assert [s["licence"] for s in lock["sources"]] == ["CC0-1.0"] * 4
    assert len({s["name"] for s in lock["sources"]}) == 4


def test_real_pairs_go_through_both_pipelines_with_their_reasons(tmp_path: Path, real_data: Path):
    path = str(real_data / "hh_rlhf" / "harmless-base.jsonl")
    for name in ("hh-rlhf-dpo", "hh-rlhf-sft"):
        folder = run(tmp_path, name, **{"steps.load_hh_rlhf.path": path})
        assert len(kept(folder)) == 1492
        assert Counter(r["reason"] for r in dropped(folder)) == {"empty": 4, "odd": 3, "turn_count": 1}
        assert all("\n\nAssistant:" in json.loads(r["row"])["chosen"] for r in dropped(folder))
    talks = kept(folder)
    assert all(len(r["messages"]) % 2 == 0 and r["dataset"] == "hh-rlhf" for r in talks)


def test_the_slice_is_cut_before_anything_is_drawn(tmp_path: Path, real_data: Path):
    path = real_data / "hh_rlhf" / "harmless-base.jsonl"
    folder = run(tmp_path, "hh-rlhf-dpo", **{"steps.load_hh_rlhf.path": str(path), "steps.load_hh_rlhf.limit": 100})
    first = [json.loads(line)["chosen"] for line in path.read_text("utf-8").splitlines()[:100]]
    rows = kept(folder)
    assert len(rows) + len(dropped(folder)) == 100
    validation = pq.read_table(folder / "dataset" / "data" / "validation-00000-of-00001.parquet").num_rows
    assert validation == 10
    assert all(any(row["chosen"][0]["content"] in text for text in first) for row in rows)


TWO_SOURCES = """\
  - use: load_hh_rlhf
    with: {path: a.jsonl}
  - id: first
    use: to_messages
    with: {dataset: a, prompt: prompt, response: chosen}
  - id: other
    use: load_hh_rlhf
    after: []
    with: {path: b.jsonl}
  - id: second
    use: to_messages
    with: {dataset: b, prompt: prompt, response: chosen}
  - use: exact_duplicates
    after: [first, second]
    join: union
    with: {column: messages}
"""


def pairs(path: Path, name: str) -> None:
    good = {"chosen": f"\n\nHuman: {name}\n\nAssistant: yes", "rejected": f"\n\nHuman: {name}\n\nAssistant: no"}
    bad = {"chosen": f"\n\nHuman: {name}\n\nAssistant: yes", "rejected": ""}
    path.write_text("".join(json.dumps(row) + "\n" for row in (good, bad, bad)))


def test_rows_dropped_at_one_place_of_two_sources_are_both_told(tmp_path: Path):
    project = Project(tmp_path)
    for name in "ab":
        pairs(tmp_path / f"{name}.jsonl", name)
    project.models("http://127.0.0.1:9")
    path = project.pipeline(TWO_SOURCES)
    report = load_pipeline(path, out=tmp_path / "runs" / "test", journal=tmp_path / "journal.sqlite").run(quiet=True)
    assert report.lock.counts == RowCounts(source=6, kept=2, dropped=4)
    assert [r["step"] for r in project.dropped()] == ["load_hh_rlhf"] * 2 + ["other"] * 2
    assert [r["dataset"] for r in project.kept()] == ["a", "b"]


def test_two_sources_of_one_name_are_refused(tmp_path: Path):
    project = Project(tmp_path)
    project.models("http://127.0.0.1:9")
    (tmp_path / "sub").mkdir()
    for path in (tmp_path / "a.jsonl", tmp_path / "sub" / "a.jsonl"):
        pairs(path, "a")
    file = project.pipeline(TWO_SOURCES.replace("b.jsonl", "sub/a.jsonl"))
    with pytest.raises(InputError) as error:
        load_pipeline(file, out=tmp_path / "runs" / "test", journal=tmp_path / "journal.sqlite").run(quiet=True)
    assert [p.code for p in error.value.problems] == ["same-name"]


def test_distilabels_runner_is_not_let_hang_where_branches_are_uneven(tmp_path: Path):
    with pytest.raises(InputError, match="branches of unequal length"):
        load_pipeline(PIPELINES / "mixture.yaml", out=tmp_path / "x", journal=tmp_path / "journal.sqlite").run(
            engine="local", quiet=True
        )


BEST_OF_THREE = """\
  - use: load_instructions
    with: {path: rows.jsonl}
  - use: pairs.candidates
    with: {model: teacher, prompt: instruction, n: 3}
  - use: judge.accept
    with: {model: judge, instruction: prompt, response: response, system: "", reference: ""}
  - use: pairs.best_worst
    with: {score: judge_rating}
"""


@pytest.mark.slow
def test_the_best_of_several_answers_over_http_with_bad_prompts_and_faults(project: Project, server: FaultServer):
    marks = {3: "[[400]]", 7: "[[null]]"}
    rows = ({"instruction": f"What is special about {i}? {marks.get(i, '')}"} for i in range(60))
    (project.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    project.models(server.url)
    project.pipeline(BEST_OF_THREE, tolerate=1.0)
    server.set(rate_429=0.1, retry_after="0", rate_500=0.05)
    done = project.run("--json")
    assert done.code == 0, done.err
    for step in done.json["steps"]:
        assert step["rows_in"] == step["rows_out"] + sum(step["dropped"].values()), step
    reasons = Counter((r["step"], r["reason"]) for r in project.dropped())
    made = {reason: n for (step, reason), n in reasons.items() if step == "pairs-candidates"}
    assert made == {"http_400": 1, "no_usable_answer": 1}
    pairs = project.kept()
    assert len(pairs) + sum(n for (step, _), n in reasons.items() if step == "pairs-best_worst") == 58
    assert len(pairs) > 20
    for pair in pairs:
        assert len(pair["parent_ids"]) == 2
        assert pair["chosen_score"] - pair["rejected_score"] == pytest.approx(pair["margin"])
    before = project.files()
    again = project.run("--json")
    assert again.json["asked"]["requests"] == 0
    assert project.files() == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hh-rlhf-sft", pytest.param("helpsteer2-preference", marks=pytest.mark.nightly)])
def test_distilabels_runner_makes_the_same_bytes(tmp_path: Path, name: str):
    project = Project(tmp_path)
    (tmp_path / "pipelines").symlink_to(PIPELINES)
    (tmp_path / "cards").symlink_to(PIPELINES.parent / "cards")
    for out, engine in (("stream", "stream"), ("local", "local")):
        path = str(tmp_path / "pipelines" / f"{name}.yaml")
        apart = ("--out", f"{out}/{name}", "--journal", f"{out}/journal.sqlite")
        done = project.bezoar("run", path, *apart, "--engine", engine)
        assert done.code == 0, done.err
    assert published(tmp_path / "stream" / name) == published(tmp_path / "local" / name)
