"""The model card of a stage: a card of the Hub with the lineage of data and licences, made from `stage.json` alone."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import bezoar_data.cards.sections.markdown as md
from bezoar_data.cards.licences.hub_keys import hub_keys
from bezoar_data.cards.licences.weights import WeightsLicence, data_of, licence_of_weights
from bezoar_data.config.files.card_text import front_text
from bezoar_data.config.sanitize import clean_text
from bezoar_data.runs.reward_head import REWARD_FILE
from bezoar_data.runs.stage_record import StageRecord

FORMAT = 1
PICTURE = "loss.png"
_VLLM_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What `vllm serve --max-lora-rank` takes."""
_SAMPLE = 200
"""Characters of a sample that are shown."""


def model_card(stage: StageRecord) -> str:
    """The card of what a stage left."""
    found = licence_of_weights(stage)
    title = f"# {md.text(stage.recipe['name'])}: {md.text(stage.stage)}"
    parts = [
        title,
        *_demo(found),
        md.text(stage.recipe["description"]),
        "## How it was trained",
        *_stages(stage),
        *_settings(stage),
        *_samples(stage),
        *_figures(stage),
        "## Data",
        *_data(stage),
        "## Licence",
        *_licence(found),
        "## How to use it",
        *_use(stage),
        "## Made with",
        ", ".join(f"{name} {number}" for name, number in stage.software.items()) + ".",
    ]
    return front_text(model_front(stage, found)) + "\n" + "\n\n".join(part for part in parts if part) + "\n"


def model_front(stage: StageRecord, found: WeightsLicence) -> dict[str, Any]:
    """The front matter of the card: the Hub's own keys, and what is ours."""
    is_adapter = stage.base_lineage is not None
    on_the_hub = hub_base(stage)
    front: dict[str, Any] = hub_keys(found.licence)
    task = "text-classification" if scores(stage) else "text-generation"
    front |= {"pipeline_tag": task, "library_name": "peft" if is_adapter else "transformers"}
    front["tags"] = ["bezoar-data", *(["demo"] if any(name == "demo" for name, _ in found.concerns) else [])]
    if on_the_hub is not None:
        front["base_model"] = on_the_hub
        front["base_model_relation"] = "adapter" if is_adapter else "finetune"
    front["bezoar"] = bezoar_keys(stage, found)
    return front


def scores(stage: StageRecord) -> bool:
    """Whether it leaves a model that scores texts, and says none."""
    return REWARD_FILE in stage.files


def hub_base(stage: StageRecord) -> str | None:
    """The id on the Hub of the weights that an adapter is for, or that all was trained from; None: they are here
    alone."""
    standing = stage.base_lineage or stage.base
    return None if standing.get("folder") else standing.get("model")


def bezoar_keys(stage: StageRecord, found: WeightsLicence) -> dict[str, Any]:
    """What stands under `bezoar:`: it follows from `stage.json`, and nobody writes it by hand."""
    data = [
        {"card": one.card, "lock": one.lock, "licence": one.licence["result"], "demo": one.demo}
        for one in data_of(stage)
    ]
    licence = found.licence
    return {
        "version": FORMAT,
        "recipe": {key: stage.recipe[key] for key in ("name", "sha256")},
        "stage": stage.stage,
        "key": stage.key,
        "base": dict(stage.base),
        "data": data,
        "licence": {
            "result": licence.result,
            "commercial": licence.commercial,
            "publish": found.publish,
            "reasons": list(licence.reasons),
            "conflicts": list(licence.conflicts),
            "attribution": list(licence.attribution),
        },
        "metrics": {name: value for name, value in stage.metrics.items() if name != "samples"},
    }


def _demo(found: WeightsLicence) -> Iterator[str]:
    sentences = "; ".join(sentence for name, sentence in found.concerns if name == "demo")
    if sentences:
        yield (
            f"> **For demonstration only:** {md.text(sentences)}. It shows that the stages work; the model knows "
            "nothing worth knowing. Do not use it, nor publish it as more."
        )


