"""What is printed while a recipe trains: a line on standard error for each stage, and every few seconds within one."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from bezoar_data.config.sanitize import clean_text
from bezoar_data.runs.events import Events
from bezoar_data.training.distributed import is_first
from bezoar_data.training.estimate.machine import peak_memory

LINES = 5.0
"""Seconds between two lines of one stage."""


class Progress:
    """`quiet` says nothing but notes (for `--json`). `events` is told of the steps of every stage."""

    def __init__(self, *, quiet: bool = False, events: Events | None = None) -> None:
        self._quiet = quiet
        self._events = events or Events()

    def say(self, text: str) -> None:
        if not self._quiet and is_first():
            print(clean_text(text), file=sys.stderr, flush=True)  # noqa: T201

    def note(self, text: str) -> None:
        if is_first():
            print(f"note: {clean_text(text)}", file=sys.stderr, flush=True)  # noqa: T201

    def callback(self, stage: str, checkpoint: Path | None) -> Any:
        """A callback for a trainer that says loss, tokens/s, time left and memory."""
        from transformers import TrainerCallback

        if checkpoint is not None:
            self.say(f"{stage}: goes on from step {checkpoint.name.rpartition('-')[2]}")
        say = self.say

        class Tell(TrainerCallback):
            began, first, said, timed = 0.0, 0, 0.0, 0.0

            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                self.began = self.said = time.monotonic()
                self.first = state.global_step

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                # The first step also compiles kernels and fills caches; the second is timed.
                now = time.monotonic()
                left = (state.max_steps - state.global_step) * (now - self.timed)
                if state.global_step == self.first + 2 and left > LINES:
                    say(f"{stage}: about {left:,.0f} s to go, by its second step; evaluations come on top")
                self.timed = now

            def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
                now = time.monotonic()
                logs = logs or {}
                watched = "eval_loss" in logs
                if "loss" not in logs and not watched:
                    return
                if not watched and now - self.said < LINES and state.global_step < state.max_steps:
                    return
                self.said = now
                done = state.global_step - self.first
                seconds = now - self.began
                left = seconds / done * (state.max_steps - state.global_step) if done else 0.0
                name = "eval_loss" if watched else "loss"
                parts = [f"{stage}: step {state.global_step}/{state.max_steps}"]
                parts.append(f"{'held-out ' if watched else ''}loss {float(logs[name]):.4f}")
                if "rewards/margins" in logs:
                    parts.append(f"margin {float(logs['rewards/margins']):.4f}")
                if tokens := logs.get("num_tokens"):
                    parts.append(f"{float(tokens) / max(seconds, 1e-9):,.0f} tokens/s")
                parts.append(f"{left:.0f} s left")
                parts.append(f"{peak_memory() / 2**20:,.0f} MiB")
                say(", ".join(parts))

        return Tell()

    def counting(self, stage: str) -> Any:
        """A callback for a trainer that tells `events` of its steps."""
        from transformers import TrainerCallback

        events = self._events

        class Count(TrainerCallback):
            began, first = 0.0, 0

            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                self.began, self.first = time.monotonic(), state.global_step
                self.tell(state, None)

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if events.due():
                    pace = (time.monotonic() - self.began) / (state.global_step - self.first)
                    self.tell(state, round(pace * (state.max_steps - state.global_step), 1))

            def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                self.tell(state, 0.0)

            def tell(self, state: Any, left: float | None) -> None:
                events.progress(stage, "steps", state.global_step, state.max_steps, left)

        return Count()
