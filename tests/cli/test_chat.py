"""Talking to models and answering files of prompts, by the command line: a tiny model, an adapter on it, a GGUF."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from support.command import Outcome, bezoar
from support.smollm2 import NAME, alone, needs_llamacpp, weights
from support.tiny_model import TEMPLATE, save_tiny_model
from support.trained import GOOD, leave, stage

INSTALLED = all(importlib.util.find_spec(name) for name in ("torch", "transformers", "accelerate", "peft"))
pytestmark = pytest.mark.skipif(not INSTALLED, reason="torch, transformers and peft (extra 'train') are not installed")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe's folder: a merge, whose template differs from the base's, and an adapter on that."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("trained")
    weights = save_tiny_model(folder / "weights", chat_template=None)
    merged = leave(folder / "merged", stage(GOOD, base_lineage=None))
    for file in merged.glob("adapter*"):
        file.unlink()
    tokenizer = AutoTokenizer.from_pretrained(weights)
    tokenizer.chat_template = TEMPLATE
    AutoModelForCausalLM.from_pretrained(weights).save_pretrained(folder / "merged")
    tokenizer.save_pretrained(folder / "merged")
    leave(folder / "tuned", stage(GOOD, base_lineage={"stage": "merged"}))
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(weights),
        LoraConfig(r=4, init_lora_weights=False, target_modules="all-linear"),
    )
    model.save_pretrained(folder / "tuned")
    tokenizer.save_pretrained(folder / "tuned")
    return folder


def chat(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path, typed: str) -> Outcome:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    return bezoar("chat", *arguments)


def expected(folder: Path, turns: list[dict[str, str]], tokens: int, base: Path | None = None) -> str:
    """What transformers itself says, greedily."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(base or folder)
    if base is not None:
        model = PeftModel.from_pretrained(model, folder)
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    ids = model.generate(**prompt, max_new_tokens=tokens, do_sample=False, repetition_penalty=1.9)[0]
    return str(tokenizer.decode(ids[prompt["input_ids"].shape[1] :], skip_special_tokens=True))


def test_a_stage_is_asked_with_its_own_template_turn_after_turn(trained: Path, monkeypatch: pytest.MonkeyPatch):
    typed = "the river\n\n/huh\nand a fox\n/reset\nthe river\n/exit\nnever\n"
    done = chat(monkeypatch, trained / "tuned", "--max-tokens", "6", "--temperature", "0", "--json",
                "--system", "over", typed=typed)  # fmt: skip
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["prompt"] for line in lines] == ["the river", "and a fox", "the river"]
    said = [next(iter(line["answers"].values()))["text"] for line in lines]
    turns = [{"role": "system", "content": "over"}, {"role": "user", "content": "the river"}]
    both = {"folder": trained / "tuned", "tokens": 6, "base": trained / "merged"}
    assert said[0] == said[2] == expected(turns=turns, **both)
    more = [*turns, {"role": "assistant", "content": said[0]}, {"role": "user", "content": "and a fox"}]
    assert said[1] == expected(turns=more, **both)
    assert "commands are /reset and /exit" in done.err


def test_models_answer_side_by_side_and_borrow_the_stages_template(trained: Path, monkeypatch: pytest.MonkeyPatch):
    common = ("--max-tokens", "5", "--temperature", "0")
    compare = ("--compare", "merged", "--compare", trained / "weights")
    done = chat(monkeypatch, trained / "tuned", *compare, *common, "--json", typed="a fox\n")
    assert done.code == 0, done.err
    turns = [{"role": "user", "content": "a fox"}]
    merged = expected(trained / "merged", turns, 5)
    tuned = expected(trained / "tuned", turns, 5, trained / "merged")
    assert merged != tuned
    found = done.json["answers"]
    assert [answer["text"] for answer in found.values()] == [tuned, merged, merged]
    # The bare weights bring no template: the stage's serves.
    assert list(found) == [str(trained / "tuned"), "merged", str(trained / "weights")]
    done = chat(monkeypatch, trained / "tuned", *compare, *common, typed="a fox\n")
    assert all(f"[{name}]\n" in done.out for name in found)
    assert "temperature 0, repetition penalty 1.9, seed 0, max tokens 5" in done.err


