import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bezoar_data.config.errors import InputError
from bezoar_data.steps.catalogue.entry import Setting, StepEntry
from bezoar_data.steps.catalogue.registry import load_catalogue
from bezoar_data.steps.catalogue.write import main
from bezoar_data.steps.known import find_step
from support.scripted_llm import ScriptedLLM

EXPECTED = {"load_flan", "orca.system_message", "orca.explain", "near_duplicates", "judge.accept"}


def faults(use: str, settings: dict) -> list[tuple]:
    return [(path, code) for path, code, _, _ in find_step(use).check_settings(settings)]


def test_the_shipped_catalogue_is_current() -> None:
    assert main([]) == 0, "run: python -m bezoar_data.steps.catalogue.write --write"


def test_it_knows_the_steps_and_every_entry_is_whole() -> None:
    catalogue = load_catalogue()
    assert set(catalogue) >= EXPECTED
    for entry in catalogue.values():
        assert entry.summary.endswith("."), entry.use
        assert entry.example.startswith(f"- use: {entry.use}\n"), entry.use
        assert all(s.description for s in entry.settings), entry.use
        cls = entry.load_class()
        assert (cls.use, cls.version) == (entry.use, entry.version)


def test_examples_are_settings_the_step_takes() -> None:
    for entry in load_catalogue().values():
        (use,) = YAML(typ="safe").load(entry.example)
        assert entry.check_settings(use.get("with", {})) == [], entry.use


def something(setting: Setting) -> object:
    """A value a required setting takes."""
    if setting.type == "list of text":
        return ["one", "other"]
    if setting.type.startswith("mapping to one of"):
        return {"text": {setting.type.split()[-1]: 1}}
    return 1 if setting.type in ("whole number", "number") else "text"


def test_defaults_pass_their_own_check() -> None:
    for entry in load_catalogue().values():
        given = {s.name: s.default for s in entry.settings if not s.required and s.default is not None}
        required = {s.name: "role" if s.role else something(s) for s in entry.settings if s.required}
        found = [f for f in entry.check_settings({**given, **required}) if "either" not in f.message]
        assert [f for f in found if not (entry.one_of and f.code == "missing-key")] == []


def test_reading_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from bezoar_data.steps.catalogue.registry import load_catalogue;"
        "e = load_catalogue()['judge.accept']; e.check_settings({}); e.columns({});"
        "print([m for m in ('distilabel', 'datasets', 'pyarrow', 'aiohttp', 'rensa', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("use", "settings", "expected"),
    [
        ("load_flan", {"path": "a.jsonl"}, []),
        ("load_flan", {"path": ["a.jsonl", "b.tsv"], "per_task": {"NIv2": 5}, "quotas": {"T0": 1}}, []),
        ("load_flan", {}, [((), "missing-key")]),
        ("load_flan", {"path": "a", "hub": "o/n"}, [(("hub",), "bad-value")]),
        ("load_flan", {"pth": "a", "hub": "o/n"}, [(("pth",), "unknown-key")]),
        ("load_flan", {"path": 3}, [(("path",), "wrong-type")]),
        ("load_flan", {"path": ["a", 3]}, [(("path", 1), "wrong-type")]),
        ("load_flan", {"path": "a", "per_task": -1}, [(("per_task",), "bad-value")]),
        ("load_flan", {"path": "a", "per_task": True}, [(("per_task",), "wrong-type")]),
        ("load_flan", {"path": "a", "quotas": {"T0": "many"}}, [(("quotas", "T0"), "wrong-type")]),
        ("load_flan", {"path": "a", "zero_shot_only": "yes"}, [(("zero_shot_only",), "wrong-type")]),
        ("load_flan", {"path": "a", "limit": 1.5}, [(("limit",), "wrong-type")]),
        ("orca.explain", {}, [((), "missing-key")]),
        ("orca.explain", {"model": 3}, [(("model",), "wrong-type")]),
        ("orca.explain", {"model": "t", "llm": "x"}, [(("llm",), "unknown-key")]),
        ("judge.accept", {"model": "j", "as": "GPT 4"}, [(("as",), "bad-value")]),
        ("judge.accept", {"model": "j", "judge": "judge"}, [(("judge",), "unknown-key")]),
        (
            "near_duplicates",
            {"column": [], "threshold": 0},
            [(("column",), "bad-value"), (("threshold",), "bad-value")],
        ),
        ("near_duplicates", {"column": "a", "threshold": 1.5}, [(("threshold",), "bad-value")]),
    ],
)
def test_wrong_settings_are_told_at_their_keys(use: str, settings: dict, expected: list) -> None:
    assert faults(use, settings) == expected


def test_unknown_settings_and_submixes_name_the_nearest() -> None:
    (fault,) = find_step("load_flan").check_settings({"path": "a", "per_tsk": 3})
    assert fault.hint == "did you mean 'per_task'?"
    (fault,) = find_step("load_flan").check_settings({"path": "a", "quotas": {"NIV2": 3}})
    assert fault.hint == "did you mean 'NIv2'?"


