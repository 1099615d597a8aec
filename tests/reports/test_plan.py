"""A plan as people see it: its picture, its text, and the command that shows them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bezoar_data.cli.main import main
from bezoar_data.plan.interval import Interval
from bezoar_data.reports.plan.dag_ascii import draw
from bezoar_data.reports.plan.text import clock, money, number
from support.projects import JUDGED, Project
from support.shipped import OFFLINE, ORCA


def picture(steps: str, edges: list[str]) -> list[str]:
    lines = draw(list(steps), [(edge[0], edge[1]) for edge in edges], lambda name: name)
    return [line.lanes.rstrip() for line in lines]


def test_a_chain_is_one_lane():
    assert picture("abc", ["ab", "bc"]) == ["a", "│", "b", "│", "c", ""]


def test_branches_part_and_meet():
    assert picture("abcd", ["ab", "ac", "bd", "cd"]) == ["a", "├─╮", "│ │", "b │", "│ │", "│ c", "│ │", "├─╯", "d", ""]


def test_two_sources_meet():
    assert picture("abc", ["ac", "bc"]) == ["a", "│", "│ b", "│ │", "├─╯", "c", ""]


def test_three_branches_of_which_one_goes_its_own_way():
    drawn = picture("abcde", ["ab", "ac", "ad", "be", "ce", "de"])
    assert drawn[1] == "├─┬─╮"
    assert "├─┴─╯" in drawn
    assert drawn[-2] == "e"


def test_an_edge_past_other_steps_keeps_its_lane():
    drawn = picture("abcd", ["ab", "bc", "cd", "ad"])
    assert drawn == ["a", "├─╮", "│ │", "b │", "│ │", "c │", "│ │", "├─╯", "d", ""]


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval.exactly(72), "72"),
        (Interval(69, 70, 72), "69-72"),
        (Interval(9_990, 11_000, 12_345), "9,990-12.3k"),
        (None, "unknown"),
    ],
)
def test_numbers_are_short(interval: Interval | None, text: str):
    assert number(interval) == text


def test_money_has_the_digits_that_tell_its_ends_apart():
    assert money(Interval(0.0582, 0.07, 0.0994)) == "$0.0582-0.0994"
    assert money(Interval(1.5, 2, 2.25)) == "$1.500-2.250"
    assert money(Interval.exactly(0)) == "$0"


def test_times_are_rounded_to_what_one_can_tell():
    assert [clock(s) for s in (4.4, 200, 9000)] == ["4 s", "3 min", "2.5 h"]


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(["plan", *arguments])
    assert end.value.code == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_the_command_shows_the_picture_with_its_numbers(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    out = command(capsys, ORCA, "--models", OFFLINE)
    assert "●  load_flan            72 rows" in out
    assert "■  near_duplicates" in out
    assert "waits for all rows" in out
    assert "runs/orca/dataset/README.md" in out
    assert all(len(line) <= 130 for line in out.splitlines() if "dataset" not in line)
    chart = command(capsys, ORCA, "--models", OFFLINE, "--format", "mermaid")
    assert chart.startswith("flowchart TD\n")
    assert "s0 --> s1" in chart
    value = json.loads(command(capsys, ORCA, "--models", OFFLINE, "--json", "--limit", "7"))
    assert value["ok"]
    assert value["steps"][0]["rows_out"] == {"low": 7, "likely": 7, "high": 7}
    assert list(tmp_path.iterdir()) == []


def test_the_command_tells_mistakes_as_run_does(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    project.rows(3)
    project.models("http://127.0.0.1:9/v1")
    project.pipeline(JUDGED)
    with pytest.raises(SystemExit) as end:
        main(["plan", "pipeline.yaml", "--max-cost", "2", "--set", "steps.nobody.x=1"])
    assert end.value.code == 2
    assert "nobody" in capsys.readouterr().err
