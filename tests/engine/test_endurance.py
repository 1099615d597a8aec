"""What a run must survive: outages, kills, a shared or damaged journal, a full disk, a spent budget."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time

import pytest

from support.fault_server import FaultServer
from support.projects import JUDGED, STEPS, Project, kill, wait_for_requests
from support.waiting import PATIENCE

pytestmark = pytest.mark.slow

PRICE = {"input": 1.0, "output": 2.0, "read": "2026-01-31"}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seconds", [3, pytest.param(30, marks=pytest.mark.nightly)])
def test_a_provider_that_is_down_for_a_while_costs_no_row(project: Project, server: FaultServer, seconds: int):
    project.rows(400)
    project.models(server.url, limits={"concurrency": 16})
    project.pipeline(STEPS)
    server.set(hold_from=100)
    process = project.start("--json")
    wait_for_requests(server, process, 116)
    server.stop()
    time.sleep(seconds)
    server.start(latency=0.05)
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    assert json.loads(out)["counts"] == {"source": 400, "kept": 400, "dropped": 0}
    assert "is away" in err
    assert "is back" in err


def test_a_provider_away_for_too_long_ends_with_exit_5_and_the_same_command_completes(
    project: Project, server: FaultServer
):
    project.rows(100)
    project.models(server.url, limits={"concurrency": 8, "max_outage": 2})
    project.pipeline(STEPS)
    server.set(hold_from=30)
    process = project.start()
    wait_for_requests(server, process, 38)
    server.stop()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 5, err
    assert "Traceback" not in err
    before = project.journalled()
    server.start(latency=0.01)
    done = project.run("--json")
    assert done.code == 0, done.err
    assert done.json["asked"]["hits"] == before
    assert len(project.kept()) == 100


def test_the_budget_is_never_passed_and_a_larger_one_goes_on(project: Project, server: FaultServer):
    project.rows(60)
    project.models(server.url, price=PRICE, sampling={"max_tokens": 64})
    project.pipeline(STEPS)
    done = project.run("--max-cost", "0.003")
    assert done.code == 3, done.out + done.err
    spent = json.loads((project.folder / "runs/test/run.json").read_text())["asked"]["cost"]
    assert 0 < spent <= 0.003
    first = server.stats()["requests"]
    assert 0 < first < 60
    whole = project.run("--max-cost", "1", "--json")
    assert whole.code == 0, whole.err
    assert server.stats()["requests"] == 60
    assert whole.json["asked"]["hits"] == first
    assert whole.json["cost"] == pytest.approx(spent + whole.json["asked"]["cost"])


def test_a_budget_needs_prices_and_bounds(project: Project, server: FaultServer):
    project.rows(3)
    project.models(server.url, sampling={})
    project.pipeline(STEPS, max_cost=1.0)
    done = project.run()
    assert done.code == 2
    assert "no price" in done.err
    assert "max_tokens" in done.err
    assert server.stats()["requests"] == 0


def test_two_runs_that_share_a_journal_lose_nothing(project: Project, server: FaultServer):
    project.rows(200)
    project.models(server.url, limits={"concurrency": 8})
    project.pipeline(STEPS)
    server.set(latency=0.02)
    runs = [project.start("--out", f"runs/run{i}", "--json") for i in range(2)]
    for process in runs:
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
    assert len(project.kept("run0")) == len(project.kept("run1")) == 200
    texts = [[row["explained_targets"] for row in project.kept(f"run{i}")] for i in range(2)]
    assert texts[0] == texts[1]
    asked = server.stats()["requests"]
    assert project.run("--json").json["asked"]["requests"] == 0
    assert server.stats()["requests"] == asked


def test_a_journal_cut_short_is_mended_and_only_what_is_missing_is_asked(project: Project, server: FaultServer):
    project.rows(120)
    project.models(server.url)
    project.pipeline(STEPS)
    assert project.run().code == 0
    before = project.files()
    journal = project.folder / "runs/journal.sqlite"
    with journal.open("r+b") as file:
        file.truncate(journal.stat().st_size * 2 // 3)
    done = project.run("--json")
    assert done.code == 0, done.err
    assert "journal" in done.err
    assert 0 < done.json["asked"]["hits"] < 120
    assert done.json["asked"]["requests"] == 120 - done.json["asked"]["hits"]
    assert project.files() == before
    assert list(journal.parent.glob("journal.damaged-*.sqlite"))


def test_a_file_that_is_no_journal_is_refused_and_left_alone(project: Project, server: FaultServer):
    project.rows(3)
    project.models(server.url)
    project.pipeline(STEPS)
    (project.folder / "runs").mkdir()
    (project.folder / "runs/journal.sqlite").write_text("my notes, not a database at all, " * 100)
    done = project.run()
    assert done.code == 2
    assert "is not a journal" in done.err
    assert (project.folder / "runs/journal.sqlite").read_text().startswith("my notes")


def test_a_key_echoed_by_the_provider_is_kept_nowhere(project: Project, server: FaultServer):
    secret = "sk-planted-key-0123456789abcdef"
    project.rows(10, mark={3: f"[[400]] {secret}", 5: secret})
    project.models(server.url, api_key_env="PLANTED_API_KEY")
    project.pipeline(STEPS, tolerate=1.0)
    (project.folder / "rows.jsonl").rename(project.folder.parent / "rows.jsonl")
    project.pipeline(STEPS.replace("rows.jsonl", "../rows.jsonl"), tolerate=1.0)
    done = project.run(env={"PLANTED_API_KEY": secret})
    assert done.code == 0, done.err
    assert secret not in done.out + done.err
    for path in (project.folder / "runs").rglob("journal*"):
        assert secret.encode() not in path.read_bytes(), path
    (dropped,) = project.dropped()
    assert secret not in dropped["detail"]


def test_a_full_disk_ends_with_a_message_and_room_lets_the_run_go_on(project: Project, server: FaultServer):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("a small disk of its own needs root and unshare")
    project.rows(3000)
    project.models(server.url, limits={"concurrency": 64})
    project.pipeline(STEPS)
    small = project.folder / "small"
    small.mkdir()
    script = (
        f"run='{sys.executable} -m bezoar_data.cli.main run pipeline.yaml --out small/runs/test"
        " --journal small/runs/journal.sqlite'\n"
        "mount -t tmpfs -o size=2m tmpfs small || exit 99\n"
        "$run; code=$?\n"
        "mount -o remount,size=200m small\n"
        "$run --json >out.json || exit 98\n"
        "exit $code\n"
    )
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", script], cwd=project.folder, capture_output=True, text=True, timeout=550
    )
    if done.returncode == 99 or "Operation not permitted" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "disk" in done.stderr.lower()
    after = json.loads((project.folder / "out.json").read_text())
    assert after["counts"]["kept"] == 3000
    assert after["asked"]["hits"] > 0
    assert server.stats()["requests"] <= 3000 + 2 * 64 + 300


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.nightly)])
def test_kills_at_random_moments_repeat_no_journalled_answer(project: Project, server: FaultServer, kills: int):
    project.rows(1000)
    project.models(server.url, limits={"concurrency": 64})
    project.pipeline(JUDGED)
    assert project.run("--out", "whole/test", "--journal", "whole/journal.sqlite").code == 0
    server.set()
    moments = random.Random(7)
    for _ in range(kills):
        moment = server.stats()["requests"] + moments.randint(1, 150)
        server.turn(latency=0.05, hold_from=moment)
        process = project.start()
        wait_for_requests(server, process, moment)
        time.sleep(moments.random() * 0.05)
        assert kill(process, server) - project.journalled() <= 64 * kills
    server.turn()
    done = project.run("--json")
    assert done.code == 0, done.err
    prompts = server.stats()["prompts"]
    assert len(prompts) == 2000
    assert sum(n - 1 for n in prompts.values()) <= 64 * kills
    assert project.files() == project.files("../whole/test")
