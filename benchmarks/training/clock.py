"""Measures one training process: all of it, and what lies inside `trainer.train()`."""

from __future__ import annotations

import json
import resource
import time
from typing import Any

_BEGAN = time.perf_counter()


class Clock:
    """Wraps `Trainer.train` of whoever calls it, so that both sides are measured alike."""

    def __init__(self) -> None:
        from transformers import Trainer

        self.seconds = self.cpu = 0.0
        self.tokens = 0
        inside, clock = Trainer.train, self

        def train(trainer: Any, *args: Any, **kwargs: Any) -> Any:
            wall, cpu = time.perf_counter(), time.process_time()
            result = inside(trainer, *args, **kwargs)
            clock.seconds, clock.cpu = time.perf_counter() - wall, time.process_time() - cpu
            clock.tokens = max(int(line.get("num_tokens", 0)) for line in trainer.state.log_history)
            return result

        Trainer.train = train

    def tell(self) -> None:
        """One line of JSON on standard output."""
        import torch

        cuda = torch.cuda.is_available()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        measured = {
            "train_seconds": self.seconds,
            "train_cpu_seconds": self.cpu,
            "outside_seconds": time.perf_counter() - _BEGAN - self.seconds,
            "outside_cpu_seconds": time.process_time() - self.cpu,
            "tokens": self.tokens,
            "peak_memory_bytes": torch.cuda.max_memory_allocated() if cuda else resident,
        }
        print(json.dumps(measured))
