"""What stages share that learn from replies of their own: how these are drawn, once, before the first step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar, cast

from pydantic import Field

from bezoar_data.config.files.recipe import TrainingStage
from bezoar_data.training.sampled import Ids, drawn_once, sample_replies
from bezoar_data.training.stages.base import TrainingJob

T = TypeVar("T")


class DrawnStage(TrainingStage):
    """A stage that draws several replies to each prompt from the model as it starts."""

    responses: Annotated[int, Field(ge=2)] = Field(
        default=10, description="How many replies to a prompt are drawn.", examples=[10]
    )
    temperature: Annotated[float, Field(gt=0)] = Field(
        default=0.7, description="How freely they are drawn.", examples=[0.7]
    )
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.9, description="From the likeliest tokens that together have this probability.", examples=[0.9]
    )
    max_new_tokens: Annotated[int, Field(gt=0)] = Field(
        default=512, description="The longest reply, in tokens.", examples=[512]
    )


def draw_replies(job: TrainingJob, model: Any, prompts: Sequence[Ids]) -> list[list[Ids]]:
    """The replies to each prompt, as the stage asks for them; short ones where the trainer is only tried."""
    stage = cast(DrawnStage, job.stage)
    return sample_replies(
        model, prompts, job.template, n=stage.responses, longest=4 if job.tried else stage.max_new_tokens,
        seed=int(job.settings.full["seed"]), temperature=stage.temperature, top_p=stage.top_p,
    )  # fmt: skip


def of_both_sides(job: TrainingJob, name: str, draw: Callable[[], Sequence[T]]) -> tuple[list[T], list[T]]:
    """What `draw` makes of all examples, kept in the file `name`: of those to train on, and of those held out."""
    found = drawn_once(job.work / name, draw)
    train = len(job.examples.train)
    return found[:train], found[train:]
