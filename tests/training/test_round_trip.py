"""What a stage leaves says again what it was trained on: ten families of tokenizers, their templates and ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place
from bezoar_data.training.data.template import Template, Unusable
from bezoar_data.training.ends import save_beside, set_ends
from bezoar_data.training.round_trip import check_round_trip, check_template
from support.families import FAMILIES, KINDS, TOOLS, Family
from training.conftest import TEMPLATES

HERE = Place("r.yaml", 1)
FAMILY = {family.name: family for family in FAMILIES}
OURS = ("alpaca-modified", "tulu", "zephyr")
GRID = [(name, template) for name in FAMILY for template in ("own", *OURS) if (name, template) != ("openllama", "own")]
# Every family and every template once; the rest at night.
FIRST = [(name, "own") for name in FAMILY if name != "openllama"] + [("openllama", "alpaca-modified")]
FIRST += [("smollm2", "tulu"), ("llama-3", "zephyr")]


def template_of(family: Family, name: str, **more: Any) -> Template:
    tokenizer = family.make()
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    source = tokenizer.chat_template if name == "own" else (TEMPLATES / f"{name}.jinja").read_text()
    return Template(tokenizer, source, HERE, **more)


def encoded(template: Template) -> dict[str, str]:
    """Encodes every kind of conversation; gives why some are left out."""
    left_out = {}
    for kind, messages in KINDS.items():
        try:
            template.encode(messages, TOOLS if kind == "calls" else None)
        except Unusable as reason:
            left_out[kind] = str(reason)
    return left_out


def left(template: Template, family: Family, folder: Path) -> Path:
    """The folder of a stage: a model of random weights whose base stopped where its own settings say."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=len(template.tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                         num_attention_heads=1, max_position_embeddings=512)  # fmt: skip
    model = LlamaForCausalLM(config)
    model.generation_config.eos_token_id = template.tokenizer.convert_tokens_to_ids(list(family.ends))
    set_ends(model, template)
    model.save_pretrained(folder)
    save_beside(folder, model, template)
    return folder


def says(pipe: Any, prompt: list[dict[str, Any]], start: int, reply: list[int]) -> list[int]:
    """The ids of a chat in which a model says just this, and goes on unless its settings end it."""

    def allowed(_: int, ids: Any) -> list[int]:
        said = len(ids) - start
        return [reply[said] if said < len(reply) else reply[0]]

    options = {"max_new_tokens": len(reply) + 4, "do_sample": False, "return_tensors": True}
    (answer,) = pipe(prompt, prefix_allowed_tokens_fn=allowed, **options)
    return list(answer["generated_token_ids"])


def served(template: Template, folder: Path) -> int:
    """Talks to a folder as it is served. Gives how many conversations were compared."""
    from transformers import AutoTokenizer, pipeline

    tokenizer, compared = AutoTokenizer.from_pretrained(folder), 0
    pipe = pipeline("text-generation", model=str(folder), device="cpu")
    for seen in template.seen.values():
        (start, end), ids = seen.encoded.last, seen.encoded.ids
        options = {"tools": seen.tools, "return_dict": False, **seen.options}
        asked = tokenizer.apply_chat_template(seen.messages[:-1], add_generation_prompt=True, **options)
        assert asked == ids[:start]
        if not seen.cut:
            assert tokenizer.apply_chat_template(seen.messages, **options) == ids
        assert ids[end - 1] == template.end_id
        if not seen.tools and not seen.options.get("enable_thinking"):
            plain = [{key: turn[key] for key in ("role", "content")} for turn in seen.messages[:-1]]
            if not (seen.options and template.served == template.source):
                assert says(pipe, plain, start, ids[start:end]) == ids[:end]
        compared += 1
    return compared


