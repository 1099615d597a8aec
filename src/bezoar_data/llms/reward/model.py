"""A reward model in this process: conversations in, numbers out, many at once.

It scores a conversation at the token that ends its last reply, as it was trained to. What it says of a conversation
does not follow from which others stand in its batch, but for rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.llms.templates.in_transformers import bound_templates
from bezoar_data.runs.reward_head import REWARD_FILE, RewardHead

BATCH = 64


class TooLong(ValueError):
    """A conversation of more tokens than the model takes."""


class RewardModel:
    """A reward model with its tokenizer, on the best device there is. Not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        """The model in a stage's folder: weights that stand alone, or an adapter. Raises `InputError`."""
        from transformers import AutoTokenizer  # type: ignore[import-not-found,unused-ignore]

        bound_templates()
        self.head = RewardHead.read(folder / REWARD_FILE, Place(str(folder)))
        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder))
        self._end = self._tokenizer.convert_tokens_to_ids(self.head.end_of_turn)
        try:
            self._model = _load(folder, len(self.head.attributes))
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            message = f"the reward model cannot be loaded: {str(error).strip().splitlines()[0]}"
            raise InputError(Problem("model-not-loaded", message, Place(str(folder)))) from error
        self._model.config.get_text_config().pad_token_id = self._tokenizer.pad_token_id
        self._most = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)

    def encode(self, messages: Sequence[Mapping[str, Any]]) -> list[int]:
        """The ids of a conversation up to the end of its last reply. Raises `TooLong`, and `ValueError` where the
        template does not take it."""
        try:
            text = self._tokenizer.apply_chat_template([dict(m) for m in messages], tokenize=False)
        except Exception as error:  # a template may fail in any way
            raise ValueError(f"the chat template does not take these messages: {error}") from None
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        if self._end not in ids:
            raise ValueError(f"the chat template ends no reply in {self.head.end_of_turn}")
        ids = ids[: len(ids) - ids[::-1].index(self._end)]
        if self._most is not None and len(ids) > self._most:
            raise TooLong(f"a conversation of {len(ids)} tokens; the model takes {self._most}")
        return ids

    def score(self, texts: Sequence[Sequence[int]], *, batch: int = BATCH) -> list[list[float]]:
        """The scores of texts given as ids, each of the head's attributes, in order."""
        return scores(self._model, texts, self._tokenizer.pad_token_id, batch=batch)

    def rewards(self, conversations: Iterable[Sequence[Mapping[str, Any]]], *, batch: int = BATCH) -> list[float]:
        """One number for each conversation. Raises as `encode`."""
        return [self.head.reward(one) for one in self.score([*map(self.encode, conversations)], batch=batch)]


def scores(model: Any, texts: Sequence[Sequence[int]], pad: int, *, batch: int = BATCH) -> list[list[float]]:
    """What a model of `AutoModelForSequenceClassification` says of texts, the longest first, so that little is padded.

    `pad` is the id of the padding token, by which the model knows where a text ends.
    """
    import torch  # type: ignore[import-not-found,unused-ignore]

    found: dict[int, list[float]] = {}
    with torch.inference_mode():
        for numbers in _batches(texts, batch):
            rows = [torch.tensor(texts[i]) for i in numbers]
            ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad)
            mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
            logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device), use_cache=False).logits
            found.update(zip(numbers, logits.float().cpu().tolist(), strict=True))
    return [found[i] for i in range(len(texts))]


def _batches(texts: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
    order = sorted(range(len(texts)), key=lambda i: (-len(texts[i]), i))
    yield from (order[at : at + size] for at in range(0, len(order), size))


def _load(folder: Path, labels: int) -> Any:
    import torch  # type: ignore[import-not-found,unused-ignore]
    from transformers import AutoModelForSequenceClassification  # type: ignore[import-not-found,unused-ignore]
    from transformers.utils import logging  # type: ignore[import-not-found,unused-ignore]

    logging.disable_progress_bar()
    cuda = torch.cuda.is_available()
    options: dict[str, Any] = {"dtype": "auto" if cuda else "float32", "device_map": "auto" if cuda else "cpu"}
    options |= {"use_safetensors": True, "trust_remote_code": False, "num_labels": labels}
    if (folder / "adapter_config.json").is_file():
        from peft import PeftConfig, PeftModel  # type: ignore[import-not-found,unused-ignore]

        base = str(PeftConfig.from_pretrained(str(folder)).base_model_name_or_path)
        beside = folder.parent / Path(base).name
        if not Path(base).is_dir() and beside.is_dir():  # the folder of all stages was moved
            base = str(beside)
        # The adapter brings its head with it: that of the weights may be of other scores.
        options["ignore_mismatched_sizes"] = True
        weights = AutoModelForSequenceClassification.from_pretrained(base, **options)
        return PeftModel.from_pretrained(weights, str(folder)).eval()
    return AutoModelForSequenceClassification.from_pretrained(str(folder), **options).eval()
