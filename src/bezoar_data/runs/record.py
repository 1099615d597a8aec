"""JSON files of ours as frozen dataclasses: read with their format and every key checked, written back the same.

A record is a frozen dataclass that inherits `Record`. Its fields are the keys of the file, each there whether or not it
has a value, so that what was read is written back key for key; other dataclasses among its fields need no base.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from bezoar_data._version import __version__
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem

T = TypeVar("T")

_NO_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


def _new_adapter(kind: Any) -> TypeAdapter[Any]:
    """Without pydantic's plugins: it looks for them among all packages that are installed, which takes longer than to
    read a file."""
    before = os.environ.get(_NO_PLUGINS)
    os.environ[_NO_PLUGINS] = "__all__"
    try:
        return TypeAdapter(kind)
    finally:
        if before is None:
            os.environ.pop(_NO_PLUGINS, None)
        else:
            os.environ[_NO_PLUGINS] = before


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(_new_adapter)


class NewerFormat(InputError):
    """The file was written by a newer version: what it holds is worth more than can be read here."""


class Record:
    """The base of a file's dataclass. The key `format` is not a field: it is checked on reading and written first."""

    __slots__ = ()

    FORMAT: ClassVar[int]
    """Raised when a key comes, goes or changes its meaning."""
    KIND: ClassVar[str]
    """The file's name in the codes of its problems: `no-lock`, `lock-format`, `lock-malformed`."""
    IF_MISSING: ClassVar[str]
    IF_OLDER: ClassVar[str]
    """What to do where there is no such file, and about one of an older format."""

    @classmethod
    def read(cls, path: Path, place: Place | None = None) -> Self:
        """The file at `path`. Raises `InputError` with one problem, at `place` where that is not the file itself."""
        place = place or Place(str(path))
        try:
            value = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise InputError(
                Problem(f"no-{cls.KIND}", f"there is no {path.name} here", place, cls.IF_MISSING)
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            message = f"{path.name} cannot be read: {error}"
            raise InputError(Problem(f"{cls.KIND}-malformed", message, place, cls.IF_OLDER)) from None
        found = value.pop("format", None) if isinstance(value, dict) else None
        if found != cls.FORMAT:
            written = "no format" if found is None else f"format {found}"
            newer = isinstance(found, int) and found > cls.FORMAT
            message = f"{path.name} has {written}; bezoar-data {__version__} reads format {cls.FORMAT}"
            hint = "a newer bezoar-data wrote it: upgrade to read it" if newer else cls.IF_OLDER
            kind = NewerFormat if newer else InputError
            raise kind(Problem(f"{cls.KIND}-format", message, place, hint))
        try:
            return parse(cls, value)
        except ValidationError as error:
            message = f"{path.name} is malformed: {_first(error)}"
            raise InputError(Problem(f"{cls.KIND}-malformed", message, place, cls.IF_OLDER)) from None

    def as_json(self) -> dict[str, Any]:
        return {"format": self.FORMAT, **as_json(self)}


def parse(kind: type[T], value: Any) -> T:
    """A plain value, as JSON holds it, as the dataclass `kind`. Raises pydantic's `ValidationError`."""
    # By way of JSON: pydantic's strict mode then still takes a list for a tuple.
    return cast(T, _adapter(kind).validate_json(json.dumps(value), strict=True, extra="forbid"))


def as_json(value: Any) -> dict[str, Any]:
    """A dataclass as JSON holds it."""
    return cast(dict[str, Any], _adapter(type(value)).dump_python(value, mode="json", by_alias=True))


def _first(error: ValidationError) -> str:
    """The first of pydantic's errors with the key's path, and how many more there are."""
    first, *others = error.errors(include_url=False, include_input=False)
    path = ".".join(map(str, first["loc"])) or "the file"
    what = {"missing": "is missing", "unexpected_keyword_argument": "is not known"}
    said = what.get(first["type"], first["msg"].replace("Input should be", "should be"))
    return f"{path} {said}" + (f" (and {len(others)} more)" if others else "")
