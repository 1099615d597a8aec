"""What is evaluated: a base, a stage with its adapter unmerged, any model's weights, or a model behind our gateway."""

from __future__ import annotations

from dataclasses import dataclass
from logging import ERROR, getLogger
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.evaluation.record import EvaluatedModel, TrainedOn
from bezoar_data.llms.gateway.asking import OpenModels
from bezoar_data.llms.gateway.fallbacks import as_asked
from bezoar_data.llms.journal.request_key import model_part
from bezoar_data.llms.providers.base import builtin_class
from bezoar_data.llms.templates.in_transformers import bound_templates
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.stage_record import STAGE_FILE, StageData, StageRecord, StageSummary

_PROBE = "The quick brown fox jumps over the lazy dog."


@dataclass(frozen=True, slots=True)
class Target:
    """A model to evaluate."""

    name: str
    weights: str
    """A folder, or an id on the Hub; of a model behind the gateway PROVIDER:MODEL."""
    adapter: Path | None = None
    revision: str | None = None
    record: StageRecord | None = None
    before: tuple[StageSummary, ...] = ()
    """The stages that its base came from, where that is a stage of another recipe."""
    gateway: OpenModels | None = None
    """Who asks it, under the role `name`. Such a model takes conversations and gives texts: nothing else."""

    @property
    def learnt(self) -> tuple[StageData, ...]:
        """The data of every stage on the way to it."""
        stages = (*self.before, *(self.record.stages if self.record is not None else ()))
        return tuple(stage.data for stage in stages if stage.data is not None)

    @property
    def folder(self) -> Path | None:
        """Where tokenizer and template are: the stage's, else those of the weights."""
        return self.adapter or (Path(self.weights) if Path(self.weights).is_dir() else None)

    def identity(self) -> dict[str, Any]:
        """What decides its answers: a stage's key, else the hashes of its files, else its revision on the Hub; behind
        the gateway what the journal knows it by."""
        if self.record is not None:
            return {"stage": self.record.key}
        if self.gateway is not None:
            model = self.gateway.roles[self.name]
            part = model_part(as_asked(model, builtin_class(model.provider)))
            return {"gateway": {**part, "thinking": model.thinking, "sampling": None}}
        if self.folder is None:
            return {"hub": self.weights, "revision": self.revision}
        files = sorted(p for p in self.folder.iterdir() if p.suffix in (".safetensors", ".json", ".jinja", ".model"))
        return {"files": {path.name: sha256_of(path) for path in files}}

    def described(self) -> EvaluatedModel:
        return EvaluatedModel(
            name=self.name,
            weights=Path(self.weights).name if Path(self.weights).is_dir() else self.weights,
            revision=self.revision,
            adapter=self.adapter is not None,
            stage=self.record.key if self.record is not None else None,
            trained_on=tuple(TrainedOn(card=data.card, lock=data.lock) for data in self.learnt),
        )


def behind(gateway: OpenModels, role: str) -> Target:
    """The model that a role of the gateway's stands for."""
    model = gateway.roles[role]
    asked = as_asked(model, builtin_class(model.provider))
    return Target(role, f"{asked.provider}:{asked.model}", revision=asked.revision, gateway=gateway)


def stages_before(base: Path, record: StageRecord | None) -> tuple[StageSummary, ...]:
    """The stages that a base came from and that the record of what was made from it does not hold."""
    if not (base / STAGE_FILE).is_file():
        return ()
    own = {stage.key for stage in record.stages} if record is not None else set()
    return tuple(stage for stage in StageRecord.read(base / STAGE_FILE).stages if stage.key not in own)


def load(target: Target, *, batch_size: int) -> Any:
    """The harness's model. Raises `InputError` where it cannot be loaded, or its adapter changes nothing."""
    if target.gateway is not None:
        from bezoar_data.evaluation.gateway_lm import GatewayLM

        return GatewayLM(target.gateway, target.name)
    import torch
    from lm_eval.models.huggingface import HFLM
    from transformers.utils import logging

    bound_templates()
    logging.disable_progress_bar()
    getLogger("bitsandbytes").setLevel(ERROR)  # it tells of kernels that this machine does without
    settings: dict[str, Any] = {"pretrained": target.weights, "batch_size": batch_size, "dtype": "auto"}
    settings["device"] = "cuda" if torch.cuda.is_available() else "cpu"
    settings["revision"] = target.revision or "main"
    if target.adapter is not None:
        settings["peft"] = str(target.adapter)
        if (target.adapter / "tokenizer_config.json").is_file():
            settings["tokenizer"] = str(target.adapter)
    try:
        model = HFLM(**settings)
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        first = str(error).strip().split("\n")[0]
        raise InputError(
            Problem("no-model", f"{target.name} cannot be loaded: {first}", Place(target.weights))
        ) from error
    if target.adapter is not None:
        _need_change(model, target)
    return model


def _need_change(model: Any, target: Target) -> None:
    """Evaluations have been published that silently were the base's: the adapter must change what the model says."""
    import torch

    ids = torch.tensor([model.tokenizer(_PROBE).input_ids], device=model.device)
    with torch.no_grad():
        adapted = model.model(ids).logits
        with model.model.disable_adapter():
            base = model.model(ids).logits
    if torch.equal(adapted, base):
        message = f"the adapter of {target.name} changes nothing: its answers are those of the base"
        hint = "is it the adapter of these weights, and was it trained?"
        raise InputError(Problem("adapter-without-effect", message, Place(str(target.adapter)), hint))


def has_template(model: Any) -> bool:
    """Whether a conversation can be put to the model: by its tokenizer, or by who serves it."""
    tokenizer = getattr(model, "tokenizer", None)
    return tokenizer is None or bool(getattr(tokenizer, "chat_template", None))
