"""What in a rendered card is a person's and what is a run's, and how a new render keeps the one and renews the other.

A rendered body is prose and sections in turn. A section stands between the lines `<!-- bezoar:begin NAME -->` and
`<!-- bezoar:end NAME -->`, is made from the run's lock, and is replaced by every render. Everything else is prose. A
piece of prose is known by the section it follows; the last line of the body records a hash of each piece as the
template gave it. On the next render, a piece that still has its hash was not touched, and the template's new wording
takes its place; any other is a person's edit and stays as it is, whatever the template says now. Sections may be moved;
a deleted one comes back, because no card leaves out a fact by accident. The keys of the front matter that a person may
write are kept in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.cards.licences.hub_keys import KEYS
from bezoar_data.cards.sections.markdown import Markdown
from bezoar_data.runs.row import digest

TOP = "top"
"""The piece of prose before the first section."""

MARKER = re.compile(r"^<!-- bezoar:(begin|end) ([a-z][a-z0-9_]*) -->[ \t]*$")
_RECORD = re.compile(r"^<!-- bezoar:written (prose|front)((?: [A-Za-z0-9_-]+=[0-9a-f]{12})*) -->[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Body:
    """A rendered body, taken apart. `prose` holds the piece after each section and the one at the `TOP`."""

    order: tuple[str, ...]
    sections: Mapping[str, str]
    prose: Mapping[str, str]
    record: Mapping[str, str]
    """The hash of each piece of prose as the template gave it."""
    front_record: Mapping[str, str]
    """The same of the front matter's keys."""


def wrap(name: str, content: str) -> Markdown:
    """A section between its markers."""
    inside = f"\n{content.strip()}\n" if content.strip() else ""
    return Markdown(f"<!-- bezoar:begin {name} -->\n{inside}\n<!-- bezoar:end {name} -->")


def hash_of(value: Any) -> str:
    return digest("card", value.strip() if isinstance(value, str) else value, length=12)


def split_body(body: str) -> Body:
    """The sections and the prose of a body. A marker without its partner is taken out and its text kept as prose."""
    records: dict[str, dict[str, str]] = {"prose": {}, "front": {}}
    for kind, entries in _RECORD.findall(body):
        records[kind] = dict(entry.split("=") for entry in entries.split())
    lines = _RECORD.sub("", body).split("\n")
    order: list[str] = []
    sections: dict[str, str] = {}
    prose: dict[str, list[str]] = {TOP: []}
    slot, i = TOP, 0
    while i < len(lines):
        mark = MARKER.match(lines[i])
        end = _end(lines, i, mark[2]) if mark and mark[1] == "begin" else None
        if mark is None:
            prose[slot].append(lines[i])
        elif end is not None:
            name = mark[2]
            if name not in sections:
                sections[name] = "\n".join(lines[i + 1 : end]).strip("\n")
                order.append(name)
                prose[name] = []
                slot = name
            i = end
        i += 1
    pieces = {name: "\n".join(piece).strip("\n") for name, piece in prose.items()}
    return Body(tuple(order), sections, pieces, records["prose"], records["front"])


def merge_body(fresh: Body, previous: Body) -> Body:
    """The fresh sections amid the prose that a person left in the previous render."""
    edited = {n: p for n, p in previous.prose.items() if hash_of(p) != previous.record.get(n)}
    prose = {**fresh.prose, **{n: p for n, p in edited.items() if n in fresh.prose}}
    for name in previous.order:
        if name in edited and name not in fresh.prose and edited[name]:
            # Its section is gone, the person's words are not: they follow what they followed before.
            before = _before(name, previous.order, fresh.prose)
            prose[before] = f"{prose[before]}\n\n{edited[name]}".strip("\n")
    return Body(_order(fresh.order, previous.order), fresh.sections, prose, fresh.record, fresh.front_record)


def join_body(body: Body, front_record: Mapping[str, str]) -> str:
    """The body's text, with the record of what the template gave."""
    pieces = [body.prose[TOP]]
    for name in body.order:
        pieces += [wrap(name, body.sections[name]), body.prose[name]]
    records = [_record("prose", body.record), _record("front", front_record)]
    return "\n\n".join([*(p for p in pieces if p.strip()), "\n".join(records)]) + "\n"


def with_hashes(body: Body) -> Body:
    """A body fresh from its template, with the record of its prose."""
    record = {name: hash_of(piece) for name, piece in body.prose.items()}
    return Body(body.order, body.sections, body.prose, record, body.front_record)


def merge_front(
    template: Mapping[str, Any], made: Mapping[str, Any], previous: Mapping[str, Any], record: Mapping[str, str]
) -> dict[str, Any]:
    """A person's front matter: the template's, changed as the person changed the previous render by hand.

    `made` is the whole front matter that the template alone gives: a previous value that neither was recorded nor is
    equal to it is an edit.
    """
    result = dict(template)
    edited = {
        key: value
        for key, value in previous.items()
        if hash_of(value) != record.get(key) and (key in record or made.get(key) != value)
    }
    if any(key in edited for key in KEYS):  # one statement
        edited |= {key: previous[key] for key in KEYS if key in previous}
    result |= edited
    for key in record:
        if key not in previous:
            result.pop(key, None)
    return result


def _record(kind: str, hashes: Mapping[str, str]) -> str:
    entries = "".join(f" {name}={value}" for name, value in hashes.items() if re.fullmatch(r"[A-Za-z0-9_-]+", name))
    return f"<!-- bezoar:written {kind}{entries} -->"


def _end(lines: Sequence[str], begin: int, name: str) -> int | None:
    for i in range(begin + 1, len(lines)):
        mark = MARKER.match(lines[i])
        if mark:
            return i if mark[1] == "end" and mark[2] == name else None
    return None


def _before(name: str, order: Sequence[str], known: Mapping[str, str]) -> str:
    """The nearest section before `name` that is still there."""
    return next((n for n in reversed(order[: order.index(name)]) if n in known), TOP)


def _order(fresh: Sequence[str], previous: Sequence[str]) -> tuple[str, ...]:
    """The fresh order, unless the person moved sections: then theirs, with new ones after their neighbour."""
    kept = [name for name in previous if name in fresh]
    if kept == [name for name in fresh if name in kept]:
        return tuple(fresh)
    for i, name in enumerate(fresh):
        if name not in kept:
            before = next((n for n in reversed(fresh[:i]) if n in kept), None)
            kept.insert(kept.index(before) + 1 if before else 0, name)
    return tuple(kept)
