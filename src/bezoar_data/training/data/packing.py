"""Rows beside each other in one sequence, without padding, and the proof that no row sees another.

TRL's best-fit packing (`packing: true`) fills sequences of `max_length` with whole rows; `padding_free` joins the rows
of a batch. Either holds only where the attention keeps rows apart by their positions: `rows_apart` asks the model
itself, before it is trained.
"""

from __future__ import annotations

from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem

Example = dict[str, Any]
"""Lists of ids, and what else its trainer reads."""


def pack(examples: list[Example], length: int) -> list[Example]:
    """The examples in sequences of at most `length` tokens, with the length of each row in `seq_lengths`."""
    from datasets import Dataset
    from trl.data_utils import pack_dataset

    if not examples:
        return []
    # In one batch: with the default of a thousand rows, each batch would leave a sequence half empty.
    whole = {"batch_size": len(examples)}
    packed: list[Example] = pack_dataset(Dataset.from_list(examples), length, "bfd", whole).to_list()
    return packed


def need_rows_apart(model: Any, place: Place) -> None:
    """Raise `InputError` where this model's rows would see each other."""
    if not rows_apart(model):
        message = "rows in one sequence would see each other: this model's attention does not keep them apart"
        hint = "say 'packing: false' and 'padding_free: false', or name another 'attn_implementation' under 'base'"
        raise InputError(Problem("rows-not-apart", message, place, hint))


def rows_apart(model: Any) -> bool:
    """Whether what the model says of a row is the same, whatever row stands before it in the sequence."""
    import torch

    lengths, device = (7, 9), model.device
    generator = torch.Generator().manual_seed(0)
    first, other = (_ids(model, lengths[0], generator) for _ in range(2))
    row = _ids(model, lengths[1], generator)
    positions = torch.cat([torch.arange(n) for n in lengths])[None].to(device)
    training = model.training
    model.eval()
    with torch.no_grad():
        after = [
            model(input_ids=torch.cat([before, row], 1).to(device), position_ids=positions, use_cache=False).logits
            for before in (first, other)
        ]
    model.train(training)
    one, two = (logits[:, lengths[0] :].float() for logits in after)
    return bool(torch.allclose(one, two, rtol=1e-4, atol=1e-5))


def _ids(model: Any, length: int, generator: Any) -> Any:
    import torch

    return torch.randint(model.config.get_text_config().vocab_size, (1, length), generator=generator)
