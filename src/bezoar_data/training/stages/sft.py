"""The stage `sft`: supervised training on replies, or on whole texts, with TRL's SFTTrainer.

The adapter that an earlier stage left is carried on with a new optimizer and schedule; after a merge, or first, a new
one is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from bezoar_data.config.files.recipe import TrainingStage
from bezoar_data.runs.conversations.views import Example as Conversation
from bezoar_data.training.data.examples import Counted, MakeExample, StageRows
from bezoar_data.training.data.packing import Example, need_rows_apart
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import IGNORED, Template, Unusable
from bezoar_data.training.stages.base import TrainingJob, TrainingKind
from bezoar_data.training.stages.trainer import configuration, dataset, policy_model


class SftStage(TrainingStage):
    """Supervised training on the card's `sft` or `messages` view. It carries the adapter it starts from on, with a new
    optimizer."""

    model_config = ConfigDict(title="SFT stage")
    trainer: ClassVar[str] = "SFTConfig"
    views: ClassVar[tuple[str, ...]] = ("sft", "messages")
    padding_free: ClassVar[bool] = True

    use: Literal["sft"] = Field(description="What the stage does.", examples=["sft"])
    view: Literal["sft", "messages"] | None = Field(
        default=None, description="The card's view to train on, where it has both.", examples=["sft"]
    )
    train_on: tuple[Literal["assistant", "user", "system", "tool"], ...] = Field(
        default=("assistant",), min_length=1, description="Whose turns are learnt.", examples=[["assistant"]]
    )
    training: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of TRL's SFTConfig, over those of the recipe.",
        examples=[{"num_train_epochs": 3, "learning_rate": 3e-4}],
    )


def make_trainer(job: TrainingJob) -> Any:
    """TRL's trainer, for the stage's examples."""
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    # Which tokens are learnt stands in the labels; the trainer would look for masks of its own. Rows are cut already.
    ours = {"completion_only_loss": None, "assistant_only_loss": False, "max_length": None}
    args = configuration(job, SFTConfig, **ours, dataset_kwargs={"skip_prepare_dataset": True})
    model = policy_model(job)
    if args.packing or args.padding_free:
        need_rows_apart(model, job.place)
    return SFTTrainer(
        model=model,
        args=args,
        train_dataset=dataset(job.examples.train),
        eval_dataset=dataset(job.examples.held_out),
        processing_class=job.template.tokenizer,
    )


Read = Callable[[Mapping[str, Any]], Conversation]
"""A row's conversation. Raises `Unusable`."""


def sft_examples(
    rows: StageRows, template: Template, settings: Mapping[str, Any], read: Read | None = None
) -> MakeExample:
    """Of the reply alone, or of the whole text where `completion_only_loss: false` says so. `read` is how a row becomes
    a conversation, if not by its view alone."""
    whole = settings.get("completion_only_loss") is False and not settings.get("assistant_only_loss")
    longest = settings.get("max_length")
    kept = slice(-longest, None) if longest and settings.get("truncation_mode") == "keep_end" else slice(longest)

    def make(row: Mapping[str, Any], counted: Counted) -> Example:
        example = read_row(rows.view, row) if read is None else read(row)
        encoded = template.encode(example.messages, example.tools, train_on=rows.train_on)
        ids, labels = encoded.ids, encoded.ids if whole else encoded.labels
        cut_ids, cut_labels = ids[kept], labels[kept]
        # The first token is never predicted.
        if all(label == IGNORED for label in cut_labels[1:]):
            raise Unusable("reply_cut_off")
        counted.replies_passed += 0 if whole else encoded.passed
        counted.truncated += len(cut_ids) < len(ids)
        counted.tokens += len(cut_ids)
        counted.learnt += sum(label != IGNORED for label in cut_labels[1:])
        return {"input_ids": cut_ids, "labels": list(cut_labels)}

    return make


def sft_faults(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What would join rows in one sequence where they see each other, or not join them at all."""
    if settings["packing"] and settings["packing_strategy"] == "wrapped":
        message = "'wrapped' packing cuts rows in pieces that see each other"
        yield "packing_strategy", message, "take 'bfd', which keeps rows whole and apart"
    if settings["packing"] and settings["max_length"] is None:
        yield "max_length", "'packing' needs a length to fill", "give 'max_length'"
    if settings["eval_packing"] and not (settings["packing"] or settings["padding_free"]):
        message = "packed for evaluation alone, rows would see each other"
        yield "eval_packing", message, "add 'packing' or 'padding_free'"


KIND = TrainingKind(SftStage, make_trainer, sft_examples, sft_faults)
