"""A dataset is held to what a person expects of it: of the run beside, and of the one on the Hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bezoar_data import expect
from support.command import bezoar
from support.hub_server import hub_server
from support.lies import copied

REPO = "tester/small"


def written(folder: Path, **more: Any) -> Path:
    path = folder / "small.yaml"
    path.write_text(f"name: small\nversion: 1\nexpect: {json.dumps(more)}\n")
    return path


def unmet(run: Path, folder: Path, **more: Any) -> dict[str, str]:
    found = expect(written(folder, **more), run)
    assert found.findings[0].rule == "claims"
    return {one.rule: one.found for one in found.findings if not one.met}


def test_what_is_so_is_met(honest: Path, tmp_path: Path) -> None:
    found = expect(
        written(
            tmp_path,
            rows={"least": 22, "most": 22},
            dropped={"most": 0.1},
            accepted={"least": 0.5, "most": 1.0},
            empty=0.2,
            columns={
                "inputs": {"empty": 0, "characters": {"least": 10, "most": 500}},
                "judge_status": {"values": ["Accept", "Reject"]},
                "judge_rating": {"values": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]},
            },
            holds=[{"where": "length(inputs) > 10"}, {"where": 'contains(inputs, "number 1")', "share": 0.2}],
            licence=["unknown", "mit"],
            contamination=1,
            reviewed=6,
            demo=False,
        ),
        honest,
    )
    assert [(one.rule, one.found, one.wanted) for one in found.findings if not one.met] == []
    assert found.met
    assert len(found.findings) == 16
    assert str(found).endswith(f"{honest}: all 16 met")


@pytest.mark.parametrize(
    ("more", "rule", "said"),
    [
        ({"rows": {"least": 23}}, "rows", "22"),
        ({"dropped": {"most": 0.05}}, "dropped", "8.3% (2 of 24)"),
        ({"accepted": {"most": 0.01}}, "accepted", "of 22)"),
        ({"columns": {"input": {}}}, "columns.input", "there is no column 'input' (did you mean 'inputs'?)"),
        ({"columns": {"inputs": {"characters": {"least": 1000}}}}, "columns.inputs.characters", " to "),
        ({"columns": {"inputs": {"turns": {"least": 1}}}}, "columns.inputs.turns", "it holds none"),
        ({"columns": {"judge_status": {"values": ["Perhaps"]}}}, "columns.judge_status.values", "also 'Accept'"),
        ({"holds": [{"where": 'contains(inputs, "number 1")'}]}, "holds.0", "true of 5"),
        ({"holds": [{"where": "length(inptus) > 1"}]}, "holds.0", "there is no column 'inptus'"),
        ({"licence": ["mit"]}, "licence", "unknown"),
        ({"commercial": True}, "commercial", "unknown"),
        ({"kappa": {"other": 0.1}}, "kappa.other", "not measured against people"),
        ({"contamination": 0}, "contamination", "1 row"),
        ({"reviewed": 7}, "reviewed", "6 rows"),
        ({"demo": True}, "demo", "is not a demo"),
    ],
)
def test_what_is_not_so_is_told_with_what_was_found(
    honest: Path, tmp_path: Path, more: dict[str, Any], rule: str, said: str
) -> None:
    found = unmet(honest, tmp_path, **more)
    assert [*found] == [rule]
    assert said in found[rule]


def test_the_command_line_ends_with_1_for_ci_and_says_which(honest: Path, tmp_path: Path) -> None:
    file = written(tmp_path, rows={"least": 22}, empty=0, demo=True)
    done = bezoar("expect", file, honest)
    assert done.code == 1
    assert "NOT MET  demo: is not a demo (wanted: is a demo)" in done.out
    assert "met      rows: 22 (wanted: at least 22)" in done.out
    told = bezoar("expect", file, honest, "--json")
    assert (told.code, told.json["ok"], told.json["exit_code"]) == (1, False, 1)
    assert {one["rule"] for one in told.json["findings"]} >= {"rows", "empty", "demo"}
    assert bezoar("expect", written(tmp_path, rows={"least": 22}), honest).code == 0


def test_empty_values_are_counted_column_by_column(honest: Path, tmp_path: Path) -> None:
    found = unmet(honest, tmp_path, empty=0)
    assert set(found) == {"empty", "columns.system_message.empty"}
    column = {"system_message": {"empty": 1}}
    assert unmet(honest, tmp_path, empty=0, columns=column) == {}


def test_a_dataset_that_is_not_what_it_claims_is_never_met(honest: Path, tmp_path: Path) -> None:
    liar = copied(honest, tmp_path)
    readme = liar.dataset / "README.md"
    readme.write_text(readme.read_text().replace("Words of a person.", "Words.").replace("demo: false", "demo: true"))
    found = unmet(liar.run, tmp_path, rows={"least": 1})
    assert [*found] == ["claims"]
    assert "demo" in found["claims"]


def test_a_published_dataset_is_held_to_the_same(honest: Path, tmp_path: Path) -> None:
    file = written(tmp_path, rows={"least": 22}, dropped={"most": 0.1}, accepted={"most": 0.01})
    with hub_server() as hub, hub.in_this_process(tmp_path / "hf"):
        assert bezoar("publish", honest, "--to", REPO, "--allow", "unknown-licence").code == 0
        here = bezoar("expect", file, honest, "--json").json
        there = bezoar("expect", file, f"hf://datasets/{REPO}", "--json").json
    assert there["findings"] == here["findings"]
    assert (there["dataset"], there["lock"]) == (f"hf://datasets/{REPO}", here["lock"])


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("expect: {}\n", 3, "it expects nothing"),
        ("expect:\n  rows: {}\n", 4, "it says neither 'least' nor 'most'"),
        ("expect:\n  rows: {least: 5, most: 2}\n", 4, "'least' is more than 'most'"),
        ("expect:\n  accepted: {least: 60}\n", 4, "should be at most 1"),
        ("expect:\n  acepted: {least: 0.6}\n", 4, "acepted"),
        ("expect:\n  holds:\n    - where: a ==\n", 5, "here:"),
        ("dataset: hf://data/x\nexpect: {rows: {least: 1}}\n", 3, "not a dataset of the Hub"),
    ],
)
def test_a_mistake_is_told_where_it_is_written(tmp_path: Path, text: str, line: int, message: str) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(f"name: a\nversion: 1\n{text}")
    for command in ("validate", "expect"):
        told = bezoar(command, file, "--json")
        assert told.code == 2
        assert [p["line"] for p in told.json["problems"] if message in p["message"]] == [line], told.json


def test_a_file_must_say_of_which_dataset(tmp_path: Path) -> None:
    done = bezoar("expect", written(tmp_path, rows={"least": 1}))
    assert done.code == 2
    assert "nothing says which dataset is meant" in done.err
