"""`card init` writes a first card for a pipeline, and over nothing."""

from __future__ import annotations

import json
from pathlib import Path

from bezoar_data.config.files.card import load_card
from support.command import bezoar
from support.projects import JUDGED, Project

SOURCE = "  - use: load_instructions\n    with: {path: rows.jsonl, keep: [response], licence: CC0-1.0}\n"


def project(folder: Path, steps: str = SOURCE, card: str = "card: ../cards/mine.md\n") -> Path:
    (folder / "pipelines").mkdir(parents=True)
    row = {"instruction": "What is amber?", "context": "On stones.", "response": "Resin."}
    (folder / "pipelines" / "rows.jsonl").write_text(json.dumps(row) + "\n")
    head = f"name: mine\nversion: 1\ndescription: Stones\n{card}"
    (folder / "pipelines" / "mine.yaml").write_text(f"{head}steps:\n{steps}")
    return folder


def test_a_pipeline_without_its_card_gets_one_and_then_holds(tmp_path: Path):
    folder = project(tmp_path)
    missing = bezoar("validate", "pipelines", cwd=folder)
    assert (missing.code, "bezoar-data card init pipelines/mine.yaml" in missing.err) == (2, True)
    done = bezoar("card", "init", "pipelines/mine.yaml", cwd=folder)
    assert (done.code, done.out.strip()) == (0, "written: cards/mine.md"), done.err
    card = load_card(folder / "cards" / "mine.md")
    assert card.bezoar["views"] == {"sft": {"prompt": "instruction", "context": "context", "response": "response"}}
    assert set(card.bezoar["fields"]) >= {"instruction", "context", "response"}
    assert (card.front["license"], card.front["pretty_name"]) == ("unknown", "Stones")
    assert "# The licence of the data" in card.text
    assert bezoar("validate", cwd=folder).code == 0
    assert bezoar("run", "pipelines/mine.yaml", cwd=folder).code == 0
    assert bezoar("card", "check", "runs/mine", cwd=folder).code == 0
    assert bezoar("export", "runs/mine", "--format", "alpaca", cwd=folder).code == 0
    assert json.loads((folder / "mine-alpaca.jsonl").read_text()) == {
        "instruction": "What is amber?\n\nOn stones.", "input": "", "output": "Resin.",
    }  # fmt: skip
    again = bezoar("card", "init", "pipelines/mine.yaml", cwd=folder)
    assert (again.code, "there is a card already" in again.err) == (2, True)
    assert load_card(folder / "cards" / "mine.md").text == card.text


def test_a_pipeline_that_names_no_card_is_told_the_line_to_write(tmp_path: Path):
    done = bezoar("card", "init", "pipelines/mine.yaml", cwd=project(tmp_path, card=""))
    assert done.out.splitlines() == ["written: cards/mine.md", "write into pipelines/mine.yaml: card: ../cards/mine.md"]
    done = bezoar("card", "init", "pipelines/mine.yaml", "--out", "x.md", "--json", cwd=tmp_path)
    assert done.json == {"ok": True, "card": "x.md", "write": "card: ../x.md"}


def test_columns_that_tell_no_view_and_several_judges_leave_a_line_to_fill_in(tmp_path: Path):
    folder = project(
        tmp_path / "a",
        "  - use: load_flan\n    with: {path: rows.jsonl, columns: {inputs: instruction, targets: response}}\n",
    )
    assert bezoar("card", "init", "pipelines/mine.yaml", cwd=folder).code == 0
    judged = Project(tmp_path / "b")
    judged.rows(1)
    judged.models("http://127.0.0.1:9")
    judged.pipeline(JUDGED + "  - use: judge.accept\n    id: again\n    with: {model: judge, as: second}\n")
    done = judged.bezoar("card", "init", "pipeline.yaml")
    assert done.code == 0, done.err
    text = (tmp_path / "b" / "cards" / "test.md").read_text()
    assert '# where: judge_status == "Accept"  # of several judges' in text
    assert "judge_status:" not in text, "what a judge's columns mean is known"
    assert judged.bezoar("validate", "cards/test.md").code == 0
    judged.pipeline(
        JUDGED + "  - use: judge.accept\n    id: again\n    with: {model: judge, as: second}\n", card="cards/test.md"
    )
    (warning,) = judged.bezoar("validate", "pipeline.yaml", "--json").json["problems"]
    assert (warning["code"], warning["level"], warning["file"]) == ("several-judges", "warning", "cards/test.md")
    card = tmp_path / "b" / "cards" / "test.md"
    card.write_text(text.replace("# where: judge", "where: judge"))
    assert judged.bezoar("validate", "pipeline.yaml", "--json").json["problems"] == []
