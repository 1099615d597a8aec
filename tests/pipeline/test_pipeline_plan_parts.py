"""The parts of a plan: its picture, its text and its factors."""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest
from tokenizers import Tokenizer

from bezoar_data.cli.main import main
from bezoar_data.plan.kinds import Kind
from bezoar_data.plan.priors import Lengths, Share
from bezoar_data.plan.result import Interval
from bezoar_data.plan.token_count import Filler, Tokens
from bezoar_data.reports.plan.dag_ascii import draw
from bezoar_data.reports.plan.text import clock, money, number
from support.projects import JUDGED, Project

ORCA = str(Path(__file__).parents[2] / "pipelines" / "orca.yaml")


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


def test_whole_numbers_are_never_narrower():
    assert Interval(71.2, 71.9, 72.0000000001).whole() == Interval(71, 72, 72)
    assert Interval.exactly(72.0000000001).whole() == Interval.exactly(72)


def test_filling_is_counted_by_whose_answer_it_stands_for():
    tokens, filler = Tokens(), Filler()
    text = f"Compare {filler.words('aa')(7)} with {filler.words('ab')(5)}."
    known, filling = tokens.prompt([{"role": "user", "content": text}])
    plain, none = tokens.prompt([{"role": "user", "content": "Compare  with ."}])
    assert (known, filling, none) == (plain, {"aa": 7, "ab": 5}, {})


def test_no_two_stretches_of_filling_are_alike():
    words = Filler().words("aa")
    assert len({words(25) for _ in range(5000)}) == 5000


def test_scripts_the_rule_knows_little_of_widen_what_it_says():
    plain, other = Tokens(), Tokens()
    plain.text("Where does the river begin?")
    other.text("河流从哪里开始")
    assert other.range[1] > plain.range[1] == 1.2


def test_the_rule_is_near_a_real_vocabulary_on_real_texts(real_data: Path):
    """As close as it says to the vocabulary of a model, where a package on this machine brings one along."""
    package = find_spec("litellm")  # not imported: that takes ten seconds
    if package is None or package.origin is None:
        pytest.skip("litellm is not installed")
    files = Path(package.origin).parent / "litellm_core_utils" / "tokenizers"
    vocabulary = Tokenizer.from_file(str(files / "anthropic_tokenizer.json"))
    rows = [json.loads(line) for file in (real_data / "dolly").glob("*.jsonl") for line in file.open()]
    texts = [f"{row['instruction']}\n{row['context']}\n{row['response']}" for row in rows]
    rule = Tokens()
    ratio = sum(len(vocabulary.encode(text).ids) for text in texts) / sum(rule.text(text) for text in texts)
    assert rule.off[0] < ratio < rule.off[1]


def test_a_share_seen_often_is_surer_than_one_seen_seldom():
    def spread(share: Share | None) -> float:
        assert share is not None
        chance = Random(1)
        drawn = sorted(share.draw(chance, 1000) for _ in range(400))
        return drawn[380] - drawn[20]

    assert spread(Share.learned(800, 1000)) < spread(Share.learned(80, 100)) < spread(Share.learned(8, 10))
    assert Share.learned(3, 4) is None


def test_lengths_of_few_answers_say_less():
    pairs = [(100.0, n) for n in (100, 200, 150, 120, 180)]
    few, many = Lengths.of(pairs), Lengths.of(pairs * 20)
    assert few is not None
    assert many is not None
    assert few.factor(50).mid == many.factor(50).mid == 1.5
    assert few.factor(50).spread > 2 * many.factor(50).spread


def test_lengths_that_follow_their_stand_ins_vary_little():
    follow, other = Lengths.of([(n, n * 2) for n in range(10, 200, 10)]), Lengths.of([(100, n) for n in range(10, 200)])
    assert follow is not None
    assert other is not None
    assert follow.ratio == 2
    assert follow.spread < 0.01 < other.spread


def test_answers_that_were_often_equal_are_drawn_to_be_equal_again():
    def repeats(texts: list[str]) -> int:
        kind = Kind("aa")
        kind.learn_equal(texts)
        said = [kind.say(hashlib.sha256(bytes([i])).hexdigest(), f"new {i}") for i in range(100)]
        return len(said) - len(set(said) - set(texts))

    assert repeats([f"text {i}" for i in range(100)]) == 0
    assert repeats(["always"] * 100) == 100
    some = [f"text {i}" for i in range(90)] + [f"text {i}" for i in range(10)]
    # Ten of a hundred were repeats: of the next hundred, that have twice as many before them, some thirty.
    assert 15 <= repeats(some) <= 45


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(["plan", *arguments])
    assert end.value.code == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_the_command_shows_the_picture_with_its_numbers(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    out = command(capsys, ORCA)
    assert "●  load_flan            72 rows" in out
    assert "■  near_duplicates" in out
    assert "waits for all rows" in out
    assert "runs/orca/dataset/README.md" in out
    assert all(len(line) <= 130 for line in out.splitlines() if "dataset" not in line)
    chart = command(capsys, ORCA, "--format", "mermaid")
    assert chart.startswith("flowchart TD\n")
    assert "s0 --> s1" in chart
    value = json.loads(command(capsys, ORCA, "--json", "--limit", "7"))
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
