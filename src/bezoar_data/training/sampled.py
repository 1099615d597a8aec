"""Replies that a frozen model gives to prompts, several to each, and how likely models find replies."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bezoar_data.config.problems import Place
from bezoar_data.runs.folder import write_text
from bezoar_data.training.data.template import Template
from bezoar_data.training.ends import fit_embeddings
from bezoar_data.training.models import Start, load_adapter, load_weights

Ids = list[int]
T = TypeVar("T")


def with_frozen(start: Start, template: Template, place: Place, use: Callable[[Any], T]) -> T:
    """What `use` makes of a model, in single precision, as a stage left it; it is let go afterwards."""
    import torch

    labels = None if start.head is None else len(start.head.attributes)
    model = fit_embeddings(load_weights(start, place, dtype="float32", labels=labels), template.tokenizer)
    if start.adapter is not None:
        model = load_adapter(model, start.adapter, trainable=False)
    model.config.get_text_config().pad_token_id = template.tokenizer.pad_token_id
    model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    try:
        return use(model)
    finally:
        del model
        gc.collect()


def drawn_once(file: Path, draw: Callable[[], Sequence[T]]) -> list[T]:
    """What is drawn before training, one line each: what goes on after an interruption finds it in `file`."""
    if file.is_file():
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    found = list(draw())
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, "".join(json.dumps(one) + "\n" for one in found))
    return found


def sample_replies(
    model: Any, prompts: Sequence[Ids], template: Template, *, n: int, longest: int, seed: int, **how: Any
) -> list[list[Ids]]:
    """`n` replies to each prompt, drawn with `how` (temperature, top_p), each up to the token that ends it. One prompt
    at a time, each with random numbers of its own, so that a reply does not hang on the prompts before it."""
    import torch

    ends, pad = [template.end_id], template.tokenizer.pad_token_id
    found = []
    for number, prompt in enumerate(prompts):
        torch.manual_seed(seed + number)
        ids = torch.tensor([prompt], device=model.device)
        with torch.no_grad():
            made = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=True, num_return_sequences=n,
                max_new_tokens=longest, eos_token_id=ends, pad_token_id=pad, top_k=0, use_cache=True,
                repetition_penalty=1.0, **how,
            )  # fmt: skip
        found.append([_until(reply, ends[0]) for reply in made[:, len(prompt) :].tolist()])
    return found


def _until(ids: Ids, end: int) -> Ids:
    return ids[: ids.index(end) + 1] if end in ids else ids


def log_probabilities(model: Any, prompts: Sequence[Ids], replies: Sequence[Ids], pad: int, batch: int) -> list[float]:
    """Of each reply to its prompt: the sum over its tokens, of the model's whole distribution."""
    import torch

    found: list[float] = []
    with torch.no_grad():
        for at in range(0, len(replies), batch):
            some = [*zip(prompts[at : at + batch], replies[at : at + batch], strict=True)]
            found += reply_log_probabilities(model, *padded(some, pad, model.device)).tolist()
    return found


def padded(pairs: Sequence[tuple[Ids, Ids]], pad: int, device: Any = "cpu") -> tuple[Any, Any, Any]:
    """Ids, attention mask and which ids are of the reply, of prompts with replies. Shapes (pairs, longest)."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    rows = [torch.tensor(prompt + reply) for prompt, reply in pairs]
    own = [torch.tensor([0] * len(prompt) + [1] * len(reply)) for prompt, reply in pairs]
    ids = pad_sequence(rows, batch_first=True, padding_value=pad)
    mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    return ids.to(device), mask.to(device), pad_sequence(own, batch_first=True).to(device)


def reply_log_probabilities(model: Any, ids: Any, mask: Any, own: Any) -> Any:
    """The sum over each reply's tokens, shape (pairs,)."""
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
    each = logits.log_softmax(-1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    return (each * own[:, 1:]).sum(1)


def in_groups(values: Sequence[T], n: int) -> Iterator[list[T]]:
    """Values that stand in a row, `n` to a group."""
    yield from (list(values[at : at + n]) for at in range(0, len(values), n))
