"""Judges in a run: what the lock and the card tell of them, for every kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bezoar_data.cli.main import main
from bezoar_data.config.files.card import load_card
from bezoar_data.engine.judge_stats import Judge, Judging, judges_in
from bezoar_data.runs.row import Drop
from support.fault_server import FaultServer
from support.projects import Project, both_engines_agree

PIPELINES = Path(__file__).parents[2] / "pipelines"
STEPS = f"""\
name: judged
version: 1
models: models.yaml
steps:
  - {{use: load_flan, with: {{path: {PIPELINES / "seeds" / "flan.jsonl"}}}}}
  - {{use: orca.system_message}}
  - {{use: orca.explain, with: {{model: teacher}}}}
  - {{use: judge.accept, with: {{model: judge, samples: 3}}}}
  - {{id: second, use: judge.accept, with: {{model: judge, as: falcon, reference: ""}}}}
  - {{use: judge.panel, with: {{judges: [judge, falcon], rule: unanimous}}}}
  - use: judge.attributes
    with: {{model: judge, instruction: inputs, response: explained_targets, reference: targets}}
  - {{use: judge.compare, with: {{model: judge, instruction: inputs, a: explained_targets, b: targets}}}}
"""


@pytest.fixture(scope="module")
def scripted() -> Iterator[FaultServer]:
    with FaultServer(scripted=True) as server:
        yield server


def run(folder: Path, scripted: FaultServer, *more: str) -> tuple[dict[str, Any], Path]:
    path = folder / "pipeline.yaml"
    path.write_text(STEPS)
    entry = {"provider": "openai", "base_url": scripted.url, "sampling": {"max_tokens": 1024}}
    roles = {role: {**entry, "model": f"the-{role}"} for role in ("teacher", "judge")}
    (folder / "models.yaml").write_text(json.dumps({"version": 1, "roles": roles}))
    with pytest.raises(SystemExit) as end:
        main(["run", str(path), "--out", str(folder / "runs" / "judged"), *more])
    assert end.value.code == 0
    dataset = folder / "runs" / "judged" / "dataset"
    return json.loads((dataset / "lock.json").read_text()), dataset


def test_every_kind_of_judge_works_and_stands_on_the_card(tmp_path: Path, scripted: FaultServer) -> None:
    lock, dataset = run(tmp_path, scripted)
    rows = pq.read_table(dataset / "data").to_pylist()
    assert [(j["name"], j["kind"]) for j in lock["judges"]] == [
        ("judge", "accept"), ("falcon", "accept"), ("panel", "panel")
    ]  # fmt: skip
    for judge in lock["judges"]:
        assert judge["accepted"] == sum(r[f"{judge['name']}_status"] == "Accept" for r in rows) > 0
        assert judge["rejected"] == sum(r[f"{judge['name']}_status"] == "Reject" for r in rows) > 0
    judging = lock["judging"]
    assert [one["columns"] for one in judging["agreement"]] == [
        ["judge_status", "falcon_status"], ["judge_rating", "falcon_rating"]
    ]  # fmt: skip
    (repeated,) = judging["repeated"]
    assert repeated["status"]["rows"] == len(rows)
    assert repeated["status"]["agreement"]["low"] < 1
    (scored,) = judging["attributes"]
    assert scored["means"]["helpfulness"] == pytest.approx(sum(r["helpfulness"] for r in rows) / len(rows), abs=1e-4)
    assert all(0 <= r[name] <= 4 for r in rows for name in ("helpfulness", "correctness", "coherence"))
    assert len({r["complexity"] for r in rows}) > 1
    assert len({r["verbosity"] for r in rows}) > 1
    (compared,) = judging["comparisons"]
    assert compared["a"] + compared["b"] + compared["tie"] + compared["inconsistent"] == len(rows)
    assert compared["consistent"]["value"] == 1.0, "the judge looks at texts, not at places"
    card = (dataset / "README.md").read_text()
    for words in ("`judge_status` and `falcon_status`", "The panel `panel`", "shown in both orders", "| coherence |"):
        assert words in card
    described = load_card(dataset / "README.md").body
    for column in ("judge_samples", "panel_rating", "goodness", "safety", "judge_order_ba", "judge_preference_reason"):
        assert f"| `{column}` |" in described
        assert "not described" not in described.split(f"| `{column}` |")[1].split("\n")[0]


def test_what_people_said_comes_onto_the_card_with_the_next_run_and_only_of_the_same_data(
    tmp_path: Path, scripted: FaultServer
) -> None:
    lock, dataset = run(tmp_path, scripted)
    rows = pq.read_table(dataset / "data").to_pylist()
    labels = tmp_path / "labels.jsonl"
    labels.write_text("".join(json.dumps({"id": r["id"], "human": r["judge_rating"]}) + "\n" for r in rows[:40]))
    folder = str(dataset.parent)
    with pytest.raises(SystemExit) as end:
        main(["judge", "reliability", folder, "--columns", "judge_rating", "human", "--labels", str(labels), "--save"])
    assert not end.value.code
    with pytest.raises(SystemExit) as end:
        main(["judge", "calibrate", folder, "--rating", "judge_rating", "--good", "human >= 3", "--labels", str(labels),
              "--precision", "0.5", "--save"])  # fmt: skip
    assert not end.value.code
    again, _ = run(tmp_path, scripted)
    (people,) = again["judging"]["people"]["agreement"]
    assert (people["rows"], people["kappa"]["value"]) == (40, 1.0)
    assert again["data"] == lock["data"]
    assert len(again["judging"]["people"]["calibration"]) == 1
    card = load_card(dataset / "README.md")
    assert "**Judge** `judge`, a model: accepted" in card.body
    assert "It agrees with people on 100.0 %" in card.body
    assert "| `judge_rating` and `human` | 40 |" in card.body
    assert "not been measured for `falcon`, `panel`" in card.body
    same, _ = run(tmp_path, scripted)
    assert same == again, "the same inputs give the same lock"
    other, _ = run(tmp_path, scripted, "--limit", "60")
    assert other["judging"]["people"] == {"agreement": [], "calibration": []}, "measured on other data"


def test_judges_are_known_by_their_columns() -> None:
    columns = [
        *("judge_status", "judge_rating", "judge_reason", "http_status", "a_rating"),
        *("helpfulness", "correctness", "coherence", "goodness", "me_helpfulness", "me_correctness", "me_coherence"),
        *("me_goodness", "x_helpfulness", "judge_preference", "judge_order_ab", "judge_order_ba", "human_preference"),
    ]
    assert set(judges_in(columns, "s")) == {
        Judge("judge", "s", "accept"),
        Judge("", "s", "attributes"),
        Judge("me", "s", "attributes"),
        Judge("judge", "s", "compare"),
    }
    (panel,) = judges_in(["p_status", "p_rating", "p_reason"], "s", asks=False)
    assert panel.kind == "panel"


def test_rows_without_a_verdict_are_counted_by_reason() -> None:
    judging = Judging([Judge("judge", "judge", "accept")])
    judging.add({"judge_status": "Accept", "judge_rating": "4"}, ("s1",))
    for reason in ("unparsable_verdict", "http_400", "unparsable_verdict"):
        columns = {"judge_status": None, "judge_rating": None}
        judging.add(columns, ("s2",), (Drop("judge", reason, failed=True), Drop("other", "x")))
    (told,) = judging.judges()
    assert told["unjudged"] == {"http_400": 1, "unparsable_verdict": 2}
    assert (told["accepted"], told["ratings"]) == (1, {"4": 1})


def test_rows_without_seeds_are_units_of_their_own() -> None:
    judging = Judging([Judge("one", "a", "accept"), Judge("two", "b", "accept")])
    for i in range(30):
        said = {f"{name}_status": "Accept" if (i + k) % 3 else "Reject" for k, name in enumerate(("one", "two"))}
        judging.add({**said, "one_rating": "3", "two_rating": "3"}, ())
    status = judging.measured()["agreement"][0]
    assert status["rows"] == 30
    assert status["kappa"]["low"] < status["kappa"]["value"] < status["kappa"]["high"]


UNJUDGED = """\
  - {use: load_flan, with: {path: rows.jsonl}}
  - {use: judge.accept, with: {model: judge, response: targets, system: "", reference: ""}}
  - {id: other, use: judge.accept, with: {model: judge, as: other, instruction: task_name, response: targets,
     system: "", reference: ""}}
