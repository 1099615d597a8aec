"""Writes the two word tables the offline judge ships with, counted in public text.

    BEZOAR_TEST_DATA=... python benchmarks/offline/build_tables.py

Word order is counted in HH-RLHF (MIT) and the development half of FLAN CoT (Apache-2.0), word frequency in the latter.
The tables hold counts of word classes and stems of common words, no text. Held-out rows are left out.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import answers

from bezoar_data.llms.offline.order import CLASSES, TABLE, shape, tokens
from bezoar_data.llms.offline.text import content_stems
from bezoar_data.llms.offline.weights import COMMON

OWN_CLASSES = 130
COMMON_STEMS = 1200


def dialogues(folder: Path) -> Iterator[str]:
    for row in answers._lines(folder / "hh_rlhf" / "harmless-base.jsonl"):
        for turn in re.split(r"\n\n(?:Human|Assistant): ", row["chosen"]):
            if turn.strip():
                yield turn.strip()


def rationales(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((folder / "flan_cot").glob("*.tsv")):
        for i, line in enumerate(path.read_text(encoding="utf-8").split("\n")):
            if line and not answers._odd(path.stem, i):
                question, _, rationale = (p.replace("\\n", "\n").strip() for p in line.split("\t"))
                yield question, rationale


def main() -> None:
    folder = answers.data_folder()
    pairs = list(rationales(folder))
    prose = [
        *dialogues(folder),
        *(r for q, r in pairs if not q.count("(A)")),
        *(q.split("\nOptions")[0] for q, _ in pairs),
    ]
    counts = Counter(t for text in prose for t in tokens(text))
    own = [t for t, _ in counts.most_common(600) if re.fullmatch(r"[A-Za-z']+|[^\w\s]", t)][:OWN_CLASSES]
    classes = [*own, *(c for c in CLASSES if c not in own)]
    known = set(own)
    single: Counter[str] = Counter()
    double: Counter[tuple[str, str]] = Counter()
    for text in prose:
        row = ["<start>", *(t if t in known else shape(t) for t in tokens(text)), "<end>"]
        single.update(row)
        double.update(itertools.pairwise(row))
    total = sum(double.values())
    lines = [" ".join(classes)]
    for a in classes:
        marks = []
        for b in classes:
            expected = single[a] * single[b] / total
            pmi = math.log2((double[a, b] + 0.5 + 0.1 * expected) / (expected * 1.1 + 0.5)) if expected else 0.0
            marks.append(chr(ord("m") + max(-12, min(12, round(2 * pmi)))))
        lines.append("".join(marks))
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")

    seen: Counter[str] = Counter()
    for question, rationale in pairs:
        seen.update(s for s in set(content_stems(f"{question} {rationale}")) if s.isalpha())
    common = [f"{stem} {round(10 * math.log2(len(pairs) / n)) / 10}" for stem, n in seen.most_common(COMMON_STEMS)]
    COMMON.write_text("\n".join(common) + "\n", encoding="utf-8")
    print(f"{len(classes)} word classes from {total:,} neighbours; {len(common)} common stems from {len(pairs):,} rows")


if __name__ == "__main__":
    main()
