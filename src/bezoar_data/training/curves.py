"""A stage's loss as a picture, and of DPO its margins: SVG for pages, PNG for the model card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PICTURE = "loss.png"

_BLUE, _ORANGE = "#1f5fa8", "#c2571a"
PANELS = (
    ("loss", ("loss", "eval_loss")),
    ("margin of the rewards", ("rewards/margins", "eval_rewards/margins")),
    ("reward", ("reward", "eval_reward")),
)
"""What each panel shows: of the log, what was measured in training and on the rows held out."""

Curve = tuple[str, str, list[int], list[float]]


def save_curves(folder: Path, title: str) -> None:
    """`loss.svg` and `loss.png` from the log of a stage; nothing for a stage that has none."""
    log = folder / "log.jsonl"
    if not log.is_file():
        return
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    panels = [(name, found) for name, keys in PANELS if (found := _points(lines, keys))]
    if not panels:
        return
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # Text stays text, and equal logs give equal bytes.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "bezoar-data", "text.parse_math": False}):
        figure = Figure(figsize=(6.4 * len(panels), 3.4), layout="constrained")
        figure.suptitle(title)
        for axes, (name, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            for label, colour, steps, values in curves:
                axes.plot(steps, values, color=colour, label=label, marker=".", markersize=4 if len(steps) < 100 else 0)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.set(xlabel="step", ylabel=name)
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(frameon=False)
        figure.savefig(folder / "loss.svg", metadata={"Date": None, "Creator": None})
        figure.savefig(folder / PICTURE, dpi=120, metadata={"Software": None})


def _points(lines: Sequence[dict[str, Any]], keys: tuple[str, str]) -> list[Curve]:
    """Of each curve that the log holds: its label, colour, steps and values."""
    found: list[Curve] = []
    for key, label, colour in zip(keys, ("training", "held out"), (_BLUE, _ORANGE), strict=True):
        of_it = [line for line in lines if key in line]
        if of_it:
            found.append((label, colour, [line["step"] for line in of_it], [float(line[key]) for line in of_it]))
    return found
