"""Errors before hours: every stage's trainer is built once, on a shrunken copy of the base, before anything is trained.

The copy is of the base's own kind, with two small layers of random weights, or as many as it has where an adapter
names layers by number; settings, adapter, quantisation, template and vocabulary are the recipe's, the rows its first
eight. So what TRL, peft or transformers refuse is told in seconds, with its line in the recipe, and not in the sixth
stage after hours.
"""

from __future__ import annotations

import copy
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import BezoarError, InputError, raise_errors
from bezoar_data.config.files.recipe import BASE, LoadedRecipe, Stage, TrainingStage
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.config.yaml.document import YamlPath
from bezoar_data.runs.reward_head import reward_head
from bezoar_data.training.data.examples import Examples
from bezoar_data.training.distributed import world_size
from bezoar_data.training.estimate.model_config import read_config
from bezoar_data.training.models import Start
from bezoar_data.training.planned import PlannedStage, Prepared
from bezoar_data.training.progress import Progress
from bezoar_data.training.stages.base import StageJob, TrainingJob, TrainingKind
from bezoar_data.training.stages.registry import stage_kinds
from bezoar_data.training.stages.trainer import save_weights

_ROWS = 8
_SMALL = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4}
_HEAD = 16
_LOGITS = 2e8
"""The most numbers that a loss is tried with: of the longest row, an entry of the vocabulary for each token."""
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
_KINDS = ("layer_types", "mlp_layer_types")
_MODULES = ("layers_to_transform", "target_modules", "exclude_modules", "modules_to_save", "target_parameters")


def try_stages(prepared: Prepared, *, elsewhere: bool) -> str | None:
    """Build every stage, without training one. Raises `InputError` with what is refused; gives what was not checked.

    `elsewhere` says that the recipe may be meant for another machine: then a GPU that is not here is not asked for.
    """
    if world_size() > 1 or all(prepared.finished(planned) for planned in prepared.stages):
        return None
    config = read_config(prepared.recipe)
    if config is None:
        return "the trainers' settings, as the base's configuration is not here"
    with tempfile.TemporaryDirectory() as scratch, _untouched(prepared):
        base = Path(scratch) / BASE
        if not _save_shrunken(config, prepared, base):
            return f"the trainers' settings, as a small model of the kind '{config.model_type}' cannot be made"
        starts = {BASE: Start(str(base), trust_remote_code=prepared.recipe.file.base.trust_remote_code)}
        problems: list[Problem] = []
        for planned in prepared.stages:
            # After a stage that is refused, what goes on from it starts from the base: more may be wrong.
            start = starts.get(planned.start, starts[BASE])
            others = {
                f: starts.get(name, starts[BASE]) for f, name in prepared.recipe.file.beside(planned.index).items()
            }
            try:
                starts[planned.stage.id] = _try(prepared, planned, start, others, Path(scratch), elsewhere=elsewhere)
            except InputError as error:
                problems += (_placed(prepared.recipe, planned, p) for p in error.problems)
            except BezoarError:
                raise
            except Exception as error:  # whatever a library raises would end the training
                if os.environ.get("BEZOAR_DEBUG"):
                    raise
                problems.append(_refused(prepared.recipe, planned, error))
    raise_errors(dict.fromkeys(problems))
    return None


@contextmanager
def _untouched(prepared: Prepared) -> Iterator[None]:
    """What trainers change of the tokenizer, and of torch's random numbers, is put back."""
    import torch

    tokenizer, state = prepared.template.tokenizer, torch.get_rng_state()
    prepared.template.tokenizer = copy.deepcopy(tokenizer)
    try:
        yield
    finally:
        prepared.template.tokenizer = tokenizer
        torch.set_rng_state(state)


def _try(
    prepared: Prepared,
    planned: PlannedStage,
    start: Start,
    others: Mapping[str, Start],
    scratch: Path,
    *,
    elsewhere: bool,
) -> Start:
    recipe, stage, training = prepared.recipe, planned.stage, planned.training
    result, kind = scratch / stage.id, stage_kinds()[stage.use]
    result.mkdir(exist_ok=True)
    place = recipe.document.place(("stages", planned.index))
    common = (
        recipe,
        stage,
        place,
        start,
        prepared.template,
        scratch / f"{stage.id}-work",
        result,
        Progress(quiet=True),
    )
    if training is None or not isinstance(kind, TrainingKind):
        if not isinstance(kind, TrainingKind):
            kind.run(StageJob(*common))
        return Start(str(result), head=reward_head(result))
    settings = training.settings
    if elsewhere:
        settings = replace(settings, given={**settings.given, **_without_a_gpu(settings.given)})
    examples = training.examples
    few = Examples(examples.train[:_ROWS], examples.held_out[:_ROWS], examples.counts)
    more = (few, settings, training.adapter, training.estimate.kernels)
    job = TrainingJob(*common, *more, others=others, tried=True)
    trainer = kind.trainer(job)
    _first_step(trainer, training.longest)
    save_weights(trainer.model, result)
    kind.beside(job)
    head = reward_head(result)
    return Start(start.weights, result, head=head) if training.adapter is not None else Start(str(result), head=head)


