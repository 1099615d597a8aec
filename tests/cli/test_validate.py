"""`bezoar-data validate` as a command: what it looks at, what it prints, and how it ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bezoar_data.cli.main import main

ROOT = Path(__file__).parents[2]
SHIPPED = [str(ROOT / name) for name in ("pipelines", "recipes", "cards")]
STEPS = "steps:\n  - use: load_instructions\n    with: {path: rows.jsonl}\n"
MODEL = (
    "version: 1\nroles:\n  judge: {provider: openai, model: m, base_url: 'http://x/v1', api_key_env: UNSET_API_KEY}\n"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNSET_API_KEY", raising=False)
    Path("pipelines/models").mkdir(parents=True)
    Path("pipelines/rows.jsonl").write_text('{"instruction": "Count to three."}\n')
    Path("pipelines/p.yaml").write_text(f"name: p\nversion: 1\n{STEPS}")
    return tmp_path


def end(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["validate", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def judged(more: str = "") -> None:
    """A pipeline whose judge needs a key that is not set."""
    settings = "{model: judge, instruction: instruction, response: context, system: '', reference: ''}"
    judge = f"  - use: judge.accept\n    with: {settings}\n"
    Path("pipelines/p.yaml").write_text(f"name: p\nversion: 1\nmodels: models/m.yaml\n{more}{STEPS}{judge}")
    Path("pipelines/models/m.yaml").write_text(MODEL)


def test_the_shipped_files_are_right(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-for-the-paper's-judge")
    assert end(*SHIPPED, "--strict") == 0
    assert ": no mistakes found" in capsys.readouterr().out


def test_a_file_is_known_by_what_stands_in_it_and_then_by_its_folder(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("odd").mkdir()
    Path("odd/a.yml").write_text(f"name: a\nversion: 1\n{STEPS.replace('rows.jsonl', '../pipelines/rows.jsonl')}")
    Path("odd/b.yaml").write_text("version: 1\nroles: {t: {provider: placeholder, model: m}}\n")
    Path("odd/c.md").write_text("---\nbezoar: {}\n---\n")
    Path("pipelines/models/broken.yaml").write_text("role: 1\n")
    # None of ours: a readme, a composition of containers, hidden files, a run.
    Path("odd/README.md").write_text("# Words\n")
    Path("odd/compose.yaml").write_text("services: {}\n")
    for folder in (".git", "runs/x"):
        Path(folder).mkdir(parents=True)
        Path(folder, "pipeline.yaml").write_text("steps: 3\n")
    assert end(".", "--json") == 2
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert {p["file"] for p in problems} == {"pipelines/models/broken.yaml"}
    Path("pipelines/models/broken.yaml").unlink()
    assert end(".", "odd/a.yml", "--json") == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert [(f["file"], f["kind"]) for f in files] == [
        ("odd/a.yml", "pipeline"),
        ("odd/b.yaml", "models"),
        ("odd/c.md", "card"),
        ("pipelines/p.yaml", "pipeline"),
    ]


@pytest.mark.parametrize(
    ("arguments", "text", "code"),
    [
        (["nowhere"], "", "missing-file"),
        (["empty"], "", "nothing-to-check"),
        (["x.yaml"], "a: 1\n", "unknown-kind"),
        (["x.yaml"], "", "unknown-kind"),
        (["x.yaml"], "stesp: []\n", "unknown-key"),  # near enough to a pipeline
        (["x.yaml"], "\x00\x00", "unknown-kind"),
        (["x.md"], "words\n", "no-front-matter"),
    ],
)
def test_what_cannot_be_checked_is_said(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str, code: str
) -> None:
    Path("empty").mkdir()
    Path("x.yaml").write_text(text)
    Path("x.md").write_text(text)
    assert end(*arguments, "--json") == 2
    assert code in [p["code"] for p in json.loads(capsys.readouterr().out)["problems"]]


def test_without_a_path_the_folders_of_the_project_are_checked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert end() == 0
    assert capsys.readouterr().out == "1 pipeline: no mistakes found\n"


def test_without_a_path_and_a_project_there_is_nothing_to_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert end() == 2
    assert "hint: name files or folders" in capsys.readouterr().err


def test_a_missing_key_is_a_warning_and_only_strictly_a_mistake(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged()
    assert end() == 0
    said = capsys.readouterr()
    assert said.out == (
        "1 pipeline, 1 models file: no mistakes found, 1 warning\n"
        "not checked: whether the models answer: bezoar-data models check pipelines/p.yaml\n"
    )
    assert (
        "m.yaml:3:11: warning: the environment variable UNSET_API_KEY is not set" in said.err or "m.yaml:3:" in said.err
    )
    assert end("--strict") == 2


def test_json_tells_the_same_as_the_text(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged("sede: 3\n")
    assert end() == 2
    text = capsys.readouterr().err
    assert end("--json") == 2
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert told["exit_code"] == 2
    key, problem = told["problems"]
    assert (key["code"], key["level"]) == ("no-key", "warning")  # of the models file that it names
    assert (problem["code"], problem["level"], problem["hint"]) == ("unknown-key", "error", "did you mean 'seed'?")
    assert text.endswith(
        f"{problem['file']}:{problem['line']}:{problem['column']}: {problem['message']}\n"
        "    4 | sede: 3\n      | ^\n  hint: did you mean 'seed'?\n"
    )


@pytest.mark.parametrize("more", ["", "splits: {train: 2}\n", "sede: 3\n", "version: 2\n"])
def test_mistakes_in_what_a_file_names_are_told_beside_its_own(
    here: Path, capsys: pytest.CaptureFixture[str], more: str
) -> None:
    judged(more + "card: nowhere.md\nmax_cost: 1\n")
    assert end("--json") == 2
    codes = [problem["code"] for problem in json.loads(capsys.readouterr().out)["problems"]]
    assert {"missing-file", "no-price"} < {*codes}
    assert len(codes) > 3 or not more


def test_mistaken_steps_are_looked_at_with_what_the_file_names(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged("card: nowhere.md\n")
    path = next(Path("pipelines").glob("*.yaml"))
    path.write_text(path.read_text().replace("model: judge", "model: jugde") + "    after: nobody\n")
    assert end("--json") == 2
    codes = [problem["code"] for problem in json.loads(capsys.readouterr().out)["problems"]]
    assert codes == ["missing-file", "unknown-role", "unknown-step"]


def test_validating_imports_neither_distilabel_nor_a_step_that_a_file_names(here: Path) -> None:
    Path("evil.py").write_text("open('was_here', 'w').close()\nclass Step: pass\n")
    steps = "  - use: evil:Step\n    writes: [a]\n  - use: distilabel:KeepColumns\n    with: {columns: [b]}\n"
    Path("pipelines/evil.yaml").write_text(f"name: p\nversion: 1\nsteps:\n{steps}")
    probe = (
        "import sys\n"
        "sys.path.insert(0, '.')\n"
        "from bezoar_data.cli.main import main\n"
        f"try: main(['validate', '.', *{SHIPPED!r}])\n"
        "except SystemExit: pass\n"
        "heavy = {'distilabel', 'datasets', 'pyarrow', 'torch', 'trl', 'pandas', 'evil'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "pipelines/evil.yaml:7:21: no step before provides the column 'b'" in done.stderr
    assert not Path("was_here").exists()


def test_the_pre_commit_hook_runs_the_command_when_a_file_of_ours_changes(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hook,) = YAML(typ="safe", pure=True).load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert (hook["id"], hook["language"], hook["pass_filenames"]) == ("bezoar-data-validate", "python", False)
    for name in ("pipelines/p.yaml", "a/pipelines/models/m.yml", "recipes/r.yaml", "cards/c.md"):
        assert re.search(hook["files"], name)
    assert not re.search(hook["files"], "docs/cards.md")
    Path("pipelines/p.yaml").write_text(f"name: p\nversion: 1\nsede: 3\n{STEPS}")
    program, *arguments = hook["entry"].split()
    done = subprocess.run([Path(sys.executable).parent / program, *arguments], capture_output=True, text=True)
    assert (done.returncode, "pipelines/p.yaml:3:1: unknown key 'sede'" in done.stderr) == (2, True)
