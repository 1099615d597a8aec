"""What a step of a person's module takes, reads and writes, as the text of its module says: parsed, never imported.

A class that keeps our contract declares its columns and settings (`steps.base`), so its text and those of its bases
tell all that the catalogue knows of a step of ours. Of any other class only that it is there.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from string import Formatter
from typing import Any, Final

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import relative_to_cwd
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.settings_validation import type_name
from bezoar_data.steps.catalogue.entry import Setting, StepEntry, StepKind
from bezoar_data.steps.external.annotations import field_of, literal

_CONTRACT = "bezoar_data.steps.base"
_KINDS: Mapping[str, StepKind] = {"Source": "source", "ModelStep": "model", "GlobalRowStep": "global", "RowStep": "row"}
"""The classes of the contract, the one that decides first."""
_THEIRS = ("distilabel", "pydantic")
"""Packages whose classes add nothing that a pipeline file may say."""
ONLY_A_RUN, NO_MODULE = "only a run imports it", "its module is not here"
"""Why nothing is known of a step."""
_DEEPEST = 30
_UNREAD: Final = object()
"""A class fact that is worked out when the module is imported."""


@dataclass(frozen=True, slots=True)
class SourceText:
    """What the text of a module says of a step: its entry, where its class keeps our contract; else, in `unread`, what
    is not known before a run imports it."""

    entry: StepEntry | None = None
    unread: str = ""


@dataclass(slots=True)
class _Class:
    """A class with what it inherits."""

    doc: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, ast.AnnAssign] = field(default_factory=dict)
    kinds: set[StepKind] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)
    """Bases that could not be followed."""


def read_step(use: str) -> SourceText:
    """What is written of the step `module:Class`. Raises `InputError` where the module cannot be parsed, or holds
    nothing of that name."""
    module, _, name = use.partition(":")
    path = _file_of(module)
    if path is None:
        return SourceText(unread=NO_MODULE)
    tree = _parsed(path)
    if _defined(tree, name) is None:
        if _may_have_more(tree):
            return SourceText(unread=ONLY_A_RUN)
        message = f"the module '{module}' ({relative_to_cwd(path)}) has no '{name}'"
        names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
        raise InputError(Problem("unknown-step", message, hint=did_you_mean(name, names)))
    try:
        found = _class(module, name, 0)
    except (InputError, RecursionError):
        found = None
    if found is None or found.unread or not found.kinds:
        return SourceText(unread=ONLY_A_RUN)
    return _entry(use, found)


def _entry(use: str, found: _Class) -> SourceText:
    spelled, facts = found.facts.get("spelled"), found.facts
    names = spelled if isinstance(spelled, dict) else {}
    fields = {names.get(name, name): field_of(node) for name, node in found.fields.items()}
    settings = tuple(
        Setting(
            name=name,
            field=next((f for f, s in names.items() if s == name), name),
            type="role" if read.role else type_name(read.schema),
            description=read.description,
            required=read.required,
            default=read.default,
            path=read.path,
            names=read.names,
            role=read.role,
            where=read.where,
        )
        for name, read in fields.items()
    )
    reads, writes, optional = (_texts(facts.get(name, ())) for name in ("reads", "writes", "optional_writes"))
    known = {name for name in found.fields if fields[names.get(name, name)].default_known}
    if reads is None or writes is None or optional is None or not _named((*reads, *writes, *optional), known):
        return SourceText(unread=ONLY_A_RUN)
    schema = {
        "type": "object",
        "properties": {name: read.schema for name, read in fields.items()},
        "required": [name for name, read in fields.items() if read.required],
        "additionalProperties": False,
    }
    one_of, types = facts.get("one_of", ()), facts.get("types", {})
    entry = StepEntry(
        use=use,
        target=use,
        kind=next(kind for kind in _KINDS.values() if kind in found.kinds),
        version=facts["version"] if isinstance(facts.get("version"), int) else 1,
        summary=found.doc.partition("\n")[0],
        doc=found.doc,
        reads=reads,
        writes=writes,
        optional_writes=optional,
        settings=settings,
        schema=schema,
        one_of=one_of if isinstance(one_of, tuple) else (),
        makes=facts.get("makes") is True,
        carries=facts.get("carries") is True,
        types=types if isinstance(types, dict) else {},
    )
    return SourceText(entry)


def _texts(value: Any) -> tuple[str, ...] | None:
    fits = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
    return tuple(value) if fits else None


def _named(columns: Iterable[str], fields: set[str]) -> bool:
    """Whether all settings that name columns are fields whose defaults are known."""
    try:
        return all(setting in fields for name in columns for _, setting, _, _ in Formatter().parse(name) if setting)
    except ValueError:  # a brace without its other one
        return False


def _class(module: str, name: str, depth: int) -> _Class | None:
    """The class that a module calls so, with what it inherits; None where it is not to be found."""
    if depth > _DEEPEST:
        return None
    if module.partition(".")[0] in _THEIRS:
        return _Class()
    path = _file_of(module)
    node = _defined(_parsed(path), name) if path is not None else None
    if isinstance(node, ast.ImportFrom):
        imported = next(a.name for a in node.names if (a.asname or a.name) == name)
        return _class(_absolute(module, path, node), imported, depth + 1)
    if not isinstance(node, ast.ClassDef):
        return _Class() if node is None and hasattr(builtins, name) else None
    found = _Class(doc=ast.get_docstring(node) or "")
    for base in reversed(node.bases):
        inherited = _base(module, base, depth)
        if inherited is None:
            found.unread.append(ast.unparse(base))
            continue
        found.facts |= inherited.facts
        found.kinds |= inherited.kinds
        found.unread += inherited.unread
        found.fields |= inherited.fields if inherited.kinds else {}
    if module == _CONTRACT and name in _KINDS:
        found.kinds.add(_KINDS[name])
    _take_body(module, node, found)
    return found


def _base(module: str, base: ast.expr, depth: int) -> _Class | None:
    if isinstance(base, ast.Subscript):
        base = base.value
    if isinstance(base, ast.Name):
        return _class(module, base.id, depth + 1)
    if isinstance(base, ast.Attribute):
        path = _file_of(module)
        written = ast.unparse(base.value)
        for node in _parsed(path).body if path is not None else ():
            for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
                if (alias.asname or alias.name) == written:
                    above = f"{_absolute(module, path, node)}." if isinstance(node, ast.ImportFrom) else ""
                    return _class(f"{above}{alias.name}", base.attr, depth + 1)
    return None


def _take_body(module: str, node: ast.ClassDef, found: _Class) -> None:
    for line in node.body:
        if isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name):
            found.facts[line.targets[0].id] = _value(module, line.value, 0)
        elif isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            name = line.target.id
            if "ClassVar" in ast.unparse(line.annotation):
                found.facts[name] = _value(module, line.value, 0) if line.value is not None else _UNREAD
            elif not name.startswith("_"):
                found.fields[name] = line


def _value(module: str, node: ast.expr, depth: int) -> Any:
    """What a class fact is, where it is written out: names of constants, here or in other modules, are followed."""
    if isinstance(node, ast.Name):
        return _constant(module, node.id, depth)
    if isinstance(node, ast.Tuple | ast.List):
        parts: list[Any] = []
        for element in node.elts:
            spread = isinstance(element, ast.Starred)
            value = _value(module, element.value if isinstance(element, ast.Starred) else element, depth)
            if value is _UNREAD or (spread and not isinstance(value, tuple | list | dict)):
                return _UNREAD
            parts += value if spread else [value]
        return tuple(parts)
    return literal(node, _UNREAD)


def _constant(module: str, name: str, depth: int) -> Any:
    path = _file_of(module)
    node = _defined(_parsed(path), name) if path is not None and depth < _DEEPEST else None
    if isinstance(node, ast.ImportFrom):
        imported = next(a.name for a in node.names if (a.asname or a.name) == name)
        return _constant(_absolute(module, path, node), imported, depth + 1)
    plain = isinstance(node, ast.AnnAssign) or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name))
    if plain and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        return _value(module, node.value, depth + 1)
    return _UNREAD


def _defined(tree: ast.Module, name: str) -> ast.stmt | None:
    """What a module calls so, at its top or under an `if` or `try` there; the last of them counts."""
    found: ast.stmt | None = None
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found = node if node.name == name else found
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found = node if any((a.asname or a.name) == name for a in node.names) else found
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            named = (part for target in targets for part in ast.walk(target))
            found = node if any(isinstance(part, ast.Name) and part.id == name for part in named) else found
        else:
            waiting[:0] = _inside(node)
    return found


def _inside(node: ast.stmt) -> list[ast.stmt]:
    """The lines under an `if`, a `try` or a `with`."""
    handlers = [line for handler in getattr(node, "handlers", ()) for line in handler.body]
    return [*getattr(node, "body", ()), *handlers, *getattr(node, "orelse", ()), *getattr(node, "finalbody", ())]


def _may_have_more(tree: ast.Module) -> bool:
    """Whether a module may hold names that its text does not show."""
    starred = any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree))
    return starred or _defined(tree, "__getattr__") is not None


def _absolute(module: str, path: Path | None, node: ast.ImportFrom) -> str:
    """The module that an import names, in full."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    up = node.level - (path is not None and path.name == "__init__.py")
    kept = parts[: len(parts) - up] if up else parts
    return ".".join([*kept, *([node.module] if node.module else [])])


