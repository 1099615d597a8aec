"""Whether what a stage leaves says again what it was trained on: the last thing before it is finished.

The saved tokenizer turns one conversation of each kind that the recipe's data has into the very ids that were trained
on, a prompt ends where the reply began, and the saved files agree on where a text ends.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import raise_errors
from bezoar_data.config.problems import Place, Problem
from bezoar_data.llms.templates.in_transformers import bound_templates
from bezoar_data.training.data.template import Seen, Template
from bezoar_data.training.ends import ids_of, save_beside


def check_template(template: Template, place: Place) -> None:
    """The same of the tokenizer alone, before a stage is trained. Raises `InputError`."""
    with tempfile.TemporaryDirectory() as folder:
        save_beside(Path(folder), None, template)
        raise_errors(_problems(_said_again(Path(folder), template), place))


def check_round_trip(folder: Path, template: Template, place: Place) -> None:
    """Raises `InputError` where the folder of a stage does not give again what it was trained on."""
    raise_errors(_problems([*_said_again(folder, template), *_ends(folder, template)], place))


def _problems(faults: Any, place: Place) -> Iterator[Problem]:
    hint = "the stage is not finished; a model that is served with these files would not be the one that was trained"
    yield from (Problem("round-trip", fault, place, hint) for fault in faults)


def _said_again(folder: Path, template: Template) -> Iterator[str]:
    from transformers import AutoTokenizer

    bound_templates()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for kind, seen in template.seen.items():
        yield from (f"a conversation ({kind}): {fault}" for fault in _differs(tokenizer, seen))


def _differs(tokenizer: Any, seen: Seen) -> Iterator[str]:
    options = {"tools": seen.tools, "return_dict": False, **seen.options}
    ids, (start, _) = seen.encoded.ids, seen.encoded.last
    if not seen.cut and tokenizer.apply_chat_template(seen.messages, **options) != ids:
        yield "the saved chat template gives other tokens than were trained on"
    if start:
        prompt = tokenizer.apply_chat_template(seen.messages[:-1], add_generation_prompt=True, **options)
        # Where replies before the last were cut as well, a history that is tokenised as one differs in them.
        replies = sum(message["role"] == "assistant" for message in seen.messages)
        if prompt != ids[:start] and not (seen.cut and replies > 1):
            yield "the saved chat template asks with other tokens than stood before the reply"
    learnt = [i for i, is_learnt in zip(ids, seen.encoded.learnt, strict=True) if is_learnt]
    said = tokenizer.decode(learnt, clean_up_tokenization_spaces=False)
    # Decoders of SentencePiece's kind add and take spaces at the edges of what they are given.
    if "".join(said.split()) != "".join(seen.said.split()):
        yield "what is learnt of it, decoded, is not what the assistant says"


def _ends(folder: Path, template: Template) -> Iterator[str]:
    ends: set[int] = set()
    for name in ("generation_config.json", "config.json"):
        file = folder / name
        value = json.loads(file.read_text("utf-8")) if file.is_file() else {}
        if not value:
            continue
        value = value if "eos_token_id" in value else {**value, **value.get("text_config", {})}
        found, pad = set(ids_of(value.get("eos_token_id"))), value.get("pad_token_id")
        if template.end_id not in found:
            yield f"{name} does not end a text at {template.end}, which ends a reply"
        if template.tokenizer.eos_token_id not in (None, *found):
            yield f"{name} does not end a text at {template.tokenizer.eos_token}, the tokenizer's end of text"
        if pad != template.tokenizer.pad_token_id:
            yield f"{name} pads with the token {pad}, the tokenizer with {template.tokenizer.pad_token_id}"
        if ends and found != ends:
            yield f"config.json ends a text at {sorted(found)}, generation_config.json at {sorted(ends)}"
        ends = found
