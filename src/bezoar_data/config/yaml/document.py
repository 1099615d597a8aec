"""YAML text as plain values that remember where they were written.

Pipelines, models files, cards and recipes are read through here, and so are files pulled from others: the reader is
built on ruamel.yaml's *events*, never on its constructors, so that no tag can make an object, and it holds bounds on
size, depth and aliases before anything is built. Scalars follow YAML 1.2's core schema: `no` and `2024-01-01` are
text, `010` is ten.

Refused: duplicate keys, keys that are not text, tags, merge keys (`<<`, which YAML 1.2 does not have and which hide
what a file says), several documents in one file, and `.inf` and `.nan`, which JSON, and so a lock file, cannot hold.
Plain aliases (`*name`) are allowed within bounds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import similar_file_hint
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.config.yaml.syntax_errors import syntax_problem

MAX_BYTES = 5_000_000
MAX_LINE = 100_000
"""Characters in a line: the scanner needs quadratic time for some of the longer ones."""
MAX_DEPTH = 50
MAX_NODES = 100_000
"""Values in a file, each alias counted as often as it is used."""
MAX_PROBLEMS = 100
MAX_DIGITS = 100

YamlPath = tuple[str | int, ...]

_WHOLE = (
    (re.compile(r"[-+]?[0-9]+\Z"), 10),
    (re.compile(r"0o[0-7]+\Z"), 8),
    (re.compile(r"0x[0-9a-fA-F]+\Z"), 16),
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class _Node:
    """A value and where it starts. `entries` holds the key's place and the value's node of a mapping."""

    place: Place
    scalar: Any = None
    entries: dict[str, tuple[Place, _Node]] | None = None
    items: list[_Node] | None = None
    size: int = 1
    height: int = 1

    def plain(self) -> Any:
        # Built anew for each use of an alias, so that changing one place can never change another.
        if self.entries is not None:
            return {key: node.plain() for key, (_, node) in self.entries.items()}
        if self.items is not None:
            return [node.plain() for node in self.items]
        return self.scalar


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document: plain values (JSON's types only), and the place of each.

    `problems` is empty unless the document was read with `lenient=True`.
    """

    file: str
    value: Any
    problems: tuple[Problem, ...] = ()
    _root: _Node | None = field(default=None, repr=False, compare=False)
    _elsewhere: Mapping[YamlPath, Place] = field(default_factory=dict, repr=False, compare=False)

    def place(self, path: YamlPath = (), key: bool = False) -> Place:
        """Where the value at `path` starts, or its key with `key=True`.

        A path that does not exist gives the place of its nearest parent that does.
        """
        for length in range(len(path), 0, -1):
            if path[:length] in self._elsewhere:
                return self._elsewhere[path[:length]]
        node, key_place = self._root, None
        if node is None:
            return Place(self.file)
        for depth, part in enumerate(path):
            last = depth == len(path) - 1
            if node.entries is not None and isinstance(part, str) and part in node.entries:
                key_place, node = node.entries[part]
                if last and key:
                    return key_place
            elif node.items is not None and isinstance(part, int) and 0 <= part < len(node.items):
                key_place, node = None, node.items[part]
            else:
                # A parent that is itself under a key is better known by that key than by its first line.
                return key_place or node.place
        return node.place

    def problem(self, code: str, message: str, path: YamlPath = (), *, hint: str = "", key: bool = False) -> Problem:
        """A problem with what stands at `path`."""
        return Problem(code, message, self.place(path, key=key), hint)

    def with_value(self, value: Any, elsewhere: Mapping[YamlPath, Place]) -> Document:
        """This document with another value, parts of which were written in other places."""
        return replace(self, value=value, _elsewhere={**self._elsewhere, **elsewhere})

    def without_items(self, key: str, gone: Collection[int]) -> Document:
        """This document without some items of the list under one of its first keys. The others keep their places."""
        value = {**self.value, key: [one for i, one in enumerate(self.value[key]) if i not in gone]}
        root = self._root
        if root is not None and root.entries is not None and root.entries[key][1].items is not None:
            place, node = root.entries[key]
            left = [one for i, one in enumerate(node.items or ()) if i not in gone]
            root = replace(root, entries={**root.entries, key: (place, replace(node, items=left))})
        return replace(self, value=value, _root=root)


def load_yaml(path: Path | str, *, lenient: bool = False) -> Document:
    """Read a YAML file. Raises `InputError` for whatever is wrong with it, from a missing file on."""
    path = Path(path)
    return parse_yaml(read_text(path), str(path), lenient=lenient)


