"""Recipe files: what they say, and each mistake at its place (`§code§` stands right before it)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.recipe import Split
from bezoar_data.config.problems import Problem
from bezoar_data.training.stages.dpo import DpoStage
from bezoar_data.training.stages.merge import MergeStage
from bezoar_data.training.stages.registry import load_recipe
from bezoar_data.training.stages.sft import SftStage
from support.marks import expected

ROOT = Path(__file__).parents[3]
CARD = """\
---
dataset_info: {features: [{name: prompt, dtype: string}, {name: judge_status, dtype: string}]}
bezoar:
  views:
    sft: {prompt: prompt, response: prompt}
---
"""
PAIRS = CARD.replace("sft: {prompt: prompt, response: prompt}", "preference: {prompt: a, chosen: b, rejected: c}")

HEAD = "name: a\nversion: 1\nbase: {model: x/y}\n"
ADAPTED = HEAD + "adapter: {r: 8}\n"
SFT = "stages:\n  - use: sft\n    card: c.md\n"
RIGHT = ADAPTED + SFT + "  - {use: dpo, card: pairs.md}\n  - use: merge\n"

CASES = {
    "an unknown key": ADAPTED + "§unknown-key§stage: 1\n" + SFT,
    "no base": "§missing-key§name: a\nversion: 1\n" + SFT,
    "a base of nothing": "name: a\nversion: 1\n§missing-key§base: {}\n" + SFT,
    "a base of two kinds": "name: a\nversion: 1\nbase: {model: x/y, §bad-value§make: {}}\n" + SFT,
    "a base that is not there": "name: a\nversion: 1\nbase: {model: §missing-file§./weights}\n" + SFT,
    "a base of a model and a GGUF": "name: a\nversion: 1\nbase: {model: x/y, §bad-value§gguf: a/b:c.gguf}\n" + SFT,
    "a GGUF that is not there": "name: a\nversion: 1\nbase: {gguf: §missing-file§./a.gguf}\n" + SFT,
    "a GGUF to convert": "name: a\nversion: 1\nbase: {gguf: a/b:c.gguf, §bad-value§convert: true}\n" + SFT,
    "a licence nobody knows": "name: a\nversion: 1\nbase: {model: x/y, licence: §unknown-licence§apache-3.0}\n" + SFT,
    "a shape that cannot be": "name: a\nversion: 1\nbase: {make: {hidden_size: §bad-value§63}}\n" + SFT,
    "quantised, but no adapter": HEAD + "§missing-key§quantisation: {load_in_4bit: true}\n" + SFT,
    "a quantisation setting misspelt": ADAPTED + "quantisation: {§unknown-key§load_in_4bits: true}\n" + SFT,
    "a kind of quantisation misspelt": ADAPTED + "quantisation: {bnb_4bit_quant_type: §bad-value§nf5}\n" + SFT,
    "an adapter setting misspelt": HEAD + "adapter: {§unknown-key§lora_aplha: 8}\n" + SFT,
    "an adapter setting of a wrong type": HEAD + "adapter: {r: §wrong-type§eight}\n" + SFT,
    "a setting that follows from the stage": HEAD + "adapter: {§taken-setting§task_type: CAUSAL_LM}\n" + SFT,
    "a trainer's setting misspelt": ADAPTED + "training: {§unknown-key§learning_rte: 1}\n" + SFT,
    "a setting of old": ADAPTED + "training: {§unknown-key§max_seq_length: 512}\n" + SFT,
    "a setting that a run makes": ADAPTED + "training: {§taken-setting§output_dir: x}\n" + SFT,
    "DeepSpeed": ADAPTED + "training: {§taken-setting§deepspeed: zero3.json}\n" + SFT,
    "a setting of one kind of stage for all": ADAPTED + "training: {§unknown-key§beta: 0.1}\n" + SFT,
    "an optimizer misspelt": ADAPTED + "training: {optim: §bad-value§paged_adamw_8bits}\n" + SFT,
    "a stage's setting of the wrong type": ADAPTED + SFT + "    training: {packing: §wrong-type§'yes'}\n",
    "a stage's setting of another trainer": ADAPTED + SFT + "    training: {§unknown-key§beta: 0.1}\n",
    "a template that is none": ADAPTED + "template: §bad-value§tokeniser\n" + SFT,
    "a template that is not there": ADAPTED + "template: §missing-file§a.jinja\n" + SFT,
    "no stages": ADAPTED + "stages: §bad-value§[]\n",
    "a stage of no kind": ADAPTED + "stages: [§missing-key§{card: c.md}]\n",
    "a stage of an unknown kind": ADAPTED + "stages: [{use: §bad-value§stf, card: c.md}]\n",
    "a stage without a card": ADAPTED + "stages: [§missing-key§{use: sft}]\n",
    "a stage that is a word": ADAPTED + "stages: [§wrong-type§sft]\n",
    "two stages of one name": ADAPTED + SFT + "  - use: §duplicate-id§sft\n    card: c.md\n",
    "a stage called base": ADAPTED + SFT + "    id: §duplicate-id§base\n",
    "from a stage that is not there": ADAPTED + SFT + "  - {use: merge, from: §unknown-stage§sfd}\n",
    "from itself": ADAPTED + SFT + "    from: §unknown-stage§sft\n",
    "from a later stage": ADAPTED + SFT + "    from: §unknown-stage§merge\n  - use: merge\n",
    "a merge of the base": ADAPTED + SFT + "  - {use: merge, from: §nothing-to-merge§base}\n",
    "a merge of a merge": ADAPTED + SFT + "  - use: merge\n  - {use: §nothing-to-merge§merge, id: again}\n",
    "a merge without an adapter": HEAD + SFT + "  - use: §nothing-to-merge§merge\n",
    "a stage's adapter without one": HEAD + SFT + "    §missing-key§adapter: {r: 4}\n",
    "a card that is not there": ADAPTED + "stages: [{use: sft, card: §missing-file§d.md}]\n",
    "a card without the view": ADAPTED + "stages: [{use: sft, card: §missing-view§pairs.md}]\n",
    "a view that the card lacks": ADAPTED + SFT + "    view: §missing-view§messages\n",
    "a view of another stage": ADAPTED + SFT + "    view: §bad-value§preference\n",
    "rows by an expression that is none": ADAPTED + SFT + "    where: judge_status §bad-where§= \"Accept\"\n",
    "rows by a column that is not there": ADAPTED + SFT + "    where: §bad-where§status == \"Accept\"\n",
    "more than all rows held out": ADAPTED + SFT + "    split: {validation: §bad-value§1.5}\n",
    "no rows": ADAPTED + SFT + "    split: {rows: §bad-value§0}\n",
    "an unknown key of a policy": ADAPTED + "policy: {§unknown-key§comercial: true}\n" + SFT,
    "a policy of words": ADAPTED + "policy: {contamination: §bad-value§none}\n" + SFT,
    "many": (
        "name: §bad-value§A\nversion: 1\nbase: {model: x/y}\nadapter: {§unknown-key§rank: 3}\n"
        "training: {bf16: §wrong-type§'true'}\nstages:\n  - {use: sft, card: c.md, §unknown-key§were: x}\n"
        "  - {use: dpo, card: pairs.md, from: §unknown-stage§sff, training: {beta: §wrong-type§low}}\n"
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.md").write_text(CARD)
    Path("pairs.md").write_text(PAIRS)


def problems_of(text: str) -> tuple[Problem, ...]:
    Path("r.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_recipe(Path("r.yaml"))
    return caught.value.problems


@pytest.mark.parametrize("marked", CASES.values(), ids=CASES.keys())
def test_each_mistake_is_found_at_its_place_and_no_other(marked: str) -> None:
    text, wanted = expected(marked)
    found = problems_of(text)
    assert sorted((p.code, p.place.line, p.place.column) for p in found if p.place) == wanted
    assert all(p.place and p.place.file == "r.yaml" and p.message for p in found)
    said = " ".join(f"{p.message} {p.hint}".lower() for p in found)
    assert not any(jargon in said for jargon in ("input", "pydantic", "tuple", "discriminator", "nonetype"))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (ADAPTED + "training: {max_seq_length: 512}\n" + SFT, "did you mean 'max_length'?"),
        (ADAPTED + "training: {shuffle_dataset: true}\n" + SFT, "rows are prepared here, not by TRL"),
        (ADAPTED + "training: {beta: 0.1}\n" + SFT, "in the 'training:' of the stage"),
        (HEAD + "adapter: {task_type: CAUSAL_LM}\n" + SFT, "follows from the stage"),
        (ADAPTED + "stages: [{use: stf, card: c.md}]\n", "did you mean 'sft'?"),
        (ADAPTED + SFT + "    where: judge_statu == 'Accept'\n", "did you mean 'judge_status'?"),
        (ADAPTED + SFT + "    from: merge\n  - use: merge\n", "write it before"),
    ],
)
def test_the_hint_says_what_to_write(text: str, hint: str) -> None:
    assert any(hint in p.hint for p in problems_of(text))


def test_what_a_recipe_says() -> None:
    Path("r.yaml").write_text(RIGHT)
    file = load_recipe(Path("r.yaml")).file
    sft, dpo, merge = file.stages
    assert isinstance(sft, SftStage)
    assert isinstance(dpo, DpoStage)
    assert isinstance(merge, MergeStage)
    assert [file.start(i) for i in range(3)] == ["base", "sft", "dpo"]
    assert (sft.id, sft.split, merge.dtype, file.template, file.policy.demo) == (
        "sft", Split(train="train"), "float16", "tokenizer", False
    )  # fmt: skip


CHAIN = ["sft", "sft", "sft", "merge", "sft", "merge", "dpo", "merge"]


@pytest.mark.parametrize(
    ("name", "stages"),
    [("openbezoar", CHAIN), ("tiny", CHAIN), ("tulu", ["sft"]), ("zephyr-qlora", ["sft", "merge", "dpo", "merge"])],
)
def test_the_shipped_recipes_are_right(name: str, stages: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    recipe = load_recipe(ROOT / "recipes" / f"{name}.yaml", lambda card: ("judge_status", "gpt4_status"))
    assert recipe.warnings == ()
    assert [s.use for s in recipe.file.stages] == stages


def test_the_templates_text_is_the_authors_with_the_answer_right_after_the_colon() -> None:
    from jinja2 import Environment

    text = (ROOT / "recipes/templates/alpaca-modified.jinja").read_text("utf-8")
    # What marks the answer for the trainer is transformers' own addition to Jinja.
    template = Environment(autoescape=False).from_string(  # noqa: S701 - text, not a page
        text.replace("{%- generation -%}", "").replace("{%- endgeneration -%}", "")
    )
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Two and two?"},
        {"role": "assistant", "content": "Four."},
    ]
    begin = "### System:\nBe brief.\n\n### Instruction:\nTwo and two?\n\n### Response:"
    assert template.render(messages=turns, eos_token="</s>") == f"{begin}Four.</s>"
    assert template.render(messages=turns[:2], eos_token="</s>") == begin
    default = template.render(messages=turns[1:2], eos_token="</s>")
    assert default.startswith("### System:\nBelow is an instruction that describes a task, optionally paired with")
    assert template.render(messages=[{"role": "system", "content": ""}, *turns[1:2]], eos_token="</s>") == default


def test_checking_a_recipe_imports_no_training_library() -> None:
    probe = (
        "import sys\nfrom pathlib import Path\nfrom bezoar_data.training.stages.registry import load_recipe\n"
        f"load_recipe(Path({str(ROOT / 'recipes/openbezoar.yaml')!r}))\n"
        "assert not {'trl', 'peft', 'torch', 'transformers'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
