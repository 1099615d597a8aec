"""Keys in what is about to be published: nobody can take back what others have fetched.

Every file is read as others will read it: values of Parquet, texts of JSON and YAML without their escapes, compressed
lines, the plain bytes of all else; names of files and columns too. Two nets: the values of this machine's environment
that are keys, in the spellings in which they travel, and whatever has the shape of a well-known key.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from bezoar_data.cards.hub.refusal import refusal
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import looks_like_key, printable
from bezoar_data.config.secret_patterns import BEFORE, FLAGS, IN_ROWS, NARROW, STARTS
from bezoar_data.config.yaml.document import parse_yaml
from bezoar_data.llms.redact import SHORTEST_SECRET, Redactor, encodings
from bezoar_data.runs.parquet import readable

CONCERN = "keys"

_NAMES = re.compile(r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PAT|CREDENTIALS?)($|_)", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"[a-z-]{1,15}|[A-Z_]{1,15}")
"""`placeholder`, `not-needed`: words that stand in rows without being anybody's secret."""
_HINTS = (*((start, 0) for start in STARTS), *((before, len(before)) for before in BEFORE))
_PIECE, _OVERLAP = 2**20, 2**13


def keys_of_environment() -> dict[str, str]:
    """The environment's values that are keys, by their variable. More than what is cut out of answers (`redact`): who
    is refused by mistake renames a variable, a word that is cut out of rows is gone."""
    found = {}
    for name, value in os.environ.items():
        named = len(value) >= SHORTEST_SECRET and _NAMES.search(name) and not _PLACEHOLDER.fullmatch(value)
        if (named or looks_like_key(value)) and not os.access(value, os.F_OK):
            found[name] = value
    return found


class KeySearch:
    """What it looks for, made ready once."""

    def __init__(self) -> None:
        ours = keys_of_environment()
        self._redact = Redactor(ours.values())
        forms = {name: encodings(value) for name, value in sorted(ours.items())}
        self._forms = [(form, name) for name, all_of_it in forms.items() for form in sorted(all_of_it)]

    @cached_property
    def _shapes(self) -> re.Pattern[str]:
        return re.compile(f"{NARROW} | {IN_ROWS}", FLAGS)

    def problems(self, files: Mapping[str, Path | bytes], allowed: bool = False) -> Iterator[Problem]:
        """One for each file and key. What merely looks like one may be `allowed`."""
        for name, file in files.items():
            place = Place(self._redact(printable(str(file if isinstance(file, Path) else name), 300)))
            try:
                found = self._found(name, file)
            except (InputError, OSError, ValueError, EOFError, zlib.error) as error:
                message = f"it cannot be read, so its content is unknown: {self._redact(str(error))}"
                yield Problem("refused-unreadable", message, place)
                continue
            for whose, where in found.items():
                if whose:
                    message = f"it contains the value of the environment variable {whose}, in {where}"
                    yield Problem("refused-secret", message, place, "take it out, and change the key", secret=True)
                elif not allowed:
                    asked = refusal(CONCERN, f"it contains what looks like a key, in {where}", place)
                    yield replace(asked, hint=f"take it out, or {asked.hint}", secret=True)

    def _found(self, name: str, file: Path | bytes) -> dict[str, str]:
        """Where each variable's value stands first; under an empty name, something of a key's shape."""
        found: dict[str, str] = {}
        for where, text in (("its name", name), *texts_of(name, file)):
            for whose, at in self._in(text):
                found.setdefault(whose, self._redact(where) or f"line {text.count(chr(10), 0, at) + 1}")
        return found

    def _in(self, text: str) -> Iterator[tuple[str, int]]:
        ours = [(name, at) for form, name in self._forms if (at := text.find(form)) >= 0]
        yield from ours
        starts = (place for hint, shift in _HINTS for place in _every(hint, text, shift))
        if not ours and (at := next((place for place in starts if self._shapes.match(text, place)), -1)) >= 0:
            yield "", at


def _every(hint: str, text: str, shift: int) -> Iterator[int]:
    """The places of a word, moved on by so many characters."""
    at = text.find(hint)
    while at >= 0:
        yield at + shift
        at = text.find(hint, at + 1)


def texts_of(name: str, file: Path | bytes) -> Iterator[tuple[str, str]]:
    """Every text of a file, with where it stands; empty: the text is the file's own. Many short ones come together.
    Raises `InputError`, `OSError`, `ValueError`, `EOFError` and `zlib.error` for a file that is damaged."""
    with io.BytesIO(file) if isinstance(file, bytes) else file.open("rb") as opened:
        if name.endswith(".parquet"):
            yield from _parquet(name, opened)
            return
        if name.endswith(".gz"):
            with gzip.open(opened) as inside:
                yield from _plain(name.removesuffix(".gz"), inside)
        else:
            yield from _plain(name, opened)


def _plain(name: str, opened: Any) -> Iterator[tuple[str, str]]:
    if name.endswith((".jsonl", ".json")):
        yield from _json(opened, by_line=name.endswith(".jsonl"))
    elif name.endswith((".yaml", ".yml", ".md")):
        text = opened.read().decode("utf-8", "replace")
        yield "", text
        yield from _yaml(name, text)
    else:
        before = ""
        while piece := opened.read(_PIECE):
            # Latin-1 takes any byte: keys are ASCII, and what is not text holds no shape of one.
            text = piece.decode("latin-1")
            yield "its bytes", before + text
            before = text[-_OVERLAP:]


def _json(opened: BinaryIO, *, by_line: bool) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(opened if by_line else [opened.read()], 1):
        text = line.decode("utf-8", "replace")
        where = f"line {number}" if by_line else ""
        yield where, text
        if "\\" in text:
            try:
                yield where or "a text of it", "\n".join(_inside(json.loads(text)))
            except (ValueError, RecursionError):
                pass  # no JSON: it was read as it stands


def _yaml(name: str, text: str) -> Iterator[tuple[str, str]]:
    front = text.split("\n---", 1)[0].removeprefix("---\n") if name.endswith(".md") else text
    if "\\" not in front:
        return  # nothing is written otherwise than it reads
    try:
        value = parse_yaml(front, name).value
    except InputError:
        return  # no YAML: it was read as it stands
    yield "a value of it", "\n".join(_inside(value))


def _parquet(name: str, opened: BinaryIO) -> Iterator[tuple[str, str]]:
    import pyarrow.parquet as pq

    with readable(Path(name)):
        file = pq.ParquetFile(opened)
        schema = file.schema_arrow
        kept = {**(schema.metadata or {}), **(file.metadata.metadata or {})}
        kept_texts = [value.decode("latin-1") for value in kept.values()]
        yield "its schema", "\n".join([*schema.names, *kept_texts, str(schema)])
        for batch in file.iter_batches(1000):
            for column, values in zip(batch.schema.names, batch.columns, strict=True):
                yield f"the column {printable(column)}", "\n".join(_inside(values.to_pylist()))


def _inside(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if value[:1] in "{[":
            try:
                yield from _inside(json.loads(value))  # JSON in a text: lineage, tools, values of several types
            except (ValueError, RecursionError):
                pass
    elif isinstance(value, bytes):
        yield value.decode("latin-1")
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield str(key)
            yield from _inside(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _inside(one)
