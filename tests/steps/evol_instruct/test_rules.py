"""The parts of the scheme that need no model: elimination, draws, prompts, the pool."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.steps.base import Dropped, Kept
from bezoar_data.steps.evol_instruct.draw import IN_BREADTH, IN_DEPTH, draw_for_category, draw_for_row
from bezoar_data.steps.evol_instruct.eliminate import check_evolution, read_comparison, tokens
from bezoar_data.steps.evol_instruct.pool import EvolInstructPool
from bezoar_data.steps.evol_instruct.prompts import COMPLICATE, OPERATIONS, SHIPPED, load_prompts
from support.drive import row

FILE = load_prompts(SHIPPED)
GOOD = "Bread rises because yeast gives off gas."


def fault(instruction: str, response: str) -> str | None:
    found = check_evolution(instruction, response, FILE.label_phrases, FILE.stop_words)
    return found.reason if found else None


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("I am sorry, I cannot do that.", "difficult_response"),
        ("Sorry, I cannot do that.", "difficult_response"),
        ("I'M SORRY, NO.", "difficult_response"),
        ("sorry " + "word " * 78, "difficult_response"),
        ("sorry " + "word " * 79, None),
        ("It is what it is, and so on...", "only_stop_words"),
        ("You don't! They can't, we won't.", "only_stop_words"),
        ("", "only_stop_words"),
        ("?!", "only_stop_words"),
        ("It is bread.", None),
        ("42", None),
        ("Да.", None),
        (GOOD, None),
    ],
)
def test_a_response_is_eliminated_for_a_short_apology_or_for_saying_nothing(response: str, reason: str | None):
    assert fault("Why does bread rise?", response) == reason


def test_the_authors_look_for_an_apology_in_lower_case():
    args = (FILE.label_phrases, FILE.stop_words, "lower_case")
    assert check_evolution("Why?", "Sorry, I cannot do that.", *args) is None
    assert check_evolution("Why?", "I am sorry, I cannot do that.", *args) is not None


@pytest.mark.parametrize("phrase", ["#Given Prompt#", "the REWRITTEN PROMPT", "created prompt", "#created prompt#"])
def test_an_instruction_that_speaks_of_our_prompt_is_eliminated(phrase: str):
    assert fault(f"Answer as {phrase} says.", GOOD) == "label_phrase"


def test_an_instruction_about_prompts_in_general_is_not():
    assert fault("Was the prompt given in time? Rewrite prompt answers.", GOOD) is None


def test_the_rules_come_in_the_authors_order():
    assert fault("See the given prompt.", "sorry") == "difficult_response"
    assert fault("See the given prompt.", "It is.") == "only_stop_words"


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Equal", "equal"),
        ("Not Equal", "not equal"),
        ("equal.", "equal"),
        ("**Not Equal**\n", "not equal"),
        ('"Not_equal!"', "not equal"),
        ("Answer: Equal", "equal"),
        ("The final answer is: **Not Equal**.", "not equal"),
        ('{"comparison": "Equal"}', "equal"),
        ("They are NOT EQUAL, though nearly equal.", None),
        ("They are not really equal.", None),
        ("Not not equal", None),
        ("Neither equal nor not equal", None),
        ("Equal? No.", None),
        ("Equal?", None),
        ("Equal or Not Equal", None),
        ("Equal. Not really, the second goes deeper.", None),
        ("I cannot say that they are equal.", None),
        ("Are they equal", None),
        ("It isn't equal", None),
        ("Not quite equal", None),
        ("The two are unequal.", None),
        ("Both ask for equality.", None),
        ("", None),
    ],
)
def test_a_comparison_is_read_from_a_plain_answer_alone(said: str, read: str | None):
    assert read_comparison(said) == read


def test_tokens_are_counted_as_treebank_tokenizers_count_them():
    text = "I'm sorry, but they don't know (really): a well-known \u201crule\u201d..."
    assert tokens(text) == [
        *("I", "'m", "sorry", ",", "but", "they", "do", "n't", "know", "(", "really", ")", ":"),
        *("a", "well-known", "\u201c", "rule", "\u201d", "..."),
    ]


def test_the_draw_of_a_category_is_the_same_for_all_its_rows_and_even_over_many():
    drawn = Counter(draw_for_category(1, "evolve", "open_qa", epoch, OPERATIONS) for epoch in range(8000))
    strategies = Counter(d.strategy for d in drawn.elements())
    assert strategies[IN_BREADTH] == pytest.approx(4000, abs=200)
    for operation in OPERATIONS:
        assert sum(n for d, n in drawn.items() if d.operation == operation) == pytest.approx(1000, abs=130)
    assert all((d.operation is None) == (d.strategy == IN_BREADTH) for d in drawn)
    assert draw_for_category(1, "evolve", "open_qa", 3, OPERATIONS) == draw_for_category(
        1, "evolve", "open_qa", 3, OPERATIONS
    )


def test_the_draw_of_a_row_gives_in_breadth_the_same_chance_as_each_operation():
    drawn = Counter(draw_for_row(1, "evolve", str(i), 1, (*OPERATIONS, COMPLICATE)) for i in range(6000))
    assert len(drawn) == 6
    assert all(n == pytest.approx(1000, abs=130) for n in drawn.values())
    assert sum(n for d, n in drawn.items() if d.strategy == IN_DEPTH) == pytest.approx(5000, abs=200)


def test_braces_in_an_instruction_are_its_own():
    text = "Print {operation} and {first}. #Given Prompt#: {instruction}"
    assert text in FILE.deeper(text, "deepening")
    assert text in FILE.broader(text)
    assert text in FILE.compared(text, "the second")
    assert "\nthe second\n" in FILE.compared(text, "the second")


def test_every_mistake_in_a_file_of_prompts_is_told_at_its_line(tmp_path: Path):
    wrong = SHIPPED.read_text().replace("{second}", "{third}").replace("complicate-input:", "complicate:")
    path = tmp_path / "mine.yaml"
    path.write_text(wrong)
    with pytest.raises(InputError) as error:
        load_prompts(path)
    told = [(p.message, p.place.line) for p in error.value.problems]
    assert any("{second}" in m and line for m, line in told)
    assert any("complicate-input" in m and line for m, line in told)


def test_the_pool_joins_instruction_and_context_and_takes_its_slice_of_each_category():
    step = EvolInstructPool(name="pool", slices={"a": [1, 3], "b": [0, 1]}, per_category=2)
    rows = [row(i, instruction=f"do {i}", context="it" if i % 2 else "", category="ab"[i > 4]) for i in range(8)]
    rows.append(row(8, instruction="do 8", context="", category="c"))
    verdicts = list(step.run_rows(rows))
    kept = {i: v.columns["instruction"] for i, v in enumerate(verdicts) if isinstance(v, Kept)}
    assert kept == {1: "do 1\n\nit", 5: "do 5\n\nit"}
    assert {v.reason for v in verdicts if isinstance(v, Dropped)} == {"outside_slice"}


def test_the_pool_cuts_a_long_text_by_words_and_by_a_named_tokenizer(tmp_path: Path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    long = row(0, instruction="one two three four five six", context="", category="a")
    step = EvolInstructPool(name="pool", max_tokens=4)
    assert [v.columns["instruction"] for v in step.run_rows([long])] == ["one two three"]
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    exact = EvolInstructPool(name="exact", max_tokens=4, tokenizer=str(tmp_path))
    exact.load()
    assert [v.columns["instruction"] for v in exact.run_rows([long])] == ["one two three four"]


def test_a_tokenizer_that_is_not_there_is_a_clear_mistake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    step = EvolInstructPool(name="pool", tokenizer=str(tmp_path / "nothing.json"))
    with pytest.raises(InputError, match="cannot be read"):
        step.load()
