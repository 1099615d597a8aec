"""Each command of README and docs runs as it stands there, in a fresh folder.

A block that is not run here says so in a comment before it: `<!-- not run here: WORDS: why -->`, where WORDS are `all`
or words of the lines that are left out. In the fresh folder recorded answers stand in for the models of `local.yaml`,
which would be fetched; CI runs the README's own command with the real one. The blocks of a tutorial run one after
the other in one folder, with the files that it says to write (`<!-- file: PATH -->`).
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.command import bezoar
from support.ssh_keys import make_key

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
BLOCK = re.compile(r"(?:^<!-- ([^\n]*) -->\n)?^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"not run here: ([^:]+): (.+)")
BY_CI = ("run command", "test command")
PAGES_AT_NIGHT = (
    "evol-instruct",
    "lamini",
    "offline-models",
    "preference",
    "tutorial-openbezoar",
    "tutorial-small-model",
)
AT_NIGHT = tuple(f"docs/{name}.md" for name in PAGES_AT_NIGHT)
"""Pages that run many pipelines, which tests of the engine run too, or that train."""
FILE = re.compile(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
MODELS_FILE = re.compile(r"^```yaml\n(version: 1\nroles:\n.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    page: str
    run: tuple[str, ...]
    left_out: tuple[str, ...]
    why: str
    files: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.page


def blocks() -> list[Block]:
    found = []
    for page in PAGES:
        for comment, text in BLOCK.findall((ROOT / page).read_text("utf-8")):
            joined = text.replace("\\\n", " ").splitlines()
            lines = [line for one in joined if (line := re.sub(r"(^|\s)#\s.*", "", one).strip())]
            mark = MARK.fullmatch(comment)
            words = mark[1].split(", ") if mark else ["all"] if comment in BY_CI else []
            out = [line for line in lines if "all" in words or any(word in shlex.split(line) for word in words)]
            assert not words or out, f"{page}: the comment leaves nothing out: {comment}"
            run = tuple(line for line in lines if line not in out)
            found.append(Block(page, run, tuple(out), mark[2] if mark else comment))
    return [one for page in PAGES for one in joined_blocks(page, [block for block in found if block.page == page])]


def joined_blocks(page: str, found: list[Block]) -> list[Block]:
    """The blocks of a tutorial as one, with its files; those of any other page as they are."""
    if not page.startswith("docs/tutorial-"):
        return found
    run = tuple(line for block in found for line in block.run)
    out = tuple(line for block in found for line in block.left_out)
    return [Block(page, run, out, "", tuple(FILE.findall((ROOT / page).read_text("utf-8"))))]


BLOCKS = blocks()


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the shipped files, where `pipelines/orca.yaml` has run; rows and labels of one's own."""
    folder = tmp_path_factory.mktemp("ready")
    for name in ("pipelines", "cards", "recipes", "suites", "ablations", "expectations", "schemas"):
        shutil.copytree(ROOT / name, folder / name)
    models = folder / "pipelines" / "models"
    shutil.copy(models / "offline.yaml", models / "local.yaml")
    done = bezoar("run", "pipelines/orca.yaml", cwd=folder)
    assert done.code == 0, done.err
    files = sorted((folder / "runs/orca/dataset/data").glob("*.parquet"))
    rows = [row for file in files for row in pq.read_table(file, columns=["id", "judge_status"]).to_pylist()]
    lines(folder / "my_rows.jsonl", [{"question": f"What is special about the number {i}?"} for i in range(12)])
    good = {"Accept": 5, "Reject": 2}
    labels = [{"id": r["id"], "human_rating": good[r["judge_status"]], "human_status": r["judge_status"]} for r in rows]
    lines(folder / "labels.jsonl", labels)
    if shutil.which("ssh-keygen"):
        make_key(folder).rename(folder / "anna")
        (folder / "id_ed25519.pub").rename(folder / "anna.pub")
    (folder / "row_id").write_text(rows[0]["id"])
    return folder


def lines(path: Path, rows: Sequence[object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def check(block: Block, ready: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-none")
    shutil.copytree(ready, folder, dirs_exist_ok=True)
    for line in block.run:
        command, *arguments = shlex.split(line.replace("ROW_ID", (ready / "row_id").read_text()))
        if command == "cd":
            folder /= arguments[0]
            for name, text in block.files:
                (folder / name).write_text(text)
            continue
        assert command == "bezoar-data", line
        if "anna" in arguments and not (ready / "anna").exists():
            pytest.skip("no ssh-keygen (openssh-client)")
        done = bezoar(*arguments, cwd=folder)
        assert done.code == 0, f"{line}\n{done.out}\n{done.err}"


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.run and b.page not in AT_NIGHT], ids=str)
def test_a_command_runs_as_it_stands(block: Block, ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    check(block, ready, tmp_path, monkeypatch)


@pytest.mark.nightly
@pytest.mark.parametrize("block", [b for b in BLOCKS if b.run and b.page in AT_NIGHT], ids=str)
def test_a_pages_pipelines_run(block: Block, ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    check(block, ready, tmp_path, monkeypatch)


@pytest.mark.parametrize("text", MODELS_FILE.findall((ROOT / "docs/models.md").read_text("utf-8")))
def test_a_models_file_of_the_docs_holds(text: str, tmp_path: Path):
    (tmp_path / "pipelines" / "models").mkdir(parents=True)
    (tmp_path / "pipelines" / "models" / "mine.yaml").write_text(text)
    done = bezoar("validate", cwd=tmp_path)
    assert (done.code, "1 models file" in done.out) == (0, True), done.out + done.err


def test_what_is_not_run_is_few_and_known_to_the_command_line():
    """A line that cannot run here is read by the command line all the same: its commands and options are there."""
    assert sum(len(b.run) for b in BLOCKS) >= 35
    left_out = [line for block in BLOCKS for line in block.left_out]
    assert len(left_out) <= 125
    for line in left_out:
        words = shlex.split(line.rpartition("&&")[2])
        if words[0] == "bezoar-data":
            subcommands = [word for word in words[1:3] if re.fullmatch("[a-z]+", word)][
                : 2 if words[1] in NESTED else 1
            ]
            done = bezoar(*subcommands, "--help")
            assert done.code == 0, line
            for option in (word for word in words if word.startswith("--")):
                assert option in done.out, line


NESTED = ("models", "people", "review", "card", "journal", "judge", "pipelines", "steps")
