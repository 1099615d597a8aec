"""What each stage of the miniature knows: evaluates the chain at four points and writes SCORES.md, or with `ecqa` the
stage on ECQA's questions alone, and ECQA.md. What is evaluated already is not evaluated again.

    python benchmarks/miniature/scores.py FOLDER [ecqa]
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import nltk

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
POINTS = ("base", "sft-merged", "pairs-sft-merged", "dpo-merged")
CHOICES = ("qasc", "ecqa", "strategyqa", "aqua", "leaderboard_bbh_date_understanding", "leaderboard_bbh_hyperbaton")
WRITTEN = ("gsm8k", "ifeval")
"""Answers that are written take minutes: of the base and the end of the chain alone."""
NO_SENTENCES = "IFEval was not run: its rules count sentences with NLTK's `punkt_tab`, which was not here."


def main() -> None:
    out, ecqa = Path(sys.argv[1]), "ecqa" in sys.argv[2:]
    name, text = ("ECQA.md", _ecqa(out)) if ecqa else ("SCORES.md", _chain(out))
    (HERE / name).write_text(text)


def _chain(out: Path) -> str:
    recipe, suite = ROOT / "recipes" / "miniature.yaml", HERE / "suite.yaml"
    table = _evaluate(out, recipe, suite, POINTS, CHOICES)
    written = _evaluate(out, recipe, suite, (POINTS[0], POINTS[-1]), WRITTEN if _sentences() else WRITTEN[:1])
    judged = _judged(out, recipe)
    lines = [
        "# What the miniature knows, stage by stage",
        "",
        "`BEZOAR_TEST_DATA=... sh benchmarks/miniature/run.sh`: the chain of [RESULTS.md](RESULTS.md) at four points,",
        "base, after the three SFT stages, after SFT on preferred replies, after DPO. Multiple choices by likelihood,",
        "250 items each without examples, which no stage was trained on; written answers to 50 items at both ends.",
        "",
        table,
        "",
        written,
        *(() if _sentences() else ("", NO_SENTENCES)),
        *_differences(out / "evaluated" / "miniature" / "chain"),
        *judged,
    ]
    return "\n".join(lines) + "\n"


def _sentences() -> bool:
    try:
        return bool(nltk.data.find("tokenizers/punkt_tab"))
    except LookupError:
        return False


def _differences(folder: Path) -> Iterator[str]:
    for before, after in (*pairwise(POINTS), (POINTS[0], POINTS[-1])):
        yield from ("", f"## {before} → {after}", "", _compare(folder, before, after))


def _ecqa(out: Path) -> str:
    table = _evaluate(out, HERE / "ecqa.yaml", HERE / "ecqa-suite.yaml", ("base", "ecqa"), (), out / "ecqa" / "runs")
    lines = [
        "# One stage on ECQA's questions",
        "",
        "SmolLM2-135M-Instruct before and after [one SFT stage](ecqa.yaml) on 1,600 of ECQA's questions with their",
        "options and the words of the right one; 250 questions that were kept back, asked in two ways: as a text that",
        "goes on, without the options, and as it was trained, through the chat template with them.",
        "",
        table,
        "",
        _compare(out / "evaluated" / "ecqa" / "ecqa", "base", "ecqa"),
    ]
    return "\n".join(lines) + "\n"


def _judged(out: Path, recipe: Path) -> list[str]:
    judge = os.environ.get("JUDGE")
    if judge is None:
        return ["", "MT-Bench's questions were not asked: no judge was given."]
    ends = (POINTS[0], POINTS[-1])
    return ["", _evaluate(out, recipe, ROOT / "suites" / "mt-bench.yaml", ends, (), None, "--judge", judge)]


def _evaluate(
    out: Path,
    recipe: Path,
    suite: Path,
    stages: tuple[str, ...],
    tasks: tuple[str, ...],
    runs: Path | None = None,
    *more: str,
) -> str:
    options = [f"--stage={stage}" for stage in stages] + [f"--task={task}" for task in tasks]
    folders = ["--trained", out / "trained", "--runs", runs or out / "runs", "--out", out / "evaluated"]
    return _said("evaluate", recipe, "--suite", suite, *options, *folders, *more, "--markdown").rpartition("\n\nWhich")[
        0
    ]


def _compare(folder: Path, before: str, after: str) -> str:
    return _said("compare", folder / before, folder / after, "--markdown")


def _said(*command: str | Path) -> str:
    whole = [sys.executable, "-m", "bezoar_data.cli.main", *map(str, command)]
    return subprocess.run(whole, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    main()
