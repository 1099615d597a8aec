"""A small dataset with everything that a card can lie about, and a liar's tools."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezoar_data.cards.claims.rows import RowFacts
from bezoar_data.cards.render import card_renderer
from bezoar_data.engine.review.merge import merge_review
from bezoar_data.runs.dataset import describe_file
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.reviewed import answers_hash, read_answers, write_answers
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED, content_hash, seed_id
from support.cards import lock_of
from support.fault_server import FaultServer
from support.projects import Project, run_here

QUESTION = "Why does the moon show us the same side on every single night of the year?"
STEPS = """\
  - use: load_flan
    with: {path: rows.jsonl, licence: CC-BY-4.0}
  - use: decontaminate
    with: {column: [inputs, targets], against: tests.jsonl, allow: [APPEALED]}
  - use: orca.system_message
  - use: orca.explain
    with: {model: teacher}
  - use: judge.accept
    with: {model: judge}
"""
CARD = """\
---
pretty_name: Small
bezoar:
  views: {sft: {system: system_message, prompt: inputs, response: explained_targets}}
---
# Small

Words of a person.
"""
LICENCE = {"id": "CC-BY-4.0", "commercial": "yes"}


def make(folder: Path) -> Path:
    """The run: 24 rows of which 2 are dropped, two models with prices, two splits, six rows reviewed by two people."""
    project = Project(folder)
    project.rows(24, {3: QUESTION, 5: QUESTION.upper(), 7: QUESTION})
    items = [{"question_id": 81, "turns": [QUESTION]}]
    (folder / "tests.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (folder / "card.md").write_text(CARD)
    steps = STEPS.replace("APPEALED", seed_id("rows.jsonl", "", 5))
    project.pipeline(steps, card="card.md", splits={"validation": 0.2}, description="Small rows.", tolerate=1.0)
    with pytest.MonkeyPatch.context() as patch, FaultServer(scripted=True) as server:
        patch.chdir(folder)
        entry = {
            "provider": "openai",
            "base_url": server.url,
            "sampling": {"max_tokens": 256},
            "output_licence": LICENCE,
        }
        price = {"input": 0.5, "output": 2.0, "read": "2026-11-01"}
        roles = {
            role: {**entry, "model": name, "price": price}
            for role, name in (("teacher", "kind-1"), ("judge", "strict-2"))
        }
        (folder / "models.yaml").write_text(json.dumps({"version": 1, "roles": roles}))
        run_here(project)
        run = RunFolder(folder / "runs" / "test")
        reviewed = [row for row in project.kept() if row["judge_status"] is not None][:6]
        answers = [
            given(row, name, "accept" if i % 2 else "reject")
            for i, row in enumerate(reviewed)
            for name in ("anna", "ben")
        ]
        answers[0]["corrected_response"] = "Put right."
        write_answers(run.review, answers)
        merge_review(run, card_renderer(run.card, previous=run.dataset / "README.md"))
    return run.path


def given(row: Mapping[str, Any], annotator: str, verdict: str) -> dict[str, Any]:
    texts = ("preference", "ratings", "corrected_response", "licence", "protocol", "prompt", "comment", "other")
    return {
        "id": row["id"], "content_hash": row["content_hash"], "dataset": "d", "record": row["id"],
        "response": row["id"] + annotator, "annotator": annotator, "status": "submitted", "verdict": verdict,
        "column": "explained_targets", **dict.fromkeys(texts), "inserted_at": "2026-01-01", "updated_at": "2026-01-01",
        "weight": 1.0, "even": True, "edited": False, "removed": False,
    }  # fmt: skip


Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Liar:
    """What someone can do to a run's folder with an editor and this program."""

    run: Path

    @property
    def dataset(self) -> Path:
        return self.run / "dataset"

    def readme(self, old: str, new: str) -> None:
        self.text(self.dataset / "README.md", old, new)

    def text(self, file: Path, old: str, new: str) -> None:
        text = file.read_text("utf-8")
        assert old in text, old
        file.write_text(text.replace(old, new, 1), "utf-8")

    def lock(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Edit the lock alone."""
        file = self.dataset / "lock.json"
        value = json.loads(file.read_text())
        change(value)
        file.write_text(json.dumps(value, indent=2))

    def rows(self, change: Callable[[dict[str, Any]], object], *, hashed: bool = True) -> None:
        """Edit every row, with its own hash made right."""
        for file in sorted((self.dataset / "data").glob("*.parquet")):
            self.write(file, [self._edited(row, change, hashed) for row in pq.read_table(file).to_pylist()])

    def write(self, file: Path, rows: Rows) -> None:
        pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(file)), file)

    def parquet(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Edit every row of a file in the run's folder."""
        rows = pq.read_table(self.run / name).to_pylist()
        for row in rows:
            change(row)
        self.write(self.run / name, rows)

    def anew(self, change: Callable[[dict[str, Any]], object] = lambda lock: None) -> None:
        """Edit the lock, make all its hashes right, and render card and Croissant from it."""
        value = json.loads((self.dataset / "lock.json").read_text())
        for file in value["data"]:
            described = describe_file(self.dataset, self.dataset / file["path"], file["split"])
            file.update(rows=described.rows, bytes=described.bytes, memory=described.memory, sha256=described.sha256)
        report = (value["contamination"] or {}).get("report")
        if report and (self.dataset / report["path"]).exists():
            report["sha256"] = sha256_of(self.dataset / report["path"])
        value["pipeline"]["sha256"] = sha256_of(self.run / "pipeline.yaml")
        if value["review"]:
            value["review"]["answers_sha256"] = answers_hash(read_answers(self.run / "review.parquet"))
        change(value)
        lock = lock_of(value)
        (self.dataset / "lock.json").write_text(json.dumps(lock.as_json(), indent=2) + "\n")
        self.render(lock)

    def render(self, lock: Lock) -> None:
        facts = RowFacts(lock)
        for file in lock.data:
            list(facts.read(self.dataset / file.path, file.path, file.split))
        example = facts.first[1] if facts.first else None
        for name, text in card_renderer(self.run / "card.md")(lock, example, None).items():
            (self.dataset / name).write_text(text, "utf-8")

    @staticmethod
    def _edited(row: dict[str, Any], change: Callable[[dict[str, Any]], object], hashed: bool) -> dict[str, Any]:
        lineage = json.loads(row[RESERVED])
        row["lineage"] = lineage
        change(row)
        row[RESERVED] = json.dumps(row.pop("lineage"), sort_keys=True, separators=(",", ":"))
        if hashed:
            own = {k: v for k, v in row.items() if k not in LINEAGE_COLUMNS and k != RESERVED and not _of_people(k)}
            row["content_hash"] = content_hash(own)
        return row


def _of_people(column: str) -> bool:
    return column.startswith("review_") or column == "final_status"


def copied(made: Path, to: Path) -> Liar:
    return Liar(Path(shutil.copytree(made, to / "test")))
