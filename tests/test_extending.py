"""Adding to the package is writing one file: no list, no registry and no schema is edited by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.extending import Tree

pytestmark = pytest.mark.slow

FILTER = '''
"""`shouting`: texts written in capitals."""

from typing import ClassVar

from pydantic import Field

from bezoar_data.runs.row import Row
from bezoar_data.steps.curation import FilterStep


class Shouting(FilterStep):
    """Drop rows whose text is mostly in capitals."""

    use: ClassVar[str] = "shouting"
    example: ClassVar[str] = "- use: shouting\\n  with: {column: instruction}\\n"

    most: float = Field(default=0.5, ge=0, le=1, description="The largest share of capitals among letters.")

    def reason(self, row: Row, text: str) -> tuple[str, str] | None:
        letters = [c for c in text if c.isalpha()]
        share = sum(map(str.isupper, letters)) / max(1, len(letters))
        return ("shouting", f"{share:.0%} capitals") if share > self.most else None
'''

SOURCE = '''
"""`load_flashcards`: cards with a question on the front and its answer on the back."""

from typing import ClassVar

from bezoar_data.runs.row import Columns
from bezoar_data.steps.sources.files import FileSource, SourceRow, texts_of
from bezoar_data.steps.sources.readers import BadRows


class LoadFlashcards(FileSource):
    """Flash cards from local files or the Hub, as instruction and response."""

    use: ClassVar[str] = "load_flashcards"
    holds: ClassVar[str] = "card"
    writes: ClassVar[tuple[str, ...]] = ("instruction", "response")
    example: ClassVar[str] = "- use: load_flashcards\\n  with: {path: cards.jsonl}\\n"

    def take(self, row: SourceRow, bad_rows: BadRows) -> Columns | None:
        card = texts_of(row, ("front", "back"), bad_rows, "a card has a front and a back")
        return None if card is None else {"instruction": card["front"], "response": card["back"]}
'''

FORMAT = '''
"""Each row as one text."""

from collections.abc import Mapping
from typing import Any

NEEDS_VIEW = False


def convert(row: Mapping[str, Any], example: None) -> dict[str, Any]:
    return {"text": f"{row['instruction']} {row['response']}"}
'''

PIPELINE = """\
name: cards
version: 1
description: Flash cards
steps:
  - use: load_flashcards
    with: {path: cards.jsonl, licence: CC0-1.0}
  - use: shouting
    with: {column: instruction}
"""


def test_a_filter_a_source_and_an_export_format_are_one_file_each(tmp_path: Path):
    tree = Tree(tmp_path / "tree")
    added = {
        "src/bezoar_data/steps/curation/shouting.py": FILTER,
        "src/bezoar_data/steps/sources/load_flashcards.py": SOURCE,
        "src/bezoar_data/cards/export/formats/text.py": FORMAT,
    }
    for path, text in added.items():
        tree.write(path, text)
    tree.generate("steps.catalogue", "schema")
    assert tree.changed() == {*added, "src/bezoar_data/steps/catalogue.json", "schemas/pipeline.schema.json"}

    listed = tree.run("bezoar-data", "steps", "list")
    assert "shouting" in listed
    assert "Flash cards from local files or the Hub" in listed
    shown = tree.run("bezoar-data", "steps", "show", "shouting")
    assert "may write: {mark}" in shown
    assert "most (number, default 0.5)" in shown
    schema = json.loads((tree.folder / "schemas/pipeline.schema.json").read_text())
    assert "load_flashcards" in json.dumps(schema)

    cards = [{"front": "What is amber?", "back": "Resin."}, {"front": "WHAT IS IT?", "back": "A stone."}]
    tree.write("my/cards.jsonl", "".join(json.dumps(card) + "\n" for card in cards))
    tree.write("my/cards.yaml", PIPELINE)
    tree.run("bezoar-data", "validate", "my/cards.yaml")
    tree.run("bezoar-data", "run", "my/cards.yaml", "--out", "my/run")
    (kept,) = (pq.read_table(f).to_pylist() for f in (tree.folder / "my/run/dataset/data").glob("*.parquet"))
    assert [(row["instruction"], row["response"]) for row in kept] == [("What is amber?", "Resin.")]
    assert "messages, sharegpt, text;" in tree.run("bezoar-data", "export", "--help")
    tree.run("bezoar-data", "export", "my/run", "--format", "text", "--out", "my/rows.json")
    assert json.loads((tree.folder / "my/rows.json").read_text()) == [{"text": "What is amber? Resin."}]
    (dropped,) = pq.read_table(tree.folder / "my/run/dropped.parquet").to_pylist()
    assert (dropped["step"], dropped["reason"], dropped["detail"]) == ("shouting", "shouting", "100% capitals")


PROVIDER = '''
"""`echo`: answers with the question."""

from collections.abc import Sequence

from bezoar_data.llms.providers.base import Completion, Provider, Request


class Echo(Provider):
    """Answers with the question. Asks nobody."""

    kind = "echo"
    needs_network = False

    async def complete(self, request: Request) -> Sequence[Completion]:
        text = request.messages[-1]["content"]
        return [Completion(text, "stop", len(text), len(text)) for _ in request.samples]
'''

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


def test_a_provider_is_one_file(tmp_path: Path):
    tree = Tree(tmp_path / "tree")
    tree.write("src/bezoar_data/llms/providers/echo.py", PROVIDER)
    tree.generate("schema")
    assert tree.changed() == {"src/bezoar_data/llms/providers/echo.py", "schemas/models.schema.json"}
    schema = json.loads((tree.folder / "schemas/models.schema.json").read_text())
    assert "echo" in schema["$defs"]["Model"]["properties"]["provider"]["anyOf"][0]["enum"]

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
    (kept,) = (pq.read_table(f).to_pylist() for f in (tree.folder / "my/run/dataset/data").glob("*.parquet"))
    assert [r["explained_targets"] for r in kept] == ["Why is amber yellow?"]
