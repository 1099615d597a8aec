"""SteerLM: what a prompt says of its reply, and that the reply alone is learnt."""

from __future__ import annotations

from pathlib import Path

from bezoar_data.training.data.datasets import read_rows
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.steered import attribute_line, steered
from bezoar_data.training.data.template import IGNORED
from training.conftest import Recipe, card, prepared
from training.stages.conftest import PLAIN

CARD = card("helpsteer2-ratings")


def test_the_ratings_stand_in_the_prompt_and_the_last_reply_alone_is_learnt(recipe: Recipe, rows: Path, tmp_path: Path):
    stage = {"use": "steerlm", "card": CARD, "attributes": ["verbosity", "helpfulness"]}
    ready = prepared(recipe([stage], **PLAIN), rows, tmp_path / "out")
    training, tokenizer = ready.stages[0].training, ready.template.tokenizer
    found = read_rows(ready.recipe, training.card)
    several = 0
    for example, row in zip(training.examples.train, found.train, strict=True):
        learnt = [label for label in example["labels"] if label != IGNORED]
        said = tokenizer.decode(learnt, clean_up_tokenization_spaces=False)
        assert said.strip() == row["response"] + tokenizer.eos_token
        text = tokenizer.decode(example["input_ids"])
        assert f"verbosity:{row['verbosity']},helpfulness:{row['helpfulness']}" in text
        several += len(read_row(found.view, row).prompt) > 1
    assert several > 0


def test_a_system_message_keeps_its_words():
    line = attribute_line({"helpfulness": 4.0, "correctness": None, "verbosity": 1.6})
    assert line == "helpfulness:4,verbosity:2"
    asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert steered(asked, line)[0]["content"] == f"Be brief.\n\n{line}"
    assert steered(asked[1:], line) == [{"role": "system", "content": line}, asked[1]]
    assert asked[0]["content"] == "Be brief."
