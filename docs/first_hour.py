"""A person's first hour: the commands of the README's section "From the package", run for real, and what they say.

A wheel is built, and installed into a fresh environment in an empty folder; then each command runs there, as a new user
would type it. The terminal's text becomes `docs/first-hour.md`, with times made equal so that it is the same each time.

    python docs/first_hour.py            # write docs/first-hour.md anew
    python docs/first_hour.py --check    # end with 1 if it is not what the commands say now
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "first-hour.md"
SECTION = re.compile(r"^## From the package\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)

HEAD = """\
# A first hour

What the commands of the README's section [From the package](../README.md#from-the-package) say, from an empty folder
and a fresh environment. `python docs/first_hour.py` runs them and writes this page; nothing in it is typed by hand, and
only times are made equal.
"""


def commands() -> list[list[str]]:
    """The commands of the README's section, in order, block by block; comments taken off."""
    section = SECTION.search((ROOT / "README.md").read_text("utf-8"))
    if section is None:
        raise SystemExit("README.md has no section 'From the package'")
    lines = [block.splitlines() for block in BLOCK.findall(section[1])]
    return [[command for line in block if (command := line.partition("  #")[0].strip())] for block in lines]


def run(folder: Path) -> list[tuple[str, str]]:
    """Each command with what it said, run one after the other in one shell that ends at the first that fails."""
    said = folder / "said"
    said.mkdir()
    typed = [command for block in commands() for command in block]
    script = ["set -eo pipefail", "mkdir empty", "cp wheel/*.whl empty/", "cd empty"]
    for number, command in enumerate(typed):
        script.append(f"{command} >{shlex.quote(str(said / str(number)))} 2>&1")
    shown = {"PIP_CONSTRAINT": str(ROOT / "lock.txt"), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "COLUMNS": "120"}
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=folder, env={**inherited, **shown})
    texts = [(said / str(number)).read_text("utf-8") for number in range(len(list(said.iterdir())))]
    if done.returncode:
        raise SystemExit(f"failed: {typed[len(texts) - 1]}\n{texts[-1]}")
    return list(zip(typed, texts, strict=True))


def page(transcript: list[tuple[str, str]]) -> str:
    parts = [HEAD]
    for command, text in transcript:
        # What pip says is about the person's own index and cache.
        text = "" if command.startswith("pip ") else stable(text)
        lines = "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))
        parts.append(f"```console\n$ {command}\n{lines}".rstrip() + "\n```\n")
    return "\n".join(parts)


def stable(text: str) -> str:
    """The text without what differs from one time to the next: how long something took."""
    return re.sub(r"\b\d+(\.\d+)? (s|seconds)\b", r"… \2", text)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the README's section 'From the package' and record it.")
    parser.add_argument(
        "--check", action="store_true", help="compare its words with docs/first-hour.md instead of writing it"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="first-hour-") as name:
        folder = Path(name)
        build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder / "wheel")]
        subprocess.run([*build, str(ROOT)], check=True)
        text = page(run(folder))
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
