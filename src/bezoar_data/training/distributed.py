"""Several processes that train one recipe together, started by `accelerate launch` or `torchrun`.

Each prepares the same examples by itself. The first alone writes files and prints; the others wait where they need what
it has written. The rows of a step are the recipe's, whatever the number of processes: they share them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from math import gcd
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem

_TIMEOUT = timedelta(hours=3)
"""For the slowest thing one process does while the others wait: a merge, onto a slow disk."""


def world_size() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process is the one that writes files and prints."""
    return int(os.environ.get("RANK", "0")) == 0


def init_process_group(*, use_cpu: bool) -> None:
    """Connect the processes. Raises `InputError` where several GPUs are visible to one, or DeepSpeed starts them."""
    import torch
    from accelerate import PartialState

    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() in ("1", "true", "yes"):
        message = "started with DeepSpeed, whose parts of a model have not been seen saved whole"
        raise InputError(Problem("deepspeed", message, hint="see '--launcher ddp' and '--launcher fsdp'"))
    if world_size() > 1:
        PartialState(cpu=use_cpu, timeout=_TIMEOUT)
    elif not use_cpu and torch.cuda.device_count() > 1:
        hint = "start one for each (see '--launcher ddp'), or make one visible, with CUDA_VISIBLE_DEVICES=0"
        message = f"{torch.cuda.device_count()} GPUs are visible, and one process was started"
        raise InputError(Problem("several-devices", message, hint=hint))


def wait_for_all() -> None:
    """Until every process has come here."""
    if world_size() > 1:
        import torch.distributed

        torch.distributed.barrier()


def destroy_process_group() -> None:
    """Leave the others, when everything is done."""
    if world_size() > 1:
        import torch.distributed

        torch.distributed.destroy_process_group()


def shared_batch(full: Mapping[str, Any], processes: int) -> dict[str, int] | None:
    """The settings of each process, so that all together take the recipe's rows in a step; None where they cannot share
    them."""
    batch, accumulated = full["per_device_train_batch_size"], full["gradient_accumulation_steps"]
    by_steps = gcd(accumulated, processes)
    by_rows = processes // by_steps
    if batch % by_rows:
        return None
    if processes == 1:
        return {}
    return {
        "per_device_train_batch_size": batch // by_rows,
        "gradient_accumulation_steps": accumulated // by_steps,
    }