@pytest.mark.parametrize(
    ("name", "template"),
    [*FIRST, *(pytest.param(*case, marks=pytest.mark.nightly) for case in GRID if case not in FIRST)],
)
def test_a_saved_folder_asks_and_ends_as_it_was_trained(name: str, template: str, tmp_path: Path) -> None:
    ready = template_of(FAMILY[name], template)
    left_out = encoded(ready)
    # A template without reasoning or tools leaves these rows out, and says so.
    may = {"reasoning": ("template_drops",), "calls": ("template",), "blank edges": ("no_exact_mask",)}
    assert all(reason.startswith(may[kind]) for kind, reason in left_out.items()), left_out
    assert ("blank edges" in left_out) <= (name == "phi-3"), "only its tokens swallow what a reply begins with"
    folder = left(ready, FAMILY[name], tmp_path)
    check_round_trip(folder, ready, HERE)
    assert served(ready, folder) >= 4


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_text_begins_with_bos_once_or_never(family: Family) -> None:
    ready = template_of(family, "tulu")
    ids = ready.encode(KINDS["system, several"]).ids
    bos = ready.tokenizer.bos_token_id
    begins = ready.tokenizer("a").input_ids[0] == bos
    assert ids.count(bos) == (1 if begins else 0) if bos is not None else True


def test_tools_and_reasoning_are_learnt_word_for_word() -> None:
    ready = template_of(FAMILY["qwen2.5"], "own")
    said = decoded(ready, ready.encode(KINDS["calls"], TOOLS))
    call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
    assert said == f"{call}<|im_end|>The sky is blue.<|im_end|>"
    ready = template_of(FAMILY["qwen3"], "own")
    thought = "<think>\nA thought: one, then one more.\n</think>\n\nTwo.<|im_end|>"
    assert decoded(ready, ready.encode(KINDS["reasoning"])) == thought
    inside = [KINDS["reasoning"][0], {"role": "assistant", "content": thought.removesuffix("<|im_end|>")}]
    assert decoded(ready, ready.encode(inside)) == thought, "reasoning that stands in the reply is the same"


