"""What holds for the repository as a whole: light commands, pinned dependencies, and what the README promises."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["plan", "--help"],
        ["steps", "list"],
        ["steps", "show", "distilabel:UltraFeedback"],
        ["validate"],
    ],
)
def test_light_commands_import_nothing_heavy(arguments: list[str]):
    probe = (
        "import sys\n"
        "from bezoar_data.cli.main import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'distilabel', 'datasets', 'pyarrow', 'torch', 'argilla', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_dependency_is_pinned_in_the_lock():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(d for group in project["optional-dependencies"].values() for d in group)]
    names = {re.split(r"[\[=<>~!; ]", d, maxsplit=1)[0].lower().replace("_", "-") for d in wanted}
    lines = (ROOT / "lock.txt").read_text().splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-").replace(".", "-") for line in lines if "==" in line}
    names = {n.replace(".", "-") for n in names} - {project["name"]}  # a group may be made of others
    assert names <= pinned, names - pinned


def test_the_readmes_commands_are_what_ci_runs():
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 150
    commands = re.findall(r"<!-- (run|test) command -->\n```bash\n(.+)\n```", readme)
    assert [name for name, _ in commands] == ["run", "test"]
    assert commands[0][1].endswith("bezoar-data run pipelines/orca.yaml")
    assert commands[1][1].endswith("pytest")
