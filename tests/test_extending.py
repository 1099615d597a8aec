"""Adding to the package is writing one file, as CONTRIBUTING.md prints it: no list and no schema is edited by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.extending import Tree, documented_files
from support.fault_server import FaultServer

pytestmark = pytest.mark.slow

STEPS = "src/bezoar_data/steps/"
FILTER, FILTER_TEST = STEPS + "curation/shorten.py", "tests/steps/curation/test_shorten.py"
SOURCE = STEPS + "sources/load_flashcards.py"
ASKING = STEPS + "translate.py"
PROVIDER, PROVIDER_TEST = "src/bezoar_data/llms/providers/echo.py", "tests/llms/providers/test_echo.py"
FORMAT = "src/bezoar_data/cards/export/formats/gemini.py"
STAGE = "src/bezoar_data/training/stages/halve.py"
"""Tried in `tests/training`."""

CARDS = """\
name: cards
version: 1
description: Flash cards
card: card.md
models: models.yaml
steps:
  - use: load_flashcards
    with: {path: cards.jsonl, licence: CC0-1.0}
  - use: shorten
    with: {column: response, words: 2}
  - use: translate
    with: {model: teacher, language: French}
"""
CARD = """\
---
bezoar:
  views: {sft: {prompt: instruction, response: translation}}
---
Flash cards.
"""
ECHOES = """\
name: echoes
version: 1
description: What Echo says
models: models.yaml
steps:
  - use: load_flan
    with: {path: rows.jsonl, licence: CC0-1.0}
  - use: orca.system_message
  - use: orca.explain
    with: {model: teacher}
"""


def test_every_printed_file_is_tried():
    assert documented_files() == {
        *(FILTER, FILTER_TEST, SOURCE, ASKING, PROVIDER, PROVIDER_TEST, FORMAT, STAGE),
    }


def test_a_filter_a_source_a_step_and_a_format_are_one_file_each(tmp_path: Path):
    tree = Tree(tmp_path / "tree")
    added = tree.add(FILTER, SOURCE, ASKING, FORMAT)
    tree.generate("steps.catalogue", "schema")
    assert tree.changed() == {*added, "src/bezoar_data/steps/catalogue.json", "schemas/pipeline.schema.json"}
    tree.add(FILTER_TEST)
    tree.run("pytest", FILTER_TEST)

    assert "Flash cards from local files or the Hub" in tree.run("bezoar-data", "steps", "list")
    shown = tree.run("bezoar-data", "steps", "show", "shorten")
    assert "may write: {mark}" in shown
    assert "words (" in shown
    assert "default 400" in shown
    schema = (tree.folder / "schemas/pipeline.schema.json").read_text()
    assert "load_flashcards" in schema
    assert "The language to translate into." in schema

    cards = [{"front": "What is amber?", "back": "Resin."}, {"front": "And a stone?", "back": "That takes longer."}]
    tree.write("my/cards.jsonl", "".join(json.dumps(card) + "\n" for card in cards))
    tree.write("my/cards.yaml", CARDS)
    tree.write("my/card.md", CARD)
    with FaultServer() as server:
        model = {"provider": "openai", "model": "tester", "base_url": server.url}
        tree.write("my/models.yaml", json.dumps({"version": 1, "roles": {"teacher": model}}))
        tree.run("bezoar-data", "validate", "my/cards.yaml")
        tree.run("bezoar-data", "run", "my/cards.yaml", "--out", "my/run")
    (kept,) = rows(tree, "my/run/dataset/data/*.parquet")
    assert (kept["instruction"], kept["response"]) == ("What is amber?", "Resin.")
    (dropped,) = rows(tree, "my/run/dropped.parquet")
    assert (dropped["step"], dropped["reason"], dropped["detail"]) == ("shorten", "too_long", "3 words")
    assert "gemini" in tree.run("bezoar-data", "export", "--help")
    tree.run("bezoar-data", "export", "my/run", "--format", "gemini", "--out", "my/exported.jsonl")
    asked, said = json.loads((tree.folder / "my/exported.jsonl").read_text())["contents"]
    assert asked == {"role": "user", "parts": [{"text": "What is amber?"}]}
    assert said == {"role": "model", "parts": [{"text": kept["translation"]}]}


def test_a_provider_is_one_file(tmp_path: Path):
    tree = Tree(tmp_path / "tree")
    added = tree.add(PROVIDER)
    tree.generate("schema")
    assert tree.changed() == {*added, "schemas/models.schema.json"}
    schema = json.loads((tree.folder / "schemas/models.schema.json").read_text())
    assert "echo" in schema["$defs"]["Model"]["properties"]["provider"]["anyOf"][0]["enum"]
    tree.add(PROVIDER_TEST)
    tree.run("pytest", "-o", "asyncio_mode=auto", PROVIDER_TEST)

    row = {
        "inputs": "Why is amber yellow?",
        "targets": "It is resin.",
        "task_source": "T0",
        "task_name": "sciq",
        "template_type": "zs_noopt",
    }
    tree.write("my/rows.jsonl", json.dumps(row) + "\n")
    tree.write("my/models.yaml", "version: 1\nroles:\n  teacher: {provider: echo, model: any}\n")
    tree.write("my/echoes.yaml", ECHOES)
    tree.run("bezoar-data", "validate", "my/echoes.yaml")
    tree.run("bezoar-data", "run", "my/echoes.yaml", "--out", "my/run")
    assert [r["explained_targets"] for r in rows(tree, "my/run/dataset/data/*.parquet")] == ["Why is amber yellow?"]


def rows(tree: Tree, pattern: str) -> list[dict[str, object]]:
    return [row for file in tree.folder.glob(pattern) for row in pq.read_table(file).to_pylist()]
