"""A stranger's template, rendered by the process of `child.py`, which is started once for each process of ours."""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jinja2

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.llms.templates.child import LENGTH, environment

Kind = Literal["chat", "plain", "prompt"]
PATIENCE = 60.0
"""Seconds on the clock, for a machine on which the processor's time hardly passes."""
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "LD_LIBRARY_PATH")
_ERRORS: dict[str, type[Exception]] = {
    **{name: made for name, made in vars(jinja2.exceptions).items() if isinstance(made, type)},
    **{made.__name__: made for made in (TypeError, ValueError, KeyError, AttributeError)},
}


class TemplateStopped(InputError):
    """A template that had to be ended from outside. It is not run again in this process."""

    def __init__(self, why: str) -> None:
        hint = "it is a program of somebody else's: read it, or take another"
        super().__init__(Problem("template-stopped", f"the template was stopped: {why}", hint=hint))


@dataclass(frozen=True, slots=True)
class Rendered:
    """A template's text, and the spans in it that the assistant says, if it marks them."""

    text: str
    spans: tuple[tuple[int, int], ...] = ()


def render(source: str, values: Mapping[str, Any] | None, kind: Kind = "chat") -> Rendered:
    """What a template makes of values that are plain data. None: it is compiled only. `kind`: see `child.py`.

    Raises what it raises, as Jinja's and Python's own errors, `jinja2.TemplateError` for any other, and
    `TemplateStopped` where it goes on too long.
    """
    said = _sandbox.ask(source, kind, None if values is None else dict(values))
    if "error" in said:
        kind, words = said["error"]
        raise _made(kind, words)
    return Rendered(said.get("text", ""), tuple((start, end) for start, end in said.get("spans", ())))


def parsed(source: str, kind: Kind = "chat") -> jinja2.nodes.Template:
    """A template's tree, for who looks what it names. Nothing of it is computed here, not even its constants: a
    compiler would fold `10 ** 10 ** 10`. Raises `jinja2.TemplateSyntaxError`."""
    tree: Any = environment(kind)
    tree.intercepted_binops, tree.intercepted_unops = frozenset(tree.binop_table), frozenset(tree.unop_table)
    tree.filters, tree.tests = dict.fromkeys(tree.filters, _unknown), dict.fromkeys(tree.tests, _unknown)
    made: jinja2.nodes.Template = tree.parse(source)
    return made


@jinja2.pass_context
def _unknown(*_: Any) -> None:
    """Stands for filters and tests: what wants a context is not folded."""


class _Sandbox:
    """The child, and what became of templates in it. For any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped: dict[str, str] = {}

    def ask(self, source: str, kind: str, values: Any) -> dict[str, Any]:
        raw = pickle.dumps((source, kind, values))
        with self._lock:
            if why := self._stopped.get(source):
                raise TemplateStopped(why)
            if self._child is None:
                self._child = _started()
            try:
                said: dict[str, Any] | None = _exchanged(self._child, raw)
            except BaseException:  # Ctrl-C too: an answer half read would be taken for the next one's
                self._end()
                raise
            if said is None:
                self._stopped[source] = why = _why(self._end())
                raise TemplateStopped(why)
            return said

    def _end(self) -> int:
        child, self._child = self._child, None
        if child is None:
            return 0
        with child:
            if not select.select([child.stdout or 0], [], [], 0)[0]:  # it has not ended by itself
                child.kill()
        return child.returncode


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 (our own file)
        [sys.executable, "-P", str(Path(__file__).with_name("child.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # No key of ours is there for who breaks out of the sandbox.
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        start_new_session=True,
    )


def _exchanged(child: subprocess.Popen[bytes], raw: bytes) -> dict[str, Any] | None:
    """What the child says to a frame; None where it ended, or does not come to an end."""
    assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018
    try:
        child.stdin.write(LENGTH.pack(len(raw)) + raw)
        child.stdin.flush()
    except BrokenPipeError:
        return None
    if not select.select([child.stdout], [], [], PATIENCE)[0]:
        child.kill()
        return None
    head = child.stdout.read(LENGTH.size)
    body = child.stdout.read(*LENGTH.unpack(head)) if len(head) == LENGTH.size else b""
    return json.loads(body) if body else None


def _why(code: int) -> str:
    if code in (-signal.SIGPROF, -signal.SIGKILL):
        return "it computes for more than a second"
    return f"its process ended ({code})"


def _made(kind: str, words: str) -> Exception:
    """An error of the child as the same here."""
    made = _ERRORS.get(kind)
    try:
        return made(words) if made is not None else jinja2.TemplateError(f"{kind}: {words}")
    except TypeError:  # Jinja's errors of syntax want a line too
        return jinja2.TemplateError(words)


def _new() -> None:
    global _sandbox
    _sandbox = _Sandbox()


_sandbox = _Sandbox()
# A forked process must not talk to its parent's child.
os.register_at_fork(after_in_child=_new)
