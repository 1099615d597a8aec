"""A person's first hours: the commands of the README's section "From the package" and those of `THEN`, run for real.

A wheel is built, and installed into a fresh environment in an empty folder; then each command runs there, as a new user
would type it, against a small model in this process, and an endpoint and a Hub on this machine. The terminal's text
becomes `docs/first-hour.md`, with times made equal so that it is the same each time.

    python docs/first_hour.py                     # write docs/first-hour.md
    python docs/first_hour.py --check             # end with 1 if it is not what the commands say now
    python docs/first_hour.py --check --lend      # sooner: this Python's libraries are lent to the fresh environment
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.fault_server import FaultServer  # noqa: E402
from support.hub_server import hub_server  # noqa: E402
from support.hub_state import TOKEN  # noqa: E402

TARGET = ROOT / "docs" / "first-hour.md"
SECTION = re.compile(r"^## From the package\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)

HEAD = """\
# A first hour

What the commands of the README's section [From the package](../README.md#from-the-package) say, from an empty folder
and a fresh environment, and what comes after them. `python docs/first_hour.py` runs them and writes this page; nothing
in its blocks is typed by hand, and only times are made equal.
"""

EXTRAS = 'pip install --quiet "$(echo ../bezoar_data-*.whl)[local,train,evaluate]"'
ENDPOINT = "http://localhost:8000/v1"
"""How the page calls the endpoint; the real one has a port of its own."""

THEN = {
    """\
## A small model answers

The extra `local` answers in this process; SmolLM2's 98 MB of weights are fetched once. `orca` is the shipped pipeline
of that name: no file is needed for it.
""": [EXTRAS, "bezoar-data run orca --limit 2"],
    """\
## What would a larger one cost?

`--teacher` names any model in one word. A plan needs no key, and sends nothing.
""": ["bezoar-data plan pipelines/first.yaml --teacher openai:gpt-4o-mini --max-cost 5"],
    """\
## Your own questions, your own endpoint

A file with `{"question": "..."}` in each line, and whatever answers on this machine: Ollama, vLLM, LM Studio. No file
is edited.
""": [
        """printf '{"question": "%s"}\\n' "How do I reset it?" "Is it waterproof?" > questions.jsonl""",
        "bezoar-data run pipelines/first.yaml --out runs/mine --teacher openai:my-model@http://localhost:8000/v1 "
        "--set steps.load_instructions.path=questions.jsonl --set steps.load_instructions.columns.instruction=question",
        "bezoar-data export runs/mine --format messages",
    ],
    """\
## Train, test, talk

`recipes/first.yaml` trains a tiny model with random weights, to see that it goes; it learns nothing worth knowing.
""": [
        "bezoar-data train recipes/first.yaml",
        "bezoar-data evaluate recipes/first.yaml --suite starter",
        'echo "Is it waterproof?" | bezoar-data chat recipes/first.yaml --max-tokens 20',
    ],
    """\
## Before anything is published

A dry run sends nothing. Nobody has said under which licence the questions stand, and the tiny model is a demo: both are
refused, with what to do about it (`||` only goes on to the next command).
""": [
        "bezoar-data publish runs/mine --to my-name/questions --dry-run || true",
        "bezoar-data publish runs/mine --to my-name/questions --dry-run --allow unknown-licence",
        "bezoar-data publish trained/first --to my-name/tiny --dry-run || true",
    ],
}
"""What a person does next: what the page says of it, and the commands."""

Said = tuple[str, str]
"""A command and what it said."""


def commands() -> list[list[str]]:
    """The commands of the README's section, in order, block by block; comments taken off."""
    section = SECTION.search((ROOT / "README.md").read_text("utf-8"))
    if section is None:
        raise SystemExit("README.md has no section 'From the package'")
    lines = [block.splitlines() for block in BLOCK.findall(section[1])]
    return [[command for line in block if (command := line.partition("  #")[0].strip())] for block in lines]