def _stages(stage: StageRecord) -> Iterator[str]:
    rows = []
    for one in stage.stages:
        m = one.metrics
        loss = f"{m['first_loss']:.3f} → {m['last_loss']:.3f}" if "first_loss" in m else ""
        best = f"{m['best_eval_loss']:.3f}" if "best_eval_loss" in m else ""
        margin = f"{m['first_margin']:.3f} → {m['last_margin']:.3f}" if "first_margin" in m else ""
        rows.append((md.code(one.stage), one.use, md.code(one.start), str(m.get("steps", "")), loss, best, margin))
    head = ("Stage", "Does", "Goes on from", "Steps", "Loss, first → last", "Held out, best", "Margin, first → last")
    yield f"Base: {_base(stage.base)}."
    yield md.table(head, rows, "lllrrrr")
    if stage.data is not None:
        yield f"![Loss by step]({PICTURE})"


def _base(base: Mapping[str, Any]) -> str:
    if "make" in base:
        return "a tiny model with random weights, made by the recipe"
    revision = f", revision {md.code(base['revision'])}" if base.get("revision") else ""
    name = md.code(base.get("model") or base["gguf"])
    return f"{name}{revision}, {md.text(base.get('licence') or 'licence not stated')}"


def _settings(stage: StageRecord) -> Iterator[str]:
    """The settings of this stage's trainer, or of the one it was merged from."""
    trained = next((one for one in reversed(stage.stages) if one.settings is not None), None)
    if trained is None:
        return
    yield f"### Settings of {md.code(trained.stage)}"
    groups = (
        ("training", trained.settings),
        ("adapter", trained.adapter),
        ("quantisation", trained.quantisation),
    )
    lines = [
        f"{group}.{name}: {json.dumps(value)}" for group, values in groups if values for name, value in values.items()
    ]
    yield md.block("\n".join(clean_text(line, one_line=True) for line in lines))
    yield from (md.text(note) for note in trained.notes)


def _samples(stage: StageRecord) -> Iterator[str]:
    """What the model said before and after the last training that was watched."""
    watched = next((one for one in reversed(stage.stages) if one.metrics.get("samples")), None)
    if watched is not None:
        yield f"### What it says, before and after {md.code(watched.stage)}"
        keys = ("prompt", "before", "after")
        rows = [
            tuple(md.text(clean_text(one[key], one_line=True)[:_SAMPLE]) for key in keys)
            for one in watched.metrics["samples"]
        ]
        yield md.table(("Prompt", "Before", "After"), rows, "lll")


def _data(stage: StageRecord) -> Iterator[str]:
    yield "Each dataset is named by the hash of its lock, which holds where every row came from."
    rows = []
    for one in stage.stages:
        if (data := one.data) is None:
            continue
        train, held_out = data.rows["train"], data.rows["validation"]
        chosen = md.code(data.where) if data.where else "all"
        counts = (train["examples"], held_out["examples"], train["truncated"], sum(train["left_out"].values()))
        rows.append((md.code(one.stage), md.text(data.card), md.code(data.lock), chosen, *map(md.number, counts)))
    head = ("Stage", "Dataset", "Build", "Rows", "Trained on", "Held out", "Cut short", "Left out")
    yield md.table(head, rows, "llllrrrr")


def _licence(found: WeightsLicence) -> Iterator[str]:
    licence = found.licence
    yield (
        f"**Licence: {md.text(licence.result)}.** **Commercial use: {licence.commercial}.** "
        f"**May be published: {found.publish}.**"
    )
    against = [f"Against publishing: {sentence}." for _, sentence in found.concerns]
    yield "\n".join(f"- {md.text(reason)}" for reason in (*licence.reasons, *against))
    if licence.attribution:
        yield "Anyone who passes the weights on must name:"
        yield "\n".join(f"- {md.text(a)}" for a in licence.attribution)
    yield (
        "Whether the terms of training data hold for weights is not settled; here they are taken to. This is "
        "information gathered by software, not legal advice."
    )


