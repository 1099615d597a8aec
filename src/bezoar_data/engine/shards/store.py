"""Where shards leave what others need of them: a folder, also on a network, or a bucket: any address of fsspec's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.config.problems import Problem
from bezoar_data.llms.redact import redact


class StoreError(BezoarError):
    """The store cannot be written or read now. What was answered stands in the shard's journal."""


class Store:
    """Files by name. A file is there whole or not at all. Raises `InputError` for an address that cannot be used."""

    def __init__(self, url: str) -> None:
        self.shown = redact(url)
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            hint = "a folder, or an address of fsspec: s3://bucket/folder, gs://..., hf://datasets/owner/name/..."
            raise InputError(Problem("bad-collect", f"{self.shown}: {redact(str(error))}", hint=hint)) from None
        self._is_local = "file" in (self._fs.protocol, *self._fs.protocol)

    def put(self, name: str, value: bytes) -> None:
        path = self._path(name)
        with self._told():
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            if self._is_local:  # elsewhere a file appears when it is complete
                beside = Path(f"{path}.{os.getpid()}.new")
                beside.write_bytes(value)
                beside.replace(path)
            else:
                self._fs.pipe_file(path, value)

    def put_json(self, name: str, value: Mapping[str, Any]) -> None:
        self.put(name, json.dumps(value, indent=2).encode() + b"\n")

    def get(self, name: str) -> bytes | None:
        """A file's bytes; None where there is none."""
        with self._told():
            try:
                found: bytes = self._fs.cat_file(self._path(name))
            except FileNotFoundError:
                return None
            return found

    def get_json(self, name: str) -> dict[str, Any] | None:
        raw = self.get(name)
        if raw is None:
            return None
        try:
            value: dict[str, Any] = json.loads(raw)
        except ValueError as error:
            raise StoreError(f"{self.shown}/{name} cannot be read: {error}") from None
        return value

    def names(self, folder: str) -> list[str]:
        """The names of what stands in a folder, in order; none where there is no such folder."""
        with self._told():
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(self._path(folder), detail=False)
            except FileNotFoundError:
                return []
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in found)

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except BezoarError:
            raise
        except Exception as error:  # each file system raises its own
            said = redact(f"{type(error).__name__}: {error}")[:300]
            raise StoreError(
                f"{self.shown} cannot be used now: {said}. Run the same command again to continue"
            ) from error
