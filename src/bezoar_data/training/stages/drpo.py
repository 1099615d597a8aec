"""The stage `drpo`: dataset reset policy optimisation (Chang et al. 2024, arXiv 2404.08495), with TRL's RLOOTrainer.

The policy answers prompts and learns from the reward of its answers, less its distance from the reference. With some
probability it does not begin at the prompt but after a part of the card's own answer, whose length is drawn evenly from
1 to L - 1 of its L tokens; all answers to a prompt in a batch begin alike, so that their mean is the value of that
state. That part is no answer of the policy: loss and distance are of the free tokens alone, while the reward is
of the whole answer. The authors use PPO with a critic, which TRL no longer has.

Draws hang on the seed, the step and the prompt, and on no generator: with probability 0 this is TRL's RLOO to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import ConfigDict, Field

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.recipe import BASE
from bezoar_data.config.problems import Problem
from bezoar_data.runs.row import digest
from bezoar_data.training.data.examples import Counted, MakeExample, StageRows
from bezoar_data.training.data.packing import Example
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import Template, Unusable
from bezoar_data.training.ends import set_ends
from bezoar_data.training.stages.base import TrainingJob, TrainingKind
from bezoar_data.training.stages.rewarded import Reward, RewardedStage, as_conversation, asked_of, reward_of
from bezoar_data.training.stages.trainer import configuration, dataset, policy_model

_Share = Annotated[float, Field(ge=0, le=1)]


class DrpoStage(RewardedStage):
    """Reinforcement learning with TRL's RLOO whose answers begin after a part of the card's own (DR-PO)."""

    model_config = ConfigDict(title="DR-PO stage")
    trainer: ClassVar[str] = "RLOOConfig"
    views: ClassVar[tuple[str, ...]] = ("preference", "sft", "messages")
    has_reference: ClassVar[bool] = True

    use: Literal["drpo"] = Field(description="What the stage does.", examples=["drpo"])
    view: Literal["preference", "sft", "messages"] | None = Field(
        default=None,
        description="The card's view to train on: its prompts, and its answers (of a pair, the chosen one).",
        examples=["preference"],
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
            reward_funcs=_scored(job, reward_of(job)),
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
            conversations.append(as_conversation(turns, said, tokenizer))
        found = reward(conversations)
        return [one if end or unfinished is None else unfinished for one, end in zip(found, ended, strict=True)]

    scored.__name__ = "reward"
    return scored


def _need_reference(job: TrainingJob) -> None:
    """Raise `InputError` where TRL could not load the reference of whole weights as the policy starts."""
    file = job.recipe.file
    if job.adapter is None and file.add_tokens and file.start(file.stages.index(job.stage)) == BASE:
        message = "the base lacks the tokens of 'add_tokens', and so would the reference"
        raise InputError(Problem("no-reference", message, job.place, "let an 'sft' stage come before"))


def _examples(rows: StageRows, template: Template, settings: Mapping[str, Any]) -> MakeExample:
    stage = cast(DrpoStage, rows.stage)
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
            "asked": asked_of(answer.messages),
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
