"""The stage `sft`: supervised training on replies, or on whole texts, with TRL's SFTTrainer.

The adapter that an earlier stage left is carried on with a new optimizer and schedule; after a merge, or first, a new
one is made.
"""

from __future__ import annotations

from bezoar_data.training.data.packing import need_rows_apart
from bezoar_data.training.stages.base import Done, StageJob
from bezoar_data.training.stages.trainer import OurExamples, configuration, dataset, policy_model, run_trainer


def run_sft(job: StageJob) -> Done:
    """Train on the stage's examples. Raises `InputError` for what TRL refuses."""
    from trl import SFTConfig, SFTTrainer

    assert job.data is not None  # noqa: S101 (a stage that trains has data)

    class Trainer(OurExamples, SFTTrainer):  # type: ignore[misc]
        pass

    # Which tokens are learnt stands in the labels; the trainer would look for masks of its own. Rows are cut already.
    args = configuration(job, SFTConfig, completion_only_loss=None, assistant_only_loss=False, max_length=None)
    model = policy_model(job)
    if args.packing or args.padding_free:
        need_rows_apart(model, job.place)
    trainer = Trainer(
        model=model,
        args=args,
        train_dataset=dataset(job.data.examples.train),
        eval_dataset=dataset(job.data.examples.held_out),
        processing_class=job.template.tokenizer,
    )
    return run_trainer(job, trainer)
