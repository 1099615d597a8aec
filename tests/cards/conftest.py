"""A real dataset on disk and the lock that belongs to it, for the tests of the card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.runs.dataset import write_dataset
from bezoar_data.runs.judged import LockedJudging
from bezoar_data.runs.record import as_json
from bezoar_data.runs.row import Lineage, Row, seed_id
from bezoar_data.runs.spool import Spool
from support.cards import lock_of
from support.lies import make
from support.orca_rows import orca_row
from support.ssh_keys import make_key

ORCA_COLUMNS = (
    "original_index",
    "inputs",
    "targets",
    "task_source",
    "task_name",
    "template_type",
    "dataset_source",
    "system_message",
    "explained_targets",
    "judge_status",
    "judge_rating",
    "judge_reason",
)


@dataclass(frozen=True)
class Build:
    """A dataset folder as the engine leaves it before its card, with the lock's content."""

    folder: Path
    lock: dict[str, Any]
    example: Mapping[str, Any] | None

    @property
    def hash(self) -> str:
        return lock_of(self.lock).hash


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with everything that a card can lie about. Copy it before you change it."""
    return make(tmp_path_factory.mktemp("honest"))


@pytest.fixture(scope="session")
def ssh_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key of an honest person."""
    return make_key(tmp_path_factory.mktemp("anna"))


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Build]:
    """Write rows through the spool as real Parquet files and give the lock that tells of them."""
    count = 0

    def make(rows: Sequence[Mapping[str, Any]] | None = None, *, demo: bool = True, **changes: Any) -> Build:
        nonlocal count
        count += 1
        rows = [orca_row(i) for i in range(10)] if rows is None else rows
        folder = tmp_path / f"run{count}" / "dataset"
        spool = Spool(tmp_path / f"spool{count}.sqlite")
        for i, columns in enumerate(rows):
            identity = seed_id("flan", "", i)
            spool.keep(Row(dict(columns), Lineage(identity, (i,), (identity,), source="flan", demo=demo)))
        expected = dict.fromkeys(ORCA_COLUMNS)
        written = write_dataset(spool, folder, splits={"validation": 0.2}, seed=42, expected=expected)
        spool.close()
        kept = len(rows)
        accepted = sum(row.get("judge_status") == "Accept" for row in rows)
        lock = {
            "format": 5,
            "pipeline": {
                "name": "orca",
                "version": 1,
                "description": "Explanation tuning on FLAN rows",
                "sha256": "ab" * 32,
                "seed": 42,
                "splits": {"validation": 0.2},
                "limit": None,
                "tolerate": 0.05,
                "review": None,
            },
            "software": {"bezoar-data": "0.1.0", "distilabel": "1.5.3", "pyarrow": "26.0.1", "datasets": None},
            "steps": [
                step("load_flan", [], kept + 2, kept + 2, settings={"path": "seeds/flan.jsonl", "per_task": 300}),
                step("orca-explain", ["load_flan"], kept + 2, kept + 1, {"truncated_answer": 1}, role="teacher"),
                step("near_duplicates", ["orca-explain"], kept + 1, kept, {"near_duplicate": 1}),
                step("judge-accept", ["near_duplicates"], kept, kept, role="judge", settings={"as": "judge"}),
            ],
            "sources": [
                {
                    "step": "load_flan",
                    "name": "flan",
                    "revision": None,
                    "sha256": "cd" * 32,
                    "url": None,
                    "licence": None,
                    "demo": False,
                    "as_text": [],
                    "rows": kept + 2,
                    "kept": kept,
                }
            ],
            "models": [model("teacher", "orca-explain", demo), model("judge", "judge-accept", demo)],
            "counts": {"source": kept + 2, "kept": kept, "dropped": 2},
            "usage": [
                {
                    "step": "orca-explain",
                    "model": "demo-teacher",
                    "answers": kept + 2,
                    "prompt_tokens": 12345,
                    "completion_tokens": 6789,
                    "cost": 0.0,
                }
            ],
            "cost": 0.0,
            "contamination": None,
            "judges": [
                {
                    "name": "judge",
                    "step": "judge-accept",
                    "kind": "accept",
                    "accepted": accepted,
                    "rejected": kept - accepted,
                    "ratings": {"2": kept - accepted, "5": accepted},
                    "unjudged": {},
                }
            ],
            "judging": as_json(LockedJudging()),
            "columns": dict(written.columns),
            "mixed_columns": list(written.mixed),
            "values": written.values,
            "lengths": {name: asdict(one) for name, one in written.lengths.items()},
            "data": [asdict(file) for file in written.files],
            "demo": demo,
            "review": None,
        }
        return Build(folder, {**lock, **changes}, written.example)

    return make


def step(
    name: str,
    after: list[str],
    rows_in: int,
    rows_out: int,
    dropped: dict[str, int] | None = None,
    *,
    role: str | None = None,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "id": name,
        "use": name.replace("-", "."),
        "version": 1,
        "after": after,
        "settings": settings or {},
        "files": {},
        "role": role,
        "rows_in": rows_in,
        "rows_out": rows_out,
        "dropped": dropped or {},
        "missed": {},
        "noted": {},
        "texts": {},
    }


def model(role: str, step_id: str, demo: bool) -> dict[str, Any]:
    return {
        "role": role,
        "fallback": False,
        "provider": f"demo-{role}",
        "model": f"demo-{role}",
        "revision": "1",
        "sampling": {"temperature": 0.0},
        "extra_body": {},
        "output_licence": {"id": "CC0-1.0", "commercial": "yes", "url": None, "note": None},
        "carbon": None,
        "demo": demo,
        "rules": False,
        "thinking": "split",
        "steps": [step_id],
    }