def read_text(path: Path) -> str:
    """The text of a file a person named: UTF-8, not too large, and really a file."""
    place = Place(str(path))
    name = printable(str(path), 200)

    def wrong(code: str, message: str, hint: str = "") -> NoReturn:
        raise InputError(Problem(code, message, place, hint))

    try:
        if path.is_dir():
            wrong("not-a-file", f"'{name}' is a folder, not a file", "name the file itself")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        hint = similar_file_hint(path) or f"files are named from the current folder, which is {Path.cwd()}"
        wrong("missing-file", f"there is no file '{name}'", hint)
    except PermissionError:
        wrong("unreadable-file", f"the file '{name}' may not be read", "check its permissions")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        wrong("unreadable-file", f"the file '{name}' cannot be read: {printable(reason)}")
    if len(data) > MAX_BYTES:
        wrong("too-large", f"'{name}' is larger than {MAX_BYTES // 1_000_000} MB", "is this the right file?")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        hint = "save the file as UTF-8"
        raise InputError(Problem("not-utf-8", "this is not UTF-8 text", Place(str(path), line, column), hint)) from None


def parse_yaml(text: str, file: str, *, lenient: bool = False) -> Document:
    """Parse one YAML document. Raises `InputError` with everything that is wrong.

    `lenient=True` returns a document in spite of mistakes that leave it readable (a duplicate key, a tag), with these
    in `problems`: whoever checks further can then report all mistakes of the file together, and must raise them.
    """
    reader = _Reader(file)
    root = reader.read(text.removeprefix("\ufeff"))
    if root is None or (reader.problems and not lenient):
        raise InputError(reader.problems)
    return Document(file, root.plain(), tuple(reader.problems), root)