def _first_step(trainer: Any, longest: int) -> None:
    """What a trainer does until its first loss: much is refused there alone."""
    import torch
    from transformers.integrations.liger import apply_liger_kernel

    args, model = trainer.args, trainer.model
    trainer.create_optimizer_and_scheduler(1)
    if args.use_liger_kernel:
        apply_liger_kernel(model, args.liger_kernel_config)
    if longest * model.config.get_text_config().vocab_size > _LOGITS:
        return
    if hasattr(trainer, "try_first"):
        trainer.try_first()
        return
    batch = trainer.data_collator([trainer.train_dataset[0]])
    with torch.no_grad():
        trainer.compute_loss(model, {k: v.to(args.device) if hasattr(v, "to") else v for k, v in batch.items()})


def _without_a_gpu(given: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    if torch.cuda.is_available():
        return {}
    return {
        "use_cpu": True,
        **{name: None if name == "tf32" else False for name in ("fp16", "tf32") if given.get(name)},
    }


def _save_shrunken(config: Any, prepared: Prepared, folder: Path) -> bool:
    """Leave a small model of the base's kind; False where none can be made."""
    from transformers import AutoModelForCausalLM

    trust = {"trust_remote_code": prepared.recipe.file.base.trust_remote_code}
    small = shrunken(config, layers=None if any(_counts_layers(planned) for planned in prepared.stages) else 2)
    small.get_text_config().vocab_size = max(config.get_text_config().vocab_size, len(prepared.template.tokenizer))
    try:
        model = AutoModelForCausalLM.from_config(small, **trust)
    except Exception:  # a kind that cannot be as small; each says so in its own way
        return False
    model.save_pretrained(folder)
    prepared.template.tokenizer.save_pretrained(folder)
    return True


def _counts_layers(planned: PlannedStage) -> bool:
    """Whether the stage's adapter says by numbers where it goes."""
    adapter = (planned.training and planned.training.adapter) or {}
    return any(re.search(r"\d", str(adapter.get(name))) for name in _MODULES)


def shrunken(config: Any, layers: int | None = 2) -> Any:
    """The configuration of a model of the same kind with so many small layers; None: with as many as it has."""
    small = copy.deepcopy(config)
    if hasattr(small, "quantization_config"):
        del small.quantization_config
    text = small.get_text_config()
    grouped = getattr(text, "num_key_value_heads", None) not in (None, text.num_attention_heads)
    more = {"num_key_value_heads": 2 if grouped else 4, "head_dim": _HEAD, "num_experts_per_tok": 2}
    more |= {**dict.fromkeys(_EXPERTS, 4), "ffn_hidden_size": 128, "moe_intermediate_size": 64}
    made = {name for name in more if isinstance(getattr(type(text), name, None), property)}
    there: dict[str, Any] = {k: value for k, value in more.items() if k not in made and getattr(text, k, None)}
    if layers is not None:
        there |= {name: list(getattr(text, name))[-layers:] for name in _KINDS if getattr(text, name, None)}
        there["num_hidden_layers"] = layers
    for name, value in {**_SMALL, **there}.items():
        setattr(text, name, value)
    rope = getattr(text, "rope_parameters", None) or {}
    for name in ("short_factor", "long_factor"):
        if name in rope:
            rope[name] = rope[name][: _HEAD // 2]
    return small


def _refused(recipe: LoadedRecipe, planned: PlannedStage, error: Exception) -> Problem:
    text = " ".join(str(error).split()) or type(error).__name__
    message = f"the stage '{planned.stage.id}' cannot be trained like this: {printable(text, 400)}"
    hint = "install it, or choose another" if isinstance(error, ImportError) else ""
    problem = Problem("refused-setting", message, recipe.document.place(("stages", planned.index)), hint)
    return _placed(recipe, planned, problem)


def _placed(recipe: LoadedRecipe, planned: PlannedStage, problem: Problem) -> Problem:
    """The problem at the line of the setting that its words name, if they name one."""
    place = _named_in(recipe, planned.index, planned.stage, problem.message)
    return replace(problem, place=place) if place is not None else problem


def _named_in(recipe: LoadedRecipe, index: int, stage: Stage, text: str) -> Place | None:
    """The setting whose name stands in a text; else the one whose value does, or a word of it."""
    written: list[tuple[YamlPath, Mapping[str, Any]]] = []
    if isinstance(stage, TrainingStage):
        written += [
            (("stages", index, "training"), stage.training),
            (("stages", index, "adapter"), stage.adapter or {}),
        ]
    file = recipe.file
    written += [(("training",), file.training), (("adapter",), file.adapter or {})]
    written += [(("quantisation",), file.quantisation or {}), (("base",), file.base.model_dump(exclude_none=True))]
    for sure in (_names, _values, _words):
        for path, settings in written:
            for name, value in settings.items():
                if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.I) for word in sure(name, value)):
                    return recipe.document.place((*path, name), key=True)
    return None


def _names(name: str, value: Any) -> Iterator[str]:
    if "_" in name:  # others, such as 'r', are words of any sentence
        yield name


def _values(name: str, value: Any) -> Iterator[str]:
    yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str) and len(one) > 2)


def _words(name: str, value: Any) -> Iterator[str]:
    for one in _values(name, value):
        yield from (word for word in re.split(r"[_/ -]", one) if len(word) > 3)
