"""Builds the documentation's site: the pages of docs/, those of the root, the notebook, and the reference.

    python docs/make_site.py                 # build/site/site/index.html
    python docs/make_site.py --out FOLDER

Needs the extra `docs`. The build is strict: a page that the navigation lacks or names in vain, and a link to a page, a
heading or a file that is not there, ends it with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

sys.path.insert(0, str(Path(__file__).parent))

from reference import pages as reference_pages
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
OF_ROOT = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "MIGRATION.md": "migration.md",
    "REPRODUCTION.md": "reproduction.md",
    "SECURITY.md": "security.md",
}
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s#:]+)(#[^()\s]*)?\)|!\[([^\]]*)\]\(([^()\s:]+)\)")
CODE = re.compile(r"^( *)(```|~~~).*?^\1\2 *$|(?<!\[)`[^`\n]+`", re.MULTILINE | re.DOTALL)


class BuildError(Exception):
    """What is wrong with the pages, a line each."""


def assemble(folder: Path, root: Path = ROOT) -> None:
    """Write the pages into `folder/docs`, and `folder/mkdocs.yml` beside them.

    Raises:
        BuildError: A link leads to no file, or the navigation and the pages differ.
    """
    places = {PurePosixPath(name): PurePosixPath(to) for name, to in OF_ROOT.items() if (root / name).is_file()}
    places |= {_at(path, root): _at(path, root / "docs") for path in (root / "docs").rglob("*.md")}
    notebooks = {_at(path, root): _at(path, root / "docs") for path in (root / "docs").rglob("*.ipynb")}
    places |= {source: to.with_suffix(".md") for source, to in notebooks.items()}
    texts, wrong = dict(reference_pages()), []
    for source, to in places.items():
        text = (root / source).read_text("utf-8")
        text = notebook_page(text) if source in notebooks else text
        texts[str(to)] = relinked(text, source, to, places, set(texts), root, wrong)
    config = YAML().load((root / "mkdocs.yml").read_text("utf-8"))
    named = list(_named(config["nav"]))
    wrong += [f"mkdocs.yml: the navigation names {name}, which is not a page" for name in named if name not in texts]
    wrong += [f"mkdocs.yml: the navigation lacks {name}" for name in texts if name not in named]
    if wrong:
        raise BuildError("\n".join(wrong))
    for name, text in texts.items():
        (folder / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "docs" / name).write_text(text, "utf-8")
    shutil.copytree(root / "docs" / "pictures", folder / "docs" / "pictures", dirs_exist_ok=True)
    shutil.copy(root / "mkdocs.yml", folder)


def relinked(
    text: str,
    source: PurePosixPath,
    to: PurePosixPath,
    places: Mapping[PurePosixPath, PurePosixPath],
    made: set[str],
    root: Path,
    wrong: list[str],
) -> str:
    """The text with each relative link as the site needs it: to a page there, or the file's name where it is none."""

    def one(found: re.Match[str]) -> str:
        words, target, heading, picture, at = found.groups()
        path = PurePosixPath(os.path.normpath(source.parent / (target or at)))
        inside = os.path.relpath(path, "docs")
        if target is None:
            if not (root / path).is_file():
                wrong.append(f"{source}: no picture {at}")
            return f"![{picture}]({os.path.relpath(inside, to.parent)})"
        if path in places:
            return f"[{words}]({os.path.relpath(places[path], to.parent)}{heading or ''})"
        if inside in made:
            return f"[{words}]({os.path.relpath(inside, to.parent)}{heading or ''})"
        if not (root / path).exists():
            wrong.append(f"{source}: a link to {target}, which is not there")
        return words if str(path).rstrip("/") in words else f"{words} (`{path}`)"

    parts, end = [], 0
    for fence in CODE.finditer(text):
        parts += [LINK.sub(one, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(one, text[end:])])


def notebook_page(text: str) -> str:
    """A notebook's cells as Markdown; its code runs in the tests."""
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    return "\n\n".join(parts) + "\n"


def _at(path: Path, folder: Path) -> PurePosixPath:
    return PurePosixPath(path.relative_to(folder).as_posix())


def _named(nav: object) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    inner = nav if isinstance(nav, list) else list(nav.values()) if isinstance(nav, dict) else []
    return [name for one in inner for name in _named(one)]


def build(folder: Path, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Assemble and build; the builder's exit code and words."""
    assemble(folder, root)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the documentation's site.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="the folder to build in")
    folder = parser.parse_args().out
    shutil.rmtree(folder / "docs", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        done = build(folder)
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(done.stdout + done.stderr)
    return int(done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
