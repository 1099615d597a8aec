"""The stage `drpo`: dataset reset policy optimisation (Chang et al. 2024, arXiv 2404.08495), with TRL's RLOOTrainer.

The policy answers prompts and learns from the reward of its answers, less its distance from the reference. With some
probability it does not begin at the prompt but after a part of the card's own answer, whose length is drawn evenly from
1 to L - 1 of its L tokens; all answers to a prompt in a batch begin alike, so that their mean is the value of that
state. What is reset to is no answer of the policy: loss and distance are of the free tokens alone, while the reward is
of the whole answer. The authors use PPO with a critic, which TRL no longer has.

Draws hang on the seed, the step and the prompt, and on no generator: with probability 0 this is TRL's RLOO to the bit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import ConfigDict, Field

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.pipeline import STEP_ID
from bezoar_data.config.files.recipe import BASE, TrainingStage
from bezoar_data.config.paths import normalized, relative_to_cwd
from bezoar_data.config.problems import Problem
from bezoar_data.llms.reward.model import RewardModel, TooLong
from bezoar_data.runs.conversations.turns import Turns
from bezoar_data.runs.reward_head import REWARD_FILE
from bezoar_data.runs.row import digest
from bezoar_data.training.data.examples import Counted, MakeExample, StageRows
from bezoar_data.training.data.packing import Example
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import Template, Unusable
from bezoar_data.training.ends import set_ends
from bezoar_data.training.stages.base import TrainingJob, TrainingKind
from bezoar_data.training.stages.trainer import configuration, dataset, policy_model

Reward = Callable[[Sequence[Turns]], Sequence[float | None]]
"""Conversations that end in a reply, as numbers; None where one cannot be scored."""
_REWARDS = ("reward", "reward_model", "reward_function")
_Share = Annotated[float, Field(ge=0, le=1)]


class DrpoStage(TrainingStage):
    """Reinforcement learning with TRL's RLOO whose answers begin after a part of the card's own (DR-PO)."""

    model_config = ConfigDict(title="DR-PO stage")
    trainer: ClassVar[str] = "RLOOConfig"
    views: ClassVar[tuple[str, ...]] = ("preference", "sft", "messages")
    has_reference: ClassVar[bool] = True
    needs: ClassVar[Mapping[str, Literal["language", "scores"]]] = {"reward": "scores"}

    use: Literal["drpo"] = Field(description="What the stage does.", examples=["drpo"])
    view: Literal["preference", "sft", "messages"] | None = Field(
        default=None,
        description="The card's view to train on: its prompts, and its answers (of a pair, the chosen one).",
        examples=["preference"],
    )
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
    reset: _Share = Field(
        default=1.0,
        description="How likely an answer begins after a part of the card's own (the authors' β); 0 is RLOO.",
        examples=[1.0],
    )
    reset_end: _Share | None = Field(
        default=None,
        description="The same at the last step; it goes there evenly. Left out, it stays.",
        examples=[0.0],
    )
    unfinished: float | None = Field(
        default=None,
        description="The reward of an answer that does not end within `max_completion_length`; -1 is the authors'. "
        "Left out, it is scored as it stands.",
        examples=[-1.0],
    )
    max_prompt_length: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="Tokens; rows with longer prompts are left out.", examples=[512]
    )
    training: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of TRL's RLOOConfig, over those of the recipe; its `beta` weighs the distance from the "
        "reference, and `max_completion_length` is that of a whole answer.",
        examples=[{"num_generations": 4, "learning_rate": 1e-6}],
    )

    def reset_at(self, done: float) -> float:
        """The probability of a reset when this share of all steps is done."""
        return self.reset if self.reset_end is None else self.reset + (self.reset_end - self.reset) * done

    def reads(self, recipe: Path) -> tuple[Path, ...]:
        """The reward model's files, or the reward function's."""
        if self.reward_model is not None:
            folder = normalized(recipe.parent / self.reward_model)
            return tuple(sorted(p for name in ("*.safetensors", REWARD_FILE, "*.jinja") for p in folder.glob(name)))
        if self.reward_function is not None:
            spec = _spec(self.reward_function)
            return (Path(spec.origin),) if spec is not None and spec.origin else ()
        return ()


def reset_length(reply: Sequence[int], longest: int, probability: float, *of: Any) -> int:
    """How many tokens of a reply are given, drawn by what `of` holds: 0, or 1 to L - 1 of its L tokens. What is beyond
    `longest` does not count."""
    length = min(len(reply), longest)
    number, chance = divmod(int(digest("reset", *of), 16), 2**64)
    if length < 2 or chance / 2**64 >= probability:
        return 0
    return 1 + number % (length - 1)


def make_trainer(job: TrainingJob) -> Any:
    """TRL's trainer, which begins answers where ours says. Raises `InputError`."""
    from trl.trainer.rloo_config import RLOOConfig
    from trl.trainer.rloo_trainer import RLOOTrainer

    stage, full = cast(DrpoStage, job.stage), job.settings.full
    seed, most = int(full["seed"]), int(full["max_completion_length"])
    _need_reference(job)
    model = policy_model(job)
    # TRL's generation stops at what the model says ends a text.
    set_ends(model, job.template)
    model.config.use_cache = False

    class Trainer(RLOOTrainer):
        starts: list[list[int]] = []
        given: list[list[int]] = []

        def _generate_and_score_completions(self, inputs: Any) -> Any:
            done = self.state.global_step / max(self.state.max_steps, 1)
            probability = stage.reset_at(done) if self.model.training else 0.0
            drawn_by = probability, seed, self.state.global_step
            self.given = [
                one["reply_ids"][: reset_length(one["reply_ids"], most, *drawn_by, one["prompt_ids"])] for one in inputs
            ]
            self.starts = [one["prompt_ids"] + given for one, given in zip(inputs, self.given, strict=True)]
            if self.model.training:
                lengths = [len(given) for given in self.given]
                self._metrics["train"]["reset/share"].append(sum(map(bool, lengths)) / len(lengths))
                self._metrics["train"]["reset/mean_length"].append(sum(lengths) / len(lengths))
            with_given = [{**one, "given_ids": given} for one, given in zip(inputs, self.given, strict=True)]
            return super()._generate_and_score_completions(with_given)

        def _tokenize_prompts(self, prompts: Any) -> Any:
            return self.starts, None, {}

        def _generate_single_turn(self, prompt_ids: Any, images: Any, multimodal_fields: Any) -> Any:
            made = super()._generate_single_turn(prompt_ids, images, multimodal_fields)  # type: ignore[no-untyped-call]
            return [ids[: most - len(given)] for ids, given in zip(made, self.given, strict=True)]

        def try_first(self) -> None:
            """A first loss, of answers of two tokens."""
            self.generation_config.max_new_tokens = 2
            group = [self.train_dataset[0]] * int(full["num_generations"])
            self.compute_loss(self.model, self._generate_and_score_completions(group))

    # The reference of whole weights is loaded anew by TRL; so it is told how, where that is not as by default.
    own = job.adapter is None and (job.start.revision or job.start.trust_remote_code)
    options = {"model_init_kwargs": job.start.options()} if own else {}
    try:
        return Trainer(
            model=model,
            reward_funcs=_scored(job, _reward(job)),
            args=configuration(job, RLOOConfig, remove_unused_columns=False, **options),
            train_dataset=dataset(job.examples.train),
            eval_dataset=dataset(job.examples.held_out),
            processing_class=job.template.tokenizer,
        )
    except ValueError as error:
        raise InputError(Problem("bad-value", str(error), job.place)) from error