def test_a_file_is_answered_to_the_same_bytes_also_after_an_interruption(trained: Path, tmp_path: Path):
    prompts = tmp_path / "prompts.jsonl"
    rows: list[dict[str, Any]] = [{"id": i, "prompt": f"fox {i}"} for i in range(4)]
    rows.append({"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "river"}]})
    rows.append({"prompt": "over " * 300})  # longer than the model takes
    prompts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ("generate", trained / "merged", "--prompts", prompts, "--max-tokens", "5", "--batch-size", "2")
    whole, resumed, other = (tmp_path / name for name in ("whole.jsonl", "resumed.jsonl", "other.jsonl"))
    done = bezoar(*command, "--out", whole, "--json")
    assert done.json == {
        "ok": True,
        "exit_code": 0,
        "models": [str(trained / "merged")],
        "answers": 6,
        "out": str(whole),
    }
    found = [json.loads(line) for line in whole.read_text().splitlines()]
    assert [{k: v for k, v in line.items() if k in row} for line, row in zip(found, rows, strict=True)] == rows
    assert [line["finish_reason"] == "refused" for line in found] == [False] * 5 + [True]
    assert all(0 < line["tokens"] <= 5 for line in found[:5])
    assert bezoar(*command).out == whole.read_text()
    assert bezoar(*command, "--seed", "1", "--out", other).code == 0
    assert other.read_text() != whole.read_text()  # the model's own settings sample

    from unittest.mock import patch

    from bezoar_data.training.generation import prompts as module

    real, batches = module.answers, []

    def interrupted(*arguments: Any) -> Any:
        for lines in real(*arguments):
            batches.append(lines)
            if len(batches) == 3:
                raise KeyboardInterrupt
            yield lines

    with patch.object(module, "answers", interrupted):
        assert bezoar(*command, "--out", resumed).code == 130
        assert not resumed.exists()
        done = bezoar(*command, "--out", resumed)
    assert "goes on after 4 of 6 prompts" in done.err
    assert len(batches) == 4
    assert resumed.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_models_answer_a_file_side_by_side(trained: Path, tmp_path: Path):
    (tmp_path / "prompts.txt").write_text("a fox\nthe river\nover\n")
    command = ("generate", trained / "tuned", "--compare", "merged", "--prompts", tmp_path / "prompts.txt",
               "--max-tokens", "5", "--temperature", "0", "--batch-size", "2")  # fmt: skip
    done = bezoar(*command, "--out", tmp_path / "both.jsonl", "--json")
    names = [str(trained / "tuned"), "merged"]
    assert (done.json["models"], done.json["answers"]) == (names, 6)
    found = [json.loads(line) for line in (tmp_path / "both.jsonl").read_text().splitlines()]
    assert [(line["prompt"], line["model"]) for line in found] == [
        (prompt, name) for prompt in ("a fox", "the river", "over") for name in names
    ]
    assert bezoar(*command).out == (tmp_path / "both.jsonl").read_text()
    for name in names:
        single = bezoar("generate", trained / Path(name).name, *command[4:]).out.splitlines()
        assert [json.loads(line)["answer"] for line in single] == [a["answer"] for a in found if a["model"] == name]


def test_the_same_from_python(trained: Path, tmp_path: Path):
    import bezoar_data

    talk = bezoar_data.chat(trained / "tuned", temperature=0, max_tokens=5, system="over")
    answer = talk.say("a fox")
    said = [("system", "over"), ("user", "a fox"), ("assistant", answer.text)]
    assert [(turn["role"], turn["content"]) for turn in talk.turns] == said
    talk.reset()
    assert talk.say("a fox") == answer
    prompts: list[Any] = ["a fox", {"id": 1, "messages": [{"role": "user", "content": "a fox"}]}]
    found = bezoar_data.generate(
        trained / "tuned", prompts, compare=["merged"], temperature=0, max_tokens=5, system="over"
    )
    assert [line["model"] for line in found] == [str(trained / "tuned"), "merged"] * 2
    assert found[0]["answer"] == found[2]["answer"] == answer.text
    assert found[2]["id"] == 1
    prompts = ["a\u2028fox"]
    (left,) = bezoar_data.generate(trained / "tuned", prompts, out=tmp_path / "out.jsonl", temperature=0, max_tokens=2)
    assert left["prompt"] == "a\u2028fox"
    with pytest.raises(InputError) as error:
        bezoar_data.generate(trained / "tuned", [{"prompt": 3}, "fine", {"messages": []}])
    assert [problem.place.file for problem in error.value.problems if problem.place] == ["prompt 1", "prompt 3"]


def test_wrong_prompts_are_told_all_at_once_before_a_model_is_loaded(trained: Path, tmp_path: Path):
    wrong = [
        '{"prompt": 3}', "[", '{"messages": []}', '{"prompt": "a", "messages": []}', '{"prompt": "a", "answer": 1}',
        '{"messages": [{"role": "assistant", "content": "b"}]}', '{"prompt": "\\ud800"}', '{"prompt": "good"}',
    ]  # fmt: skip
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("\n".join(wrong))
    done = bezoar("generate", trained / "merged", "--prompts", prompts, "--json")
    assert (done.code, [problem["line"] for problem in done.json["problems"]]) == (2, [1, 2, 3, 4, 5, 6, 7])
    (tmp_path / "empty.txt").write_text("\n \n")
    done = bezoar("generate", trained / "merged", "--prompts", tmp_path / "empty.txt")
    assert (done.code, "no prompt in it" in done.err) == (2, True)
    assert bezoar("generate", trained / "merged", "--prompts", tmp_path / "none.txt").code == 2
    assert bezoar("chat", tmp_path / "nothing").code == 2


@needs_llamacpp
def test_a_gguf_is_asked_through_llama_cpp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    weights()
    (tmp_path / "prompts.txt").write_text("Say hi.\nWhat is 1+1?\n")
    with alone():
        done = chat(monkeypatch, NAME, "--max-tokens", "6", typed="Say hi.\nAgain.\n")
        assert done.code == 0, done.err
        command = ("generate", NAME, "--prompts", tmp_path / "prompts.txt", "--max-tokens", "6")
        answered = bezoar(*command)
    first, second = (json.loads(line) for line in answered.out.splitlines())
    assert done.out.splitlines()[0] == first["answer"]
    assert (first["finish_reason"], first["tokens"]) == ("length", 6)
    assert second["answer"] != first["answer"]
