"""The page for coding agents: short, true of this version, and enough to write a project's files from.

`from_context/` holds three projects that were written from that page alone, each for the task its pipeline begins with.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from bezoar_data.config.yaml.document import parse_yaml
from bezoar_data.project.context import context_text
from bezoar_data.steps.catalogue.registry import load_catalogue
from bezoar_data.training.stages.registry import stage_configs
from support.command import bezoar

ROOT = Path(__file__).parents[2]
WRITTEN = Path(__file__).parent / "from_context"
DATA = {
    "support": ("questions.jsonl", '{"question": "How do I change my password?"}\n'),
    "pairs": ("prompts.csv", "prompt\nWrite a haiku on rain.\n"),
    "chats": (
        "a.jsonl",
        '{"messages": [{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "A model."}]}\n',
    ),
}
KEYS = {"OPENAI_API_KEY": "a-key-of-a-test", "ANTHROPIC_API_KEY": "another-key-of-a-test"}


def test_the_page_is_short_and_names_every_step_and_stage():
    text = context_text()
    assert len(text) < 14_300  # 3.6 characters a token with SmolLM2's tokenizer, of few words: below 4,000 with others
    assert "<!--" not in text
    for name in load_catalogue():
        assert f"\n- {name}: " in text
    for stage in stage_configs():
        assert f"\n- {stage.kind()}: " in text
    assert bezoar("context").out.rstrip("\n") == text.rstrip("\n")


def test_its_examples_make_a_project_that_is_right(tmp_path: Path):
    blocks = re.findall(r"```yaml\n(.*?)```", context_text(), re.DOTALL)
    pipeline, models, recipe = blocks
    for place, text in {"first": pipeline, "models/mine": models, "../recipes/first": recipe}.items():
        path = tmp_path / "pipelines" / f"{place}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    seeds = tmp_path / "pipelines" / parse_yaml(pipeline, "pipeline").value["steps"][0]["with"]["path"]
    seeds.parent.mkdir()
    seeds.write_text(DATA["support"][1])
    assert bezoar("card", "init", "pipelines/first.yaml", cwd=tmp_path).code == 0
    told = bezoar("validate", "--strict", cwd=tmp_path, env=KEYS)
    assert told.code == 0, told.err


@pytest.mark.parametrize("task", DATA)
def test_what_was_written_from_it_alone_is_right(task: str, tmp_path: Path):
    project = tmp_path / task
    shutil.copytree(WRITTEN / task, project)
    name, rows = DATA[task]
    (project / "data").mkdir()
    (project / "data" / name).write_text(rows)
    assert bezoar("card", "init", f"pipelines/{task}.yaml", cwd=project).code == 0
    told = bezoar("validate", "--strict", cwd=project, env=KEYS)
    assert told.code == 0, told.err
    assert " 1 recipe, 1 card: no mistakes found" in told.out


def test_llms_txt_and_the_skill_name_only_what_is_there():
    index = (ROOT / "llms.txt").read_text()
    linked = re.findall(r"\]\(([^)]+)\)", index)
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= {Path(link).name for link in linked}
    for link in linked:
        assert (ROOT / link).is_file(), link
    skill = bezoar("context", "--skill").out
    front = parse_yaml(skill.split("---\n")[1], "SKILL.md").value
    assert front["name"] == "bezoar-data"
    assert 50 < len(front["description"]) <= 1024
    commands = set(re.findall(r"bezoar-data ([a-z]+)", skill)) - {"bezoar"}
    for command in commands:
        assert bezoar(command, "--help").code == 0, command
