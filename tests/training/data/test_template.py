"""Masks: decoded, what is learnt is the replies with their end-of-text tokens, exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.recipe import RandomModel
from bezoar_data.config.problems import Place
from bezoar_data.training.data.examples import Examples, StageRows, make_examples
from bezoar_data.training.data.template import Template, Unusable
from bezoar_data.training.random_base import make_tokenizer
from bezoar_data.training.stages.base import TrainingKind
from bezoar_data.training.stages.dpo import KIND as dpo
from bezoar_data.training.stages.sft import KIND as sft
from training.conftest import ALPACA, CHATML, TEMPLATES

AWKWARD = '"Räksmörgås", said ×7 🦊: he\n\n### left.  '
ONE = [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": AWKWARD}]
MANY = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "One?\n\n### Response:no"},
    {"role": "assistant", "content": ": colon first"},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "\nA line, then more"},
]
# Words that join the template's last colon with what a reply may begin with.
WORDS = ['Response:"Yes" Response:: no Response:"Yes" a: colon ### Response:"R'] * 50


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return make_tokenizer(RandomModel(vocab_size=400), WORDS)


@pytest.fixture(scope="module", params=["alpaca-modified", "tulu", "zephyr", "chatml"])
def template(request: pytest.FixtureRequest, tokenizer: Any) -> Template:
    if request.param != "chatml":
        return from_file(tokenizer, TEMPLATES / f"{request.param}.jinja")
    own = make_tokenizer(RandomModel(vocab_size=400), WORDS)
    own.add_special_tokens({"eos_token": "<|im_end|>"})
    own.chat_template = CHATML
    return Template(own, CHATML, Place("r.yaml"))


def from_file(tokenizer: Any, file: Path) -> Template:
    return Template(tokenizer, file.read_text(), Place("r.yaml"))


def learnt(template: Template, ids: list[int], labels: list[int]) -> str:
    assert all(label in (-100, i) for i, label in zip(ids, labels, strict=True))
    return template.tokenizer.decode([i for i in labels if i != -100], clean_up_tokenization_spaces=False)


def replies(messages: list[dict[str, str]], template: Template) -> str:
    return "".join(m["content"] + template.tokenizer.eos_token for m in messages if m["role"] == "assistant")


@pytest.mark.parametrize("messages", [ONE, MANY], ids=["single", "multi"])
def test_replies_and_their_ends_are_learnt_and_nothing_else(template: Template, messages: list[dict[str, str]]):
    encoded = template.encode(messages)
    assert learnt(template, encoded.ids, encoded.labels) == replies(messages, template)


@pytest.mark.parametrize("messages", [ONE, MANY], ids=["single", "multi"])
def test_the_prompt_and_the_last_reply_are_the_whole(template: Template, messages: list[dict[str, str]]):
    prompt, reply = template.encode_last(messages)
    decode = template.tokenizer.decode
    assert decode(reply, clean_up_tokenization_spaces=False) == replies(messages[-1:], template)
    whole = decode(template.encode(messages).ids, clean_up_tokenization_spaces=False)
    assert whole.startswith(decode([*prompt, *reply], clean_up_tokenization_spaces=False))


def test_the_reply_follows_the_colon_directly(tokenizer: Any):
    encoded = from_file(tokenizer, ALPACA).encode(ONE)
    text = tokenizer.decode(encoded.ids, clean_up_tokenization_spaces=False)
    assert text.endswith("\n\n### Instruction:\nWhat is it?\n\n### Response:" + AWKWARD + "</s>")
    assert text.startswith("### System:\nBelow is an instruction that describes a task")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tulu", "<|system|>\nS\n<|user|>\nA\n<|assistant|>\nB</s>\n<|user|>\nC\n<|assistant|>\nD</s>"),
        ("zephyr", "<|system|>\nS</s>\n<|user|>\nA</s>\n<|assistant|>\nB</s>\n<|user|>\nC</s>\n<|assistant|>\nD</s>\n"),
    ],
)  # fmt: skip
def test_a_conversation_in_the_published_format(tokenizer: Any, name: str, text: str):
    """And a prompt ends where a reply begins."""
    template = from_file(tokenizer, TEMPLATES / f"{name}.jinja")
    said = zip(("system", "user", "assistant", "user", "assistant"), "SABCD", strict=True)
    turns = [{"role": role, "content": content} for role, content in said]
    assert tokenizer.decode(template.encode(turns).ids, clean_up_tokenization_spaces=False) == text
    prompt = tokenizer.apply_chat_template(
        turns[:4], chat_template=template.source, tokenize=False, add_generation_prompt=True
    )
    assert prompt == text[: text.index("D</s>")]


def test_a_token_on_both_sides_of_the_border_is_cut(tokenizer: Any):
    messages = [ONE[0], {"role": "assistant", "content": '"Yes"'}]
    template = from_file(tokenizer, ALPACA)
    joined = tokenizer('### Response:"Yes"', add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    assert any(a < 13 < b for a, b in joined), "the words do not join; the test shows nothing"
    encoded = template.encode(messages)
    assert learnt(template, encoded.ids, encoded.labels) == '"Yes"</s>'


def made_of(kind: TrainingKind, rows: StageRows, template: Template, settings: dict[str, Any]) -> Examples:
    return make_examples(rows, kind.examples(rows, template, settings), settings)


def test_the_whole_text_is_learnt_where_the_recipe_says_so(template: Template):
    rows = StageRows({"messages": "m"}, [{"m": MANY}], [], 0)
    made = made_of(sft, rows, template, {"max_length": None, "completion_only_loss": False})
    (example,) = made.train
    assert example["labels"] == example["input_ids"]
    assert replies(MANY[-1:], template) in template.tokenizer.decode(
        example["labels"], clean_up_tokenization_spaces=False
    )


def test_rows_cut_short_or_left_out_are_counted(template: Template):
    long = [ONE[0], {"role": "assistant", "content": "word " * 200}]
    asked = [{"role": "user", "content": "long " * 300}, ONE[1]]
    stop = [ONE[0], {"role": "assistant", "content": "a " + template.tokenizer.eos_token + " b"}]
    rows = StageRows({"messages": "m"}, [{"m": m} for m in (ONE, long, asked, stop, ONE[:1], [])], [], 0)
    counted = made_of(sft, rows, template, {"max_length": 500}).counts["train"]
    assert (counted.rows, counted.examples) == (6, 2)
    assert counted.left_out == {"reply_cut_off": 1, "special_token": 1, "no_reply": 1, "empty": 1}
    assert counted.truncated >= 1


def test_pairs_share_their_prompt_and_identical_ones_are_left_out(template: Template):
    view = {"prompt": "p", "chosen": "c", "rejected": "r"}
    pairs = [{"p": "Why?", "c": "Because.", "r": "No."}, {"p": "Why?", "c": "Same.", "r": "Same."}]
    made = made_of(dpo, StageRows(view, pairs, [], 0), template, {"max_length": 512})
    (example,) = made.train
    end = template.tokenizer.eos_token
    assert template.tokenizer.decode(example["chosen_ids"]) == "Because." + end
    assert template.tokenizer.decode(example["rejected_ids"]) == "No." + end
    assert made.counts["train"].left_out == {"identical": 1}


def test_a_template_that_ends_no_reply_is_refused(tokenizer: Any):
    with pytest.raises(InputError, match="does not end a reply"):
        Template(tokenizer, "{% for m in messages %}{{ m.content }}{% endfor %}", Place("r.yaml"))


def test_an_unknown_role_is_a_reason_not_a_crash(template: Template):
    with pytest.raises(Unusable, match="unknown_role"):
        template.encode([{"role": "gpt", "content": "Hello"}])
