"""One contender, once, in a process of its own: reads the rows, finds near-duplicates, says how long and which stayed.

python contender.py NAME ROWS.json OUT.json, where ROWS holds texts and settings. Imports and reading are not timed.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BATCH = 1000


def bezoar(texts: Sequence[str], s: dict[str, Any]) -> tuple[float, list[bool]]:
    import numpy  # noqa: F401
    import rensa  # noqa: F401

    from bezoar_data.runs.row import Lineage, Row
    from bezoar_data.steps.base import Kept
    from bezoar_data.steps.curation.near_duplicates import NearDuplicates

    step = NearDuplicates(
        name="near", column="text", threshold=s["threshold"], ngram=s["ngram"], num_perm=s["permutations"]
    )
    rows = [Row({"text": t}, Lineage(id=str(i), order=(i,))) for i, t in enumerate(texts)]
    start = time.perf_counter()
    kept = [isinstance(v, Kept) for v in step.run_rows(rows)]
    return time.perf_counter() - start, kept


def datasketch(texts: Sequence[str], s: dict[str, Any]) -> tuple[float, list[bool]]:
    from datasketch import MinHash, MinHashLSH
    from grams import word_ngrams

    params = (s["bands"], s["permutations"] // s["bands"])
    start = time.perf_counter()
    index = MinHashLSH(num_perm=s["permutations"], params=params)
    kept = []
    # In bulk, as its documentation advises: a sketch made by itself draws its permutations anew, thrice the time.
    grams = ([g.encode() for g in word_ngrams(text, s["ngram"])] for text in texts)
    for i, sketch in enumerate(MinHash.generator(grams, num_perm=s["permutations"])):
        new = not index.query(sketch)
        if new:
            index.insert(i, sketch)
        kept.append(new)
    return time.perf_counter() - start, kept


def distilabel(texts: Sequence[str], s: dict[str, Any]) -> tuple[float, list[bool]]:
    from distilabel.steps import MinHashDedup
    from distilabel.steps.filtering._datasketch import MinHashLSH
    from grams import word_ngrams

    logging.disable(logging.WARNING)
    step = MinHashDedup(name="dedup", num_perm=s["permutations"], threshold=s["threshold"], tokenizer="ngrams")
    step.load()
    # Its own tokenizers split into single words or letters, and it lets datasketch choose the bands: given ours.
    step._tokenizer = lambda batch: [{g.encode() for g in word_ngrams(t, s["ngram"])} for t in batch]
    params = (s["bands"], s["permutations"] // s["bands"])
    step._lsh = MinHashLSH(num_perm=s["permutations"], params=params, storage_config={"type": "dict"})
    rows = [{"text": t} for t in texts]
    start = time.perf_counter()
    kept = []
    for at in range(0, len(rows), BATCH):
        for out in step.process(rows[at : at + BATCH]):
            kept += [r["keep_row_after_minhash_filtering"] for r in out]
    return time.perf_counter() - start, kept


def main() -> None:
    name, source, target = sys.argv[1:]
    given = json.loads(Path(source).read_text())
    seconds, kept = {"bezoar-data": bezoar, "datasketch": datasketch, "distilabel": distilabel}[name](
        given["texts"], given["settings"]
    )
    Path(target).write_text(json.dumps({"seconds": seconds, "kept": kept}))


if __name__ == "__main__":
    main()
