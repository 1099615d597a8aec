"""A model that a stage left brings its licence with it, and whether it is a demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.files.models import Model
from bezoar_data.llms.providers.base import provider_class
from support.trained import data, leave, stage


@pytest.mark.parametrize("kind", ["transformers", "reward"])
@pytest.mark.parametrize(
    ("more", "demo"),
    [({}, False), ({"demo": True}, True), ({"base": {"make": {}}}, True)],
    ids=["real", "demo", "made"],
)
def test_a_stages_folder_tells_of_its_model(tmp_path: Path, kind: str, more: dict[str, Any], demo: bool) -> None:
    of_stage = {key: value for key, value in more.items() if key == "base"}
    rows = data("rows", "CC-BY-NC-4.0", "no", demo=bool(more.get("demo")))
    folder = leave(tmp_path / "stage", stage(rows, **of_stage))
    asked = provider_class(kind).as_asked(Model(provider=kind, model=str(folder)))
    assert asked.demo == demo
    assert ("CC-BY-NC-4.0" in asked.output_licence.id, asked.output_licence.commercial) == (True, "no")
    assert f"trained on rows (lock {rows.lock}" in (asked.output_licence.note or "")
    assert provider_class(kind).as_asked(asked) == asked
    told = Model.model_validate({"provider": kind, "model": str(folder), "output_licence": {"id": "MIT"}, "demo": True})
    asked = provider_class(kind).as_asked(told)
    assert (asked.output_licence.id, asked.demo) == ("MIT", True)


def test_its_card_may_ask_for_more_and_never_for_less(tmp_path: Path) -> None:
    def told(name: str, old: str = "", new: str = "", **licence: Any) -> tuple[str, str]:
        rows = data(f"{name} rows", **{"result": "CC-BY-NC-4.0", "commercial": "no", **licence})
        folder = leave(tmp_path / name, stage(rows))
        card = (folder / "README.md").read_text()
        assert old in card
        (folder / "README.md").write_text(card.replace(old, new))
        terms = provider_class("reward").as_asked(Model(provider="reward", model=str(folder))).output_licence
        return terms.id, terms.commercial

    both = "apache-2.0 AND CC-BY-NC-4.0"
    assert told("honest") == (both, "no")
    assert told("freed", 'commercial: "no"', 'commercial: "yes"') == (both, "no")
    assert told("renamed", "result: Apache-2.0 AND CC-BY-NC-4.0", "result: MIT") == (both, "no")
    allowed = {"result": "MIT", "commercial": "yes"}
    assert told("open", **allowed) == ("apache-2.0 AND MIT", "yes")
    assert told("doubted", 'commercial: "yes"', "commercial: unknown", **allowed) == ("apache-2.0 AND MIT", "unknown")
    choice = {"result": "MIT OR CC-BY-4.0", "commercial": "yes"}
    assert told("choice", **choice) == ("apache-2.0 AND (MIT OR CC-BY-4.0)", "yes")
    assert told("conflict", **allowed, licence={"conflicts": ["c"]})[0] == "unknown"
    assert told("nobody", result="unknown", commercial="unknown") == ("unknown", "unknown")


def test_any_other_folder_tells_nothing(tmp_path: Path) -> None:
    for model in ("Qwen/Qwen2.5-0.5B-Instruct", str(tmp_path)):
        plain = Model(provider="transformers", model=model)
        assert provider_class("transformers").as_asked(plain) is plain
    (tmp_path / "stage.json").write_text("{}")
    assert provider_class("transformers").as_asked(plain) is plain