"""


@pytest.mark.slow
def test_rows_a_judge_failed_at_stay_with_the_other_judges_verdict_and_count_as_failed(
    project: Project, server: FaultServer
) -> None:
    project.rows(40, mark={3: "[[unparsable]]", 5: "[[400]]", 7: "[[unparsable]]"})
    project.models(server.url)
    project.pipeline(UNJUDGED, tolerate=0.05)
    done = project.run("--json")
    assert done.code == 1, "three of forty rows are more than the five percent that are tolerated"
    assert done.json["counts"] == {"source": 40, "kept": 40, "dropped": 0}
    rows = project.kept()
    assert [i for i, row in enumerate(rows) if row["judge_status"] is None] == [3, 5, 7]
    assert all(row["other_status"] for row in rows)
    (missed,) = json.loads(rows[3]["_bezoar"])["missed"]
    assert (missed["step"], missed["reason"]) == ("judge-accept", "unparsable_verdict")
    assert missed["raw"]
    (judge, other) = done.json["judges"]
    assert judge["unjudged"] == {"http_400": 1, "unparsable_verdict": 2}
    assert other["unjudged"] == {}
    assert judge["accepted"] + judge["rejected"] == 37
    card = (project.folder / "runs" / "test" / "dataset" / "README.md").read_text()
    assert "3 rows stayed without a verdict: 1 × `http_400`, 2 × `unparsable_verdict`." in card
    project.pipeline(UNJUDGED, tolerate=0.1)
    assert project.run().code == 0
    both_engines_agree(project)
