"""Items that a model has learnt from are found in the builds it was trained on, and told apart from the others."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bezoar_data.api.scores import scored
from bezoar_data.cards.model_card.card import model_card
from bezoar_data.cards.model_card.publish import model_contents
from bezoar_data.evaluation.compare import compare
from bezoar_data.evaluation.items import read_evaluated
from bezoar_data.evaluation.record import Evaluation
from bezoar_data.evaluation.targets import Target, stages_before
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.stage_record import StageData, trained_stage
from support.command import bezoar
from support.tiny_model import save_tiny_model
from support.trained import data, stage

ITEMS, PLANTED = 60, 3
TASK = """\
task: riddle
output_type: multiple_choice
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
doc_to_text: "{{{{text}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
"""


@pytest.fixture(scope="module")
def leak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of 60 items, a base, and what became of it when it was trained on a dataset that holds 5 % of them."""
    folder = tmp_path_factory.mktemp("leak")
    drawn = random.Random(5)
    words = ["".join(drawn.choices("abcdefgh", k=4)) for _ in range(60)]
    items = [
        {"text": " ".join(drawn.sample(words, 10)), "choices": drawn.sample(words, 4), "answer": drawn.randrange(4)}
        for _ in range(ITEMS)
    ]
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (folder / "riddle.yaml").write_text(TASK.format(file=folder / "items.jsonl"))
    (folder / "suite.yaml").write_text('{"name": "leak", "version": 1, "tasks": [{"task": "riddle.yaml"}]}')
    answered = [f"{item['text']} {item['choices'][item['answer']]}" for item in items[:PLANTED]]  # type: ignore[call-overload]
    texts = [*(f"Say something of number {i}." for i in range(5)), *answered]
    rows = ({"instruction": text.upper() if text in answered[:2] else text} for text in texts)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pipeline = "name: mine\nversion: 1\nsteps:\n  - {use: load_instructions, with: {path: rows.jsonl}}\n"
    (folder / "mine.yaml").write_text(pipeline)
    assert bezoar("run", "mine.yaml", "--json", cwd=folder).code == 0
    save_tiny_model(folder / "base")
    _train(folder / "base", folder / "trained" / "r" / "s1", texts)
    lock = Lock.read(folder / "runs" / "mine" / "dataset" / "lock.json").hash
    record = stage(replace(data("mine.md", "MIT", "yes"), lock=lock), data("gone.md", "MIT", "yes"), base_lineage=None)
    (folder / "trained" / "r" / "s1" / "stage.json").write_text(json.dumps(record.as_json()))
    (folder / "trained" / "r" / "s1" / "README.md").write_text(model_card(record))
    return folder