def run(folder: Path, endpoint: str, hub: str, lend: bool) -> list[Said]:
    """Each command with what it said, run one after the other in one shell that ends at the first that fails."""
    said = folder / "said"
    said.mkdir()
    typed = [command for block in (*commands(), *THEN.values()) for command in block]
    script = ["set -eo pipefail", "mkdir empty", "cp wheel/*.whl empty/", "cd empty"]
    for number, command in enumerate(typed):
        done = command.replace(ENDPOINT, endpoint)
        if lend and " -m venv " in command:
            theirs = "import sysconfig; print(sysconfig.get_path('purelib'))"
            done += f' && echo {lent(folder)} > "$(python -c {shlex.quote(theirs)})/lent.pth"'
        if command.startswith("bezoar-data publish"):
            done = f"HF_ENDPOINT={hub} HF_HUB_OFFLINE=0 HF_TOKEN={TOKEN} {done}"
        script.append(f"{{ {done}\n}} >{shlex.quote(str(said / str(number)))} 2>&1")
    shown = {"PIP_CONSTRAINT": str(ROOT / "lock.txt"), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "COLUMNS": "120"}
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=folder, env={**inherited, **shown})
    texts = [(said / str(number)).read_text("utf-8") for number in range(len(list(said.iterdir())))]
    if done.returncode:
        raise SystemExit(f"failed: {typed[len(texts) - 1]}\n{texts[-1]}")
    return [(command, text.replace(endpoint, ENDPOINT)) for command, text in zip(typed, texts, strict=True)]


def lent(folder: Path) -> Path:
    """This Python's libraries, and nothing of bezoar-data, in a folder: pip finds there what the wheel asks for, where
    its versions allow, and installs the wheel alone. Unpacking all libraries once more takes a minute or two."""
    libraries = folder / "lent" / "site-packages"  # so named, or dill takes them for a person's own code
    libraries.mkdir(parents=True)
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not re.match(r"_*(editable_*)?bezoar|.*\.(pth|egg-link)$", path.name):
            (libraries / path.name).symlink_to(path)
    return libraries


def page(transcript: list[Said]) -> str:
    parts, left = [HEAD], list(transcript)
    for words, block in (*(("", block) for block in commands()), *THEN.items()):
        parts += [words] if words else []
        for command in block:
            told, text = left.pop(0)
            assert told == command  # noqa: S101
            parts.append(shown(command, text))
    return "\n".join(parts)


def shown(command: str, text: str) -> str:
    """A command with what it said, as the page has it."""
    if command.startswith("pip "):
        text = ""  # what pip says is about the person's own index and cache
    elif "bezoar-data chat" in command:
        text = text.partition("\n")[0] + "\n(words without sense)"  # they hang on the processor
    lines = "\n".join(line.rstrip() for line in stable(text).strip("\n").split("\n"))
    return f"```console\n$ {command}\n{lines}".rstrip() + "\n```\n"


PASSING = re.compile(r"^(\S+: (step (?!(\d+)/\3,)|about )|[\d,]+( of [\d,]+)? rows · |fetching ).*\n", re.MULTILINE)
"""Lines of progress, which come every few seconds."""


def stable(text: str) -> str:
    """The text without what differs from one time to the next: how long something took, and what it said meanwhile."""
    text = re.sub(r"\b\d+(\.\d+)? (s|seconds)\b", r"… \2", PASSING.sub("", text))
    return re.sub(r"[\d,]+ (tokens/s|MiB)\b", r"… \1", text)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the README's section 'From the package' and record it.")
    parser.add_argument(
        "--check", action="store_true", help="compare its words with docs/first-hour.md instead of writing it"
    )
    parser.add_argument("--lend", action="store_true", help="lend this Python's libraries to the fresh environment")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="first-hour-") as name, FaultServer() as server, hub_server() as hub:
        folder = Path(name)
        build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder / "wheel")]
        subprocess.run([*build, str(ROOT)], check=True)
        text = page(run(folder, server.url, hub.url, options.lend))
    before = TARGET.read_text("utf-8") if TARGET.exists() else ""
    if not options.check:
        TARGET.write_text(text, "utf-8")
        return 0
    # Figures follow the shipped rows and models; what must stay true is what a person types, sees and is told.
    old, new = (re.sub(r"\d[\d.,]*", "0", page).splitlines(True) for page in (before, text))
    sys.stdout.writelines(difflib.unified_diff(old, new, "docs", "now"))
    return int(old != new)


if __name__ == "__main__":
    sys.exit(main())