def _scored(job: TrainingJob, reward: Reward) -> Callable[..., list[float | None]]:
    """The reward as TRL calls it: of the whole answers, what was given and what was said."""
    tokenizer, unfinished = job.template.tokenizer, cast(DrpoStage, job.stage).unfinished
    ends = {job.template.end_id, tokenizer.eos_token_id}

    def scored(completion_ids: Any, given_ids: Any, asked: Any, **_: Any) -> list[float | None]:
        conversations, ended = [], []
        for given, ids, turns in zip(given_ids, completion_ids, asked, strict=True):
            ended.append(ids[-1] in ends)
            said = [*given, *(ids[:-1] if ended[-1] else ids)]
            text = tokenizer.decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            conversations.append([*json.loads(turns), {"role": "assistant", "content": text.strip()}])
        found = reward(conversations)
        return [one if end or unfinished is None else unfinished for one, end in zip(found, ended, strict=True)]

    scored.__name__ = "reward"
    return scored


def _reward(job: TrainingJob) -> Reward:
    """What scores answers. Raises `InputError` where it is not there."""
    stage = cast(DrpoStage, job.stage)
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


def _need_reference(job: TrainingJob) -> None:
    """Raise `InputError` where TRL could not load the reference of whole weights as the policy starts."""
    file = job.recipe.file
    if job.adapter is None and file.add_tokens and file.start(file.stages.index(job.stage)) == BASE:
        message = "the base lacks the tokens of 'add_tokens', and so would the reference"
        raise InputError(Problem("no-reference", message, job.place, "let an 'sft' stage come before"))


def _examples(rows: StageRows, template: Template, settings: Mapping[str, Any]) -> MakeExample:
    stage = cast(DrpoStage, rows.stage)
    if sum(getattr(stage, name) is not None for name in _REWARDS) != 1:
        message = f"the stage '{stage.id}' takes one of {', '.join(map(repr, _REWARDS))}"
        raise InputError(Problem("bad-value", message))
    longest, most = stage.max_prompt_length, settings["max_completion_length"]

    def make(row: Mapping[str, Any], counted: Counted) -> Example:
        answer = read_row(rows.view, row)
        prompt, reply = template.encode_last(answer.messages, answer.tools)
        if longest is not None and len(prompt) > longest:
            raise Unusable("too_long")
        counted.tokens += len(prompt) + most
        return {
            "prompt": template.tokenizer.decode(prompt),
            "prompt_ids": prompt,
            "reply_ids": reply,
            "asked": json.dumps(answer.messages[:-1], ensure_ascii=False),
            "longest": len(prompt) + most,
        }

    return make


def _faults(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if settings["load_best_model_at_end"] and settings["metric_for_best_model"] in (None, "loss", "eval_loss"):
        message = "the loss of RLOO says nothing of how good a step is"
        yield "load_best_model_at_end", message, "say 'metric_for_best_model: reward'"
    if settings["max_completion_length"] is None:
        yield "max_completion_length", "an answer needs an end", "give a number"
    for name in ("chat_template_kwargs", "reward_weights"):
        if settings[name] is not None:
            yield name, f"'{name}' does nothing here", "leave it out"


def _sequences(example: Example) -> list[int]:
    return [int(example["longest"])]


def _measure(job: TrainingJob, trainer: Any) -> Mapping[str, Any]:
    history = trainer.state.log_history
    found: dict[str, Any] = {}
    for name in ("reward", "eval_reward", "kl"):
        if seen := [line[name] for line in history if line.get(name) is not None]:
            found |= {f"first_{name}": seen[0], f"last_{name}": seen[-1]}
    return found


KIND = TrainingKind(DrpoStage, make_trainer, _examples, _faults, _sequences, measure=_measure)
