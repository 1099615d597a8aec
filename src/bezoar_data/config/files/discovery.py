"""Which kind of file a person's file is, by what stands in it and, where that is not clear, by its folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.sanitize import printable
from bezoar_data.config.yaml.document import read_text

Kind = Literal["pipeline", "models", "recipe", "suite", "ablation", "expectations", "card"]

FOLDERS: dict[str, Kind] = {
    "pipelines": "pipeline",
    "models": "models",
    "recipes": "recipe",
    "suites": "suite",
    "ablations": "ablation",
    "expectations": "expectations",
    "cards": "card",
}
"""The folders of a project, and what stands in each."""

_MARKS: dict[str, Kind] = {
    "steps": "pipeline",
    "roles": "models",
    "stages": "recipe",
    "tasks": "suite",
    "variants": "ablation",
    "expect": "expectations",
}
"""The key that only files of one kind have."""

_OTHER_KEYS: dict[Kind, frozenset[str]] = {
    "pipeline": frozenset({"card", "splits", "tolerate", "max_cost"}),
    "models": frozenset(),
    "recipe": frozenset({"base", "quantisation", "adapter", "policy"}),
    "suite": frozenset({"batch_size", "chat_template"}),
    "ablation": frozenset({"pipeline", "recipe", "data_seeds"}),
    "expectations": frozenset({"dataset"}),
}
"""Keys that no file of another kind has, beside the mark."""

_CALLED: dict[Kind, tuple[str, str]] = {
    "pipeline": ("a pipeline", "bezoar-data run FILE runs it"),
    "models": ("a models file", "--models FILE names it for a pipeline"),
    "recipe": ("a recipe", "bezoar-data train FILE trains from it"),
    "suite": ("a suite", "bezoar-data evaluate MODEL --suite FILE uses it"),
    "ablation": ("an ablation", "bezoar-data ablate FILE runs it"),
    "card": ("a card", "`card:` in a pipeline names it"),
}
"""What a kind is called, and what its files are for."""

_DATA = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".gz", ".zst", ".txt", ".xlsx")

_TOP_KEY = re.compile(r"^([A-Za-z_]+)[ \t]*:", re.MULTILINE)
_NOT_OURS = frozenset({"runs", "trained", "node_modules", "__pycache__", "site-packages"})


def find_files(paths: Sequence[Path]) -> Iterator[tuple[Path, Kind]]:
    """Every file of a person's that `paths` name, each once, with its kind.

    Folders are searched through, hidden ones and those of runs aside; what is of no kind there is passed over. A file
    named by itself must be of one. Raises `InputError` for what is not there, cannot be read, or is of no kind.
    """
    problems: list[Problem] = []
    seen: set[str] = set()
    for path in paths:
        found = False
        for file in _walk(path) if path.is_dir() else [path]:
            try:
                kind = _kind(file, named=file is path)
            except InputError as error:
                problems += error.problems
                found = True
                continue
            if kind is not None:
                found = True
                if (real := os.path.realpath(file)) not in seen:
                    seen.add(real)
                    yield file, kind
        if not found:
            kinds = "pipeline, models file, recipe, suite, ablation, expectations or card"
            message = f"the folder '{printable(str(path), 200)}' holds no {kinds}"
            hint = "name a project's folder, or a file of it; `bezoar-data init my-data` starts one"
            problems.append(Problem("nothing-to-check", message, Place(str(path)), hint))
    if problems:
        raise InputError(problems)


def refuse_other_kind(path: Path, wanted: Kind) -> None:
    """Refuse a file that is plainly of another kind: else each of its keys would be told as a mistake. Raises
    `InputError`."""
    if not path.is_file():
        return
    if path.suffix in _DATA:
        found, use = "data", "in a pipeline, a source such as load_instructions reads it: with: {path: FILE}"
    else:
        keys = [] if path.suffix == ".md" else _keys_of(path)
        kind = "card" if path.suffix == ".md" else next((_MARKS[key] for key in keys if key in _MARKS), wanted)
        if kind == wanted or any(_MARKS.get(key) == wanted for key in keys):
            return
        found, use = _CALLED[kind]
    message = f"this is {found}, not {_CALLED[wanted][0]}"
    raise InputError(Problem("other-kind", message, Place(str(path)), use.replace("FILE", printable(str(path), 200))))


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _NOT_OURS or (path / "pyvenv.cfg").exists():
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        elif path.suffix in (".yaml", ".yml", ".md") and path.is_file():
            yield path


def _kind(path: Path, *, named: bool) -> Kind | None:
    folder = FOLDERS.get(path.absolute().parent.name)
    if path.suffix == ".md":
        return "card" if named or folder == "card" or _is_card(path) else None
    keys = _TOP_KEY.findall(read_text(path)) if named or folder is None else _keys_of(path)
    found = next((_MARKS[key] for key in keys if key in _MARKS), None)
    if found is not None:
        return found
    # What a pipeline names may lie beside it: prompts, rubrics. Without any key of ours a file is none of ours.
    if folder is not None and folder != "card" and (not keys or named or _resembles(keys, folder)):
        return folder
    if not named:
        return None
    for kind in _MARKS.values():
        if _resembles(keys, kind):
            return kind
    keys_of = "a pipeline has the key 'steps:', a models file 'roles:', a recipe 'stages:', a suite 'tasks:'"
    keys_of += ", an ablation 'variants:', expectations 'expect:'"
    hint = f"{keys_of}, a card's name ends in .md"
    raise InputError(Problem("unknown-kind", "it cannot be seen what kind of file this is", Place(str(path)), hint))


def _resembles(keys: Sequence[str], kind: Kind) -> bool:
    """Whether some key of a file is one that only this kind has, or nearly the one that all of it have."""
    mark = next(m for m, k in _MARKS.items() if k == kind)
    return any(key in _OTHER_KEYS[kind] or did_you_mean(key, [mark]).startswith("did you mean") for key in keys)


def _is_card(path: Path) -> bool:
    text = read_text(path)
    return text.startswith("---") and "bezoar" in _TOP_KEY.findall(text.partition("\n---")[0])


def _keys_of(path: Path) -> list[str]:
    """The keys of a file whose folder gives its kind anyway: that it cannot be read is for its own check to say."""
    try:
        return _TOP_KEY.findall(read_text(path))
    except InputError:
        return []
