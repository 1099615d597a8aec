"""Right pipeline files: what they become, and what `--set` makes of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.pipeline import LoadedPipeline
from bezoar_data.config.files.step_graph import default_id
from bezoar_data.config.problems import Place
from support.pipeline_files import load_pipeline_file

ORCA = """\
# yaml-language-server: $schema=../schemas/pipeline.schema.json
name: orca
version: 1
description: Explanation tuning
card: ../cards/orca.md
models: models/offline.yaml
splits: {validation: 0.2}
steps:
  - use: load_flan
    with: {path: seeds/flan.jsonl, per_task: 300}
  - use: orca.explain
    with: {model: teacher}
  - use: distilabel:UltraFeedback
    columns: {instruction: inputs}
"""


@pytest.fixture
def orca(tmp_path: Path) -> Path:
    path = tmp_path / "pipelines" / "orca.yaml"
    path.parent.mkdir()
    path.write_text(ORCA, encoding="utf-8")
    return path


def load(tmp_path: Path, steps: str) -> LoadedPipeline:
    path = tmp_path / "p.yaml"
    path.write_text(f"name: a\nversion: 1\nsteps:\n{steps}", encoding="utf-8")
    return load_pipeline_file(path)


def problems(path: Path, *overrides: str) -> list[tuple[str, str, str]]:
    with pytest.raises(InputError) as caught:
        load_pipeline_file(path, overrides)
    return [(p.code, str(p.place), p.hint) for p in caught.value.problems]


def test_a_file_becomes_values_with_defaults(orca: Path) -> None:
    file = load_pipeline_file(orca).file
    assert (file.name, file.seed, file.tolerate, file.max_cost) == ("orca", 42, 0.05, None)
    assert file.max_file_bytes == 1 << 30
    assert [s.id for s in file.steps] == ["load_flan", "orca-explain", "ultra-feedback"]
    assert file.steps[0].settings == {"path": "seeds/flan.jsonl", "per_task": 300}
    assert file.steps[2].columns == {"instruction": "inputs"}
    assert file.edges() == (("load_flan", "orca-explain"), ("orca-explain", "ultra-feedback"))


def test_a_file_written_from_its_values_loads_as_the_same_values(orca: Path, tmp_path: Path) -> None:
    file = load_pipeline_file(orca).file
    copy = tmp_path / "copy.yaml"
    copy.write_text(file.model_dump_json(by_alias=True), encoding="utf-8")
    assert load_pipeline_file(copy).file == file


def test_paths_are_relative_to_the_file_that_names_them(orca: Path) -> None:
    loaded = load_pipeline_file(orca, ["steps.load_flan.path=data.tsv"])
    assert loaded.resolve("../cards/orca.md", ("card",)) == orca.parent.parent / "cards" / "orca.md"
    assert loaded.resolve("data.tsv", loaded.setting_path("load_flan", "path")) == Path("data.tsv")
    assert loaded.resolve("x", loaded.setting_path("load_flan", "per_task")) == orca.parent / "x"
    assert loaded.resolve("/abs/x", ("card",)) == Path("/abs/x")


def test_branches_and_joins_make_edges_in_the_order_of_the_file(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        "  - use: s\n"
        "  - {use: a, after: m}\n"  # names a step written later
        "  - {use: m, after: s}\n"
        "  - {use: other, after: []}\n"  # starts anew
        "  - {use: z, after: [a, other], join: union}\n"
        "  - use: last\n",
    )
    assert loaded.file.edges() == (("m", "a"), ("s", "m"), ("a", "z"), ("other", "z"), ("z", "last"))


@pytest.mark.parametrize(
    ("use", "id"),
    [
        ("load_flan", "load_flan"),
        ("orca.system_message", "orca-system_message"),
        ("distilabel:UltraFeedback", "ultra-feedback"),
        ("distilabel:LLMJudge2", "llm-judge2"),
        ("my_package.my_module:MyStep", "my-step"),
    ],
)
def test_default_ids(use: str, id: str) -> None:
    assert default_id(use) == id


def test_set_replaces_values_and_remembers_where_they_came_from(orca: Path) -> None:
    loaded = load_pipeline_file(
        orca,
        [
            "seed=7",
            "seed=8",
            "splits.test=0.1",
            "max_cost=1.5",
            "tolerate=0",
            "max_file_size=500MB",
            "steps.load_flan.path=[a.tsv, 'b=c.tsv']",
            "steps.orca-explain.sampling.temperature=0.3",
        ],
    )
    file = loaded.file
    assert (file.seed, file.max_cost, file.tolerate, file.max_file_bytes) == (8, 1.5, 0.0, 500 << 20)
    assert file.splits == {"validation": 0.2, "test": 0.1}
    assert file.steps[0].settings == {"path": ["a.tsv", "b=c.tsv"], "per_task": 300}
    assert file.steps[1].settings == {"model": "teacher", "sampling": {"temperature": 0.3}}
    place = loaded.document.place
    assert place(("seed",)) == Place("--set seed=8")
    assert place(("steps", 0, "with", "path", 1)).file.startswith("--set steps.load_flan.path=")
    assert place(("steps", 0, "with", "per_task")) == Place(str(orca), 10, 46)
    assert ("steps", 0, "with", "path") in loaded.overridden
    assert ("steps", 0, "with", "per_task") not in loaded.overridden


def test_set_never_changes_an_alias_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("name: a\nversion: 1\nsteps: [{use: s, with: &w {p: 1}}, {use: t, with: *w}]\n")
    file = load_pipeline_file(path, ["steps.s.p=2"]).file
    assert [s.settings for s in file.steps] == [{"p": 2}, {"p": 1}]


@pytest.mark.parametrize(
    ("override", "code", "hint"),
    [
        ("steps.load_flna.path=x", "unknown-step", "did you mean 'load_flan'?"),
        ("steps.load_flan=x", "bad-override", "known ids: "),
        ("steps.load_flan.with.path=x", "bad-override", "write steps.load_flan.path"),
        ("steps.load_flan.per_task.x=1", "bad-override", ""),
        ("seed=x", "wrong-type", ""),
        ("sede=3", "unknown-key", "did you mean 'seed'?"),
        ("colour=3", "unknown-key", "known: steps.<id>.<setting>"),
        ("models.teacher=x", "bad-override", "--models"),
        ("models=x", "bad-override", "--models"),
        ("version=2", "bad-override", "in the file"),
        ("seed", "bad-override", "for example"),
        ("=3", "bad-override", "for example"),
        ("seed=", "bad-override", "write ''"),
        ("seed.x=1", "unknown-key", ""),
        ("splits.test=1.5", "bad-value", ""),
        ("splits.test=0.9", "bad-value", "less than 1"),
        ("max_cost=-1", "bad-value", ""),
        ("steps.load_flan.path=*.tsv", "unknown-alias", "quote"),
        ("steps.load_flan.path=!!python/name:os.system x", "tag", ""),
        ("steps.load_flan.path=[", "yaml-syntax", "bracket"),
    ],
)
def test_a_wrong_set_is_told_at_the_option_itself(orca: Path, override: str, code: str, hint: str) -> None:
    ((found, place, said),) = problems(orca, override)
    assert found == code
    assert place == (f"--set {override}" if code != "bad-value" or "0.9" not in override else f"{orca}:7:1")
    assert hint in said


def test_mistakes_of_options_and_file_come_together(orca: Path) -> None:
    orca.write_text(ORCA.replace("card:", "crad:"), encoding="utf-8")
    found = problems(orca, "seed=x", "steps.nobody.a=1")
    assert sorted(code for code, _, _ in found) == ["unknown-key", "unknown-step", "wrong-type"]


def test_a_key_given_by_set_is_never_echoed(orca: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_pipeline_file(orca, ["seed=sk-abcdefghijklmnop", "api_key=sk-abcdefghijklmnop"])
    assert len(caught.value.problems) == 2
    assert "abcdefghijklmnop" not in repr(caught.value.problems)


def test_reading_pipelines_imports_nothing_heavy() -> None:
    code = (
        "import sys, bezoar_data.config.files.pipeline, bezoar_data.config.files.models, bezoar_data.config.render;"
        "print([m for m in ('distilabel', 'datasets', 'pyarrow', 'aiohttp', 'rich', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
