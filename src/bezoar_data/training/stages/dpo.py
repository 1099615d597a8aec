"""The stage `dpo`: direct preference optimisation with TRL's DPOTrainer.

The reference is the policy as it starts, never the bare base: with a new adapter, the model without it (a merge
before); with one that is carried on, a frozen copy of it; where all weights are trained, a second copy of them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from bezoar_data.config.files.recipe import TrainingStage
from bezoar_data.training.data.pairs import pair_examples, pair_faults, pair_sequences
from bezoar_data.training.ends import fit_embeddings
from bezoar_data.training.models import load_weights
from bezoar_data.training.stages.base import TrainingJob, TrainingKind
from bezoar_data.training.stages.trainer import configuration, dataset, policy_model


class DpoStage(TrainingStage):
    """Direct preference optimisation on the card's `preference` view. The reference is the policy as it starts."""

    model_config = ConfigDict(title="DPO stage")
    trainer: ClassVar[str] = "DPOConfig"
    views: ClassVar[tuple[str, ...]] = ("preference",)
    has_reference: ClassVar[bool] = True

    use: Literal["dpo"] = Field(description="What the stage does.", examples=["dpo"])
    view: Literal["preference"] | None = Field(
        default=None, description="The card's view to train on.", examples=["preference"]
    )
    training: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of TRL's DPOConfig, over those of the recipe.",
        examples=[{"num_train_epochs": 1, "beta": 0.1}],
    )


def make_trainer(job: TrainingJob) -> Any:
    """TRL's trainer, its policy still the reference."""
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    class Trainer(DPOTrainer):
        # Examples come tokenised; SFTTrainer has a setting for it, this one has none.
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    model = policy_model(job)
    reference = None
    if job.adapter is None and job.start.adapter is None:
        reference = load_weights(job.start, job.place, dtype="float32", attention=job.kernels.attention)
        reference = fit_embeddings(reference, job.template.tokenizer)
    return Trainer(
        model=model,
        ref_model=reference,
        args=configuration(job, DPOConfig),
        train_dataset=dataset(job.examples.train),
        eval_dataset=dataset(job.examples.held_out),
        processing_class=job.template.tokenizer,
    )


KIND = TrainingKind(DpoStage, make_trainer, pair_examples, pair_faults, pair_sequences)
