"""A stage's loss as a picture: SVG, written by hand so that no drawing library is needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 36, 40
_COLOURS = {"loss": "#1f5fa8", "eval_loss": "#c2571a"}
_NAMES = {"loss": "training", "eval_loss": "held out"}

Point = tuple[float, float]


def save_curves(folder: Path, title: str) -> None:
    """`loss.svg` from the log of a stage; nothing for a stage that has none."""
    log = folder / "log.jsonl"
    if not log.is_file():
        return
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    curves = {
        name: points
        for name in _COLOURS
        if (points := [(float(line["step"]), float(line[name])) for line in lines if name in line])
    }
    if curves:
        (folder / "loss.svg").write_text(_picture(curves, title), encoding="utf-8")


def _picture(curves: dict[str, list[Point]], title: str) -> str:
    xs = [x for points in curves.values() for x, _ in points]
    ys = [y for points in curves.values() for _, y in points]
    low, high = min(ys), max(ys)
    pad = (high - low) * 0.05 or 0.05
    low, high = low - pad, high + pad
    last = max(max(xs), 1.0)

    def at(point: Point) -> str:
        x = _LEFT + point[0] / last * (_WIDTH - _LEFT - _RIGHT)
        y = _TOP + (high - point[1]) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="12"><title>Loss of {escape(title)}</title>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">{escape(title)}: loss by step</text>',
        *_axes(low, high, last),
    ]
    for i, (name, points) in enumerate(curves.items()):
        colour = _COLOURS[name]
        line = " ".join(map(at, points))
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{line}"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>' for x, y in (at(p).split(",") for p in points)]
        x = _WIDTH - 160 + 84 * i
        parts.append(f'<text x="{x}" y="20" fill="{colour}">{_NAMES[name]}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _axes(low: float, high: float, last: float) -> Sequence[str]:
    bottom = _HEIGHT - _BOTTOM
    parts = [f'<path d="M{_LEFT},{_TOP}V{bottom}H{_WIDTH - _RIGHT}" fill="none" stroke="#777"/>']
    for i in range(5):
        value, y = low + (high - low) * i / 4, bottom - (bottom - _TOP) * i / 4
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
        step, x = last * i / 4, _LEFT + (_WIDTH - _LEFT - _RIGHT) * i / 4
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{step:.0f}</text>')
    return parts
