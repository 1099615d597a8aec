"""The parts of a plan: intervals, what is learned, and the count of tokens."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from bezoar_data.plan.interval import ONE, Interval, learned_mean, learned_rate
from bezoar_data.plan.token_count import Tokens, filler


def width(interval: Interval) -> float:
    return interval.high - interval.low


def test_whole_numbers_are_never_narrower():
    assert Interval(71.2, 71.9, 72.0000000001).whole() == Interval(71, 72, 72)
    assert Interval.exactly(72.0000000001).whole() == Interval.exactly(72)


def test_independent_factors_are_wider_than_either_and_narrower_than_both_together():
    half, tenth = Interval(0.5, 1.0, 1.5), Interval(0.9, 1.0, 1.1)
    both = half * tenth
    assert both.likely == 1.0
    assert 0.9 * 0.5 < both.low < half.low
    assert half.high < both.high < 1.5 * 1.1
    assert half * 4 == Interval(2, 4, 6)
    assert half * ONE == half


def test_sums_add_their_ends_unless_they_are_independent():
    one = Interval(8, 10, 13)
    assert one + one == Interval(16, 20, 26)
    apart = one.and_independent(one)
    assert 16 < apart.low < 18
    assert 23 < apart.high < 26


def test_a_product_never_leaves_what_its_factors_allow():
    share = Interval(0.0, 0.1, 1.0)
    assert (share * share).low == 0.0
    assert (share * share).high <= 1.0


def test_filler_words_are_counted_apart():
    tokens, words = Tokens(), filler()
    text = f"Compare {words(7)} with {words(5)}."
    known, filling = tokens.prompt([{"role": "user", "content": text}])
    assert (known, 0) == tokens.prompt([{"role": "user", "content": "Compare  with ."}])
    assert filling == 12
    assert tokens.text(text) == tokens.text("Compare  with .") + 12


def test_no_two_stretches_of_filler_are_alike():
    words = filler()
    assert len({words(25) for _ in range(5000)}) == 5000


def test_scripts_the_rule_knows_little_of_widen_what_it_says():
    plain, other = Tokens(), Tokens()
    plain.text("Where does the river begin?")
    other.text("河流从哪里开始")
    assert other.off.high > plain.off.high == 1.16


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
    assert rule.off.low < ratio < rule.off.high


def test_a_share_seen_often_is_surer_than_one_seen_seldom():
    often, seldom = learned_rate(800, 1000, 500, (0.6, 1.0)), learned_rate(8, 10, 500, (0.6, 1.0))
    assert often.likely == seldom.likely == 0.8
    assert width(often) < width(seldom) / 2
    assert 0.0 <= seldom.low < seldom.high <= 1.0


def test_a_step_that_kept_all_rows_may_drop_some():
    assert learned_rate(20, 20, 100, (0.6, 1.0)).low < 1.0


def test_lengths_of_few_answers_say_less():
    few, many = learned_mean([100, 200, 150, 120, 180], 50), learned_mean([100, 200, 150, 120, 180] * 20, 50)
    assert few.likely == many.likely == 150
    assert width(few) > 1.5 * width(many)


def test_lengths_that_differ_little_are_known_well():
    assert width(learned_mean([150, 151, 149] * 5, 50)) < width(learned_mean([50, 250, 150] * 5, 50)) / 3