def _file_of(module: str) -> Path | None:
    """Where a module is written, in the current folder or among the installed packages, as a run would find it."""
    folders = [Path.cwd(), *(Path(place) for place in sys.path if place)]
    top, *rest = module.split(".")
    found = _within(folders, top)
    if found is None and (spec := _known_to_python(top)) is not None:
        found = spec
    for part in rest:
        if found is None or (found.suffix == ".py" and found.name != "__init__.py"):
            return None
        found = _within([found if found.is_dir() else found.parent], part)
    return found if found is not None and found.is_file() else None


def _within(folders: Iterable[Path], name: str) -> Path | None:
    """The package, the module or, where there is none, the folder of that name."""
    bare = None
    for folder in folders:
        for path in (folder / name / "__init__.py", folder / f"{name}.py"):
            if path.is_file():
                return path
        if bare is None and (folder / name).is_dir():
            bare = folder / name
    return bare


def _known_to_python(top: str) -> Path | None:
    """Where a package lies that is installed as editable: what finds it is asked, which imports nothing."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    origin = Path(spec.origin) if spec is not None and spec.origin else None
    return origin if origin is not None and origin.suffix == ".py" else None


def _parsed(path: Path) -> ast.Module:
    """A module's text, parsed. Raises `InputError` with the line that is wrong."""
    try:
        stat = path.stat()
        return _parse(path, stat.st_mtime_ns, stat.st_size)
    except SyntaxError as error:
        place = Place(relative_to_cwd(path), error.lineno, error.offset)
        raise InputError(Problem("step-import", f"this is not Python: {error.msg}", place)) from None
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(Problem("step-import", f"it cannot be read: {error}", Place(relative_to_cwd(path)))) from None


@lru_cache(maxsize=200)
def _parse(path: Path, changed: int, size: int) -> ast.Module:
    return ast.parse(path.read_bytes(), str(path))
