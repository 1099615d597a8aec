"""Rows with a known answer, and their training on a tiny model: what a method should learn is planted in them.

The tests train one seed of what the benchmark trains five of.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WORDS = "river stone light tree cloud bread window garden letter music winter paper silver mountain".split(" ")  # noqa: SIM905
GOOD, BAD = "certainly", "whatever"
TONES = ("whatever", "perhaps", "well", "certainly", "gladly")
VIEWS = {
    "pairs": "preference: {prompt: prompt, chosen: chosen, rejected: rejected}",
    "ratings": "rating: {prompt: prompt, response: response, attributes: [tone]}",
}
HEAD: Mapping[str, Any] = {
    "version": 1,
    "base": {"make": {"vocab_size": 400, "hidden_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 256}},
    "policy": {"demo": True},
    "training": {
        "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "optim": "adamw_torch",
        "per_device_train_batch_size": 8, "logging_steps": 5, "lr_scheduler_type": "linear", "max_length": 128,
        "learning_rate": 2e-3,
    },
}  # fmt: skip


def pairs(seed: int, count: int) -> list[dict[str, str]]:
    """The better reply holds one word somewhere, the worse another in its place."""
    drawn = random.Random(f"pairs {seed}")
    rows = []
    for i in range(count):
        said = [drawn.choice(WORDS) for _ in range(drawn.randint(4, 9))]
        at = drawn.randrange(len(said))
        better, worse = (" ".join([*said[:at], word, *said[at:]]) for word in (GOOD, BAD))
        rows.append(
            {"prompt": f"Say something of {drawn.choice(WORDS)}, number {i}.", "chosen": better, "rejected": worse}
        )
    return rows


def ratings(seed: int, count: int) -> list[dict[str, Any]]:
    """A reply's tone, from 0 to 4, is told by its first word; two replies to a prompt stand beside each other.

    The numbers asked later lie between those of the rows: longer prompts, or other digits, are another task.
    """
    drawn = random.Random(f"ratings {seed}")
    rows = []
    for i in range(count):
        tone = drawn.randrange(len(TONES))
        said = [TONES[tone], *(drawn.choice(WORDS) for _ in range(drawn.randint(2, 5)))]
        rows.append({"prompt": _asked(drawn.choice(WORDS), i // 2), "response": " ".join(said), "tone": tone})
    return rows


def _asked(word: str, i: int) -> str:
    """With one of 400 numbers of three digits, in no order."""
    return f"Say something of {word}, number {100 + 7 * i % 400}."


def build(folder: Path, name: str, rows: Sequence[Mapping[str, Any]], *, views: str, source: str) -> Path:
    """A dataset of these rows, with a card that has these views, by a pipeline of one step. Gives the card."""
    from bezoar_data.api import load_pipeline

    at = folder / name
    at.mkdir(parents=True, exist_ok=True)
    (at / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (at / "card.md").write_text(f"---\npretty_name: {name}\nbezoar:\n  views:\n    {views}\n---\n\n# {name}\n")
    (at / "pipeline.yaml").write_text(
        f"name: {name}\nversion: 1\ncard: card.md\nseed: 1\nsteps:\n  - use: {source}\n"
        f"    with: {{path: rows.jsonl, licence: {{rows.jsonl: CC0-1.0}}{KEEP.get(source, '')}}}\n"
    )
    load_pipeline(at / "pipeline.yaml", out=folder / "runs" / name).run(quiet=True)
    return folder / "runs" / name / "dataset" / "README.md"


KEEP = {"load_rows": ", texts: [prompt, response]"}


def train(folder: Path, name: str, stages: Sequence[Mapping[str, Any]], seed: int = 42, **top: Any) -> list[Any]:
    """The records of the stages of a recipe over what was built in the folder."""
    from bezoar_data import load_recipe

    path = folder / f"{name}.yaml"
    path.write_text(
        json.dumps({**HEAD, "name": name, "seed": seed, "template": str(TEMPLATE), **top, "stages": stages})
    )
    return load_recipe(path, runs=folder / "runs", out=folder / "trained" / name).train(quiet=True).stages


TEMPLATE = Path(__file__).parents[2] / "recipes" / "templates" / "zephyr.jinja"


def ranked(folder: Path, seed: int, *, rows: int = 320, steps: int = 120) -> dict[str, Any]:
    """A reward model of planted pairs: how often it ranks held-out ones right."""
    card = build(folder, "pairs", pairs(seed, rows), views=VIEWS["pairs"], source="load_pairs")
    stage = {"use": "reward", "card": str(card), "split": {"validation": 0.25}, "training": {"max_steps": steps}}
    (record,) = train(folder, "ranked", [stage], seed)
    return dict(record.metrics["reward"]["pairs"])


def likelihoods(folder: Path, seed: int, *, rows: int = 160, steps: int = 60) -> dict[str, dict[str, float]]:
    """After a short SFT on the chosen replies, how far ASFT and DPO move the log-probabilities of both replies."""
    card = build(folder, "likely", pairs(seed, rows), source="load_pairs",
                 views=VIEWS["pairs"] + "\n    sft: {prompt: prompt, response: chosen}")  # fmt: skip
    few = {"training": {"max_steps": steps}, "card": str(card)}
    stages = [
        {"use": "sft", **few, "view": "sft"},
        {"use": "dpo", "from": "sft", **few},
        {"use": "asft", "from": "sft", **few},
    ]
    train(folder, "likely", stages, seed)
    found = {}
    for use in ("dpo", "asft"):
        log = (folder / "trained" / "likely" / use / "log.jsonl").read_text().splitlines()
        lines = [line for line in map(json.loads, log) if "logps/chosen" in line]
        found[use] = {side: lines[-1][f"logps/{side}"] - lines[0][f"logps/{side}"] for side in ("chosen", "rejected")}
    return found


def obeyed(folder: Path, seed: int, *, rows: int = 400, steps: int = 200, asked: int = 50) -> float:
    """The share of prompts, none of them trained on, that a SteerLM model answers in the tone it is asked for."""
    from bezoar_data.training.data.steered import attribute_line, steered

    card = build(folder, "ratings", ratings(seed, rows), views=VIEWS["ratings"], source="load_rows")
    stage = {"use": "steerlm", "card": str(card), "training": {"max_steps": steps}}
    train(folder, "obeyed", [stage], seed)
    said = answers(
        folder / "trained" / "obeyed" / "steerlm",
        [
            steered([{"role": "user", "content": _asked(WORDS[i % len(WORDS)], 200 + i)}],
                    attribute_line({"tone": i % len(TONES)}))
            for i in range(asked)
        ],
    )  # fmt: skip
    return sum(one.startswith(TONES[i % len(TONES)]) for i, one in enumerate(said)) / asked


def answers(folder: Path, prompts: Sequence[Any]) -> list[str]:
    """The likeliest answer of a stage's model to each prompt."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    found = []
    for prompt in prompts:
        ids = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=True, return_tensors="pt")
        made = model.generate(**ids, max_new_tokens=12, do_sample=False, pad_token_id=tokenizer.pad_token_id)
        found.append(tokenizer.decode(made[0][ids["input_ids"].shape[1] :], skip_special_tokens=True).strip())
    return found


