"""distilabel's own command line runs what a run wrote down as its pipeline, from the project's folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from bezoar_data.runs.row import RESERVED, Row
from bezoar_data.steps.pack import PACKED
from support.projects import Project

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["orca", pytest.param("lamini", marks=pytest.mark.nightly)])
def test_distilabels_command_line_runs_it_and_keeps_the_same_rows(tmp_path: Path, name: str) -> None:
    project = Project(tmp_path)
    for folder in ("pipelines", "cards"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    assert project.bezoar("run", f"pipelines/{name}.yaml", "--models", "pipelines/models/offline.yaml").code == 0
    written = tmp_path / "runs" / name / "distilabel.yaml"
    assert str(tmp_path) not in written.read_text()

    cache = tmp_path / "cache"
    caches = {"DISTILABEL_CACHE_DIR": str(cache), "HF_DATASETS_CACHE": str(cache / "datasets")}
    program = Path(sys.executable).with_name("distilabel")
    command = [str(program), "pipeline", "run", "--ignore-cache", "--config"]
    done = subprocess.run(
        [*command, str(written.relative_to(tmp_path))],
        cwd=tmp_path,
        env={**os.environ, **caches},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    packed = [
        text for file in cache.rglob("bezoar-pack/*.parquet") for text in parquet.read_table(file)[PACKED].to_pylist()
    ]
    rows = [Row.decode({RESERVED: text}) for text in packed]
    kept = {row.id for row in rows if row.lineage.drop is None}
    dataset = parquet.read_table(tmp_path / "runs" / name / "dataset" / "data")
    assert kept == set(dataset["id"].to_pylist())
