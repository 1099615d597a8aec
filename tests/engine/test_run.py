"""Whole runs through the real command line, against a real server and with the embedded models."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from huggingface_hub import DatasetCard

from bezoar_data.config.files.card import load_card
from support.fault_server import FaultServer
from support.projects import (
    JUDGED,
    STEPS,
    Project,
    counts_add_up,
    interrupt,
    kill,
    kill_group,
    wait_for_requests,
)
from support.shipped import OFFLINE, ORCA

ROOT = Path(__file__).parents[2]


def test_the_shipped_pipeline_makes_a_judged_dataset_and_repeats_without_asking(tmp_path: Path):
    project = Project(tmp_path)
    first = project.bezoar("run", ORCA, "--models", OFFLINE, "--json")
    counts_add_up(first)
    counts = first.json["counts"]
    assert counts["source"] >= 60
    assert counts["source"] == counts["kept"] + counts["dropped"]
    rows = project.kept("orca")
    published = "original_index inputs targets task_source task_name template_type system_message explained_targets"
    judged = "dataset_source judge_status judge_rating judge_reason"
    assert {*published.split(), *judged.split()} <= set(rows[0])
    verdicts = Counter(row["judge_status"] for row in rows)
    assert set(verdicts) <= {"Accept", "Reject"}
    assert all(json.loads(row["_bezoar"])["demo"] for row in rows)
    before = project.files("orca")
    again = project.bezoar("run", ORCA, "--models", OFFLINE, "--json")
    assert again.code == 0
    assert again.json["asked"]["requests"] == 0
    assert project.files("orca") == before


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_sample(tmp_path: Path):
    found = []
    for number, seed in enumerate((1, 2, 1)):
        project = Project(tmp_path / str(number))
        settings = (f"seed={seed}", "steps.load_flan.per_task.NIv2=1", "steps.load_flan.quotas.CoT=8")
        options = (part for setting in settings for part in ("--set", setting))
        done = project.bezoar("run", ORCA, "--models", OFFLINE, *options)
        assert done.code == 0, done.err
        found.append(project.files("orca"))
    assert found[0] == found[2]
    data = "dataset/data/train-00000-of-00001.parquet"
    assert found[0][data] != found[1][data]


def test_a_dataset_is_read_by_datasets_and_its_card_by_the_hub_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project = Project(tmp_path)
    assert project.bezoar("run", ORCA, "--models", OFFLINE, "--limit", "20", "--out", "runs/orca").code == 0
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "runs" / "orca" / "dataset"
    loaded = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"train", "validation"}
    assert sum(len(split) for split in loaded.values()) == len(project.kept("orca"))
    card = DatasetCard.load(folder / "README.md")
    lock = json.loads((folder / "lock.json").read_text())
    assert card.data.to_dict()["bezoar"]["demo"] is True
    assert lock["demo"] is True


def test_every_row_of_an_endpoint_run_comes_out_once_in_the_sources_order(project: Project, server: FaultServer):
    project.rows(300)
    project.models(server.url, limits={"concurrency": 64})
    project.pipeline(JUDGED)
    server.set(latency=0.01, slow_rate=0.05, slow=0.3)
    done = project.run("--json")
    assert done.code == 0, done.err
    assert [row["original_index"] for row in project.kept()] == list(range(300))
    assert server.stats()["requests"] == 600
    assert server.stats()["peak"] <= 64


@pytest.mark.slow
def test_one_refused_prompt_drops_its_own_row_and_is_not_tried_again(project: Project, server: FaultServer):
    project.rows(60, mark={17: "[[400]]"})
    project.models(server.url)
    project.pipeline(STEPS)
    assert project.run().code == 0
    (dropped,) = project.dropped()
    assert (dropped["step"], dropped["reason"]) == ("orca-explain", "http_400")
    assert len(project.kept()) == 59
    assert server.stats()["requests"] == 60
    assert project.run("--json").json["asked"]["requests"] == 0
    assert project.run("--retry-failed", "--json").json["asked"]["requests"] == 1


def test_every_row_survives_a_faulty_endpoint(project: Project, server: FaultServer):
    project.rows(400)
    project.models(server.url, limits={"concurrency": 32})
    project.pipeline(STEPS)
    server.set(rate_429=0.10, retry_after="0.2", rate_500=0.05, rate_cut=0.02, rate_garbage=0.01)
    done = project.run("--json")
    assert done.code == 0, done.err
    assert len(project.kept()) == 400
    assert server.stats()["requests"] <= 1.3 * 400


def test_too_many_failed_rows_end_with_exit_code_1(project: Project, server: FaultServer):
    project.rows(20, mark=dict.fromkeys(range(5), "[[422]]"))
    project.models(server.url)
    project.pipeline(STEPS)
    done = project.run()
    assert done.code == 1
    assert "more rows failed (5)" in done.out
    assert len(project.kept()) == 15


@pytest.mark.parametrize("engine", ["stream", "local"])
def test_a_refused_key_ends_the_run_at_once_and_is_shown_nowhere(project: Project, server: FaultServer, engine: str):
    project.rows(40)
    project.models(server.url, api_key_env="TEST_API_KEY")
    project.pipeline(STEPS)
    server.set(key="sk-the-right-one-0123456789")
    secret = "sk-wrong-but-still-secret-9876543210"
    done = project.run("--engine", engine, env={"TEST_API_KEY": secret})
    assert done.code == 2
    assert server.stats()["requests"] <= 40
    assert "401" in done.err
    assert "Traceback" not in done.err
    assert not (project.folder / "runs" / "test" / "dataset").exists()
    for path in project.folder.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
    assert secret not in done.out + done.err


def test_an_endpoint_that_is_not_there_ends_the_run_within_seconds(project: Project):
    project.rows(5)
    project.models("http://127.0.0.1:9/v1")
    project.pipeline(STEPS)
    done = project.run()
    assert done.code == 2
    assert "127.0.0.1:9" in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_kill_9_half_way_loses_nothing_and_repeats_only_what_was_in_flight(project: Project, server: FaultServer):
    project.rows(300)
    project.models(server.url, limits={"concurrency": 16})
    project.pipeline(JUDGED)
    assert project.run("--out", "runs_whole/test", "--journal", "runs_whole/journal.sqlite").code == 0
    server.set(latency=0.03, hold_from=250)
    process = project.start()
    wait_for_requests(server, process, 250)
    sent, journalled = kill(process, server), project.journalled("runs")
    server.turn()
    done = project.run("--json")
    assert done.code == 0, done.err
    counts = server.stats()["prompts"]
    assert len(counts) == 600
    assert sum(n - 1 for n in counts.values()) == sent - journalled
    whole = project.files("../runs_whole/test")
    assert project.files() == whole


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(project: Project, server: FaultServer):
    project.rows(200)
    project.models(server.url, limits={"concurrency": 8})
    project.pipeline(STEPS)
    server.set(hold_from=60)
    process = project.start()
    wait_for_requests(server, process, 64)
    err = interrupt(process, then=server.turn)
    assert process.returncode == 130
    assert "Traceback" not in err
    done = project.run("--json")
    assert done.code == 0
    assert max(server.stats()["prompts"].values()) == 1
    assert len(project.kept()) == 200


def test_a_run_stopped_half_way_leaves_the_last_finished_dataset(project: Project, server: FaultServer):
    project.rows(40)
    project.models(server.url, limits={"concurrency": 4})
    project.pipeline(STEPS)
    assert project.run().code == 0
    before = project.files()
    project.rows(80)
    server.set(hold_from=6)
    process = project.start()
    wait_for_requests(server, process, 8)
    kill_group(process)
    assert project.files() == before


def test_a_slow_row_does_not_hold_up_the_others(project: Project, server: FaultServer):
    project.rows(100, mark={0: "[[last]]"})
    project.models(server.url, limits={"concurrency": 10})
    project.pipeline(STEPS)
    server.set(others=99)
    assert project.run().code == 0
    assert len(project.kept()) == 100


def test_limit_and_set_reach_the_source(project: Project, server: FaultServer):
    project.rows(50)
    (project.folder / "rows.jsonl").rename(project.folder / "other.jsonl")
    project.rows(3)
    project.models(server.url)
    project.pipeline(STEPS)
    done = project.run("--set", "steps.load_flan.path=other.jsonl", "--limit", "7", "--json")
    assert done.code == 0, done.err
    assert done.json["counts"] == {"source": 7, "kept": 7, "dropped": 0}


def test_json_is_one_object_and_logs_go_to_standard_error(project: Project):
    project.pipeline("  - use: load_flam\n")
    project.models("http://127.0.0.1:9/v1")
    done = project.run("--json")
    assert done.code == 2
    assert done.json["ok"] is False
    (problem,) = done.json["problems"]
    assert problem["line"] == 5
    assert "load_flan" in problem["hint"]


SAME = """\
  - use: near_duplicates
    with: {column: explained_targets, threshold: 0.8}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rows", "mark"),
    [
        ("nearly everywhere", 30, dict.fromkeys(range(1, 30), "[[400]]")),
        (
            "before a step that needs all rows, and the whole last batch",
            105,
            {**dict.fromkeys(range(0, 100, 2), "[[422]]"), **dict.fromkeys(range(100, 105), "[[400]]")},
        ),
        pytest.param("none dropped", 120, {}, marks=pytest.mark.nightly),
    ],
)
def test_both_engines_give_the_same_rows(project: Project, server: FaultServer, name: str, rows: int, mark):
    project.rows(rows, mark)
    project.models(server.url)
    steps = STEPS + SAME + JUDGED.removeprefix(STEPS)
    project.pipeline(steps, tolerate=1.0)
    stream = project.run("--json", "--out", "runs/stream")
    apart = ("--out", "elsewhere/local", "--journal", "elsewhere/journal.sqlite")
    local = project.run("--json", *apart, "--engine", "local")
    assert (stream.code, local.code) == (0, 0), stream.err + local.err
    assert stream.json["counts"] == local.json["counts"]
    assert stream.json["steps"] == local.json["steps"]
    assert [r["reason"] for r in project.dropped("stream")].count("http_400") == list(mark.values()).count("[[400]]")
    there, here = project.files("../elsewhere/local"), project.files("stream")
    assert {k: v for k, v in there.items() if k.endswith(".parquet")} == {
        k: v for k, v in here.items() if k.endswith(".parquet")
    }


