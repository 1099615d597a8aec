"""The settings of the training libraries that a recipe may give, by the names they have there.

A recipe passes TRL's and peft's own names through, so that nobody has to learn ours. Importing those libraries takes
seconds; checking a recipe reads `trainer_settings.json` instead, which `python -m bezoar_data.training.write_settings`
makes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("trainer_settings.json")

LORA, QUANTISATION = "LoraConfig", "BitsAndBytesConfig"

TAKEN: Mapping[str, str] = {
    name: why
    for why, names in {
        "each stage has a folder of its own": ("output_dir", "run_name"),
        "a run knows where it stands": ("do_train", "do_eval", "do_predict", "resume_from_checkpoint"),
        "publishing is a command of its own": (
            *("push_to_hub", "hub_token", "hub_model_id", "hub_strategy"),
            *("hub_always_push", "hub_private_repo", "hub_revision"),
        ),
        "it is said under 'base'": ("model_init_kwargs", "trust_remote_code", "revision", "base_model_name_or_path"),
        "'template' and the card's views say it": ("chat_template_path", "eos_token", "dataset_text_field"),
        "rows are prepared here, not by TRL": ("dataset_kwargs", "dataset_num_proc", "shuffle_dataset"),
        "it follows from the stage": (
            *("peft_type", "task_type", "auto_mapping", "peft_version", "inference_mode", "runtime_config"),
        ),
        "a base is trained in 4 bits or whole": ("load_in_8bit",),
        "the launcher says it": ("local_rank", "parallelism_config"),
        "what its ZeRO stages leave has not been seen whole; see 'train --launcher fsdp'": ("deepspeed",),
    }.items()
    for name in names
}
"""Settings of the libraries that a recipe may not give, and why."""


@cache
def trainer_settings() -> Mapping[str, Mapping[str, Any]]:
    """JSON schemas of the settings, by the name of the class that takes them."""
    classes: Mapping[str, Mapping[str, Any]] = json.loads(FILE.read_bytes())["classes"]
    return classes


@cache
def shared_settings(trainers: tuple[str, ...], used: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """The schema of settings that hold for several stages: those that at least two of all trainers have, and every one
    that is used, and mean alike."""
    alike: dict[str, Any] = {}
    having: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for trainer in dict.fromkeys(trainers):
        for name, schema in trainer_settings()[trainer]["properties"].items():
            having.setdefault(name, []).append((trainer, schema))
    for name, all_of_it in having.items():
        first = next((s for t, s in all_of_it if t in used), all_of_it[0][1])
        takers = {t: s for t, s in all_of_it if s.get("type") == first.get("type")}
        if len(takers) < 2 or not set(used) <= takers.keys():
            continue
        same = {key: value for key, value in first.items() if all(s.get(key) == value for s in takers.values())}
        alike[name] = {"examples": [first.get("default")], **same} if "default" not in same else same
        alike[name]["description"] = f"{name} of TRL's {' and '.join(takers)}."
    return {**trainer_settings()[trainers[0]], "properties": alike}
