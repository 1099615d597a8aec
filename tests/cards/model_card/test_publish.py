"""Publishing trained models to a Hub over real HTTP: what goes up, what is refused, what a fault leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.command import Outcome
from support.evaluations import Scored, leave_evaluation
from support.hub_server import READ_ONLY, TOKEN, Hub, hub_server
from support.projects import Project
from support.trained import GOOD, data, leave, stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
REPO = "tester/model"
DEMO = data("demo", "unknown", "unknown", demo=True)
LOCAL = {"stage": "sft-merged"}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_server() as hub:
        yield hub


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def publish(project: Project, hub: Hub, *more: str, folder: str = "trained/r/s0", token: str = TOKEN) -> Outcome:
    arguments = ("publish", folder, "--to", REPO, "--json", *more)
    done = project.bezoar(*arguments, process=True, env=hub.environment(project.folder / "hf", token))
    assert "Traceback" not in done.err
    assert token not in done.out + done.err
    return done


def test_one_commit_holds_all_of_it_and_a_second_publish_sends_nothing(project: Project, hub: Hub) -> None:
    folder = leave(project.folder / "trained" / "r" / "s0", stage(GOOD))
    (folder / "notes.txt").write_text("mine alone")
    done = publish(project, hub, folder="trained/r")
    assert done.code == 0, done.out + done.err
    repo = hub.repos[REPO]
    assert (repo.kind, repo.private, repo.tags) == ("models", True, {done.json["tag"]: repo.head})
    assert len(repo.commits) == 2  # the empty repository's own, and ours
    sent = {name: content for name, content in repo.files.items() if name != ".gitattributes"}
    assert sent == {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "notes.txt"}
    before = len(hub.requests)
    again = publish(project, hub)
    assert (again.code, again.json["new"], again.json["changed"]) == (0, [], [])
    assert not [r for r in hub.requests[before:] if not r.startswith("GET")]


def test_every_reason_is_told_at_once_and_nothing_is_sent(project: Project, hub: Hub) -> None:
    limited = data("gpt", "MIT AND LicenseRef-OpenAI-terms", "unknown")
    told = stage(DEMO, limited, policy={"commercial": True}, base_lineage=LOCAL)
    folder = leave(project.folder / "trained" / "r" / "s0", told, **{"recipe.yaml": f"# {TOKEN}\n"})
    (folder / "tokenizer.json").write_text('{"changed": true}')
    card = folder / "README.md"
    card.write_text(card.read_text().replace('publish: "no"', 'publish: "yes"'))
    done = publish(project, hub)
    assert done.code == 4
    codes = [problem["code"] for problem in done.json["problems"]]
    concerns = ["demo", "unknown-licence", "restricted-terms", "policy", "failed-checks", "base", "secret"]
    assert {f"refused-{name}" for name in concerns} | {"data-differs", "card-differs"} == set(codes)
    allowed = [word for name in concerns[:5] for word in ("--allow", name)]
    done = publish(project, hub, *allowed)
    assert [p["code"] for p in done.json["problems"]] == ["refused-base", "refused-secret"]
    assert hub.requests == []


def test_a_card_that_states_another_licence_is_refused(project: Project, hub: Hub) -> None:
    folder = leave(project.folder / "trained" / "r" / "s0", stage(data("nc", "CC-BY-NC-4.0", "no")))
    card = folder / "README.md"
    card.write_text(card.read_text().replace("license: other", "license: mit") + "\nMy own words.\n")
    done = publish(project, hub)
    assert (done.code, done.json["problems"][1]["code"]) == (4, "card-differs")
    card.write_text(card.read_text().replace("license: mit", "license: other"))
    assert publish(project, hub).code == 0
    assert b"My own words." in hub.repos[REPO].files["README.md"]


def test_an_adapter_for_weights_of_this_machine_names_where_they_are_published(project: Project, hub: Hub) -> None:
    folder = leave(project.folder / "trained" / "r" / "s0", stage(GOOD, base_lineage=LOCAL))
    for _ in range(2):
        done = publish(project, hub, "--base", "tester/merged")
        assert done.code == 0, done.out + done.err
    files = hub.repos[REPO].files
    assert len(hub.repos[REPO].commits) == 2
    assert json.loads(files["adapter_config.json"]) == {"base_model_name_or_path": "tester/merged", "r": 16}
    assert b"\nbase_model: tester/merged\n" in files["README.md"]
    assert not [name for name, content in files.items() if str(project.folder).encode() in content]
    assert str(project.folder) in (folder / "adapter_config.json").read_text()  # as it lies here


def test_its_scores_go_up_with_it_and_are_gone_when_they_are_no_longer_its_own(project: Project, hub: Hub) -> None:
    record = stage(GOOD)
    leave(project.folder / "trained" / "r" / "s0", record)
    leave_evaluation(project.folder / "evaluated" / "r" / "small", record, [Scored("qasc", [1.0, 0.0] * 10)])
    planned = publish(project, hub, "--dry-run").json
    assert {"evaluation/small.json", "evaluation/small.png"} < set(planned["new"])
    for _ in range(2):
        done = publish(project, hub)
        assert done.code == 0, done.out + done.err
    repo = hub.repos[REPO]
    assert len(repo.commits) == 2
    assert b"\nmodel-index:\n" in repo.files["README.md"]
    assert json.loads(repo.files["evaluation/small.json"])["model"]["stage"] == record.key
    again = stage(GOOD, key="e" * 32)
    leave(project.folder / "again" / "r" / "s0", again)
    done = publish(project, hub, folder="again/r/s0")
    assert done.json["removed"] == ["evaluation/small.json", "evaluation/small.png"]
    assert "trained again since" in done.json["evaluations_left_out"][0]["message"]
    assert b"model-index" not in hub.repos[REPO].files["README.md"]


@pytest.mark.nightly
def test_an_upload_cut_half_way_changes_nothing_and_the_next_try_succeeds(project: Project, hub: Hub) -> None:
    leave(project.folder / "trained" / "r" / "s0", stage(GOOD))
    hub.faults["PUT /lfs/"] = [0, 99]
    assert publish(project, hub).code == 5
    assert (len(hub.repos[REPO].commits), hub.repos[REPO].tags) == (1, {})
    hub.faults.clear()
    done = publish(project, hub)
    assert done.code == 0, done.out + done.err


def test_a_token_that_may_not_write_is_told(project: Project, hub: Hub) -> None:
    leave(project.folder / "trained" / "r" / "s0", stage(GOOD))
    done = publish(project, hub, token=READ_ONLY)
    assert (done.code, "may write" in done.out, hub.repos) == (2, True, {})


def test_a_merged_model_takes_the_place_of_an_adapter(project: Project, hub: Hub) -> None:
    leave(project.folder / "trained" / "r" / "s0", stage(GOOD))
    assert publish(project, hub).code == 0
    merged = leave(project.folder / "trained" / "r" / "m", stage(GOOD, base_lineage=None, key="f" * 32))
    told = json.loads((merged / "stage.json").read_text())
    for old, new in (("adapter_model.safetensors", "model.safetensors"), ("adapter_config.json", "config.json")):
        (merged / old).rename(merged / new)
        told["files"][new] = told["files"].pop(old)
    (merged / "stage.json").write_text(json.dumps(told))
    done = publish(project, hub, "--dry-run", folder="trained/r/m")
    assert done.json["removed"] == ["adapter_config.json", "adapter_model.safetensors"]
    assert publish(project, hub, "--base", "a/b", folder="trained/r/m").json["problems"][0]["code"] == "refused-base"
    assert len(hub.repos[REPO].commits) == 2
    assert publish(project, hub, folder="trained/r/m").code == 0
    assert "adapter_config.json" not in hub.repos[REPO].files


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("no json", "stage-malformed", "train it"),
        ('{"format": 2}', "stage-malformed", "train it again"),
        ('{"format": 1}', "stage-format", "train it again"),
        ('{"format": 3}', "stage-format", "upgrade"),
    ],
)
def test_a_record_that_cannot_be_read_is_refused(project: Project, hub: Hub, text: str, code: str, hint: str) -> None:
    folder = project.folder / "trained" / "r" / "s0"
    folder.mkdir(parents=True)
    (folder / "stage.json").write_text(text)
    done = publish(project, hub)
    (problem,) = done.json["problems"]
    assert (done.code, problem["code"]) == (2, code)
    assert hint in problem["hint"]


LOADS = """
import sys, torch
from huggingface_hub import snapshot_download
from transformers import AutoModelForCausalLM, AutoTokenizer
repo, tag, here = sys.argv[1:]
there = snapshot_download(repo, revision=tag)
tokenizer = AutoTokenizer.from_pretrained(there)
turns = [{"role": "user", "content": "What is it?"}]
ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True, return_tensors="pt")
said = [AutoModelForCausalLM.from_pretrained(f)(**ids).logits for f in (there, here)]
assert torch.equal(*said) and said[0].shape[-1] == len(tokenizer)
print("loaded")
"""


def test_a_model_that_was_trained_here_is_loaded_from_the_hub(project: Project, hub: Hub) -> None:
    """The whole way: a pipeline's rows, SFT and merge, publish, fetch, and the same logits."""
    pytest.importorskip("trl")
    from bezoar_data import load_pipeline, load_recipe

    # Rows of one's own: those of the shipped seeds are a demo's, and no recipe may train on them for others.
    rows = (
        (ROOT / "pipelines" / "seeds" / "conversations.jsonl").read_text().replace('"content": "', '"content": "Ours: ')
    )
    (project.folder / "conversations.jsonl").write_text(rows)
    shipped = (ROOT / "pipelines" / "ultrachat.yaml").read_text()
    file = project.folder / "ultrachat.yaml"
    file.write_text(
        shipped.replace("seeds/conversations.jsonl", "conversations.jsonl").replace("../cards", str(ROOT / "cards"))
    )
    runs = project.folder / "runs"
    load_pipeline(file, out=runs / "ultrachat", journal=runs / "journal.sqlite").run(quiet=True)
    training: dict[str, Any] = {"use_cpu": True, "bf16": False, "max_steps": 1, "optim": "adamw_torch"}
    recipe = {
        "name": "small",
        "version": 1,
        "base": {"make": {}},
        "adapter": {"r": 4, "target_modules": ["q_proj"]},
        "template": str(ROOT / "recipes" / "templates" / "zephyr.jinja"),
        "training": training,
        "stages": [{"use": "sft", "card": str(ROOT / "cards" / "ultrachat.md")}, {"use": "merge", "dtype": "float32"}],
    }
    (project.folder / "small.yaml").write_text(json.dumps(recipe))
    ours = load_recipe(project.folder / "small.yaml", runs=project.folder / "runs", out=project.folder / "trained")
    trained = ours.train(quiet=True)
    assert all(stage["done"] for stage in ours.plan()["stages"])
    assert not [f for f in trained.model.iterdir() if str(project.folder).encode() in f.read_bytes()]
    done = publish(project, hub, folder="trained")
    assert [p["code"] for p in done.json["problems"]] == ["refused-demo"]  # a base of random weights
    done = publish(project, hub, "--allow", "demo", folder="trained")
    assert done.code == 0, done.out + done.err
    read = subprocess.run(
        [sys.executable, "-c", LOADS, REPO, done.json["tag"], str(trained.model)],
        env={**os.environ, **hub.environment(project.folder / "hf2")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (read.returncode, read.stdout.strip()) == (0, "loaded"), read.stderr
