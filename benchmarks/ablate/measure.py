"""How often is a planted step known for what it is, what is asked for it, and how often is a verdict wrong?

    python benchmarks/ablate/measure.py FOLDER

Ten repeats of an ablation with three planted steps (`tests/support/planted.py`), each with keys, meanings, base and
judge's verdicts of its own, through the command line and a real server; then simulated ties. A repeat that is in FOLDER
already is not made again. Takes some ten minutes of a core.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))

from bezoar_data.evaluation.ablated import Ablated  # noqa: E402
from bezoar_data.measures.over_seeds import effect  # noqa: E402
from support.command import bezoar  # noqa: E402
from support.fault_server import FaultServer  # noqa: E402
from support.planted import STEPS, VARIANTS, write_planted  # noqa: E402

REPEATS, SEEDS = 10, (1, 2, 3)
KEYS, ROWS, STEPS_OF_TRAINING = 48, 20, 60
TIES = 2000


PAGE = f"""\
# Are planted steps known for what they are?

`python benchmarks/ablate/measure.py FOLDER`, {{today}}. Each repeat: {KEYS} keys with {ROWS} rows each, a judge at a
real server, four variants, {len(SEEDS)} seeds, a one-block Llama of random weights trained for {STEPS_OF_TRAINING}
steps, {KEYS} items with four choices. `agreed` drops rows that say something wrong (of three keys in eight most do),
`short` drops half of all meanings, `judge` has verdicts about nothing: right would be that agreed helps, short hurts
and judge is tied. In brackets stands what the step adds to the score.

{{table}}

All three verdicts are right in {{right}} of {REPEATS} repeats. Requests are at most {{most:.2f}} times those of the
largest variant alone: the judge stands before the other steps, so that all variants ask the same. Where several
variants let different rows through to a model, all these rows are asked, each once.

The planted effects are large; `ablate --plan` says how small a one so many items and seeds can show. A judge that
drops rows by chance does nothing only where enough of each key are left. In a first trial, with 12 rows a key and 40
steps, too few may have been: of its one repeat the judge was said to hurt (-0.13). Rows and steps were raised then.

## False alarms

Of {TIES:,} simulated ties so many raise an alarm at 5 %: right or wrong, on hard and easy items, some of which suit one
of the two, by trainings that are better or worse on all items (by the spread given, in standard deviations of one
answer's chance).

{{ties}}
"""


def main() -> None:
    out = Path(sys.argv[1])
    found = [repeat(out / f"repeat-{number}", number) for number in range(REPEATS)]
    right = sum(one["right"] for one in found)
    most = max(one["requests"] / one["largest"] for one in found)
    table = [
        "| repeat | agreed | short | judge | right | requests | largest variant alone |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, one in enumerate(found):
        cells = [f"{verdict} ({value:+.2f})" for verdict, value in one["verdicts"].values()]
        row = [number, *cells, "yes" if one["right"] else "no", one["requests"], one["largest"]]
        table.append("| " + " | ".join(map(str, row)) + " |")
    page = PAGE.format(
        today=time.strftime("%Y-%m-%d"), table="\n".join(table), right=right, most=most, ties="\n".join(alarms())
    )
    (HERE / "RESULTS.md").write_text(page)
    assert right >= REPEATS - 1, found
    assert most <= 1.15, most


def repeat(folder: Path, number: int) -> dict[str, Any]:
    kept = folder / "repeat.json"
    if kept.is_file():
        value: dict[str, Any] = json.loads(kept.read_text())
        return value
    with FaultServer() as server:
        if not folder.exists():
            write_planted(folder, server.url, seeds=SEEDS, keys=KEYS, rows=ROWS, steps=STEPS_OF_TRAINING, draw=number)
        done = bezoar("ablate", "ablations/planted.yaml", cwd=folder)
        assert done.code == 0, done.err
        requests = server.stats()["requests"]
    ablated = Ablated.read(folder / "evaluated" / "steps" / "ablation.json")
    said = {one.name: one for one in ablated.variants}
    verdicts = {step: (said[n].verdict, said[n].found[0].effect["value"]) for n, (step,) in VARIANTS.items()}
    largest = max(one.data.answers for one in ablated.variants if one.data is not None)
    right = {step: verdict for step, (verdict, _) in verdicts.items()} == STEPS
    value = {"verdicts": verdicts, "right": right, "requests": requests, "largest": int(largest)}
    kept.write_text(json.dumps(value))
    print(number, value, flush=True)
    return value


def alarms() -> list[str]:
    """How often two ways of training that are equal are told apart, over items and seeds and over items alone."""
    lines = [
        "| seeds | items | spread of trainings | over items and seeds | over items alone |",
        "|---|---|---|---|---|",
    ]
    for seeds in (1, 2, 3, 5, 10):
        for items in (50, 250):
            for spread in (0.0, 0.05, 0.2):
                both, alone = ties(seeds, items, spread)
                lines.append(f"| {seeds} | {items} | {spread} | {both:.1%} | {alone:.1%} |")
                assert both <= 0.075 or seeds < 3, (seeds, items, spread, both)
    return lines


def ties(seeds: int, items: int, spread: float) -> tuple[float, float]:
    rng, found = np.random.default_rng(seeds * 1000 + items), []
    for _ in range(TIES):
        hard = rng.normal(0, 1, items)
        first, second = (
            (
                hard + rng.normal(0, 0.5, items) + rng.normal(0, spread, (seeds, 1)) + rng.normal(0, 1, (seeds, items))
                > 0
            ).astype(float)
            for _ in range(2)
        )
        alone = effect([first.mean(axis=0)], [second.mean(axis=0)])
        found.append((effect(first, second).p <= 0.05, alone.p <= 0.05))
    both, over_items = np.mean(found, axis=0)
    return float(both), float(over_items)


if __name__ == "__main__":
    main()