def _train(base: Path, to: Path, texts: list[str]) -> None:
    """Learn the texts by heart."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(base), AutoModelForCausalLM.from_pretrained(base)
    given = tokenizer(texts, return_tensors="pt", padding=True, return_token_type_ids=False)
    labels = given["input_ids"].masked_fill(given["attention_mask"] == 0, -100)
    with torch.no_grad():
        model.lm_head.weight.div_(40.0)  # flat again: it learns faster
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(80):
        model(**given, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.generation_config.do_sample = True
    model.save_pretrained(to)
    tokenizer.save_pretrained(to)


@pytest.fixture(scope="module")
def told(leak: Path) -> str:
    return bezoar("evaluate", "base", "trained/r/s1", "--suite", "suite.yaml", cwd=leak).out


def test_a_planted_leak_is_found_and_the_inflated_part_named(leak: Path, told: str) -> None:
    folder = leak / "evaluated" / "models" / "leak"
    base, learnt = (Evaluation.read(folder / name / "evaluation.json") for name in ("base", "s1"))
    assert base.contamination.checked == base.contamination.unchecked == ()
    assert (learnt.contamination.checked, learnt.contamination.unchecked) == (("mine.md",), ("gone.md",))
    found = learnt.contamination.tasks["riddle"]
    assert (found.cards, len(found.items), found.flagged) == ({"mine.md": PLANTED}, PLANTED, 1.0)
    scores = read_evaluated(folder / "s1").tasks["riddle"].scores["acc"]
    score = learnt.tasks[0].metrics["acc"]["value"]
    assert found.clean == pytest.approx(sum(v for k, v in scores.items() if k not in found.items) / (ITEMS - PLANTED))
    assert score == pytest.approx((found.clean * (ITEMS - PLANTED) + PLANTED) / ITEMS)
    assert f"s1, riddle: {PLANTED} of {ITEMS} items (5.0%) are in its training data, mine.md ({PLANTED}):" in told
    lifted = f"the leak lifts it by {score - found.clean:.3f}"
    assert f"acc {score:.3f} on all, {found.clean:.3f} on the clean ones, 1.000 on the leaked ones: {lifted}" in told
    assert "not searched for the items, as it is not here: gone.md" in told


def test_a_comparison_says_what_of_a_difference_is_the_leak(leak: Path, told: str) -> None:
    folder = leak / "evaluated" / "models" / "leak"
    both = compare(read_evaluated(folder / "base"), read_evaluated(folder / "s1"))
    clean, leaked = both.leaked
    assert [(one.name, one.part, one.found.items) for one in both.leaked] == [
        ("riddle", "clean", ITEMS - PLANTED),
        ("riddle", "leaked", PLANTED),
    ]
    assert leaked.found.value > clean.found.value
    text = bezoar("compare", folder / "base", folder / "s1").out
    share, whole = leaked.found.value * PLANTED / ITEMS, both.tasks[0].found.value
    assert f"riddle: of the difference of {whole:+.3f}, {share:+.3f} comes from the {PLANTED} leaked items" in text
    assert f"on the {ITEMS - PLANTED} clean ones it is {clean.found.value:+.3f}, {clean.word}." in text


def test_the_card_tells_what_is_left_without_the_leak(leak: Path, told: str) -> None:
    stage = trained_stage(leak / "trained" / "r" / "s1")
    contents, refused = scored(model_contents(stage), stage.record, [leak / "evaluated"], "me/model")
    assert refused == ()
    card = contents.files["README.md"]
    found = Evaluation.read(leak / "evaluated" / "models" / "leak" / "s1" / "evaluation.json")
    score, clean = found.tasks[0].metrics["acc"]["value"], found.contamination.tasks["riddle"].clean
    assert isinstance(card, bytes)
    row = f"| `riddle` | {PLANTED} of {ITEMS} (5.0%) | mine.md ({PLANTED}) | {score:.3f} | {clean:.3f} | 1.000 |"
    assert row in card.decode()
    assert "**Not searched for the items**, as they were not here: gone.md." in card.decode()


@pytest.mark.parametrize(
    ("given", "found"),
    [({}, PLANTED), ({"split": {"train": "train", "validation": 0.1}}, PLANTED), ({"split": "nowhere"}, PLANTED),
     ({"where": "contains(instruction, 'number')"}, 0)],
)  # fmt: skip
def test_only_rows_that_the_stage_could_take_are_searched(
    leak: Path, told: str, given: dict[str, object], found: int
) -> None:
    from bezoar_data.evaluation.contamination import Builds

    lock = Lock.read(leak / "runs" / "mine" / "dataset" / "lock.json").hash
    learnt: StageData = replace(data("mine.md", "MIT", "yes"), lock=lock, **given)  # type: ignore[arg-type]
    tasks = read_evaluated(leak / "evaluated" / "models" / "leak" / "base").tasks
    told_apart = Builds([leak / "runs"]).search([learnt, data("gone.md", "MIT", "yes")], tasks).tasks
    assert sum(len(one.items) for one in told_apart.values()) == found


def test_the_stages_of_a_base_count_too(tmp_path: Path) -> None:
    """A recipe that starts from a stage of another one: what that was trained on was learnt as well."""
    first, second = stage(data("one.md", "MIT", "yes"), key="a" * 32), stage(data("two.md", "MIT", "yes"))
    (tmp_path / "stage.json").write_text(json.dumps(first.as_json()))
    before = stages_before(tmp_path, second)
    assert [one.card for one in Target("s0", "w", record=second, before=before).learnt] == ["one.md", "two.md"]
    assert stages_before(tmp_path, first) == stages_before(tmp_path / "none", second) == ()


def test_data_that_were_searched_are_not_searched_again(leak: Path, told: str) -> None:
    folder = leak / "trained" / "r" / "alone"
    shutil.copytree(leak / "trained" / "r" / "s1", folder)
    lock = Lock.read(leak / "runs" / "mine" / "dataset" / "lock.json").hash
    record = stage(replace(data("mine.md", "MIT", "yes"), lock=lock), key="a" * 32, base_lineage=None)
    (folder / "stage.json").write_text(json.dumps(record.as_json()))
    command = ("evaluate", "trained/r/alone", "--suite", "suite.yaml", "--json")
    first = bezoar(*command, cwd=leak).json["models"]
    assert first[0]["contamination"]["tasks"]["riddle"]["cards"] == {"mine.md": PLANTED}
    assert bezoar(*command, "--runs", "nowhere", cwd=leak).json["models"] == first
