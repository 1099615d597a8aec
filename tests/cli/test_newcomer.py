"""What goes wrong in a newcomer's first hours, in the project that `init` writes, with one finished run: each message
has place, cause and remedy, and nothing on the disk is lost or half written."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.command import bezoar
from support.fault_server import FaultServer
from support.full_disk import files_up_to

PIPELINE, RECIPE, CARD = "pipelines/first.yaml", "recipes/first.yaml", "cards/first.md"
OFFLINE, OPENAI = "pipelines/models/offline.yaml", "pipelines/models/openai.yaml"
DATA, STEP = "pipelines/seeds/questions.jsonl", "my_steps/short_enough.py"
LOCK, ROWS = "runs/first/dataset/lock.json", "runs/first/dataset/data/train-00000-of-00001.parquet"
KEY = "sk-abcdefgh12345678abcdefgh"
RUN = f"run {PIPELINE}"
TRAIN = f"train {RECIPE}"
EXPORT = "export runs/first --format alpaca"

Change = Callable[[Path, ExitStack], object]


def edit(file: str, old: str, new: str) -> Change:
    """Another text in a file."""

    def change(project: Path, stack: ExitStack) -> None:
        text = (project / file).read_text("utf-8")
        assert old in text, (file, old)
        (project / file).write_text(text.replace(old, new), "utf-8")

    return change


def write(file: str, content: str | bytes) -> Change:
    return lambda project, stack: (project / file).write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )


def data(name: str, content: str | bytes) -> tuple[Change, ...]:
    """Rows of another file in the place of the shipped ones."""
    return write(f"pipelines/seeds/{name}", content), edit(PIPELINE, "questions.jsonl", name)


def gone(file: str) -> Change:
    return lambda project, stack: (
        (project / file).unlink() if (project / file).is_file() else shutil.rmtree(project / file)
    )


def step(old: str, new: str) -> tuple[Change, ...]:
    return (edit(STEP, old, new),)


def another_run_writes(project: Path, stack: ExitStack) -> None:
    fcntl.flock(stack.enter_context((project / "runs/first/.lock").open("a")), fcntl.LOCK_EX)


Slip = tuple[tuple[Change, ...], str, int, str, str, str]
"""What stands otherwise in the project, a command (`URL` is an endpoint on this machine), its exit code, and the words
of its message for place, cause and remedy."""

FILES: dict[str, Slip] = {
    "a file of another folder": ((), "run first.yaml", 2, "first.yaml", "there is no file", "'pipelines/first.yaml'?"),
    "a misspelt file": ((), "run pipelines/frist.yaml", 2, "pipelines/frist.yaml", "no file", "'first.yaml'?"),
    "the wrong folder": ((), "run nothing.yaml", 2, "nothing.yaml", "there is no file", "the current folder, which is"),
    "another ending": (
        (), "run pipelines/first.yml", 2, "pipelines/first.yml", "no file", "did you mean 'first.yaml'?",
    ),
    "a folder to run": ((), "run pipelines", 2, "pipelines", "is a folder, not a file", "name the file itself"),
    "a card to run": ((), f"run {CARD}", 2, CARD, "this is a card, not a pipeline", "`card:` in a pipeline"),
    "a recipe to run": ((), f"run {RECIPE}", 2, RECIPE, "a recipe, not a pipeline", f"bezoar-data train {RECIPE}"),
    "a models file to run": ((), f"run {OFFLINE}", 2, OFFLINE, "a models file, not a pipeline", f"--models {OFFLINE}"),
    "data to run": ((), f"run {DATA}", 2, DATA, "this is data, not a pipeline", "load_instructions reads it"),
    "a pipeline to train": ((), f"train {PIPELINE}", 2, PIPELINE, "not a recipe", f"bezoar-data run {PIPELINE}"),
    "a pipeline to ablate": ((), f"ablate {PIPELINE}", 2, PIPELINE, "not an ablation", f"bezoar-data run {PIPELINE}"),
    "a pipeline as models": ((), f"{RUN} --models {PIPELINE}", 2, PIPELINE, "not a models file", "bezoar-data run"),
    "nothing to check": ((), "validate my_steps", 2, "my_steps", "holds no pipeline", "bezoar-data init my-data"),
    "no file named": ((), "run", 2, "run [OPTIONS]", "Missing argument 'PIPELINE'", "run --help"),
    "a misspelt option": ((), f"{RUN} --modles x", 2, "--modles", "No such option", "--models"),
    "a word for a number": ((), f"{RUN} --limit ten", 2, "'--limit'", "valid integer", "run --help"),
    "a project over a file": ((), "init README.md", 2, "README.md", "a file, not a folder", "name another folder"),
    "an empty file": ((write(PIPELINE, ""),), RUN, 2, PIPELINE, "nothing in this file", "is it saved?"),
    "UTF-16": (
        (write(PIPELINE, "name: first\n".encode("utf-16")),),
        RUN, 2, f"{PIPELINE}:1:1", "not UTF-8", "save the file as",
    ),
    "a tab": ((edit(PIPELINE, "  - use: lami", "\t- use: lami"),), RUN, 2, f"{PIPELINE}:19:1", "a tab", "with spaces"),
    "an open quote": (
        (edit(PIPELINE, "name: first", 'name: "first'),),
        RUN, 2, f"{PIPELINE}:30:", "does not fit", "the quote of line 7",
    ),
    "no colon": ((edit(PIPELINE, "seed: 42 ", "seed 42 "),), RUN, 2, f"{PIPELINE}:13:1", "'key: value'", "add a ': '"),
    "a key twice": (
        (edit(PIPELINE, "seed: 42", "name: two"),), RUN, 2, f"{PIPELINE}:12:1", "written twice", "keep one of them",
    ),
    "a misspelt key": (
        (edit(PIPELINE, "seed:", "sede:"),), RUN, 2, f"{PIPELINE}:12:1", "unknown key 'sede'", "'seed'?",
    ),
}  # fmt: skip

STEPS: dict[str, Slip] = {
    "a misspelt step": (
        (edit(PIPELINE, "lamini.respond", "lamini.respnd"),),
        RUN, 2, f"{PIPELINE}:19:10", "no step", "'lamini.respond'?",
    ),
    "a misspelt setting": (
        (edit(PIPELINE, "threshold", "treshold"),),
        RUN, 2, f"{PIPELINE}:23:30", "no setting 'treshold'", "'threshold'?",
    ),
    "a word for a setting's number": (
        (edit(PIPELINE, "0.8", "high"),), RUN, 2, f"{PIPELINE}:23:41", "'threshold'", "must be a number",
    ),
    "a setting left out": (
        (edit(PIPELINE, "{model: teacher}", "{}"),), RUN, 2, f"{PIPELINE}:20:5", "needs the setting", "name of a role",
    ),
    "a column that nobody writes": (
        (edit(PIPELINE, "response: response", "response: answer"),), RUN, 2, f"{PIPELINE}:29:17", "'answer'", "known: ",
    ),
    "a misspelt role": (
        (edit(PIPELINE, "{model: teacher}", "{model: techer}"),), RUN, 2, f"{PIPELINE}:20:19", "no role", "'teacher'?",
    ),
    "a step twice": (
        (edit(PIPELINE, "  - use: near", "  - {use: lamini.respond, with: {model: teacher}}\n  - use: near"),),
        RUN, 2, f"{PIPELINE}:22:", "two steps have the id", "an 'id:' of its own",
    ),
    "after a step that is not there": (
        (edit(PIPELINE, "    with: {model", "    after: me\n    with: {model"),),
        RUN, 2, f"{PIPELINE}:20:12", "'me'", "known",
    ),
    "a card that is not there": (
        (edit(PIPELINE, "first.md", "frist.md"),), RUN, 2, f"{PIPELINE}:10:7", "no card", f"card init {PIPELINE}",
    ),
    "a rubric's name": (
        (edit(PIPELINE, "short-answers", "short-anwers"),), RUN, 2, f"{PIPELINE}:", "no rubric", "'short-answers'?",
    ),
    "a setting that is none": ((), f"{RUN} --set sede=1", 2, "--set sede=1", "cannot be set", "did you mean 'seed'?"),
    "a module with a syntax error": (
        step("(FilterStep):", "(FilterStep)"), RUN, 2, "my_steps/short_enough.py", "expected ':'", "fix",
    ),
    "a module that is not there": (
        (edit(PIPELINE, "short_enough:", "short_enogh:"),), RUN, 2, f"{PIPELINE}:34:10", "no module", "looked for in",
    ),
    "a class that is not there": (
        (edit(PIPELINE, ":ShortEnough", ":ShortEnuf"),), RUN, 2, f"{PIPELINE}:34:10", "has no", "'ShortEnough'?",
    ),
    "an import that fails": (
        step("from pydantic ", "from pydantc "), RUN, 2, "my_steps/short_enough.py", "'pydantc'", "fix that line",
    ),
    "a setting of one's own step": (
        (edit(PIPELINE, "words: 60", "word: 60"),), RUN, 2, f"{PIPELINE}:35:30", "no setting 'word'", "'words'?",
    ),
}  # fmt: skip

ROWS_OF_THEIRS: dict[str, Slip] = {
    "a misspelt data file": (
        (edit(PIPELINE, "questions", "question"),), RUN, 2, f"{PIPELINE}:17:18", "no file", "'questions.jsonl'?",
    ),
    "no rows": ((write(DATA, ""),), RUN, 2, DATA, "no rows", "is it the right file?"),
    "one object over several lines": (
        (write(DATA, '{\n  "instruction": "Hello."\n}\n'),), RUN, 2, f"{DATA}:1", "not JSON", "one object to a line",
    ),
    "texts in the place of objects": (
        (write(DATA, '"Hello."\n'),), RUN, 2, f"{DATA}:1", "an object is needed", '{"instruction": "What is rust?"}',
    ),
    "another column": (
        (write(DATA, '{"question": "Why?"}\n'),), RUN, 2, f"{DATA}:1", "'instruction'", "write instruction: question",
    ),
    "empty texts": ((write(DATA, '{"instruction": ""}\n'),), RUN, 2, f"{DATA}:1", "is empty", "fill it in"),
    "numbers": ((write(DATA, '{"instruction": 3}\n'),), RUN, 2, f"{DATA}:1", "not text but int", "in quotes"),
    "a CSV in Latin-1": (
        data("q.csv", "instruction,a\nFr\xe9d\xe9ric?,b\n".encode("latin-1")),
        RUN, 2, "pipelines/seeds/q.csv:2", "half a surrogate pair", "save the file as UTF-8",
    ),
    "a CSV in UTF-16": (
        data("q.csv", "instruction\nWhy?\n".encode("utf-16")),
        RUN, 2, "q.csv:1", "UTF-16", "Excel calls it 'CSV UTF-8'",
    ),
    "a row of a CSV with too few fields": (
        data("q.csv", "instruction,a\nWhy?\n"), RUN, 2, "pipelines/seeds/q.csv:2", "1 field where 2", "columns: instru",
    ),
    "an Excel sheet": (data("q.xlsx", b"PK"), RUN, 2, "pipelines/seeds/q.xlsx", "cannot tell what", "as CSV (UTF-8)"),
    "a text file": (data("q.txt", "Why?\n"), RUN, 2, "pipelines/seeds/q.txt", "cannot tell what", "known: .jsonl"),
    "no gzip": (
        data("q.jsonl.gz", "{}"), RUN, 2, "pipelines/seeds/q.jsonl.gz", "Not a gzipped file", "what its name says",
    ),
    "no Parquet": (
        data("q.parquet", "{}"), RUN, 2, "pipelines/seeds/q.parquet", "not a readable", "what its name says",
    ),
    "a folder without rows": (
        (edit(PIPELINE, "seeds/questions.jsonl", "models"),),
        RUN, 2, "pipelines/models", "no data file", "known: .jsonl",
    ),
    "a dataset of the Hub as a path": (
        (edit(PIPELINE, "seeds/questions.jsonl", "tatsu-lab/alpaca"),),
        RUN, 2, f"{PIPELINE}:17:18", "there is no file", "'hub:' instead of 'path:'",
    ),
    "the Hub without a network": (
        (edit(PIPELINE, "path: seeds/questions.jsonl", "hub: tatsu-lab/alpaca"),),
        RUN, 5, "tatsu-lab/alpaca", "the Hub cannot be reached", "give `path`",
    ),
}  # fmt: skip

MODELS: dict[str, Slip] = {
    "a model without its service": ((), f"{RUN} --teacher gpt-4o", 2, "--teacher gpt-4o", "neither", "openai:gpt-4o"),
    "a misspelt service": ((), f"{RUN} --teacher openia:gpt-4o", 2, "--teacher", "neither a service", "'openai'?"),
    "a service without a model": ((), f"{RUN} --teacher ollama:", 2, "--teacher", "needs a model", "ollama:MODEL"),
    "a misspelt models file": ((), f"{RUN} --models openia", 2, "--models openia", "no models file", "'openai'?"),
    "a models file of another folder": (
        (), f"{RUN} --models models/openai.yaml", 2, "models/openai.yaml", "no file", "'pipelines/models/openai.yaml'?",
    ),
    "a pipeline without models": (
        (edit(PIPELINE, "models: models", "# models"),),
        RUN, 2, f"{PIPELINE}:20:19", "names no models file", "--models FILE",
    ),
    "models without roles": (
        (write(OFFLINE, "version: 1\nteacher: {provider: checks, model: checks}\n"),),
        RUN, 2, f"{OFFLINE}:2:1", "models belong under 'roles:'", "write 'roles:' above it",
    ),
    "a role that nobody fills": (
        (edit(OFFLINE, "  judge:", "  jugde:"),), RUN, 2, f"{PIPELINE}:27:14", "there is no role 'judge'", "'jugde'?",
    ),
    "no key": (
        (), f"{RUN} --models openai", 2, f"{OPENAI}:11:18", "OPENAI_API_KEY is not set", "export OPENAI_API_KEY",
    ),
    "the key itself": (
        (edit(OPENAI, "OPENAI_API_KEY", KEY),),
        f"{RUN} --models openai", 2, f"{OPENAI}:", "is it a key", "name* of the",
    ),
    "the key under another name": (
        (edit(OPENAI, "api_key_env: OPENAI_API_KEY", f"api_key: {KEY}"),),
        f"{RUN} --models openai", 2, f"{OPENAI}:11:", "looks like a key itself", "then change the key",
    ),
    "a misspelt provider": (
        (edit(OPENAI, "provider: openai", "provider: opnai"),),
        f"{RUN} --models openai", 2, f"{OPENAI}:8:15", "no provider 'opnai'", "'openai'?",
    ),
    "an address without its scheme": (
        (edit(OPENAI, "https://api.openai.com/v1", "api.openai.com/v1"),),
        f"{RUN} --models openai", 2, f"{OPENAI}:10:15", "api.openai.com", "http",
    ),
    "a budget without a price": (
        (), f"{RUN} --max-cost 1 --teacher openai:tester@URL", 2, "--teacher", "has no price", "add price:",
    ),
    "an endpoint that is down": (
        (), f"{RUN} --teacher openai:tester@http://127.0.0.1:9/v1",
        2, "--teacher", "no answer from", "does the server run?",
    ),
    "a model that the server does not have": (
        (), f"{RUN} --teacher openai:testr@URL", 2, "--teacher openai:testr@", "does not know the model", "'tester'?",
    ),
    "an address that is no API": (
        (), f"{RUN} --teacher openai:tester@URL/chat", 2, "--teacher", "the right address", "it says: ",
    ),
    "a key that the server refuses": (
        (write(DATA, '{"instruction": "[[401]]"}\n'),),
        f"{RUN} --teacher openai:tester@URL", 2, "--teacher", "401", "api_key_env",
    ),
}  # fmt: skip

RUNS: dict[str, Slip] = {
    "a folder of one's own": ((), f"{RUN} --out my_steps", 2, "my_steps", "no run made this folder", "--out"),
    "a file for a folder": ((), f"{RUN} --out README.md", 2, "README.md", "cannot be used as run folder", "--out"),
    "another pipeline's folder": (
        (edit(PIPELINE, "name: first", "name: second"),),
        f"{RUN} --out runs/first", 2, "runs/first", "of another pipeline, 'first'", "--out",
    ),
    "a copy under the same name": (
        (lambda project, stack: shutil.copy(project / PIPELINE, project / "pipelines/copy.yaml"),
         edit("pipelines/copy.yaml", "seed: 42", "seed: 43")),
        "run pipelines/copy.yaml", 2, "runs/first", "is also called 'first'", "name: in pipelines/copy.yaml",
    ),
    "a run under way": ((another_run_writes,), RUN, 2, "runs/first", "another", "--out"),
    "a full disk": (
        (lambda project, stack: stack.enter_context(files_up_to(16)),),
        RUN, 2, "its output, or a file", "the disk is full", "make room",
    ),
    "a journal that is none": (
        (write("runs/journal.sqlite", "words " * 99),), RUN, 2, "runs/journal.sqlite", "not a journal", "move it away",
    ),
    "no run of this name": ((), "status runs/frist", 2, "runs/frist", "no run.json here", "ls runs"),
    "a folder without a dataset": ((), "export cards --format alpaca", 2, "cards", "no dataset", "name a run folder"),
    "a newer version's dataset": (
        (edit(LOCK, '"format": 5', '"format": 99'),),
        "card check runs/first", 2, LOCK, "format 99", "upgrade to read it",
    ),
    "half a lock": (
        (write(LOCK, '{"format": 5,'),), "card check runs/first", 2, LOCK, "cannot be read", "run the same",
    ),
    "rows that are gone": ((gone(ROWS),), EXPORT, 4, "runs/first/dataset", "not the rows of its lock", "rebuild it"),
    "broken rows": ((write(ROWS, b"PAR1"),), EXPORT, 2, ROWS, "damaged or unreadable", "run its pipeline again"),
    "a misspelt format": ((), "export runs/first --format alpca", 2, "--format", "no format 'alpca'", "'alpaca'?"),
    "an expression with one =": ((), f"{EXPORT} --where judge_status=1", 2, "judge_status▸=1", "'='", "write '=='"),
    "an export over one's data": (
        (), f"{EXPORT} --split train --out {DATA}", 2, DATA, "was made from this file", "--out",
    ),
    "an export over other rows": (
        (write("mine.jsonl", '{"question": "Why?", "answer": "So."}\n'),),
        f"{EXPORT} --split train --out mine.jsonl", 2, "mine.jsonl", "with question, answer", "another file with --out",
    ),
    "answers over own data": ((), f"journal export --to {DATA}", 2, DATA, "holds no exported answers", "another file"),
    "a page over own data": ((), f"diff runs/first runs/first --html {DATA}", 2, DATA, "holds no page", "other file"),
    "labels that are not there": (
        (), "judge reliability runs/first --columns judge_rating human --labels no.jsonl",
        2, "no.jsonl", "no such file", "relative to the folder",
    ),
    "a column that is not there": (
        (),
        "judge reliability runs/first --columns judge_rating human", 2, "runs/first", "no column 'human'", "known: ",
    ),
    "no row of this id": ((), "show runs/first zzz", 2, "runs/first", "no row has an id", "--find looks for a text"),
    "nothing to undo": ((), "undo runs/first", 2, "runs/first", "no dataset was replaced", "name a run's folder"),
    "a demo to publish": ((), "publish runs/first --to me/first", 4, "runs/first/", "demo seeds", "--allow demo"),
    "a repository without an owner": ((), "publish runs/first --to first", 2, "first", "no owner", "OWNER/NAME"),
    "nothing to publish": ((), "publish cards --to me/first", 2, "cards", "neither a finished dataset", "runs/NAME"),
    "nobody to review with": ((), "review push runs/first", 2, "review", "no review server runs", "another terminal"),
    "answers that are not there": ((), "journal import no.jsonl", 2, "no.jsonl", "no such file", "journal export"),
    "a pipeline that does not come along": ((), "pipelines copy orka", 2, "'orka'", "comes with", "'orca'?"),
    "a copy over files": ((), "pipelines copy orca --as first", 2, PIPELINE, "another file of this name", "--as"),
    "a dataset not made yet": ((gone("runs/first"),), TRAIN, 2, f"{RECIPE}:21:22", "not built", f"bezoar-data {RUN}"),
    "a dataset of a few rows": (
        (lambda project, stack: (project / "runs/first").rename(project / "runs/first-limit5"),),
        TRAIN, 2, f"{RECIPE}:21:22", "not built", "those of first-limit5, add --limit N --out runs/first",
    ),
    "a recipe's card": ((edit(RECIPE, "first.md", "frist.md"),), TRAIN, 2, f"{RECIPE}:21:22", "no card", "'first.md'?"),
    "a misspelt stage": ((edit(RECIPE, "use: sft", "use: stf"),), TRAIN, 2, f"{RECIPE}:21:11", "'stf'", "'sft'?"),
    "demo data to train on": (
        (edit(RECIPE, "policy: {demo: true}", "# "),),
        TRAIN, 4, f"{RECIPE}:21:22", "is demo data", "'demo: true' in the policy",
    ),
    "a talk before training": ((), f"chat {RECIPE}", 2, RECIPE, "no stage of it is finished", f"bezoar-data {TRAIN}"),
    "no evaluation": ((), "compare a b", 2, "a", "no evaluation is here", "bezoar-data evaluate"),
}  # fmt: skip

SLIPS = {**FILES, **STEPS, **ROWS_OF_THEIRS, **MODELS, **RUNS}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with FaultServer(serves="tester") as server:
        yield server.url


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that `init` writes, after its first run."""
    folder = tmp_path_factory.mktemp("newcomer") / "first"
    assert bezoar("init", folder).code == 0
    done = bezoar(*RUN.split(), cwd=folder)
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "first"))


