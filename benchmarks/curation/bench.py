"""Near-duplicates next to datasketch and distilabel's MinHashDedup, and the growth of `novelty`. Writes RESULTS.md.

python benchmarks/curation/bench.py --rows 20000 --rows 200000 --novelty 50000

Everyone gets the same rows, word n-grams, permutations and bands, and one core; the contenders take turns, and the
median counts. Imports and reading are not timed. The peers have an environment of their own, made from
`peers/minhash.txt` in the folder `--envs` names.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from grams import word_ngrams

HERE = Path(__file__).parent
PEERS = ("datasketch", "distilabel")
NAMES = {
    "bezoar-data": "bezoar-data `near_duplicates`",
    "datasketch": "datasketch 1.6.5 MinHash + LSH",
    "distilabel": "distilabel 1.5.3 `MinHashDedup`",
}
THRESHOLD, NGRAM, PERMUTATIONS = 0.8, 3, 128


def make_rows(count: int, seed: int) -> tuple[list[str], list[int], set[int], set[int]]:
    """Texts; for each the pair it belongs to (-1: none); the pairs that are exact copies; those that are near ones, at
    or above the threshold by their true similarity. A fifth of the rows stands in pairs, half of these exact."""
    pick = random.Random(seed)
    vocabulary = ["".join(pick.choices("abcdefghijklmnopqrstuvwxyz", k=pick.randrange(3, 10))) for _ in range(30_000)]
    weights = [1 / (i + 10) for i in range(len(vocabulary))]
    rows: list[tuple[str, int]] = []
    exact: set[int] = set()
    near: set[int] = set()
    for pair in range(count // 10):
        words = pick.choices(vocabulary, weights, k=pick.randrange(30, 90))
        copy = list(words)
        if pair % 2:
            for place in pick.sample(range(len(copy)), 1 + len(copy) // 45):
                copy[place] = pick.choice(vocabulary)
        a, b = (" ".join(w) for w in (words, copy))
        one, other = word_ngrams(a, NGRAM), word_ngrams(b, NGRAM)
        if a == b:
            exact.add(pair)
        elif len(one & other) / len(one | other) >= THRESHOLD:
            near.add(pair)
        rows += [(a, pair), (b, pair)]
    while len(rows) < count:
        rows.append((" ".join(pick.choices(vocabulary, weights, k=pick.randrange(30, 90))), -1))
    pick.shuffle(rows)
    return [t for t, _ in rows], [p for _, p in rows], exact, near


def check_ngrams(texts: Sequence[str], pairs: Sequence[int]) -> None:
    """That the step compares the very n-grams the peers are given."""
    from bezoar_data.measures.shingles import ngram_hashes

    hashes, starts = ngram_hashes(texts, NGRAM)
    before: dict[int, tuple[set[int], frozenset[str]]] = {}
    for text, pair, start, end in zip(texts, pairs, starts, starts[1:], strict=False):
        ours, theirs = set(hashes[start:end].tolist()), word_ngrams(text, NGRAM)
        other = before.setdefault(pair, (ours, theirs))
        if len(ours) != len(theirs) or (pair >= 0 and len(ours & other[0]) != len(theirs & other[1])):
            raise SystemExit(f"the n-grams differ in: {text}")


def peer_python(folder: Path) -> Path:
    pins = HERE / "peers" / "minhash.txt"
    home = folder / f"minhash-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    if not (home / ".complete").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([home / "bin" / "pip", "install", "-q", "--no-deps", "-r", str(pins)], check=True)
        (home / ".complete").touch()
    return home / "bin" / "python"


def near_duplicates(count: int, repeats: int, envs: Path, core: int) -> list[str]:
    from bezoar_data.steps.curation.near_duplicates import bands

    texts, pairs, exact, near = make_rows(count, 7)
    check_ngrams(texts, pairs)
    settings = {
        "threshold": THRESHOLD, "ngram": NGRAM, "permutations": PERMUTATIONS, "bands": bands(THRESHOLD, PERMUTATIONS)
    }  # fmt: skip
    pythons = {name: peer_python(envs) if name in PEERS else Path(sys.executable) for name in NAMES}
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    kept: dict[str, list[bool]] = {}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "rows.json"), Path(folder, "out.json")
        source.write_text(json.dumps({"texts": texts, "settings": settings}))
        for turn in range(repeats):
            order = list(NAMES)
            for name in order[turn % 3 :] + order[: turn % 3]:
                command = [pythons[name], str(HERE / "contender.py"), name, str(source), str(target)]
                subprocess.run(command, check=True, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
                done = json.loads(target.read_text())
                seconds[name].append(done["seconds"])
                kept[name] = done["kept"]
                print(f"  {count:,} rows, {name}: {done['seconds']:.2f} s", file=sys.stderr)
    medians = {name: statistics.median(s) for name, s in seconds.items()}
    lines = [
        f"### {count:,} rows",
        "",
        f"{len(exact):,} planted pairs are exact copies, {len(near):,} near ones at similarity {THRESHOLD} or more; "
        f"{PERMUTATIONS} permutations in {settings['bands']} bands, word {NGRAM}-grams.",
        "",
        "| | seconds (median, range) | rows/s | exact found | near found | unrelated dropped | kept sets, Jaccard |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, title in NAMES.items():
        gone = {p for p, k in zip(pairs, kept[name], strict=True) if not k}
        alone = [k for p, k in zip(pairs, kept[name], strict=True) if p < 0]
        same = {i for i, k in enumerate(kept[name]) if k}
        mine = {i for i, k in enumerate(kept["bezoar-data"]) if k}
        overlap = len(same & mine) / len(same | mine)
        span = f"{min(seconds[name]):.2f}-{max(seconds[name]):.2f}"
        lines.append(
            f"| {title} | {medians[name]:.2f} ({span}) | {count / medians[name]:,.0f} | {_share(gone, exact)} | "
            f"{_share(gone, near)} | {alone.count(False) / len(alone):.2%} | {overlap:.4f} |"
        )
    ratios = [f"{medians[n] / medians['bezoar-data']:.1f}x {n}" for n in PEERS]
    return [*lines, "", f"bezoar-data: {', '.join(ratios)}.", ""]


def _share(gone: set[int], planted: set[int]) -> str:
    return f"{len(gone & planted) / len(planted):.2%}" if planted else "-"


def novelty(counts: Sequence[int], core: int) -> list[str]:
    from bezoar_data.runs.row import Lineage, Row
    from bezoar_data.steps.base import Kept
    from bezoar_data.steps.curation.novelty import Novelty

    os.sched_setaffinity(0, {core})
    lines = [
        "| rows | words in a row | seconds | kept | against the row before |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    before = 0.0
    for count in counts:
        texts = instructions(count, 11)
        rows = [Row({"text": t}, Lineage(id=str(i), order=(i,))) for i, t in enumerate(texts)]
        start = time.perf_counter()
        kept = sum(isinstance(v, Kept) for v in Novelty(name="novelty", column="text").run_rows(rows))
        seconds = time.perf_counter() - start
        print(f"  novelty, {count:,} rows: {seconds:.1f} s", file=sys.stderr)
        mean = sum(len(t.split()) for t in texts) / count
        growth = f"{seconds / before:.1f}x" if before else "-"
        lines.append(f"| {count:,} | {mean:.0f} | {seconds:.1f} | {kept:,} | {growth} |")
        before = seconds
    return [*lines, ""]


def instructions(count: int, seed: int) -> list[str]:
    """Texts of 6 to 40 words, drawn from words as unequal as those of English; a quarter are changed copies."""
    pick = random.Random(seed)
    vocabulary = [f"w{i}" for i in range(20_000)]
    weights = [1 / (i + 2.7) for i in range(len(vocabulary))]
    made: list[list[str]] = []
    for i in range(count):
        if i % 4 == 3:
            words = list(pick.choice(made))
            for _ in range(max(1, int(len(words) * pick.random() * 0.6))):
                words[pick.randrange(len(words))] = pick.choice(vocabulary)
        else:
            words = pick.choices(vocabulary, weights, k=pick.randrange(6, 41))
        made.append(words)
    return [" ".join(words) for words in made]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, action="append", help="sizes for near-duplicates (20000 and 200000)")
    parser.add_argument(
        "--novelty", type=int, default=50_000, help="largest size for novelty; its quarter and half too"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bezoar-data-bench"
    parser.add_argument("--envs", type=Path, default=cache)
    parser.add_argument("--out", type=Path, default=HERE / "RESULTS.md")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    body = ["## Near-duplicates", ""]
    for count in options.rows or [20_000, 200_000]:
        body += near_duplicates(count, options.repeats, options.envs, options.core)
    body += ["## Novelty", "", NOVELTY, ""]
    body += novelty([options.novelty // 4, options.novelty // 2, options.novelty], options.core)
    model = next((x.partition(":")[2].strip() for x in open("/proc/cpuinfo") if x.startswith("model name")), "unknown")  # noqa: PTH123, SIM115
    head = [
        "# Curation, measured",
        "",
        f"Written by `bench.py` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {model}, one of {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, load {load:.2f} before the start, {options.repeats} rounds.",
        "",
        "Everyone has the same rows, n-grams, permutations and bands, and one core. Imports and reading are not timed. "
        "Ours compares each candidate exactly before it drops a row; the others trust the sketch.",
        "",
    ]
    options.out.write_text("\n".join([*head, *body]).rstrip() + "\n")


NOVELTY = (
    "ROUGE-L against every earlier row that stayed, threshold 0.7, one core. Exact: rows without enough common words "
    "are ruled out by an inverted index over their rarest words, the rest is compared by bit-parallel LCS. Work grows "
    "with the square of the rows in the end, since the index's lists grow with them."
)

if __name__ == "__main__":
    main()