def decoded(template: Template, encoded: Any) -> str:
    ids = [i for i, learnt in zip(encoded.ids, encoded.learnt, strict=True) if learnt]
    return str(template.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def test_thinking_on_and_off_are_kept_apart() -> None:
    """An empty thought belongs to the prompt; where no row thinks, that is what the saved template asks."""
    empty = "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    both, off = template_of(FAMILY["qwen3"], "own"), template_of(FAMILY["qwen3"], "own", keeps_reasoning=False)
    for ready in (both, off):
        for kind in ("question", "reasoning"):
            ready.encode(KINDS[kind])
        check_template(ready, HERE)
    assert decoded(off, off.encode(KINDS["reasoning"])) == "Two.<|im_end|>"
    assert decoded(both, both.encode(KINDS["question"])) == "The answer is 42.<|im_end|>"

    def asked(ready: Template) -> str:
        options = {"chat_template": ready.served, "tokenize": False, "add_generation_prompt": True}
        return str(ready.tokenizer.apply_chat_template(KINDS["question"][:1], **options))

    assert asked(off).endswith(empty)
    assert asked(both).endswith("<|im_start|>assistant\n")


def test_trls_template_learns_every_turn_where_the_bases_own_writes_history_otherwise() -> None:
    from bezoar_data.training.data.template_source import trls

    own = template_of(FAMILY["qwen3"], "own").encode(KINDS["several"])
    assert own.passed == 1
    ready = Template(FAMILY["qwen3"].make(), trls("qwen3", HERE), HERE)
    thought = [*KINDS["reasoning"], *KINDS["reasoning"]]
    made = ready.encode(thought)
    assert (made.passed, decoded(ready, made).count("</think>\n\nTwo.<|im_end|>")) == (0, 2)
    check_template(ready, HERE)
    with pytest.raises(InputError, match="TRL has no chat template"):
        trls("qwen33", HERE)


def test_a_refused_system_message_opens_the_first_turn_and_other_rejections_are_counted() -> None:
    ready = template_of(FAMILY["gemma"], "own")
    text = ready.tokenizer.decode(ready.encode(KINDS["system"]).ids)
    assert "<start_of_turn>user\nYou are brief.\n\nWhy?<end_of_turn>" in text
    assert any("system message" in note for note in ready.notes)
    twice = [KINDS["question"][0], *KINDS["question"]]
    with pytest.raises(Unusable, match="template: Conversation roles must alternate"):
        ready.encode(twice)


@pytest.mark.parametrize(
    ("name", "text", "held"),
    [
        ("qwen2.5", "code <|fim_prefix|> here", True),
        ("qwen2.5", "an <|endoftext|> inside", True),
        ("qwen3", "a </think> alone", True),
        ("gemma", "<b>bold</b>\n\n<table>", False),
        ("gemma", "<pad>", True),
        ("llama-3", "<|start_header_id|>system", True),
    ],
)
def test_text_that_holds_a_token_of_the_tokenizer_is_left_out(name: str, text: str, held: bool) -> None:
    ready = template_of(FAMILY[name], "own")
    messages = [{"role": "user", "content": text}, KINDS["question"][1]]
    if held:
        with pytest.raises(Unusable, match="special_token"):
            ready.encode(messages)
    else:
        assert "bold" in ready.tokenizer.decode(ready.encode(messages).ids)


def test_turns_of_no_weight_are_not_learnt_and_other_roles_are_where_asked() -> None:
    ready = template_of(FAMILY["smollm2"], "own")
    first, *rest = KINDS["several"][1:]
    weighted = [KINDS["several"][0], {**first, "weight": 0}, *rest]
    assert decoded(ready, ready.encode(weighted)) == "The answer is no.<|im_end|>"
    _, reply = ready.encode_last([*weighted[:-1], {**weighted[-1], "weight": 0}])
    assert ready.tokenizer.decode(reply) == "The answer is no.<|im_end|>", "a pair's last reply is what it is about"
    asked = decoded(ready, ready.encode(KINDS["several"], train_on=("user",)))
    assert asked.endswith("<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>user\nAnd two?<|im_end|>\n")


def test_a_pair_learns_the_last_reply_after_a_call_alone() -> None:
    ready = template_of(FAMILY["qwen2.5"], "own")
    prompt, reply = ready.encode_last(KINDS["calls"], TOOLS)
    assert ready.tokenizer.decode(reply) == "The sky is blue.<|im_end|>"
    assert ready.tokenizer.decode(prompt).endswith("</tool_response><|im_end|>\n<|im_start|>assistant\n")


def test_the_end_of_a_turn_is_found_named_or_refused() -> None:
    family = FAMILY["gemma"]
    assert (template_of(family, "own").end, template_of(family, "tulu").end) == ("<end_of_turn>", "<eos>")
    assert template_of(FAMILY["phi-3"], "own", end_of_turn="<|endoftext|>").end == "<|endoftext|>"
    with pytest.raises(InputError, match="does not end a reply in <pad>"):
        template_of(family, "own", end_of_turn="<pad>")
    chatml = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    with pytest.raises(InputError, match="does not end a reply in a token") as error:
        Template(FAMILY["openllama"].make(), chatml, HERE)
    assert "add_tokens" in error.value.problems[0].hint


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("chat_template.jinja", lambda text: text.replace("assistant", "bot"), "other tokens"),
        ("generation_config.json", lambda text: json.dumps({**json.loads(text), "eos_token_id": 0}), "does not end a"),
        ("config.json", lambda text: json.dumps({**json.loads(text), "pad_token_id": 7}), "pads with the token 7"),
    ],
)
def test_a_stage_whose_files_disagree_is_not_finished(file: str, change: Any, said: str, tmp_path: Path) -> None:
    ready = template_of(FAMILY["smollm2"], "own")
    encoded(ready)
    folder = left(ready, FAMILY["smollm2"], tmp_path)
    (folder / file).write_text(change((folder / file).read_text()))
    with pytest.raises(InputError, match=said) as error:
        check_round_trip(folder, ready, HERE)
    assert {(p.code, p.place) for p in error.value.problems} == {("round-trip", HERE)}


def test_a_template_that_writes_the_date_writes_the_same_one() -> None:
    family = FAMILY["smollm2"]
    dated = "{{ strftime_now('%d %b %Y') }}\n" + family.make().chat_template
    ready = Template(family.make(), dated, HERE)
    assert ready.tokenizer.decode(ready.encode(KINDS["question"]).ids).startswith("26 Jul 2024\n")
    check_template(ready, HERE)
