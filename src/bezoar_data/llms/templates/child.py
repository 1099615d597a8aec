"""The process in which templates run. Started by its path: it imports Jinja and nothing of this package.

Standard input brings frames: four bytes of length, then a pickled `(source, kind, values)`; standard output
takes JSON in such frames: `{"text": ..., "spans": [...]}`, or `{"error": [class, words]}`. The environment is
transformers' own (`utils/chat_template_utils.py`), so that a template says here what it says there (`chat`). `plain` is
that of endpoints without templates: undefined names are errors, a last line end stays. `prompt` is that of prompts in
files: undefined names are errors, blocks are not trimmed.
"""

from __future__ import annotations

import json
import pickle
import resource
import signal
import struct
import sys
from contextlib import suppress
from datetime import datetime
from typing import Any

import jinja2
from jinja2 import ext, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

SECONDS = 1.0
"""Of the processor, for one text. A template takes milliseconds."""
MEMORY = 2**30
CHARACTERS = 2**24
REMEMBERED = 8
"""Templates that stay compiled."""
LENGTH = struct.Struct("!I")


class Generation(ext.Extension):
    """`{% generation %}`: where what the assistant says begins and ends."""

    tags = {"generation"}

    def __init__(self, environment: jinja2.Environment) -> None:
        super().__init__(environment)
        environment.extend(pieces=[], spans=[])

    def parse(self, parser: Any) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_said"), [], [], body).set_lineno(line)

    def _said(self, caller: Any) -> Any:
        said = caller()
        where: Any = self.environment
        start = sum(len(piece) for piece in where.pieces)
        where.spans.append((start, start + len(said)))
        return said


class Dict:
    """`dict` without the type's attributes."""

    def __call__(self, *args: Any, **more: Any) -> dict[Any, Any]:
        return dict(*args, **more)

    def fromkeys(self, *args: Any, **more: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args, **more)


class Namespace(jinja2.utils.Namespace):
    """`namespace` that holds no name of Python's internals."""

    def __init__(*args: Any, **more: Any) -> None:
        self, args = args[0], args[1:]  # `namespace(self=...)` is a template's to say
        values = dict(*args, **more)
        for name in values:
            _check(name)
        jinja2.utils.Namespace.__init__(self, values)

    def __setitem__(self, name: str, value: Any) -> None:
        _check(name)
        jinja2.utils.Namespace.__setitem__(self, name, value)


def _check(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"a template cannot store '{name}' in a namespace")


def environment(kind: str) -> jinja2.Environment:
    """Where a template runs."""
    made = ImmutableSandboxedEnvironment(
        undefined=jinja2.Undefined if kind == "chat" else jinja2.StrictUndefined,
        # Templates of tokenizers are written for trimmed blocks.
        trim_blocks=kind != "prompt",
        lstrip_blocks=kind != "prompt",
        keep_trailing_newline=kind == "plain",
        extensions=[Generation, ext.loopcontrols],
    )
    made.filters["tojson"] = _tojson
    made.globals["raise_exception"] = _raise
    made.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    made.globals["dict"] = Dict()
    made.globals["namespace"] = Namespace
    return made


def _tojson(
    x: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: Any = "") -> None:
    raise jinja2.exceptions.TemplateError(str(message))


def rendered(template: jinja2.Template, values: dict[str, Any]) -> dict[str, Any]:
    """What a template makes of these values, and the spans of `{% generation %}` in it."""
    where: Any = template.environment
    pieces: list[str] = []
    spans: list[tuple[int, int]] = []
    where.pieces, where.spans, size = pieces, spans, 0
    for piece in template.generate(values):
        size += len(piece)
        if size > CHARACTERS:
            raise jinja2.exceptions.TemplateError(f"it writes more than {CHARACTERS:,} characters")
        pieces.append(piece)
    return {"text": "".join(pieces), "spans": spans}


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
    for bound, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):  # a stricter bound stands already, or the system has none
            resource.setrlimit(bound, (most, most))
    known: dict[tuple[str, str], jinja2.Template] = {}
    while head := sys.stdin.buffer.read(LENGTH.size):
        source, kind, values = pickle.loads(sys.stdin.buffer.read(*LENGTH.unpack(head)))  # noqa: S301 - ours
        # The kernel's own end, also in the middle of a computation that Python cannot leave.
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            template = known.get((source, kind))
            if template is None:
                if len(known) == REMEMBERED:
                    del known[next(iter(known))]
                template = known[source, kind] = environment(kind).from_string(source)
            said: dict[str, Any] = rendered(template, values) if values is not None else {}
        except MemoryError:
            said = {"error": ["TemplateError", f"it takes more than {MEMORY >> 30} GiB"]}
        except Exception as error:  # a stranger's program may fail in any way
            said = {"error": [type(error).__name__, str(error)[:600]]}
        signal.setitimer(signal.ITIMER_PROF, 0)
        raw = json.dumps(said).encode()
        sys.stdout.buffer.write(LENGTH.pack(len(raw)) + raw)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
