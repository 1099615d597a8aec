"""Copying a shipped pipeline or recipe into a person's project, with everything it names.

Files keep their places (`pipelines/`, `pipelines/models/`, `cards/`...), so that the paths in them hold. Under a new
name the file and its card get that name, and what the file says of both is changed with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.config.shipped import Shipped, shipped_folder
from bezoar_data.config.yaml.document import Document, YamlPath, load_yaml
from bezoar_data.project.files import NewFile
from bezoar_data.project.schemas import schema_texts
from bezoar_data.runs.demo_mark import MARK, is_demo

_LONGEST_PATH = 255
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


def files_of(shipped: Shipped, name: str | None = None) -> list[NewFile]:
    """A shipped file and what it names, with the schemas that its first line names; `name` is its new name.

    Raises `InputError` for a name that no pipeline can have.
    """
    root = shipped_folder()
    if name is not None and not _NAME.fullmatch(name):
        message = f"'{name}' cannot be a name"
        raise InputError(Problem("bad-value", message, hint="lower-case letters, digits, '_' and '-'"))
    document = load_yaml(shipped.path)
    text = shipped.path.read_text("utf-8")
    place = shipped.path.relative_to(root)
    card = _card(document, shipped.path)
    named = (path for path in named_files(document, shipped.path) if path != card)
    files = [NewFile(path.relative_to(root), path.read_bytes(), companion=True) for path in named]
    renamed = name if name != place.stem else None
    if renamed is not None:
        text = _replaced(text, document, ("name",), renamed).replace(place.as_posix(), f"{place.parent}/{renamed}.yaml")
        place = place.with_name(f"{renamed}.yaml")
    if card is not None:
        written = PurePosixPath(document.value["card"])
        target = card.relative_to(root)
        if renamed is not None:
            text = _replaced(text, document, ("card",), str(written.with_name(f"{renamed}.md")))
            target = target.with_name(f"{renamed}.md")
        files.insert(0, NewFile(target, card.read_bytes()))
    return [NewFile(place, text.encode()), *files, *schema_files()]


def schema_files() -> Iterator[NewFile]:
    """The schemas that the first lines of shipped files name, for the editor."""
    for name, text in schema_texts().items():
        yield NewFile(Path("schemas") / name, text.encode(), companion=True)


def named_files(document: Document, path: Path) -> Iterator[Path]:
    """The shipped files that a file names, each once, and those that these name: any text that is the path of one."""
    root = shipped_folder().resolve()
    seen = {path.resolve()}
    waiting = [(document.value, path)]
    while waiting:
        value, of = waiting.pop(0)
        for text in _texts(value):
            found = (of.parent / text).resolve() if _may_be_path(text) else None
            if found is None or found in seen or not found.is_file() or not found.is_relative_to(root):
                continue
            seen.add(found)
            yield shipped_folder() / found.relative_to(root)
            if is_demo(found) and (mark := found.with_name(MARK)) not in seen:
                seen.add(mark)
                yield shipped_folder() / mark.relative_to(root)
            if found.suffix == ".yaml":
                waiting.append((load_yaml(found, lenient=True).value, found))


def _may_be_path(text: str) -> bool:
    return ("/" in text or "." in text) and "\n" not in text and len(text) < _LONGEST_PATH


def _card(document: Document, path: Path) -> Path | None:
    """The card that a pipeline fills in: its own, and not one it only names."""
    written = document.value.get("card") if isinstance(document.value, dict) else None
    root = shipped_folder()
    if path.relative_to(root).parts[0] != "pipelines" or not isinstance(written, str):
        return None
    return root / (path.parent / written).resolve().relative_to(root.resolve())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(key)
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _replaced(text: str, document: Document, path: YamlPath, new: str) -> str:
    """The text with the value at a path replaced where it stands, comments and all else as they were."""
    place = document.place(path)
    old = document.value
    for part in path:
        old = old[part]
    lines = text.split("\n")
    row, start = (place.line or 1) - 1, (place.column or 1) - 1
    lines[row] = lines[row][:start] + lines[row][start:].replace(str(old), new, 1)
    return "\n".join(lines)
