"""Several processes train as one does: the same rows in each step, one that writes, and resuming after a kill."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.training.distributed import init_process_group, shared_batch
from bezoar_data.training.estimate.model_config import empty_model
from bezoar_data.training.launcher import write_launcher
from bezoar_data.training.settings import fit
from bezoar_data.training.stages.registry import load_recipe
from training.conftest import Recipe, card, trained

STAGE = {"use": "sft", "card": card("lamini")}


@pytest.mark.parametrize(
    ("batch", "accumulated", "processes", "shared"),
    [(4, 8, 1, (4, 8)), (4, 8, 2, (4, 4)), (4, 1, 2, (2, 1)), (6, 2, 4, (3, 1)), (4, 8, 3, None), (1, 1, 2, None)],
)
def test_processes_share_the_rows_of_a_step(batch: int, accumulated: int, processes: int, shared: Any):
    names = ("per_device_train_batch_size", "gradient_accumulation_steps")
    full = dict(zip(names, (batch, accumulated), strict=True))
    found = shared_batch(full, processes)
    assert (None if found is None else tuple((full | found).values())) == shared
    if shared is None:
        with pytest.raises(InputError, match="cannot share"):
            fit("SFTConfig", full, 100, 0, processes)
    else:
        assert fit("SFTConfig", full, 100, 0, processes).steps == fit("SFTConfig", full, 100, 0).steps


def test_accelerate_takes_the_settings_for_ddp(recipe: Recipe, tmp_path: Path):
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser

    path, commands = write_launcher(load_recipe(recipe([STAGE])), "ddp", 2, tmp_path)
    arguments, *_ = _validate_launch_command(
        launch_command_parser().parse_args(["--config_file", str(path), "train.py"])
    )
    assert (arguments.num_processes, arguments.use_cpu) == (2, True)
    assert commands[0].startswith(f"accelerate launch --config_file {path} ")
    assert commands[1].startswith("torchrun --standalone --nproc-per-node 2 ")


def test_deepspeed_is_refused_whoever_asks_for_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    with pytest.raises(InputError, match="DeepSpeed") as error:
        init_process_group(use_cpu=True)
    assert "--launcher fsdp" in error.value.problems[0].hint


def test_accelerate_takes_the_settings_for_fsdp(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As far as can be seen without a GPU: its parser, and its plugin in the environment that it would start."""
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils import FullyShardedDataParallelPlugin
    from accelerate.utils.launch import prepare_multi_gpu_env
    from transformers import LlamaConfig

    nf4 = {"load_in_4bit": True, "bnb_4bit_quant_storage": "bfloat16"}
    path, commands = write_launcher(load_recipe(recipe([STAGE], training={}, quantisation=nf4)), "fsdp", 4, tmp_path)
    assert len(commands) == 1
    arguments, *_ = _validate_launch_command(
        launch_command_parser().parse_args(["--config_file", str(path), "train.py"])
    )
    assert (arguments.use_fsdp, arguments.num_processes) == (True, 4)
    for name, value in prepare_multi_gpu_env(arguments).items():
        if name.startswith("FSDP_"):
            monkeypatch.setenv(name, value)
    plugin = FullyShardedDataParallelPlugin()
    assert (plugin.fsdp_version, plugin.reshard_after_forward) == (2, True)
    assert plugin.state_dict_type.name == "FULL_STATE_DICT"
    plugin.set_auto_wrap_policy(empty_model(LlamaConfig(num_hidden_layers=1, hidden_size=8, num_attention_heads=1)))
    assert "LlamaDecoderLayer" in str(plugin.auto_wrap_policy)


@pytest.mark.parametrize(
    ("top", "message"),
    [({}, "spreads weights over GPUs"), ({"training": {}}, "4-bit weights only where they are stored")],
)
def test_what_fsdp_cannot_spread_is_refused(recipe: Recipe, tmp_path: Path, top: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        write_launcher(load_recipe(recipe([STAGE], **top)), "fsdp", 2, tmp_path)
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_killed_and_started_again_end_with_the_weights_of_one(recipe: Recipe, runs: Path, tmp_path: Path):
    watched = {"split": {"rows": 60, "validation": 0.2}}
    # Within an epoch: at its end, where the rows cannot be shared evenly, processes take some twice.
    one, two = {"max_steps": 4}, {"max_steps": 8}
    stages: list[dict[str, Any]] = [{**STAGE, **watched, "id": "one", "training": one}]
    stages += [{"use": "merge", "dtype": "float32"}]
    stages += [{"use": "sft", "id": "two", "card": card("orca"), **watched, "training": two}]
    still = {"r": 4, "lora_dropout": 0.0, "target_modules": ["q_proj", "v_proj"]}
    path = recipe(stages, quantisation=None, adapter=still)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "bezoar_data.cli.main", "train", str(path), "--runs", str(runs), "--out", str(tmp_path / "two")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    checkpoint = tmp_path / "two" / ".work" / "two" / "checkpoint-4" / "trainer_state.json"
    while not checkpoint.exists():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    for worker in psutil.Process(process.pid).children():  # they would go on without the launcher
        worker.kill()
    process.kill()
    process.wait()
    assert not (tmp_path / "two" / "two").exists()
    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=800)
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("one: done already") == 1, "the first process alone speaks"
    assert again.stderr.count("two: goes on from step") == 1
    assert not (tmp_path / "two" / ".work").exists()

    from safetensors.torch import load_file

    left = trained(path, runs, tmp_path / "alone")
    assert [s.stage for s in left] == ["one", "merge", "two"]
    for name in ("one", "two"):
        alone, shared = (load_file(tmp_path / n / name / "adapter_model.safetensors") for n in ("alone", "two"))
        for key, weight in alone.items():
            assert (weight - shared[key]).abs().max() < 1e-3, (name, key)
