"""Trains recipes/miniature.yaml on the data that run.sh has built, and writes RESULTS.md.

The chain is killed in its second stage after a checkpoint and started again; that stage is trained once more without an
interruption, and the weights are compared. Then 20 steps of each stage in NF4. A part that is done is not done again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bezoar_data.config.yaml.document import load_yaml

HERE = Path(__file__).parent
RECIPE = HERE.parents[1] / "recipes" / "miniature.yaml"
BEZOAR = (sys.executable, "-m", "bezoar_data.cli.main")
KILLED = "rationales"
PROMPTS = (
    "Which of these floats on water?\nOptions:\n- a stone\n- a cork\n- a nail\n- a coin\n- a brick",
    "Can a penguin win a flying race against a sparrow? Explain your answer.",
    "My neighbour's music is too loud. How can I get back at him?",
)
NF4 = {
    "load_in_4bit": True,
    "bnb_4bit_quant_type": "nf4",
    "bnb_4bit_use_double_quant": True,
    "bnb_4bit_compute_dtype": "float32",
}


def main() -> None:
    out = Path(sys.argv[1])
    trained, runs = out / "trained" / "miniature", out / "runs"
    train = [*BEZOAR, "train", str(RECIPE), "--runs", str(runs), "--out", str(trained)]
    if not (trained / KILLED / "stage.json").is_file():
        _kill_after_a_checkpoint(train, trained)
    subprocess.run(train, check=True)
    same = _same_without_the_kill(out)
    quantised = _nf4(out)
    said = {name: _said(out, f"{RECIPE}:{name}") for name in ("base", "sft-merged", "dpo-merged")}
    (HERE / "RESULTS.md").write_text(_page(_stages(trained), _stages(quantised), same, said))


def _kill_after_a_checkpoint(train: list[str], trained: Path) -> None:
    with subprocess.Popen(train) as process:
        while not list((trained / ".work" / KILLED).glob("checkpoint-*/trainer_state.json")):
            if process.poll() is not None:
                raise SystemExit("the training ended before it could be killed")
            time.sleep(0.5)
        process.send_signal(signal.SIGKILL)


def _same_without_the_kill(out: Path) -> bool:
    """Whether the stage that was killed, trained again in one go, ends in the same weights."""
    whole, recipe = out / "whole", _recipe()
    recipe["stages"] = recipe["stages"][:2]
    for name in ("base", "instructions"):
        if not (whole / name).is_dir():
            shutil.copytree(out / "trained" / "miniature" / name, whole / name)
    _train(out, recipe, "whole")
    weights = [folder / KILLED / "adapter_model.safetensors" for folder in (out / "trained" / "miniature", whole)]
    return len({hashlib.sha256(file.read_bytes()).digest() for file in weights}) == 1


def _nf4(out: Path) -> Path:
    recipe = _recipe()
    recipe["quantisation"] = NF4
    recipe["training"] |= {"max_steps": 20, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 1}
    recipe["training"] |= {"eval_strategy": "no", "eval_on_start": False}
    _train(out, recipe, "nf4")
    return out / "nf4"


def _recipe() -> dict[str, Any]:
    """The recipe, with paths that hold anywhere."""
    recipe: dict[str, Any] = json.loads(json.dumps(load_yaml(RECIPE).value, default=str))
    for stage in recipe["stages"]:
        if "card" in stage:
            stage["card"] = str((RECIPE.parent / stage["card"]).resolve())
    return recipe


def _train(out: Path, recipe: dict[str, Any], name: str) -> None:
    file = out / f"{name}.yaml"
    file.write_text(json.dumps(recipe, indent=1))
    command = [*BEZOAR, "train", str(file), "--runs", str(out / "runs"), "--out", str(out / name)]
    subprocess.run(command, check=True)


def _said(out: Path, model: str) -> list[str]:
    prompts = out / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in PROMPTS))
    command = [*BEZOAR, "generate", model, "--prompts", str(prompts), "--trained", str(out / "trained")]
    command += ["--max-tokens", "80", "--temperature", "0"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [str(json.loads(line)["answer"]) for line in done.stdout.splitlines()]


def _stages(folder: Path) -> list[dict[str, Any]]:
    found = [json.loads(file.read_text()) for file in folder.glob("*/stage.json")]
    for stage in found:
        log = folder / stage["stage"] / "log.jsonl"
        stage["log"] = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    return sorted(found, key=lambda stage: len(stage["lineage"]))


def _page(stages: list[dict[str, Any]], quantised: list[dict[str, Any]], same: bool, said: dict[str, list[str]]) -> str:
    machine = next(stage["machine"]["name"] for stage in stages if stage["machine"])
    seconds = sum(stage["times"]["seconds"] for stage in stages)
    lines = [
        "# The paper's chain in miniature",
        "",
        f"`BEZOAR_TEST_DATA=... sh benchmarks/miniature/run.sh`, on {machine}.",
        "",
        "The base is SmolLM2-135M-Instruct, dequantised from its GGUF: a model that can chat already, as a base that",
        f"cannot was not at hand. LoRA in single precision; {seconds / 60:.0f} minutes in all stages together.",
        "",
        "| stage | does | rows | steps | loss | held-out loss | held-out margin | seconds | memory |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(_cells(stage))} |" for stage in stages),
        "",
        "Each arrow goes from the first to the last; held-out values begin before the first step.",
        "",
        f"Killed (`kill -9`) in `{KILLED}` after a checkpoint and started again, that stage ended in "
        f"**{'the same weights' if same else 'other weights'}** as without.",
        "",
        "## In NF4, 20 steps of one row a stage",
        "",
        "| stage | does | steps | loss | seconds |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(_cells(stage)[i] for i in (0, 1, 3, 4, 7))} |" for stage in quantised),
        "",
        "## What they say",
        "",
        "At temperature 0, at most 80 tokens.",
    ]
    for i, prompt in enumerate(PROMPTS):
        lines += ["", "```text", prompt, "```"]
        for name, answers in said.items():
            lines += ["", f"`{name}`:", "", *(f"> {line}" for line in answers[i].splitlines())]
    return "\n".join(lines) + "\n"


def _cells(stage: dict[str, Any]) -> list[str]:
    measured, times = stage["metrics"], stage["times"]
    rows = str(stage["data"]["rows"]["train"]["examples"]) if stage["data"] else ""
    loss = f"{measured['first_loss']:.3f} → {measured['last_loss']:.3f}" if "first_loss" in measured else ""
    memory = f"{(times.get('peak_memory_bytes') or 0) / 2**30:.1f} GiB"
    watched = [_ends(stage["log"], name) for name in ("eval_loss", "eval_rewards/margins")]
    return [
        *(stage["stage"], stage["use"], rows, str(measured.get("steps", "")), loss, *watched),
        *(f"{times['seconds']:.0f}", memory),
    ]


def _ends(log: list[dict[str, Any]], name: str) -> str:
    values = [line[name] for line in log if name in line]
    return f"{values[0]:.3f} → {values[-1]:.3f}" if values else ""


if __name__ == "__main__":
    main()
