"""What the stages beside SFT and DPO learn where the answer is known, and how fast a reward model judges.

    python benchmarks/neighbours/bench.py [--seeds 5] [--real BEZOAR_TEST_DATA]

Planted tasks train a tiny model, each seed with rows and weights of its own. `--real` trains SmolLM2-135M-Instruct as a
reward model on the rationales of flan_cot, a row's own against another row's, and on HH-RLHF with three seeds. Results
are kept in `results.json`; `RESULTS.md` is written from them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from planted import VIEWS, build, likelihoods, obeyed, pairs, ranked, rewarded, train

HERE = Path(__file__).parent
KEPT, PAGE = HERE / "results.json", HERE / "RESULTS.md"
PLANTED: dict[str, Any] = {
    "ranked": ranked, "likelihoods": likelihoods, "obeyed": obeyed, "rewarded": rewarded,
    "rewarded_13": partial(rewarded, length=13, steps=192, fewer=96),
}  # fmt: skip
SMOLLM2: dict[str, Any] = {
    "base": {"gguf": "smollm2-135m-instruct", "licence": "apache-2.0"},
    # The upper two thirds of the layers: a third less to compute.
    "adapter": {"r": 16, "lora_alpha": 32, "target_modules": r"model\.layers\.[12]\d\..*_proj"},
    "template": "tokenizer",
}
SETTINGS = {
    "learning_rate": 5e-4, "num_train_epochs": 1, "max_length": 160, "per_device_train_batch_size": 4,
    "per_device_eval_batch_size": 8, "warmup_steps": 0.1, "bf16": True, "eval_strategy": "no",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--real", type=Path, help="a folder with flan_cot/ and hh_rlhf/")
    parser.add_argument("--only", action="append", choices=tuple(TASKS))
    parser.add_argument("--take", type=Path, help="results.json of a copy of this folder, instead of measuring")
    options = parser.parse_args()
    wanted = options.only or ["speed", *PLANTED, *(["rationales", "hh"] if options.real else [])]
    for name in wanted:
        if options.take:
            _keep(name, json.loads(options.take.read_text())[name])
            continue
        with tempfile.TemporaryDirectory() as scratch:
            for found in _measured(name, Path(scratch), options):
                load = round(os.getloadavg()[0] / (os.cpu_count() or 1), 1)
                _keep(name, {**found, "load": load, "date": f"{datetime.now(UTC):%Y-%m-%d}"})


def _keep(name: str, found: dict[str, Any]) -> None:
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    kept[name] = found
    print(name, json.dumps(found), flush=True)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(_page(kept))


def _measured(name: str, scratch: Path, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What there is after each seed."""
    if name == "speed":
        yield speed(scratch)
        return
    count = {"rationales": 1, "hh": 3}.get(name, options.seeds)
    seeds: list[Any] = []
    for seed in range(count):
        if name in PLANTED:
            seeds.append(PLANTED[name](scratch / str(seed), seed))
        else:
            seeds.append(SMOLLM2_TASKS[name](scratch / str(seed), options.real, seed))
        yield {"seeds": list(seeds)}


def speed(folder: Path, rows: int = 8192) -> dict[str, Any]:
    """Conversations a second that a tiny reward model scores in batches of 64, tokenising included."""
    from bezoar_data.llms.reward.model import RewardModel

    card = build(folder, "pairs", _speed_rows(64), views=VIEWS["pairs"], source="load_pairs")
    stage = {"use": "reward", "card": str(card), "training": {"max_steps": 1}}
    train(folder, "speed", [stage])
    model = RewardModel(folder / "trained" / "speed" / "reward")
    talks = [
        [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["chosen"]}]
        for row in _speed_rows(rows)
    ]
    model.rewards(talks[:256])
    began, used = time.perf_counter(), time.process_time()
    model.rewards(talks, batch=64)
    seconds, used = time.perf_counter() - began, time.process_time() - used
    tokens = sum(len(model.encode(talk)) for talk in talks[:256]) / 256
    return {
        "rows": rows, "batch": 64, "tokens": round(tokens), "rows_per_second": round(rows / seconds),
        "rows_per_processor_second": round(rows / used),
    }  # fmt: skip


def _speed_rows(count: int) -> list[dict[str, str]]:
    return pairs(0, count)


