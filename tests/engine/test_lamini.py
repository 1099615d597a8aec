"""The LaMini scheme through the real command line: offline, over a faulty server, killed, and with real seeds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.runs.row import seed_id
from support.command import Outcome
from support.fault_server import FaultServer
from support.projects import Project, both_engines_agree, counts_add_up, interrupt, kill, wait_for_requests

pytestmark = [pytest.mark.slow, pytest.mark.server(examples=20)]

ROOT = Path(__file__).parents[2]

LAMINI = """\
  - use: load_instructions
    with: {path: rows.jsonl}
  - use: lamini.generate
    with: {model: teacher, target: 150, max_requests: 40, wave: 6}
  - use: lamini.respond
    with: {model: teacher}
  - use: near_duplicates
    with: {column: response, threshold: 0.9}
  - use: judge.accept
    with: {model: judge, instruction: instruction, response: response, system: "", reference: "",
           rubric: short-answers}
"""
TOLERANT = {"tolerate": 1.0}


def seeds(project: Project, count: int = 30, mark: dict[int, str] | None = None) -> None:
    rows = ({"instruction": f"Tell me about the number {i}. {(mark or {}).get(i, '')}".strip()} for i in range(count))
    (project.folder / "runs").mkdir()
    (project.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def check(project: Project, done: Outcome, seed_ids: set[str], run: str = "test") -> list[dict[str, Any]]:
    """Counts add up at every step, and no row is without its lineage. Gives back the rows kept."""
    steps = counts_add_up(done, apart=("lamini-generate", "generate"))
    kept, dropped = project.kept(run), project.dropped(run)
    assert steps[0]["rows_out"] == len(seed_ids)
    assert steps[1]["rows_in"] == len(kept) + len(dropped)
    assert steps[-1]["rows_out"] == len(kept)
    ids = [row["id"] for row in (*kept, *dropped)]
    assert len(set(ids)) == len(ids)
    for row in (*kept, *dropped):
        assert len(set(row["parent_ids"])) == 3
        assert set(row["parent_ids"]) == set(row["seed_ids"]) <= seed_ids
    for row in kept:
        lineage = json.loads(row["_bezoar"])
        asked = ("lamini-generate", "lamini-respond", "judge-accept")
        assert all(lineage["models"][step] and lineage["keys"][step] for step in asked)
    return kept


def ids_of(file: str, count: int) -> set[str]:
    return {seed_id(file, "", i) for i in range(count)}


def test_the_shipped_pipeline_invents_answers_and_judges_offline_and_repeats_without_asking(tmp_path: Path):
    project = Project(tmp_path)
    pipeline = str(ROOT / "pipelines" / "lamini.yaml")
    done = project.bezoar("run", pipeline, "--json")
    kept = check(project, done, ids_of("dolly_like_small.jsonl", 12), "lamini")
    assert done.json["asked"]["requests"] == len(kept) == 19  # the judge's: the teacher's answers were recorded
    assert {s["id"]: s["dropped"] for s in done.json["steps"] if s["dropped"]} == {
        "lamini-generate": {"copied_example": 1}, "novelty": {"like_a_seed": 1}
    }  # fmt: skip
    assert {"instruction", "source", "response", "judge_status", "judge_rating", "judge_reason"} <= set(kept[0])
    assert not {"context", "category"} & set(kept[0])
    sources = Counter(row["source"] for row in kept)
    assert set(sources) == {"example_guided", "topic_guided"}
    assert min(sources.values()) > 0.3 * len(kept)
    assert {row["judge_status"] for row in kept} == {"Accept", "Reject"}
    assert all(json.loads(row["_bezoar"])["demo"] for row in kept)
    before = project.files("lamini")
    again = project.bezoar("run", pipeline, "--json")
    assert again.json["asked"]["requests"] == 0
    assert project.files("lamini") == before


def test_every_piece_of_every_answer_is_accounted_for(project: Project, server: FaultServer):
    seeds(project)
    project.models(server.url, limits={"concurrency": 16})
    project.pipeline(LAMINI, **TOLERANT)
    done = project.run("--json")
    kept = check(project, done, ids_of("rows.jsonl", 30))
    generate = done.json["steps"][1]
    assert generate["rows_out"] == 150
    assert {"empty", "duplicate", "copied_example"} <= set(generate["dropped"])
    assert len({row["instruction"] for row in kept}) == len(kept)
    assert not any("<example>" in row["instruction"] for row in kept)
    asked_for_nothing = [row for row in project.dropped() if row["reason"] == "no_examples"]
    assert all(row["raw"] == "I would rather not." for row in asked_for_nothing)


def test_a_refused_request_is_one_dropped_candidate_and_is_not_sent_again(project: Project, server: FaultServer):
    seeds(project, mark={4: "[[400]]"})
    project.models(server.url)
    project.pipeline(LAMINI)  # refused requests are few beside all candidates
    done = project.run("--json")
    check(project, done, ids_of("rows.jsonl", 30))
    refused = [row for row in project.dropped() if row["reason"] == "http_400"]
    assert refused
    assert done.json["steps"][1]["dropped"]["http_400"] == len(refused)
    marked = seed_id("rows.jsonl", "", 4)
    assert all(marked in row["parent_ids"] for row in refused)
    assert max(n for prompt, n in server.stats()["prompts"].items() if "[[400]]" in prompt) == 1
    assert project.run("--json").json["asked"]["requests"] == 0


def test_the_result_does_not_depend_on_which_answer_came_first(project: Project, server: FaultServer):
    seeds(project)
    project.models(server.url, limits={"concurrency": 32})
    project.pipeline(LAMINI, **TOLERANT)
    outputs = []
    for shuffle in (1, 2):
        server.set(examples=20, spread=0.15, seed=shuffle)
        assert project.run("--out", f"run{shuffle}/test", "--journal", f"run{shuffle}/journal.sqlite").code == 0
        outputs.append(project.files(f"../run{shuffle}/test"))
    assert outputs[0] == outputs[1]


def test_another_seed_draws_another_sample(project: Project, server: FaultServer):
    seeds(project)
    project.models(server.url, limits={"concurrency": 32})
    found = []
    for seed in (1, 2, 1):
        project.pipeline(LAMINI, seed=seed, **TOLERANT)
        out = f"run{len(found)}"
        assert project.run("--out", f"{out}/test", "--journal", f"{out}/journal.sqlite").code == 0
        found.append(project.files(f"../run{len(found)}/test"))
    data = "dataset/data/train-00000-of-00001.parquet"
    assert found[0] == found[2]
    assert found[0][data] != found[1][data]


def test_kill_9_half_way_repeats_only_what_was_in_flight_and_gives_the_same_bytes(
    project: Project, server: FaultServer
):
    seeds(project)
    project.models(server.url, limits={"concurrency": 8})
    project.pipeline(LAMINI, **TOLERANT)
    assert project.run("--out", "runs_whole/test", "--journal", "runs_whole/journal.sqlite").code == 0
    whole, asked = project.files("../runs_whole/test"), sum(server.stats()["prompts"].values())
    for moment in (9, asked // 2):  # in a wave of generating, and while rows are answered and judged
        server.set(examples=20, latency=0.03, hold_from=moment)
        process = project.start()
        wait_for_requests(server, process, moment)
        kill(process, server)
    journalled = project.journalled("runs")
    server.set(examples=20)
    assert project.run().code == 0
    assert server.stats()["requests"] == asked - journalled
    assert project.files() == whole


def test_ctrl_c_in_the_middle_of_a_wave_stops_at_once_and_the_same_command_goes_on(
    project: Project, server: FaultServer
):
    seeds(project)
    project.models(server.url, limits={"concurrency": 2})
    project.pipeline(LAMINI, **TOLERANT)
    server.set(examples=20, hold_from=2)
    process = project.start()
    wait_for_requests(server, process, 4)
    err = interrupt(process, then=lambda: server.turn(examples=20))
    assert process.returncode == 130
    assert "Traceback" not in err
    assert server.stats()["requests"] <= 6
    server.set(examples=20)
    assert project.run("--json").code == 0


def test_both_engines_give_the_same_rows_and_counts(project: Project, server: FaultServer):
    seeds(project, mark={4: "[[400]]"})
    project.models(server.url, limits={"concurrency": 32})
    project.pipeline(LAMINI, **TOLERANT)
    both_engines_agree(project)


def test_seeds_of_two_files_are_each_counted_with_the_rows_made_from_them(project: Project, server: FaultServer):
    seeds(project, 6)
    other = project.folder / "other.jsonl"
    other.write_text("".join(json.dumps({"instruction": f"Say {i} backwards."}) + "\n" for i in range(6)))
    project.models(server.url)
    project.pipeline(LAMINI.replace("rows.jsonl", "[rows.jsonl, other.jsonl]"), **TOLERANT)
    done = project.run("--json")
    check(project, done, ids_of("rows.jsonl", 6) | ids_of("other.jsonl", 6))
    lock = json.loads((project.folder / "runs" / "test" / "dataset" / "lock.json").read_text())
    rows = [*project.kept(), *project.dropped()]
    for source in lock["sources"]:
        ids = ids_of(source["name"], 6)
        assert source["rows"] == sum(not ids.isdisjoint(row["seed_ids"]) for row in rows) > 0
    assert sum(source["rows"] for source in lock["sources"]) > len(rows)  # most rows come of both


def test_too_few_seeds_are_one_clear_message(project: Project, server: FaultServer):
    seeds(project, 2)
    project.models(server.url)
    project.pipeline(LAMINI)
    done = project.run()
    assert done.code == 2
    assert "only 2 of 2 rows can be shown" in done.err
    assert "Traceback" not in done.err
    assert server.stats()["requests"] == 0


@pytest.mark.parametrize(
    ("source", "context", "rows"),
    [
        ("dolly/dolly_sample.jsonl", "context", 100),
        ("self_instruct_seed_tasks.jsonl", "instances.0.input", 175),
    ],
)
def test_real_seeds_over_a_faulty_endpoint(
    project: Project, server: FaultServer, real_data: Path, source: str, context: str, rows: int
):
    project.models(server.url, limits={"concurrency": 32})
    project.pipeline(LAMINI, **TOLERANT)
    server.set(examples=20, rate_429=0.1, retry_after="0.1", rate_500=0.05, rate_cut=0.02, rate_garbage=0.01)
    settings = (f"steps.load_instructions.path={real_data / source}", f"steps.load_instructions.context={context}")
    done = project.run("--json", *(part for setting in settings for part in ("--set", setting)))
    kept = check(project, done, ids_of(Path(source).name, rows))
    assert len(kept) > 100
