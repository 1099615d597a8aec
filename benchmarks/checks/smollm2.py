"""SmolLM2-135M's answers to the shipped Orca questions, asked anew, beside those that were labelled by hand.

    python benchmarks/checks/smollm2.py

Runs pipelines/orca.yaml with the model in this process (extra `local`; 98 MB fetched once; about two minutes on an idle
core) and prints how many answers are those of smollm2.jsonl, which `measure.py` reads, and the verdicts on them. At
temperature 0 all are equal on one kind of machine; on another some may differ, and then have no label.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

HERE = Path(__file__).parent
PIPELINE = HERE.parents[1] / "pipelines" / "orca.yaml"
MODELS = """\
version: 1
roles:
  teacher:
    provider: llamacpp
    model: smollm2-135m-instruct
    sampling: {temperature: 0, max_tokens: 256}
    output_licence: {id: Apache-2.0}
  judge: {provider: checks, model: checks}
"""


def main() -> None:
    labelled = {row["inputs"]: row for row in map(json.loads, (HERE / "smollm2.jsonl").read_text("utf-8").splitlines())}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "models.yaml").write_text(MODELS)
        command = ["bezoar-data", "run", PIPELINE, "--models", "models.yaml", "--out", "run"]
        subprocess.run(command, cwd=folder, check=True)
        data = Path(folder, "run", "dataset", "data").glob("*.parquet")
        rows = [row for path in sorted(data) for row in pq.read_table(path).to_pylist()]
    same = [row for row in rows if row["explained_targets"].strip() == labelled[row["inputs"]]["answer"].strip()]
    print(f"{len(rows)} answers were whole; {len(same)} of them are the labelled ones")
    for status, rating in sorted({(row["judge_status"], row["judge_rating"]) for row in rows}, reverse=True):
        own = [row for row in same if (row["judge_status"], row["judge_rating"]) == (status, rating)]
        labels = Counter("good" if labelled[row["inputs"]]["good"] else "bad" for row in own)
        print(f"{status} {rating}: {len(own)} of the labelled answers, {dict(labels)}")


if __name__ == "__main__":
    main()
