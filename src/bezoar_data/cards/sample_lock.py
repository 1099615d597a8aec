"""A made-up lock with one of everything, to try a template before a run: an undefined value in it is found for free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel

from bezoar_data.config.files.models import OutputLicence
from bezoar_data.runs.judged import AcceptCounts, LockedJudging
from bezoar_data.runs.lock import (
    DataFile,
    Lock,
    LockedModel,
    LockedPipeline,
    LockedSource,
    LockedStep,
    ModelUsage,
    RowCounts,
)

# fmt: off
SAMPLE = Lock(
    pipeline=LockedPipeline(name="sample", version=1, description="", sha256="0", seed=0, splits={"validation": 0.5},
                            tolerate=0.0, limit=None, review=None),
    software={"bezoar-data": "0"},
    steps=(LockedStep(id="step", use="step", version=1, after=(), settings={}, files={}, role="teacher", rows_in=2,
                      rows_out=1, dropped={"reason": 1}, missed={}, noted={}, texts={}),),
    sources=(LockedSource(step="step", name="source", revision=None, sha256="0", url=None, licence=None,
                          demo=False, as_text=(), rows=2, kept=1),),
    models=(LockedModel(role="teacher", fallback=False, provider="provider", model="model", revision=None, sampling={},
                        extra_body={}, output_licence=OutputLicence(id="unknown"), carbon=None, demo=False,
                        thinking="split", rules=False, steps=("step",)),),
    counts=RowCounts(source=2, kept=1, dropped=1),
    usage=(ModelUsage("step", "model", 1, 1, 1, None),),
    cost=None,
    judges=(AcceptCounts(name="judge", step="step", kind="accept", accepted=1, rejected=0, ratings={"5": 1},
                         unjudged={}),),
    judging=LockedJudging(),
    contamination=None,
    columns={"id": "string"},
    mixed_columns=(),
    values={},
    lengths={},
    data=(DataFile(path="data/train-00000-of-00001.parquet", split="train", rows=1, bytes=1, memory=1, sha256="0"),),
    demo=False,
    review=None,
)
"""None of its figures ever reaches a card."""
# fmt: on


def sample_values(value: Any = SAMPLE) -> Any:
    """The sample as a template reads it. Where a real lock's keys or lengths depend on the pipeline (settings, reasons,
    ratings), it holds whatever is asked of it, so that only names which no lock can have are found missing."""
    if isinstance(value, Mapping):
        return _AnyKey(value)
    if isinstance(value, tuple):
        return _AnyLength(map(sample_values, value))
    if isinstance(value, BaseModel):
        return value.model_dump()
    if is_dataclass(value):
        return {f.name: sample_values(getattr(value, f.name)) for f in fields(value)}
    return value


class _AnyKey(dict[str, Any]):
    def __missing__(self, key: str) -> int:
        return 0


class _AnyLength(list[Any]):
    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(0 if isinstance(index, int) else index)
