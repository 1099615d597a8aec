"""Loading what a stage starts from: a base, quantised or not, with the adapter that is carried on or a new one.

Weights are read from safetensors alone unless the recipe says otherwise, and no code that comes with a model is run
unless it says so in plain sight.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from bezoar_data.config.errors import InputError, ProviderAway
from bezoar_data.config.files.recipe import LoadedRecipe
from bezoar_data.config.network import is_unreached
from bezoar_data.config.problems import Place, Problem
from bezoar_data.llms.templates.in_transformers import bound_templates
from bezoar_data.runs.reward_head import RewardHead
from bezoar_data.training.gguf import dequantised, split_as_llamacpp


@dataclass(frozen=True, slots=True)
class Start:
    """What a stage starts from: unquantised weights that stand alone, and perhaps an adapter on them."""

    weights: str
    """A folder, or an id on the Hub."""
    adapter: Path | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    gguf: str | None = None
    """The file of `weights`, where they are quantised as llama.cpp has them."""
    pickled: bool = False
    """Whether the weights are `.bin` files. They are read as numbers alone: nothing in them is run."""
    head: RewardHead | None = None
    """What it scores; None of a language model."""

    def options(self) -> dict[str, Any]:
        options = {"revision": self.revision or "main", "trust_remote_code": self.trust_remote_code}
        return {**options, "gguf_file": self.gguf} if self.gguf else options


def load_tokenizer(start: Start, place: Place) -> Any:
    """The tokenizer, fast, with a padding token: its own, or an unknown or end-of-text one. Raises `InputError`."""
    from transformers import AutoTokenizer

    bound_templates()
    try:
        tokenizer = AutoTokenizer.from_pretrained(start.weights, **start.options())
        if start.gguf is not None:
            split_as_llamacpp(tokenizer, Path(start.weights) / start.gguf)
    except (OSError, ValueError, ImportError) as error:
        raise _not_loadable("tokenizer", start, place, error) from error
    if not tokenizer.is_fast:
        message = f"the tokenizer of {start.weights} gives no offsets of its tokens in the text"
        raise InputError(Problem("slow-tokenizer", message, place, "take a base with a fast tokenizer"))
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    return tokenizer


def load_weights(
    start: Start,
    place: Place,
    *,
    dtype: str | None = None,
    quantisation: Any = None,
    attention: str | None = None,
    labels: int | None = None,
) -> Any:
    """The weights without an adapter. `labels` are the numbers that a model which scores texts says of each; where the
    weights have no head for them, one is drawn from torch's random numbers. Raises `InputError`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    options = start.options()
    if attention is not None:
        options["attn_implementation"] = attention
    if quantisation is not None:
        # bitsandbytes quantises where the weights are to stay.
        options["device_map"] = {"": torch.cuda.current_device() if torch.cuda.is_available() else "cpu"}
        options["quantization_config"] = quantisation
    kind = AutoModelForCausalLM
    if labels is not None:
        kind = AutoModelForSequenceClassification
        # An adapter brings the head with it: that of the weights may be of other scores.
        options |= {"num_labels": labels, "ignore_mismatched_sizes": start.adapter is not None}
    try:
        # Of a GGUF, transformers shows a bar that no setting hides.
        with redirect_stderr(StringIO()) if start.gguf is not None else nullcontext():
            model = kind.from_pretrained(
                start.weights, dtype=dtype or "auto", use_safetensors=not start.pickled, **options
            )
    except UnpicklingError as error:
        message = f"the weights of {start.weights} hold more than numbers, and are not loaded"
        raise InputError(Problem("no-base", message, place, "take them from another source")) from error
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        raise _not_loadable("weights", start, place, error) from error
    if start.gguf is not None:
        model = dequantised(model)
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # On some processors the first evaluation would pack the weights anew and round their scales, for good:
            # what is trained after it would hang on whether there was one, and a resumed run would differ.
            module.support_avx512bf16_for_cpu = False
    return model


def load_adapter(model: Any, adapter: Path, *, trainable: bool) -> Any:
    """The model with a trained adapter on it."""
    from peft import PeftModel

    return PeftModel.from_pretrained(model, str(adapter), is_trainable=trainable)


def new_adapter(model: Any, settings: Mapping[str, Any], seed: int, task: str = "CAUSAL_LM") -> Any:
    """The model with a fresh adapter, which changes nothing yet; drawn from the seed alone. `task` is peft's name of
    what the model does: of one that scores texts, the head is trained whole."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    return get_peft_model(model, LoraConfig(task_type=task, **settings))


def quantisation_of(recipe: LoadedRecipe) -> Any:
    """The recipe's BitsAndBytesConfig; None where weights stay as they are."""
    if recipe.file.quantisation is None:
        return None
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(**recipe.file.quantisation)


def _not_loadable(what: str, start: Start, place: Place, error: Exception) -> InputError | ProviderAway:
    first = str(error).strip().split("\n")[0]
    message = f"the {what} of {start.weights} cannot be loaded: {first}"
    if is_unreached(error):
        return ProviderAway(
            f"{place}: {message} Run the same command again later; a model's folder here needs no network"
        )
    hint = "`base: {model: ...}` names a model of the Hub (OWNER/NAME) or a folder with its files"
    return InputError(Problem("no-base", message, place, hint))
