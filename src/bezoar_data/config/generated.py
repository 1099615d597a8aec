"""Files that are made from the code: written anew, or held against what stands there."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path


def keep_current(path: Path, text: str, *, write: bool) -> int:
    """Write the file, or say that it is not what the code makes now. Gives the exit status."""
    if write:
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path} is written\n")
    elif not path.is_file() or path.read_text(encoding="utf-8") != text:
        sys.stderr.write(f"{path} is not current; run this again with --write\n")
        return 1
    return 0


def parser(module: str, description: str | None) -> ArgumentParser:
    """The command line of a module that makes such a file."""
    made = ArgumentParser(prog=f"python -m {module}", description=description)
    made.add_argument("--write", action="store_true", help="write the file instead of comparing")
    return made