def _figures(stage: StageRecord) -> Iterator[str]:
    """How well the model scores what was held out, in the last stage that measured it."""
    measured = next((one for one in reversed(stage.stages) if one.metrics.get("reward")), None)
    if not scores(stage) or measured is None:
        return
    found = measured.metrics["reward"]
    yield f"### How well {md.code(measured.stage)} scores what was held out"
    if "attributes" in found:
        head = ("Attribute", "Rows", "Squared error", "Absolute error", "Pearson", "Weighted kappa")
        keys = ("rows", "mse", "mae", "pearson", "kappa")
        rows = [(md.code(name), *(str(one[key]) for key in keys)) for name, one in found["attributes"].items()]
        yield md.table(head, rows, "lrrrrr")
    pairs, share = found["pairs"], found["pairs"]["accuracy"]
    if pairs["pairs"]:
        yield (
            f"Of {pairs['pairs']:,} pairs of replies it ranks {share['value']:.1%} right (95 % interval "
            f"{share['low']:.1%} to {share['high']:.1%}); {pairs['ties']:,} ties are left out."
        )


def _use_of_scores(stage: StageRecord) -> Iterator[str]:
    yield "It scores a conversation at the end of its last reply. In this folder:"
    yield md.block(
        "from pathlib import Path\n\nfrom bezoar_data.llms.reward.model import RewardModel\n\n"
        'turns = [{"role": "user", "content": "Is the sky blue?"}, {"role": "assistant", "content": "By day, yes."}]\n'
        'print(RewardModel(Path(".")).rewards([turns]))',
        "python",
    )
    yield "As a judge in a pipeline, in its models file:"
    yield md.block("judge: {provider: reward, model: THIS FOLDER}", "yaml")


def _use(stage: StageRecord) -> Iterator[str]:
    if scores(stage):
        yield from _use_of_scores(stage)
        return
    yield "The tokenizer brings the chat template that the model was trained with. In this folder:"
    load = "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
    model = 'AutoModelForCausalLM.from_pretrained(".")'
    if stage.base_lineage is not None:
        load = "from peft import AutoPeftModelForCausalLM\nfrom transformers import AutoTokenizer, GenerationConfig\n\n"
        # What ends an answer stands beside the adapter; its base may end at another token.
        model = 'AutoPeftModelForCausalLM.from_pretrained(".")\n'
        model += 'model.generation_config = GenerationConfig.from_pretrained(".")'
    ask = (
        'tokenizer = AutoTokenizer.from_pretrained(".")\n'
        f"model = {model}\n"
        'turns = [{"role": "user", "content": "Why is the sky blue?"}]\n'
        "prompt = tokenizer.apply_chat_template(\n"
        '    turns, add_generation_prompt=True, return_dict=True, return_tensors="pt"\n'
        ")\n"
        "answer = model.generate(**prompt, max_new_tokens=200)\n"
        "print(tokenizer.decode(answer[0], skip_special_tokens=True))"
    )
    yield md.block(load + ask, "python")
    yield md.block("\n".join(_commands(stage)), "bash")
    if stage.base_lineage is None:
        yield (
            "Ollama reads no chat template of a folder's; it takes the nearest of its own. Compare "
            f"`ollama show {_served(stage)} --template` with `chat_template.jinja`, and write it into the Modelfile as "
            "`TEMPLATE` where they differ."
        )
    else:
        yield "Ollama takes it once it is merged."


def _commands(stage: StageRecord) -> Iterator[str]:
    """How the folder is talked to and served."""
    yield "bezoar-data chat ."
    name = _served(stage)
    if stage.base_lineage is None:
        yield f"vllm serve . --served-model-name {name}"
        yield f'echo "FROM ." > Modelfile && ollama create {name} && ollama run {name}'
        return
    standing = stage.base_lineage
    beside = f"../{standing.get('stage', 'base')}" if "model" not in standing else standing["model"]
    least = int((stage.adapter or {}).get("r", 8))
    rank = next((rank for rank in _VLLM_RANKS if rank >= least), least)
    lora = f"--enable-lora --max-lora-rank {rank} --lora-modules {name}=."
    yield f"vllm serve {shlex.quote(beside)} --tokenizer . {lora}"


def _served(stage: StageRecord) -> str:
    return f"{stage.recipe['name']}-{stage.stage}".lower()
