"""What stages share whose model's own answers are scored: where the scores come from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import Field, model_validator

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.pipeline import STEP_ID
from bezoar_data.config.files.recipe import TrainingStage
from bezoar_data.config.paths import normalized, relative_to_cwd
from bezoar_data.config.problems import Problem
from bezoar_data.llms.reward.model import RewardModel, TooLong
from bezoar_data.runs.conversations.turns import Turns
from bezoar_data.runs.reward_head import REWARD_FILE
from bezoar_data.training.stages.base import TrainingJob

Reward = Callable[[Sequence[Turns]], Sequence[float | None]]
"""Conversations that end in a reply, as numbers; None where one cannot be scored."""
_REWARDS = ("reward", "reward_model", "reward_function")


class RewardedStage(TrainingStage):
    """A stage that scores answers: by a reward model, or by a function."""

    needs: ClassVar[Mapping[str, Literal["language", "scores"]]] = {"reward": "scores"}

    reward: Annotated[str, Field(pattern=STEP_ID)] | None = Field(
        default=None, description="The earlier stage whose model scores answers.", examples=["reward"]
    )
    reward_model: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="In its place: the folder of such a model, relative to this file.",
        examples=["../trained/helpsteer2-reward/pairs"],
    )
    reward_function: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] | None = Field(
        default=None,
        description="In its place: a Python function, which is given conversations and returns a number for each. Its "
        "module is imported, which runs its code.",
        examples=["my_rewards:brevity"],
    )

    def reads(self, recipe: Path) -> tuple[Path, ...]:
        """The reward model's files, or the reward function's."""
        if self.reward_model is not None:
            folder = normalized(recipe.parent / self.reward_model)
            return tuple(sorted(p for name in ("*.safetensors", REWARD_FILE, "*.jinja") for p in folder.glob(name)))
        if self.reward_function is not None:
            spec = _spec(self.reward_function)
            return (Path(spec.origin),) if spec is not None and spec.origin else ()
        return ()

    @model_validator(mode="after")
    def takes_one_reward(self) -> Self:
        if sum(getattr(self, name) is not None for name in _REWARDS) != 1:
            raise ValueError(f"takes one of {', '.join(map(repr, _REWARDS))}")
        return self


def asked_of(messages: Turns) -> str:
    """The turns before the last one, as an example keeps them."""
    return json.dumps(messages[:-1], ensure_ascii=False)


def as_conversation(asked: str, reply: Sequence[int], tokenizer: Any) -> Turns:
    """What `asked_of` gave, with an answer as text."""
    text = tokenizer.decode(reply, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return [*json.loads(asked), {"role": "assistant", "content": text.strip()}]


def reward_of(job: TrainingJob) -> Reward:
    """What scores answers. Raises `InputError` where it is not there."""
    stage = cast(RewardedStage, job.stage)
    if stage.reward_function is not None:
        return _function(job, stage.reward_function)
    if stage.reward_model is not None:
        folder = job.recipe.resolve(stage.reward_model)
        if not (folder / REWARD_FILE).is_file():
            message = f"there is no reward model in {relative_to_cwd(folder)}"
            raise InputError(Problem("no-reward", message, job.place, "train one with a 'reward' stage"))
    else:
        start = job.others["reward"]
        folder = start.adapter or Path(start.weights)
    if job.tried:  # what is tried has no tokenizer beside it yet
        return lambda conversations: [0.0] * len(conversations)
    model = RewardModel(folder)

    def rewards(conversations: Sequence[Turns]) -> list[float | None]:
        texts = [_encoded(job, model, one) for one in conversations]
        scores = iter(model.score([ids for ids in texts if ids is not None]))
        return [None if ids is None else model.head.reward(next(scores)) for ids in texts]

    return rewards


def _encoded(job: TrainingJob, model: RewardModel, conversation: Turns) -> list[int] | None:
    try:
        return model.encode(conversation)
    except TooLong:
        return None
    except ValueError as error:
        message = f"the reward model cannot read a conversation of the card: {error}"
        hint = "train it with this recipe's template"
        raise InputError(Problem("no-reward", message, job.place, hint)) from error


def _function(job: TrainingJob, name: str) -> Reward:
    if _spec(name) is None:
        message, hint = f"there is no module '{name.partition(':')[0]}'", "install it, or name its folder in PYTHONPATH"
        raise InputError(Problem("no-reward", message, job.place, hint))
    module, _, function = name.partition(":")
    found = getattr(import_module(module), function, None)
    if not callable(found):
        raise InputError(Problem("no-reward", f"the module '{module}' has no function '{function}'", job.place))
    return cast(Reward, found)


def _spec(name: str) -> Any:
    try:
        return find_spec(name.partition(":")[0])
    except (ImportError, ValueError):
        return None
