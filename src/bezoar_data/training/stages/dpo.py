"""The stage `dpo`: direct preference optimisation with TRL's DPOTrainer.

The reference is the policy as it starts, never the bare base: with a new adapter, the model without it (a merge
before); with one that is carried on, a frozen copy of it; where all weights are trained, a second copy of them.
"""

from __future__ import annotations

from typing import Any

from bezoar_data.training.models import load_weights
from bezoar_data.training.stages.base import Done, StageJob
from bezoar_data.training.stages.trainer import OurExamples, configuration, dataset, policy_model, run_trainer


def run_dpo(job: StageJob) -> Done:
    """Train on the stage's pairs. Raises `InputError` for what TRL refuses."""
    trainer = make_trainer(job)
    return run_trainer(job, trainer)


def make_trainer(job: StageJob) -> Any:
    """TRL's trainer, its policy still the reference."""
    from trl import DPOConfig, DPOTrainer

    assert job.data is not None  # noqa: S101 (a stage that trains has data)

    class Trainer(OurExamples, DPOTrainer):  # type: ignore[misc]
        pass

    model = policy_model(job)
    trains_all = job.data.adapter is None and job.start.adapter is None
    attention = job.data.speed.attention
    reference = load_weights(job.start, job.place, dtype="float32", attention=attention) if trains_all else None
    return Trainer(
        model=model,
        ref_model=reference,
        args=configuration(job, DPOConfig),
        train_dataset=dataset(job.data.examples.train),
        eval_dataset=dataset(job.data.examples.held_out),
        processing_class=job.template.tokenizer,
    )