def files(folder: Path) -> dict[str, bytes]:
    """All that matters to a person. What the last command came to (`run.json`) is its own to write; an empty lock file
    is nothing."""
    return {
        name: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and (name := str(path.relative_to(folder))) not in ("runs/first/run.json", "runs/first/.lock")
        and "__pycache__" not in name
    }


NO_KEYS = {"OPENAI_API_KEY": "", "ARGILLA_API_URL": "", "ARGILLA_API_KEY": ""}


def test_there_are_sixty_of_them() -> None:
    assert len(SLIPS) == sum(map(len, (FILES, STEPS, ROWS_OF_THEIRS, MODELS, RUNS))) >= 60


@pytest.mark.parametrize("name", SLIPS)
def test_a_message_has_place_cause_and_remedy_and_nothing_is_lost(name: str, project: Path, url: str) -> None:
    changes, command, code, place, cause, remedy = SLIPS[name]
    with ExitStack() as stack:
        for change in changes:
            change(project, stack)
        before = files(project)
        done = bezoar(*command.replace("URL", url).split(), cwd=project, env=NO_KEYS)
    assert done.code == code, done.out + done.err
    for words in (place, cause, remedy):
        assert words in done.err, (words, done.err)
    assert "Traceback" not in done.err
    assert KEY not in done.out + done.err
    assert files(project) == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.csv", "\ufeffinstruction,category\nWhy?,a\nHow?,b\n"),  # as Excel writes it
        ("q.csv", "instruction;category\nWhy?;a\nHow?;b\n"),  # as Excel writes it in half of Europe
        ("q.jsonl", '[{"instruction": "Why?"},\n {"instruction": "How?"}]\n'),
        ("q.json", '{"instruction": "Why?"}\n{"instruction": "How?"}\n'),
    ],
)
def test_what_is_no_mistake_is_read(name: str, content: str, project: Path) -> None:
    (project / "pipelines/seeds" / name).write_text(content, "utf-8")
    where = f"steps.load_instructions.path=pipelines/seeds/{name}"
    done = bezoar("plan", PIPELINE, "--set", where, "--json", cwd=project)
    assert done.code == 0, done.err
    assert done.json["steps"][0]["rows_out"]["high"] == 2


def test_a_plan_of_a_training_needs_no_torch(project: Path) -> None:
    """It says what it could not look at. In a process of its own, in which the libraries are not to be had."""
    missing = "import sys; sys.modules.update(dict.fromkeys(('torch', 'transformers', 'trl', 'peft')))"
    script = f"{missing}; from bezoar_data.cli.main import main; main({['train', RECIPE, '--plan']!r})"
    done = subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1 stage into trained/first" in done.stdout
    assert "training needs torch, transformers, peft, trl" in done.stdout


def test_a_run_leaves_no_file_of_its_journal_beside_it_and_counts_its_start(project: Path) -> None:
    done = bezoar(*RUN.split(), "--json", cwd=project)
    assert {path.name for path in (project / "runs").iterdir()} == {"first", "journal.sqlite"}
    assert done.json["seconds_in_all"] > done.json["seconds"]
