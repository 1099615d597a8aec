"""The stage `merge`: an adapter put into the weights it was trained on, as they were before quantisation.

Merging into quantised weights would round the adapter away; the adapter is added to the unquantised ones instead.
"""

from __future__ import annotations

import time
from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from bezoar_data.config.files.recipe import Stage
from bezoar_data.runs.folder import write_json
from bezoar_data.runs.reward_head import REWARD_FILE
from bezoar_data.training.ends import fit_embeddings, set_ends
from bezoar_data.training.estimate.machine import peak_memory
from bezoar_data.training.models import load_adapter, load_weights
from bezoar_data.training.stages.base import Done, StageJob, StageKind


class MergeStage(Stage):
    """Put an adapter into an unquantised copy of the base, so that the result stands alone."""

    model_config = ConfigDict(title="Merge stage")
    starts_from: ClassVar[Literal["any", "adapter", "weights"]] = "adapter"
    head: ClassVar[Literal["language", "scores", "same"]] = "same"

    use: Literal["merge"] = Field(description="What the stage does.", examples=["merge"])
    dtype: Literal["float16", "bfloat16", "float32"] = Field(
        default="float16", description="The type of the merged weights.", examples=["float16"]
    )


def run_merge(job: StageJob) -> Done:
    """Leave a model that stands alone. Raises `InputError` where the weights cannot be loaded."""
    import torch

    # A recipe is checked for both.
    assert isinstance(job.stage, MergeStage)  # noqa: S101
    assert job.start.adapter is not None  # noqa: S101
    began = time.perf_counter()
    # Added in single precision, and rounded once.
    head = job.start.head
    labels = None if head is None else len(head.attributes)
    model = load_weights(job.start, job.place, dtype="float32", labels=labels)
    model = fit_embeddings(model, job.template.tokenizer)
    merged = load_adapter(model, job.start.adapter, trainable=False).merge_and_unload(safe_merge=True)
    set_ends(merged, job.template)
    merged.to(getattr(torch, job.stage.dtype)).save_pretrained(str(job.result))
    job.save_tokenizer(merged)
    if head is not None:
        write_json(job.result / REWARD_FILE, head.as_json())
    weights = sum(parameter.numel() for parameter in merged.parameters())
    times = {"seconds": round(time.perf_counter() - began, 2), "peak_memory_bytes": peak_memory()}
    return Done({"weights": weights, "dtype": job.stage.dtype}, times)


KIND = StageKind(MergeStage, run_merge)
