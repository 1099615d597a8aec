"""A dataset's Croissant, read by the library that defines the format."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bezoar_data.cards.render import card_renderer
from support.cards import lock_of

mlcroissant = pytest.importorskip("mlcroissant")

ORCA = Path(__file__).parents[2] / "cards" / "orca.md"
TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def croissant(made: Any, lock: dict[str, Any] | None = None, template: Path | None = ORCA) -> Any:
    """The dataset as mlcroissant loads it, from the file beside its rows."""
    lock = lock or made.lock
    file = made.folder / "croissant.json"
    file.write_text(card_renderer(template)(lock_of(lock), made.example, None)["croissant.json"], encoding="utf-8")
    return mlcroissant.Dataset(jsonld=file)


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return [plain(v) for v in value] if hasattr(value, "__iter__") and not isinstance(value, str | dict) else value


def test_it_is_valid_and_gives_back_every_value(build: Callable[..., Any]) -> None:
    made = build()
    loaded = croissant(made)
    issues = loaded.metadata.ctx.issues
    assert not issues.errors
    # Nobody said who made it, when, and where it is, and it has no known licence; else nothing lacks.
    unsaid = ("datePublished", "schema.org/license", "schema.org/creator", "schema.org/url")
    assert [w for w in issues.warnings if not any(name in w for name in unsaid)] == []
    for split in ("train", "validation"):
        (file,) = (made.folder / "data").glob(f"{split}-*.parquet")
        rows = pq.read_table(file).to_pylist()
        found = [{k.partition("/")[2]: plain(v) for k, v in r.items()} for r in loaded.records(split)]
        assert found == rows


ABOUT = """\
---
license: cc-by-4.0
bezoar:
  about:
    creators: [Ada Lovelace, {organization: Example Lab}]
    date: 2026-11-30
    url: https://huggingface.co/datasets/example/answers
    intended_use: Trying it out.
---
# {{ title }}
"""


def test_what_people_say_of_it_makes_it_whole(build: Callable[..., Any], tmp_path: Path) -> None:
    template = tmp_path / "card.md"
    template.write_text(ABOUT)
    made = build()
    loaded = croissant(made, template=template)
    assert (loaded.metadata.ctx.issues.errors, loaded.metadata.ctx.issues.warnings) == (set(), set())
    raw = json.loads((made.folder / "croissant.json").read_text())
    assert [(one["@type"], one["name"]) for one in raw["creator"]] == [
        ("sc:Person", "Ada Lovelace"),
        ("sc:Organization", "Example Lab"),
    ]
    assert (raw["datePublished"], raw["url"]) == ("2026-11-30", "https://huggingface.co/datasets/example/answers")
    assert raw["rai:dataUseCases"] == ["Trying it out."]


def test_a_changed_file_is_refused(build: Callable[..., Any]) -> None:
    made = build()
    loaded = croissant(made)
    (file,) = (made.folder / "data").glob("train-*.parquet")
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(mlcroissant.GenerationError):
        list(loaded.records("train"))


def test_it_tells_licence_limits_sources_and_models(build: Callable[..., Any]) -> None:
    made = build()
    lock = copy.deepcopy(made.lock)
    lock["sources"][0].update(licence="CC-BY-NC-4.0", url="https://example.org/flan", revision="r1")
    told = croissant(made, lock).metadata.to_json()
    text = json.dumps(told)
    assert told["license"] == ["https://spdx.org/licenses/CC-BY-NC-4.0.html"] or "CC-BY-NC-4.0" in str(told["license"])
    raw = json.loads((made.folder / "croissant.json").read_text())
    assert raw["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert "Commercial use: no." in raw["conditionsOfAccess"]
    assert raw["prov:wasDerivedFrom"][0]["@id"] == "https://example.org/flan"
    agents = [one["name"] for a in raw["prov:wasGeneratedBy"] for one in a.get("prov:wasAssociatedWith", ())]
    assert agents == ["demo-teacher", "demo-judge"]
    assert "Demonstration data" in str(raw["rai:dataLimitations"])
    assert raw["rai:machineAnnotationTools"] == ["demo-teacher (teacher)", "demo-judge (judge)"]
    assert "machineAnnotationTools" in text


def test_the_same_facts_give_the_same_bytes_and_no_key(build: Callable[..., Any]) -> None:
    made = build()
    lock = copy.deepcopy(made.lock)
    lock["pipeline"]["description"] = "my key is sk-proj-abcdefghijklmnop1234567890\x1b[31m"
    texts = set()
    for _ in range(2):
        croissant(made, copy.deepcopy(lock))
        texts.add((made.folder / "croissant.json").read_bytes())
    (text,) = texts
    assert b"sk-proj-abcdefgh" not in text
    assert b"\x1b" not in text


def test_conversations_and_other_columns_can_be_loaded(build: Callable[..., Any]) -> None:
    made = build(rows=[{"messages": TALK, "margin": 0.5, "kept": True, "tags": ["a", "b"], "n": 3} for _ in range(4)])
    loaded = croissant(made, template=None)
    assert not loaded.metadata.ctx.issues.errors
    row = next(iter(loaded.records("train")))
    assert (row["train/margin"], row["train/kept"], row["train/n"]) == (0.5, True, 3)
    assert plain(row["train/tags"]) == ["a", "b"]
    assert "Hello" in str(plain(row["train/messages"]))
