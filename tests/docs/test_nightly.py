"""The script of docs/nightly.md runs, checks and publishes as the page says, and ends with the right code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bezoar_data.config.yaml.document import parse_yaml
from support.fault_server import FaultServer
from support.hub_server import hub_server
from support.projects import STEPS, Project

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "nightly.md").read_text("utf-8")
SCRIPT = next(text for text in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if "#!" in text)
LICENSED = STEPS.replace("path: rows.jsonl", "path: rows.jsonl, licence: CC0-1.0")


@pytest.fixture
def project(project: Project, server: FaultServer) -> Project:
    project.pipeline(LICENSED)
    licence = {"id": "CC0-1.0", "commercial": "yes"}
    limits = {"max_outage": 1}
    price = {"input": 1.0, "output": 2.0, "read": "2026-11-01"}
    project.models(server.url, output_licence=licence, limits=limits, price=price)
    (project.folder / "nightly.sh").write_text(SCRIPT)
    return project


def night(project: Project, env: dict[str, str], **more: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    told = {"PIPELINE": "pipeline.yaml", "RUN": "runs/test", "REPO": "tester/nightly", "WAIT": "0", "PATH": path}
    told |= {"EVENTS": "logs/events.jsonl", **env, **more}
    return subprocess.run(
        ["bash", "nightly.sh"], cwd=project.folder, env={**os.environ, **told}, capture_output=True, text=True
    )


def ends(project: Project) -> list[tuple[str, int]]:
    lines = [json.loads(line) for line in (project.folder / "logs" / "events.jsonl").read_text().splitlines()]
    return [(line["outcome"], line["exit_code"]) for line in lines if line["event"] == "end"]


@pytest.mark.slow
def test_a_good_night_is_published_and_a_bad_one_is_not(project: Project):
    project.rows(6, {2: "[[400]]"})
    with hub_server() as hub:
        env = hub.environment(project.folder / "hf")
        bad = night(project, env)
        assert bad.returncode == 1, bad.stderr
        assert not hub.repos
        project.rows(6)
        good = night(project, env)
        assert good.returncode == 0, good.stdout + good.stderr
        assert ends(project) == [("too_many_failed", 1), ("done", 0)]
        (repo,) = hub.repos.values()
        assert "README.md" in repo.files


@pytest.mark.nightly
@pytest.mark.timeout(3000)
def test_nights_as_they_come(project: Project, server: FaultServer):
    project.rows(6)
    with hub_server() as hub:
        env = hub.environment(project.folder / "hf")
        assert night(project, env, MAX_COST="0.00001").returncode == 3
        assert not hub.repos
        assert night(project, env).returncode == 0
        sent, asked = hub.sent("/commit/"), server.stats()["requests"]
        assert night(project, env).returncode == 0
        assert (hub.sent("/commit/"), server.stats()["requests"]) == (sent, asked)
        project.rows(7)
        server.set(status=503)
        away = night(project, env)
        assert away.returncode == 5, away.stdout + away.stderr
        assert ends(project) == [("budget", 3), *[("done", 0)] * 2, *[("provider_away", 5)] * 3]
        assert night(project, env, PIPELINE="pipelin.yaml").returncode == 2
        assert hub.sent("/commit/") == sent


def test_the_workflow_is_one():
    (text,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    workflow = parse_yaml(text, "nightly.yaml").value
    steps = workflow["jobs"]["data"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["pip install bezoar-data", "bash nightly.sh"]
    given = set(workflow["jobs"]["data"]["env"])
    assert set(re.findall(r"\{(\w+):\?\}", SCRIPT)) <= given


def test_every_exit_code_has_a_row():
    named = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    promised = (ROOT / "docs" / "promises.md").read_text("utf-8")
    assert named == {int(code) for code in re.findall(r"^\| (\d+) \|", promised, re.MULTILINE)}