BRANCHES = (
    STEPS
    + """\
  - {id: left, use: near_duplicates, with: {column: task_name, threshold: 1.0}}
  - {id: right, use: judge.accept, after: orca-explain, with: {model: judge, as: right}}
  - {id: last, use: judge.accept, after: [left, right], join: JOIN, with: {model: judge, as: last}}
"""
)


def test_rows_of_two_branches_are_joined_by_id_and_one_dropped_in_a_branch_is_dropped_once(
    project: Project, server: FaultServer
):
    project.rows(50, mark={30: "[[400]]"})
    project.models(server.url)
    project.pipeline(BRANCHES.replace("JOIN", "join"))
    done = project.run("--json")
    assert done.code == 0, done.err
    assert done.json["counts"] == {"source": 50, "kept": 7, "dropped": 43}
    assert [row["original_index"] for row in project.kept()] == list(range(7))
    assert all(row["right_status"] and row["last_status"] for row in project.kept())
    assert Counter((row["step"], row["reason"]) for row in project.dropped()) == {
        ("orca-explain", "http_400"): 1,
        ("left", "near_duplicate"): 42,
    }
    steps = {step["id"]: step for step in done.json["steps"]}
    for step in steps.values():
        assert step["rows_in"] == step["rows_out"] + sum(step["dropped"].values()), step


