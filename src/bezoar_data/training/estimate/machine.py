"""What training runs on: the device, and what is installed to use it well."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bezoar_data.training.distributed import world_size


@dataclass(frozen=True, slots=True)
class Machine:
    """The device a stage trains on, and the kernels that are installed for it."""

    name: str
    """Such as `NVIDIA A100-SXM4-80GB`, or the processor with the threads it uses."""
    cuda: bool
    memory: int
    """Bytes of the device, or of this computer."""
    half_flash: tuple[str, ...] = ()
    """Attention implementations that want half precision, best first."""
    liger: bool = False
    processes: int = 1

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "memory_bytes": self.memory, "processes": self.processes}


def this_machine(*, use_cpu: bool) -> Machine:
    """The machine as a stage would find it."""
    import torch

    if use_cpu or not torch.cuda.is_available():
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        name = f"{_processor()}, {torch.get_num_threads()} threads"
        return Machine(name, cuda=False, memory=memory, processes=world_size())
    found = torch.cuda.get_device_properties(torch.cuda.current_device())
    liger = find_spec("liger_kernel") is not None
    return Machine(found.name, True, found.total_memory, _flash(found.major), liger, world_size())


def _flash(capability: int) -> tuple[str, ...]:
    from transformers.utils import is_flash_attn_2_available, is_flash_attn_3_available

    # The kernels of version 2 need Ampere, those of version 3 Hopper.
    three = is_flash_attn_3_available() and capability == 9
    two = is_flash_attn_2_available() and capability >= 8
    return (*(["flash_attention_3"] if three else []), *(["flash_attention_2"] if two else []))


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def peak_memory() -> int:
    """Bytes: of the GPU if there is one, else of this process."""
    import resource

    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
