"""A dataset's rows in the formats trainers read: Alpaca, ShareGPT, messages, plain JSON Lines.

Which column is prompt, answer or system message stands in the card's views; nothing is guessed. Rows stream from
Parquet to the file, which is written beside its place and takes it when it is whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.card import Card, check_front, load_card
from bezoar_data.config.files.card_front_matter import VIEW_KINDS
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.runs.messages import Turns, turns_of
from bezoar_data.runs.published import data_files, dataset_folder
from bezoar_data.runs.row import RESERVED

_CHUNK = 1000
_SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}


@dataclass(frozen=True, slots=True)
class Exported:
    """How many rows were written, not chosen, and left out for want of a prompt or an answer."""

    rows: int
    left_out: int
    without_text: int


@dataclass(frozen=True, slots=True)
class _Example:
    """A row as training text: turns before the answer, the answer, and for a pair the worse one."""

    prompt: Turns
    answer: Turns
    rejected: Turns | None = None
    margin: float | None = None


def export_rows(
    run: Path, form: str, out: Path, *, where: str | None = None, split: str | None = None, view: str | None = None
) -> Exported:
    """Write the rows of a run's or dataset's folder to `out`. Raises `InputError`."""
    import orjson
    import pyarrow.dataset as ds

    from bezoar_data.config.where import Where

    folder = dataset_folder(run)
    files = data_files(folder, split)
    rows = ds.dataset([str(f) for f in files], format="parquet")
    chosen = Where.parse(where).arrow(rows.schema) if where else None
    kind, columns = ("", {}) if form == "jsonl" else _view(load_card(folder / "README.md"), rows.schema.names, view)
    if out.is_dir():
        raise InputError(Problem("bad-out", "this is a folder, not a file", Place(str(out)), "name a file with --out"))
    listed = out.suffix.lower() == ".json"
    beside = out.with_name(f".{out.name}.{os.getpid()}.new")
    written = without = 0
    try:
        with beside.open("wb") as file:
            file.write(b"[\n" if listed else b"")
            for row in _rows(rows, chosen):
                value = _plain(row) if form == "jsonl" else _formatted(form, kind, columns, row)
                if value is None:
                    without += 1
                    continue
                file.write(b",\n" if listed and written else b"")
                file.write(orjson.dumps(value, default=str) + (b"" if listed else b"\n"))
                written += 1
            file.write(b"\n]\n" if listed else b"")
        beside.replace(out)
    except OSError as error:
        said = error.strerror or str(error)
        raise InputError(Problem("bad-out", f"cannot be written: {said}", Place(str(out)))) from None
    finally:
        beside.unlink(missing_ok=True)
    return Exported(written, rows.count_rows() - written - without, without)


def _rows(rows: Any, chosen: Any) -> Iterator[dict[str, Any]]:
    for batch in rows.to_batches(filter=chosen, batch_size=_CHUNK):
        yield from batch.to_pylist()


def _view(card: Card, columns: list[str], wanted: str | None) -> tuple[str, Mapping[str, str]]:
    views = card.bezoar.get("views")
    place = card.place(("bezoar", "views")) if views is not None else card.place()
    if not views:
        hint = "write under bezoar: views: {sft: {prompt: COLUMN, response: COLUMN}}, or use --format jsonl"
        raise InputError(Problem("no-views", "the card does not say how columns become training text", place, hint))
    raise_errors(check_front(card, columns))
    if wanted is not None and wanted not in views:
        hint = did_you_mean(wanted, list(views))
        raise InputError(Problem("unknown-view", f"the card has no view '{wanted}'", place, hint))
    kind = wanted or next(k for k in VIEW_KINDS if k in views)
    return kind, views[kind]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != RESERVED}


def _formatted(form: str, kind: str, columns: Mapping[str, str], row: Mapping[str, Any]) -> dict[str, Any] | None:
    example = _example(kind, {role: row[column] for role, column in columns.items()})
    if example is None:
        return None
    if form == "alpaca":
        return _alpaca(example)
    chosen = [*example.prompt, *example.answer]
    if form == "messages":
        if example.rejected is None:
            return {"messages": chosen}
        pair: dict[str, Any] = {"prompt": example.prompt, "chosen": example.answer, "rejected": example.rejected}
        return pair if example.margin is None else {**pair, "margin": example.margin}
    if example.rejected is None:
        return {"conversations": _sharegpt(chosen)}
    sides = {"chosen": _sharegpt(example.answer)[0], "rejected": _sharegpt(example.rejected)[0]}
    return {"conversations": _sharegpt(example.prompt), **sides}


def _example(kind: str, parts: Mapping[str, Any]) -> _Example | None:
    """The row as turns; None if its prompt or an answer is missing."""
    if kind == "messages":
        turns = turns_of(parts["messages"], "user")
        last = max((i for i, t in enumerate(turns) if t["role"] == "assistant"), default=-1)
        return _Example(turns[:last], turns[last : last + 1]) if last > 0 else None
    prompt = turns_of(parts["prompt"], "user")
    system = turns_of(parts.get("system"), "system")
    answer = turns_of(parts["response" if kind == "sft" else "chosen"], "assistant")
    rejected = turns_of(parts["rejected"], "assistant") if kind == "preference" else None
    if not prompt or not answer or rejected == []:
        return None
    # A pair may hold the whole conversation on both sides: what is beyond the prompt is the answer.
    trim = [t[len(prompt) :] if t and t[: len(prompt)] == prompt else t for t in (answer, rejected)]
    margin = parts.get("margin")
    return _Example([*system, *prompt], trim[0] or answer, trim[1], margin) if all(trim[:1]) else None


def _alpaca(example: _Example) -> dict[str, Any]:
    """Alpaca's three keys, and for what they cannot hold those that trainers have added: system, history, pairs."""
    system = [t["content"] for t in example.prompt if t["role"] == "system"]
    talk = [t["content"] for t in example.prompt if t["role"] != "system"]
    value: dict[str, Any] = {"instruction": talk[-1] if talk else "", "input": ""}
    if example.rejected is None:
        value["output"] = example.answer[0]["content"]
    else:
        value |= {"chosen": example.answer[0]["content"], "rejected": example.rejected[0]["content"]}
    if system:
        value["system"] = "\n".join(system)
    if len(talk) > 1:
        value["history"] = [[talk[i], talk[i + 1]] for i in range(0, len(talk) - 2, 2)]
    return value


def _sharegpt(turns: Turns) -> Turns:
    return [{"from": _SHAREGPT.get(t["role"], t["role"]), "value": t["content"]} for t in turns]
