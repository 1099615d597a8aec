"""A project with three planted steps, for ablations: one that helps, one that hurts, one that does nothing but ask.

The rows say of keys what they mean; a tiny model learns them within seconds. `agreed` drops wrong meanings, of which
some keys have mostly such. `short` drops meanings of two words, so that these are never learnt. The judge's verdicts
are drawn from the hash of what it is asked: they are about nothing. The suite asks for the likeliest of four meanings.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STEPS = {"agreed": "helps", "short": "hurts", "judge": "tied"}
"""Each planted step, with what an ablation should say of it."""
VARIANTS = {"no-agreed": ["agreed"], "no-short": ["short"], "no-judge": ["judge"]}
PIPELINE = """\
name: planted
version: 1
card: ../cards/planted.md
models: models.yaml
steps:
  - use: load_rows
    with: {path: rows.jsonl, texts: [instruction, response], keep: [agreed]}
  - use: judge.accept
    id: judge
    with: {model: judge, instruction: instruction, response: response, system: '', reference: ''}
  - use: where
    id: agreed
    with: {expression: agreed >= 2}
  - use: length
    id: short
    with: {column: response, max_words: 1}
"""
CARD = """\
---
license: cc0-1.0
bezoar:
  views:
    sft: {prompt: instruction, response: response}
---
# Planted
"""
TASK = """\
task: meanings
output_type: multiple_choice
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
doc_to_text: "<user>{{{{said}}}} {{{{key}}}} means<assistant>"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
target_delimiter: ""
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
metadata: {{version: 1.0}}
"""
TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% if m.role == 'assistant' %}<end>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def write_planted(
    folder: Path, url: str, *, seeds: Sequence[int], keys: int = 48, rows: int = 12, steps: int = 60, draw: int = 0
) -> Path:
    """The ablation file of a new project in `folder`, whose judge is at `url`. `draw` draws keys, meanings and base."""
    drawn = random.Random(draw)
    words = [f"w{i}" for i in range(keys)]
    meanings = {f"k{i}": f"{words[i]} {drawn.choice(words)}" if i % 2 else words[i] for i in range(keys)}
    plain = [key for key, meaning in meanings.items() if " " not in meaning]
    misread = drawn.sample(plain, len(plain) * 3 // 4)
    wrong = {key: _other(drawn, meanings, key) for key in misread}
    for name in ("pipelines", "cards", "recipes", "suites", "ablations"):
        (folder / name).mkdir(parents=True)
    _write_rows(folder / "pipelines" / "rows.jsonl", drawn, meanings, wrong, rows)
    items = folder / "suites" / "items.jsonl"
    _write_items(items, drawn, meanings, wrong, rows)
    entry = {"provider": "openai", "model": "judge", "base_url": url, "sampling": {"max_tokens": 256}}
    (folder / "pipelines" / "models.yaml").write_text(json.dumps({"version": 1, "roles": {"judge": entry}}))
    (folder / "pipelines" / "planted.yaml").write_text(PIPELINE)
    (folder / "cards" / "planted.md").write_text(CARD)
    (folder / "suites" / "meanings.yaml").write_text(TASK.format(file=items))
    tasks = [{"task": "meanings.yaml"}]
    (folder / "suites" / "planted.yaml").write_text(
        json.dumps({"name": "planted", "version": 1, "batch_size": 64, "tasks": tasks})
    )
    _save_base(folder / "recipes" / "base", [*meanings, *words, *(f"t{i}" for i in range(rows)), "means"], draw)
    (folder / "recipes" / "planted.yaml").write_text(json.dumps(_recipe(steps)))
    ablation = folder / "ablations" / "planted.yaml"
    variants = {name: {"without": gone} for name, gone in VARIANTS.items()}
    named = {kind: f"../{kind}s/planted.yaml" for kind in ("pipeline", "recipe", "suite")}
    ablation.write_text(
        json.dumps({"name": "steps", "version": 1, **named, "seeds": list(seeds), "variants": variants})
    )
    return ablation


def _other(drawn: random.Random, meanings: dict[str, str], key: str) -> str:
    """The meaning of another key, with as many words."""
    alike = [
        one for one in meanings.values() if one != meanings[key] and len(one.split()) == len(meanings[key].split())
    ]
    return drawn.choice(alike)


def _write_rows(path: Path, drawn: random.Random, meanings: dict[str, str], wrong: dict[str, str], rows: int) -> None:
    written = []
    for key, meaning in meanings.items():
        for i in range(rows):
            bad = key in wrong and i >= rows // 3
            said = wrong[key] if bad else meaning
            written.append({"instruction": f"t{i} {key} means", "response": said, "agreed": 1 if bad else 3})
    drawn.shuffle(written)
    path.write_text("".join(json.dumps(row) + "\n" for row in written))


def _write_items(path: Path, drawn: random.Random, meanings: dict[str, str], wrong: dict[str, str], rows: int) -> None:
    with path.open("w") as file:
        for key, meaning in meanings.items():
            choices = [meaning, wrong.get(key) or _other(drawn, meanings, key)]
            while len(choices) < 4:
                if (other := _other(drawn, meanings, key)) not in choices:
                    choices.append(other)
            drawn.shuffle(choices)
            item = {"said": f"t{drawn.randrange(rows)}", "key": key, "choices": choices}
            file.write(json.dumps({**item, "answer": choices.index(meaning)}) + "\n")


def _recipe(steps: int) -> dict[str, Any]:
    training = {
        "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "optim": "adamw_torch",
        "learning_rate": 1e-2, "lr_scheduler_type": "linear", "per_device_train_batch_size": 64, "max_steps": steps,
        "max_length": 32, "logging_steps": 50, "save_strategy": "no",
    }  # fmt: skip
    return {
        "name": "planted", "version": 1, "base": {"model": "./base", "licence": "cc0-1.0"}, "training": training,
        "stages": [{"use": "sft", "card": "../cards/planted.md"}],
    }  # fmt: skip


def _save_base(folder: Path, words: Sequence[str], seed: int) -> None:
    """A Llama of some ten thousand weights that knows these words, each as one token."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<pad>", "<end>", "<unk>", "<system>", "<user>", "<assistant>"]
    vocabulary = {word: i for i, word in enumerate([*special, *dict.fromkeys(words)])}
    bare = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    bare.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    bare.add_special_tokens(special)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bare, pad_token="<pad>", eos_token="<end>", unk_token="<unk>")
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(seed)
    config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
                         num_attention_heads=2, max_position_embeddings=64, bos_token_id=None,
                         eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)  # fmt: skip
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