def test_a_union_takes_all_rows_and_gives_each_an_id_of_its_own(project: Project, server: FaultServer):
    project.rows(20)
    project.models(server.url)
    project.pipeline(BRANCHES.replace("JOIN", "union"))
    done = project.run("--json")
    assert done.code == 0, done.err
    rows = project.kept()
    assert len({row["id"] for row in rows}) == len(rows) == 27
    assert [row["original_index"] for row in rows] == sorted([*range(20), *range(7)])
    assert sum(row["right_status"] is not None for row in rows) == 20


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.timeout(1000)
def test_all_flan_cot_rows_come_out_once(project: Project, server: FaultServer, real_data: Path):
    project.rows(1)
    project.models(server.url, limits={"concurrency": 128})
    project.pipeline(JUDGED)
    done = project.run("--set", f"steps.load_flan.path={real_data / 'flan_cot'}", "--json")
    steps = counts_add_up(done)
    kept, dropped = project.kept(), project.dropped()
    assert len(kept) + len(dropped) == 12_985 == steps[0]["rows_in"]
    for row in (*kept, *dropped):
        lineage = json.loads(row["_bezoar"])
        assert row["seed_ids"] == [row["id"]] == [lineage["id"]]
        assert {"orca-explain", "judge-accept"} >= set(lineage["keys"]) == set(lineage["models"])
    assert all(set(json.loads(row["_bezoar"])["keys"]) == {"orca-explain", "judge-accept"} for row in kept)
    ids = [row["id"] for row in kept] + [row["id"] for row in dropped]
    assert len(set(ids)) == 12_985
    places = {(row["dataset_source"], row["original_index"]) for row in kept}
    assert len(places) == len(kept)
    folder = project.folder / "runs" / "test" / "dataset" / "data"
    assert sum(pq.read_metadata(f).num_rows for f in folder.glob("*.parquet")) == len(kept)


def test_terms_of_a_fallback_hold_where_it_answered(project: Project, server: FaultServer):
    project.rows(4, mark={2: "[[400]]"})
    terms = {"id": "CC-BY-NC-4.0", "commercial": "no"}
    other = {"provider": "placeholder", "model": "stand-in", "output_licence": terms}
    project.models(server.url, output_licence={"id": "MIT", "commercial": "yes"}, fallbacks=[other])
    project.pipeline()
    assert project.run("--set", "steps.load_flan.licence=MIT").code == 0
    dataset = project.folder / "runs" / "test" / "dataset"
    lock = json.loads((dataset / "lock.json").read_text())
    told = [(m["role"], m["model"], m["fallback"], m["demo"], m["steps"]) for m in lock["models"]]
    assert told == [
        ("teacher", "tester", False, False, ["orca-explain"]),
        ("teacher", "stand-in", True, True, ["orca-explain"]),
    ]
    assert lock["demo"]
    assert load_card(dataset / "README.md").bezoar["licence"]["commercial"] == "no"
    assert project.bezoar("card", "check", "runs/test").code == 0
    project.rows(4)
    assert project.run("--set", "steps.load_flan.licence=MIT").code == 0
    lock = json.loads((dataset / "lock.json").read_text())
    assert [m["fallback"] for m in lock["models"]] == [False]
    assert not lock["demo"]
