"""AlpacaEval's annotations: win rate and standard error are those it publishes; what cannot be read is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import bezoar


def test_published_win_rates_come_out(real_data: Path) -> None:
    annotations = real_data / "alpaca_eval" / "annotations.jsonl"
    told = bezoar("judge", "win-rate", annotations, "--json").json["models"]
    published = json.loads((real_data / "alpaca_eval" / "published.json").read_text())
    assert [one["model"] for one in told] == [one["model"] for one in published]
    for ours, theirs in zip(told, published, strict=True):
        figures = ours["win_rate"]
        assert (figures["items"], ours["unreadable"]) == (theirs["n"], 0)
        assert 100 * figures["win_rate"]["value"] == pytest.approx(float(theirs["win_rate"]), abs=0.01)
        assert 100 * figures["error"] == pytest.approx(float(theirs["standard_error"]), abs=0.01)
        assert int(figures["characters"][1]) == int(theirs["avg_length"])
        assert figures["correlation_with_length"]["value"] is not None


def test_texts_lists_draws_and_what_is_missing(tmp_path: Path) -> None:
    rows = [
        {"generator_1": "old", "generator_2": "new", "output_1": "a b", "output_2": "a b c", "preference": 2},
        {"generator_1": "old", "generator_2": "new", "output_1": "a b", "output_2": "a", "preference": 1.0},
        {"generator_1": "old", "generator_2": "new", "output_1": "a", "output_2": "b", "preference": 0},
        {"generator_1": "old", "generator_2": "new", "output_1": "a", "output_2": "b", "preference": None},
    ]
    file = tmp_path / "annotations.json"
    file.write_text(json.dumps(rows))
    told = bezoar("judge", "win-rate", file)
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0].startswith("Win rates from annotations: THE JUDGE OFTEN FAILS THE FORMAT.")
    assert "1 of 4 for new (25%)" in lines[0]
    (row,) = [line for line in lines if line.startswith("new against old")]
    assert " 50.00 % " in row
    assert row.split("  ")[-1].strip() == "+1.00 (+1.00 to +1.00)"
    assert "| new against old |" in bezoar("judge", "win-rate", file, "--markdown").out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"model": "m", "preference": 3, "chars_baseline": 1, "chars_model": 1}', "and not from 1 to 2"),
        ('{"preference": 1, "chars_baseline": 1, "chars_model": 1}', "it names no model"),
        ('{"model": "m", "preference": 1}', "a win rate is reported with lengths"),
        ("[1]", "it is not an object"),
        ("nothing", "neither JSON nor JSON Lines"),
        ("", "holds no annotation"),
    ],
)
def test_what_is_no_annotation_is_told(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "annotations.jsonl"
    file.write_text(text)
    told = bezoar("judge", "win-rate", file)
    assert told.code == 2
    assert message in told.err
    assert "annotations.jsonl" in told.err
    assert bezoar("judge", "win-rate", tmp_path / "gone.json").code == 2