def rewarded(
    folder: Path, seed: int, *, length: int = 14, steps: int = 320, fewer: int = 152, every: int = 8
) -> dict[str, Any]:
    """The reward of answers from the prompt, by the answers drawn, with RLOO and with DR-PO from one SFT model.

    Words are to be said in one order, and only the whole is rewarded; SFT has seen them with every second one replaced.
    So answers from the prompt are all but never rewarded, and those that begin within the words are. Both have the same
    settings, but for the resets, and DR-PO has fewer steps. With eleven words RLOO finds the reward within hundreds of
    answers, with fourteen within thousands.
    """
    card = build(folder, "words", words(seed, 240, WORDS[:length]), source="load_pairs",
                 views=VIEWS["pairs"] + "\n    sft: {prompt: prompt, response: rejected}")  # fmt: skip
    settings = {
        "per_device_train_batch_size": ANSWERS, "num_generations": 8, "max_completion_length": 20,
        "learning_rate": 1e-3, "lr_scheduler_type": "constant", "beta": 0.0, "logging_steps": every,
        "eval_strategy": "steps", "eval_steps": every, "num_generations_eval": 4, "per_device_eval_batch_size": 96,
    }  # fmt: skip
    top = {key: value for key, value in HEAD["training"].items() if key != "max_length"}
    common = {
        "use": "drpo",
        "from": "sft",
        "split": {"validation": 0.1},
        "reward_function": f"planted:in_order_{length}",
    }
    stages: list[dict[str, Any]] = [
        {"use": "sft", "view": "sft", "training": {"max_steps": 150, "max_length": 128}},
        {**common, "id": "rloo", "reset": 0.0, "training": {**settings, "max_steps": steps}},
        {**common, "id": "drpo", "reset": 1.0, "reset_end": 0.0, "training": {**settings, "max_steps": fewer}},
    ]
    train(folder, "rewarded", [{**stage, "card": str(card)} for stage in stages], seed, training=top)
    found = {name: _rewards(folder / "trained" / "rewarded" / name) for name in ("rloo", "drpo")}
    return {"words": length, **found}


ANSWERS = 32
"""Drawn at each step."""


def _rewards(stage: Path) -> list[tuple[int, float]]:
    lines = map(json.loads, (stage / "log.jsonl").read_text().splitlines())
    return [(line["step"] * ANSWERS, round(line["eval_reward"], 3)) for line in lines if "eval_reward" in line]


def words(seed: int, count: int, said: Sequence[str]) -> list[dict[str, str]]:
    """The words in order, and with each of them another every second time."""
    drawn = random.Random(f"words {seed}")
    return [
        {
            "prompt": f"Say the words, number {i}.",
            "chosen": " ".join(said),
            "rejected": " ".join(drawn.choice(WORDS) if drawn.random() < 1 / 2 else word for word in said),
        }
        for i in range(count)
    ]


def in_order_13(conversations: Sequence[Sequence[Mapping[str, str]]]) -> list[float]:
    """1 for the first thirteen words in order and nothing else."""
    return [float(turns[-1]["content"] == " ".join(WORDS[:13])) for turns in conversations]


def in_order_14(conversations: Sequence[Sequence[Mapping[str, str]]]) -> list[float]:
    """1 for all fourteen words in order and nothing else."""
    return [float(turns[-1]["content"] == " ".join(WORDS)) for turns in conversations]