class _Stop(Exception):
    """Nothing after this point of the text can be read."""


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet. `key` waits for its value; None drops the value."""

    node: _Node
    anchor: str | None
    key: str | None = None
    key_place: Place | None = None
    expects_value: bool = False


class _Reader:
    """Builds nodes from events with a stack of its own, so that no depth of nesting can exhaust Python's."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.anchors: dict[str, _Node] = {}
        self.stack: list[_Open] = []
        self.root: _Node | None = None
        self.nodes = 0

    def read(self, text: str) -> _Node | None:
        """The root node, or None when there is none; `problems` then says why."""
        try:
            self.check_lines(text)
            for event in self.events(text):
                self.take(event)
        except _Stop:
            return None
        if self.root is None:
            self.problem("empty-file", "there is nothing in this file", Place(self.file), hint="is it saved?")
        return self.root

    def check_lines(self, text: str) -> None:
        if len(text) > MAX_LINE:
            for number, line in enumerate(text.split("\n"), 1):
                if len(line) > MAX_LINE:
                    message = f"a line of more than {MAX_LINE:,} characters"
                    self.stop(Problem("too-large", message, Place(self.file, number, 1), "break the line"))

    def events(self, text: str) -> Iterator[Any]:
        from ruamel.yaml import YAML

        try:
            yield from YAML(typ="safe", pure=True).parse(text)
        except _Stop:
            raise
        except Exception as error:
            # The parser raises errors of its own, and a few of Python's on odd escapes: all mean unreadable text.
            opened = self.stack[-1].node.place if self.stack else None
            self.stop(syntax_problem(error, text, self.file, opened))

    def take(self, event: Any) -> None:
        kind = type(event).__name__
        place = Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)
        if kind == "DocumentStartEvent":
            if self.root is not None:
                hint = "keep one document in a file: remove the line '---'"
                self.stop(Problem("many-documents", "a second document starts here", place, hint))
            if event.version not in (None, (1, 2)):
                self.problem("yaml-version", "only YAML 1.2 is read here", Place(self.file, 1, 1), "remove '%YAML'")
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            self.check_tag(event, place)
            node = _Node(place, entries={}) if kind.startswith("M") else _Node(place, items=[])
            self.count(1, len(self.stack) + 1, place)
            self.stack.append(_Open(node, event.anchor))
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            done = self.stack.pop()
            self.add(done.node, done.anchor)
        elif kind == "ScalarEvent":
            self.check_tag(event, place)
            self.count(1, len(self.stack) + 1, place)
            plain = event.implicit[0] and event.tag is None
            if plain and not event.value and self.stack and self.stack[-1].key_place and self.stack[-1].expects_value:
                # An empty value starts nowhere (the parser says: at the next line's text): its key is its place.
                place = self.stack[-1].key_place
            self.add(
                _Node(place, self.scalar(event.value, plain, place)), event.anchor, plain_text=plain and event.value
            )
        elif kind == "AliasEvent":
            known = self.anchors.get(event.anchor)
            if known is None:
                name = printable(event.anchor)
                hint = f"quote a text that starts with '*': '*{name}'"
                self.problem("unknown-alias", f"'*{name}' names no anchor '&{name}' written before it", place, hint)
                self.add(_Node(place), None)
                return
            self.count(known.size, len(self.stack) + known.height, place)
            self.add(known, None)

    def add(self, node: _Node, anchor: str | None, plain_text: str | bool = False) -> None:
        """Put a finished node where it belongs: into the open mapping or list, or at the root."""
        if anchor:
            self.anchors[anchor] = node
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        parent = top.node
        if parent.items is not None:
            parent.items.append(node)
        elif not top.expects_value:
            top.key, top.key_place, top.expects_value = self.key(node, parent, plain_text), node.place, True
            return
        else:
            top.expects_value = False
            if top.key is not None and parent.entries is not None and top.key_place is not None:
                parent.entries[top.key] = (top.key_place, node)
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)

    def key(self, node: _Node, mapping: _Node, plain_text: str | bool) -> str | None:
        """The key a node stands for, or None (and a problem) when it cannot be one."""
        name = node.scalar
        if node.entries is not None or node.items is not None or not isinstance(name, str):
            hint = ""
            if node.entries is not None:
                hint = "a text with '{{...}}' must be quoted"
            elif isinstance(plain_text, str) and plain_text:
                hint = f'write it in quotes: "{printable(plain_text)}"'
            self.problem("bad-key", "a key must be text", node.place, hint)
            return None
        if name == "<<" and plain_text:
            hint = "write the keys out, or use an alias for a whole value: 'key: *name'"
            self.problem("merge-key", "merge keys ('<<') are not read here", node.place, hint)
            return None
        assert mapping.entries is not None  # noqa: S101 - only mappings have keys
        if name in mapping.entries:
            first = mapping.entries[name][0]
            hint = f"it is already in line {first.line}: keep one of them"
            self.problem("duplicate-key", f"the key '{printable(name)}' is written twice", node.place, hint)
            return None
        return name

    def scalar(self, text: str, plain: bool, place: Place) -> Any:
        if _SURROGATE.search(text):
            try:
                # Escapes written as in JSON: two halves that make one character.
                return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
            except UnicodeDecodeError:
                pass
            self.problem("bad-text", "this text holds half a character (a lone surrogate)", place, "remove the escape")
            return _SURROGATE.sub("\ufffd", text)
        return self.plain(text, place) if plain else text

    def plain(self, text: str, place: Place) -> Any:
        """The value of a scalar without quotes, by YAML 1.2's core schema."""
        if text in _WORDS:
            return _WORDS[text]
        if _NOT_FINITE.match(text):
            hint = "quote it to make it text"
            self.problem("bad-number", f"'{text}' is not a number that can be used here", place, hint)
            return None
        if len(text) > MAX_DIGITS:
            return text
        for pattern, base in _WHOLE:
            if pattern.match(text):
                return int(text, base)
        if not _FLOAT.match(text):
            return text
        number = float(text)
        if math.isinf(number):
            self.problem("bad-number", f"the number {printable(text)} is too large", place, "quote it to make it text")
            return None
        return number

    def check_tag(self, event: Any, place: Place) -> None:
        if event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            hint = "remove the tag; to make a value text, write it in quotes"
            self.problem("tag", f"tags such as '{printable(tag)}' are refused", place, hint)

    def count(self, size: int, depth: int, place: Place) -> None:
        self.nodes += size
        if self.nodes > MAX_NODES:
            self.stop(Problem("too-many-values", f"more than {MAX_NODES:,} values, aliases counted in", place))
        if depth > MAX_DEPTH:
            self.stop(Problem("too-deep", f"nested more than {MAX_DEPTH} levels deep", place))

    def problem(self, code: str, message: str, place: Place, hint: str = "") -> None:
        self.problems.append(Problem(code, message, place, hint))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _Stop

    def stop(self, problem: Problem) -> NoReturn:
        self.problems.append(problem)
        raise _Stop