def rationales(folder: Path, data: Path, seed: int, *, train_rows: int = 640, held_out: int = 200) -> dict[str, Any]:
    """SmolLM2-135M: the rationale of a row's own above that of another row, of short rows of StrategyQA."""
    lines = (data / "flan_cot" / "strategyqa_train.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line.count("\t") == 2 and len(line) < 240]
    random.Random(seed).shuffle(rows)
    rows = rows[: train_rows + held_out]
    made = [
        {"prompt": asked.replace("\\n", "\n"), "chosen": why, "rejected": rows[(i + 1) % len(rows)][2]}
        for i, (asked, _, why) in enumerate(rows)
    ]
    return _smollm2(folder, "rationales", made, held_out / len(made), seed)


def hh(folder: Path, data: Path, seed: int, *, rows: int = 600) -> dict[str, Any]:
    """SmolLM2-135M on pairs that people made, whatever comes out."""
    lines = (data / "hh_rlhf" / "harmless-base.jsonl").read_text("utf-8").splitlines()
    short = [row for row in map(json.loads, lines) if max(len(row["chosen"]), len(row["rejected"])) < 500]
    random.Random(seed).shuffle(short)
    return _smollm2(folder, "hh", short[:rows], 1 / 3, seed, source="load_hh_rlhf")


def _smollm2(
    folder: Path, name: str, rows: list[dict[str, Any]], share: float, seed: int, source: str = "load_pairs"
) -> dict[str, Any]:
    card = build(folder, name, rows, views=VIEWS["pairs"], source=source)
    stage = {"use": "reward", "card": str(card), "split": {"validation": round(share, 4)}, "training": SETTINGS}
    began = time.perf_counter()
    (record,) = train(folder, name, [stage], seed, **SMOLLM2)
    pairs = record.metrics["reward"]["pairs"]
    rows_of = {side: counted["examples"] for side, counted in record.data.rows.items()}
    return {**pairs, "rows": rows_of, "steps": record.metrics["steps"], "seconds": round(time.perf_counter() - began)}


SMOLLM2_TASKS = {"rationales": rationales, "hh": hh}


def _page(kept: dict[str, Any]) -> str:
    parts = [
        "# The stages beside SFT and DPO: what they learn where the answer is known\n",
        "Written by `python benchmarks/neighbours/bench.py`. "
        f"torch {version('torch')}, transformers {version('transformers')}, trl {version('trl')}, on a CPU; the load a "
        "core while each was measured is given, as other work ran beside it.\n",
        "| task | result | load | measured |\n|---|---|---|---|",
    ]
    for name, found in ((name, kept[name]) for name in TASKS if name in kept):
        parts.append(f"| {TASKS[name]} | {_said(name, found)} | {found['load']} | {found['date']} |")
    return "\n".join(parts) + "\n"


TASKS = {
    "speed": "conversations a second that a tiny reward model scores, batch 64, tokenising included",
    "ranked": "planted better replies ranked above worse ones by a reward model, held out, a seed each",
    "likelihoods": "log-probability of chosen / rejected replies after ASFT, and after DPO, from the same SFT model",
    "obeyed": "unseen prompts that SteerLM's conditioned SFT answers in the tone it is asked for, a seed each",
    "rewarded": "answers from the prompt that get a rare reward, after RLOO and after DR-PO, mean of the seeds",
    "rewarded_13": "the same with a word less, which RLOO finds sooner",
    "rationales": "SmolLM2-135M as a reward model: a row's own rationale (StrategyQA) above another row's, held out",
    "hh": "SmolLM2-135M as a reward model on HH-RLHF, held out, a seed each",
}


def _said(name: str, found: dict[str, Any]) -> str:
    if name == "speed":
        of_one = f"{found['rows_per_processor_second']:,} for each second of one core"
        return f"{of_one}, {found['rows_per_second']:,} by the clock; {found['tokens']} tokens each"
    if name == "likelihoods":
        return "; ".join(
            f"ASFT {one['asft']['chosen']:+.1f} / {one['asft']['rejected']:+.1f}, "
            f"DPO {one['dpo']['chosen']:+.1f} / {one['dpo']['rejected']:+.1f}"
            for one in found["seeds"]
        )
    if name.startswith("rewarded"):
        return _rewarded(found["seeds"])
    if name == "obeyed":
        return "; ".join(f"{share:.0%}" for share in found["seeds"])
    shares = [(one["accuracy"], one["pairs"]) for one in found["seeds"]]
    return "; ".join(f"{a['value']:.1%} of {n} ({a['low']:.1%} to {a['high']:.1%})" for a, n in shares)


def _rewarded(seeds: list[dict[str, Any]]) -> str:
    """What both came to, from where on DR-PO had what RLOO came to (the seeds' mean stays there), and after how many
    answers each seed first got the reward nine times in ten."""
    mean = {
        name: [(at[0][0], sum(r for _, r in at) / len(at)) for at in zip(*(one[name] for one in seeds), strict=True)]
        for name in ("rloo", "drpo")
    }
    (answers, aim), (fewer, end) = mean["rloo"][-1], mean["drpo"][-1]
    there = next((n for i, (n, _) in enumerate(mean["drpo"]) if all(r >= aim for _, r in mean["drpo"][i:])), None)
    when = f", RLOO's reward after {there:,} ({there / answers:.0%} of its answers)" if there else ""
    each = "; ".join(
        " and ".join(f"{n:,}" if n else "never" for n in (_first(one["rloo"]), _first(one["drpo"]))) for one in seeds
    )
    ends = f"RLOO {aim:.1%} after {answers:,} answers; DR-PO {end:.1%} after {fewer:,}{when}"
    return f"{seeds[0]['words']} words: {ends}; 90% after, a seed each: {each}"


def _first(found: list[tuple[int, float]], least: float = 0.9) -> int | None:
    return next((answers for answers, reward in found if reward >= least), None)


if __name__ == "__main__":
    main()