def test_messages_are_for_people() -> None:
    settings = {"path": {}, "per_task": "x", "quotas": 3, "split": None, "zero_shot_only": 1, "nope": 1, "limit": "a"}
    found = find_step("load_flan").check_settings(settings)
    assert len(found) == 7
    for fault in found:
        assert not any(word in fault.message for word in ("$", "schema", "anyOf", "None", "{", "NoneType", "'str'"))


def test_columns_follow_the_settings() -> None:
    judge = find_step("judge.accept")
    assert judge.columns({"model": "j"}) == (
        ["inputs", "explained_targets", "system_message", "targets"],
        ["judge_status", "judge_rating", "judge_reason"],
    )
    assert judge.columns({"as": "me", "system": "", "reference": ""}) == (
        ["inputs", "explained_targets"],
        ["me_status", "me_rating", "me_reason"],
    )
    near = find_step("near_duplicates")
    assert near.columns({"column": "a"}) == (["a"], [])
    assert near.columns({"column": ["a", "b", "a"]}) == (["a", "b"], [])
    assert find_step("load_flan").optional_columns({}) == ["reference_answer", "reference_rationale"]


def test_the_classes_say_the_same_columns_as_the_catalogue() -> None:
    for entry in load_catalogue().values():
        settings = {s.name: something(s) for s in entry.settings if s.required and not s.role}
        fields = entry.fields(settings)
        for field in entry.fields(dict.fromkeys(entry.role_settings)):
            fields[field] = ScriptedLLM(answer=lambda messages: "")
        step = entry.load_class()(name="step", **fields)
        assert (step.inputs, step.outputs) == entry.columns(settings), entry.use


def test_files_spell_settings_in_their_own_way() -> None:
    judge = find_step("judge.accept")
    assert judge.role_settings == ("model",)
    assert judge.fields({"model": "m", "as": "me", "retries": 1}) == {"llm": "m", "judge": "me", "retries": 1}
    assert (judge.spelling("judge"), judge.spelling("llm"), judge.spelling("nothing")) == ("as", "model", None)
    assert judge.input_paths == ("rubric",)
    assert not judge.is_path("rubric", "answer-quality")
    assert judge.is_path("rubric", "my.yaml")
    assert not judge.is_path("as", "my.yaml")


def test_entries_survive_the_way_through_the_file() -> None:
    for entry in load_catalogue().values():
        assert StepEntry.from_json(json.loads(json.dumps(entry.as_json()))) == entry


def test_an_unknown_step_names_the_nearest() -> None:
    with pytest.raises(InputError) as wrong:
        find_step("orca.explian")
    assert wrong.value.problems[0].hint == "did you mean 'orca.explain'?"


PLUGIN = '''
from typing import ClassVar
from pydantic import Field
from bezoar_data.steps.base import Kept, RowStep

class Shout(RowStep):
    """Write a column in capitals."""
    use: ClassVar[str] = "{use}"
    reads: ClassVar[tuple[str, ...]] = ("{{column}}",)
    writes: ClassVar[tuple[str, ...]] = ("shouted",)
    column: str = Field(description="What to shout.")

    def run_row(self, row):
        return Kept(row.with_columns(shouted=row[self.column].upper()))
        yield
'''


def plugin(folder: Path, use: str) -> dict[str, str]:
    """An installed package of steps: its code, and the metadata an installer writes beside it."""

    package = folder / "loud_steps"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "shout.py").write_text(PLUGIN.format(use=use))
    info = folder / "loud_steps-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loud-steps\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bezoar_data.steps]\nloud = loud_steps\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def test_an_installed_package_adds_its_steps(tmp_path: Path) -> None:
    env = plugin(tmp_path, "loud.shout")
    module = [sys.executable, "-m", "bezoar_data.steps.catalogue.write", "--package", "loud_steps"]
    assert subprocess.run(module, env=env, capture_output=True, check=False).returncode == 1
    subprocess.run([*module, "--write"], env=env, check=True, capture_output=True)
    code = (
        "import sys; from bezoar_data.steps.known import find_step;"
        "e = find_step('loud.shout'); print(e.kind, e.columns({'column': 'x'}), 'loud_steps.shout' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "row (['x'], ['shouted']) False"


@pytest.mark.parametrize("fault", ["taken", "broken"])
def test_a_package_that_claims_a_taken_name_or_is_broken_is_named(tmp_path: Path, fault: str) -> None:
    env = plugin(tmp_path, "orca.explain")
    if fault == "taken":
        module = [sys.executable, "-m", "bezoar_data.steps.catalogue.write", "--package", "loud_steps", "--write"]
        subprocess.run(module, env=env, check=True, capture_output=True)
    code = (
        "from bezoar_data.config.errors import InputError\n"
        "from bezoar_data.steps.catalogue.registry import load_catalogue\n"
        "try:\n load_catalogue()\nexcept InputError as e:\n print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert "loud_steps" in done.stdout
