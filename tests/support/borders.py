"""Rows at the borders: published by a run and read again by `datasets`, and a template to learn them by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from datasets import load_dataset

from bezoar_data.api import load_pipeline
from bezoar_data.cards.check import check_dataset
from bezoar_data.config.files.recipe import RandomModel
from bezoar_data.config.problems import Place
from bezoar_data.runs.row import content_hash
from bezoar_data.training.data.template import Template
from bezoar_data.training.random_base import make_tokenizer
from support.nasty import is_unicode

Row = Mapping[str, Any]
ARGUMENTS = "{{ c.function.arguments | tojson if c.function.arguments is mapping else c.function.arguments }}"
CALL = "<call>{{ c.function.name }}: " + ARGUMENTS + "</call>"
CHATML = (
    "{% if tools %}<tools>{{ tools | tojson }}</tools>{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}" + CALL + "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def lines(rows: Sequence[Row]) -> bytes:
    return "".join(
        json.dumps(row, ensure_ascii=i % 2 == 0 or not is_unicode(row)) + "\n" for i, row in enumerate(rows)
    ).encode()


def publish(
    folder: Path, name: str, steps: str, view: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], set[str]]:
    """Run the steps: the rows as `datasets` reads them, the dropped ones, the columns of JSON text. Card and hashes
    hold."""
    (folder / "card.md").write_text(f"---\nbezoar: {{views: {view}}}\n---\n# {{{{ title }}}}\n")
    (folder / "pipeline.yaml").write_text(f"name: {name}\nversion: 1\ncard: card.md\ntolerate: 1.0\nsteps:\n{steps}")
    out = folder / "runs" / name
    load_pipeline(folder / "pipeline.yaml", out=out).run(quiet=True)
    assert check_dataset(out / "dataset") == []
    rows = list(load_dataset(str(out / "dataset"), split="train", cache_dir=str(folder / "cache")))
    lock = json.loads((out / "dataset" / "lock.json").read_text())
    for row in rows:
        assert row["content_hash"] == content_hash(row)
    dropped = pq.read_table(out / "dropped.parquet").to_pylist()
    assert Counter(row["reason"] for row in dropped) == Counter(lock["steps"][0]["dropped"])
    return rows, dropped, set(lock["mixed_columns"])


@cache
def template() -> Template:
    tokenizer = make_tokenizer(RandomModel(vocab_size=400), [CHATML])
    tokenizer.add_special_tokens({"eos_token": "<|im_end|>"})
    tokenizer.chat_template = CHATML
    return Template(tokenizer, CHATML, Place("recipe.yaml"))
