"""Claims in the card's own text: its front matter, its sections, and that they stand where they are seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from markdown_it import MarkdownIt

from bezoar_data.cards import croissant
from bezoar_data.cards.claims.evidence import Evidence
from bezoar_data.cards.merge import MARKER
from bezoar_data.cards.sections.registry import SECTIONS
from bezoar_data.cards.truth import differences, expected_front, section_differences, true_licence
from bezoar_data.config.files.card import Card
from bezoar_data.config.problems import Place, Problem

_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_REACHING = frozenset(
    (
        "style",
        "script",
        "template",
        "link",
        "meta",
        "base",
        "iframe",
        "noscript",
        "textarea",
        "title",
        "xmp",
        "plaintext",
    )
)
"""Elements that can change or swallow what stands elsewhere in the page."""


def build(seen: Evidence) -> Iterator[Problem]:
    found, lock = seen.card.bezoar.get("lock"), seen.lock
    if found != lock.hash:
        message = f"the card is that of build {found}, the lock's is {lock.hash}"
        yield Problem("lock-differs", message, seen.card.place(("bezoar", "lock")))


def front(seen: Evidence) -> Iterator[Problem]:
    yield from seen.malformed
    if not seen.is_malformed:
        yield from differences(seen.card, seen.lock)


def sections(seen: Evidence) -> Iterator[Problem]:
    """Every section is what the lock gives."""
    if seen.is_malformed:
        return  # what follows from such a front matter is not known
    first = seen.rows.first
    yield from section_differences(seen.card, seen.lock, first[1] if first else None)


def layout(seen: Evidence) -> Iterator[Problem]:
    """Each section stands once, in the open: a reader sees it, and nothing else in its place."""
    card = seen.card
    lines = enumerate(card.body.split("\n"))
    marks = [(i, str(mark[1]), str(mark[2])) for i, line in lines if (mark := MARKER.match(line))]
    begun = Counter(name for _, kind, name in marks if kind == "begin")
    for i, kind, name in marks:
        place = _line(card, i)
        if name not in SECTIONS:
            yield Problem("section-unknown", f"no run writes a section '{name}': it passes for one", place)
        elif begun[name] > 1 and kind == "begin":
            message = f"the section '{SECTIONS[name].title or name}' appears {begun[name]} times"
            yield Problem("section-twice", message, place, "leave one; the other would never be held against the lock")
    for one, other in zip(marks[::2], [*marks[1::2], None], strict=False):
        if one[1] != "begin" or other is None or other[1:] != ("end", one[2]):
            yield Problem("section-open", f"the marker of the section '{one[2]}' has no partner", _line(card, one[0]))
            break
    yield from _hidden(card, {i: name for i, kind, name in marks if kind == "begin"})


def _hidden(card: Card, begins: dict[int, str]) -> Iterator[Problem]:
    """HTML, comments, quotes and code around sections, as CommonMark reads the body."""
    reading = _Elements()
    seen: set[int] = set()
    for token in MarkdownIt("commonmark").parse(card.body):
        line = token.map[0] if token.map else 0
        if token.type == "html_block":
            if token.level == 0 and line in begins and MARKER.match(token.content.strip("\n")):
                seen.add(line)
                if reading.open:
                    message = f"the section '{_title(begins[line])}' is inside <{reading.open[-1]}>: it may not be seen"
                    hint = "close the element before the section; how a card looks is not for HTML to change"
                    yield Problem("section-hidden", message, _line(card, line), hint)
            else:
                reading.feed(token.content)
        for child in token.children or ():
            if child.type == "html_inline":
                reading.feed(child.content)
        for name in reading.take_reaching():
            message = f"<{name}> can hide or change the sections of the card"
            yield Problem("section-hidden", message, _line(card, line), "take it out")
    for line, name in begins.items():
        if line not in seen:
            message = f"the section '{_title(name)}' is inside a comment, code, a quote or a list: it is not seen"
            yield Problem("section-hidden", message, _line(card, line))


class _Elements(HTMLParser):
    """The elements that are open where it stands."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self._reaching: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in _REACHING:
            self._reaching.append(tag)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def take_reaching(self) -> list[str]:
        found, self._reaching = self._reaching, []
        return found


def croissant_file(seen: Evidence) -> Iterator[Problem]:
    if seen.is_malformed:
        return
    file = seen.folder / croissant.FILE
    try:
        same = file.read_text("utf-8") == _croissant(seen)
    except FileNotFoundError:
        yield Problem("croissant-differs", "there is no such file", Place(str(file)))
        return
    except (OSError, ValueError) as error:
        yield Problem("croissant-differs", f"cannot be read: {error}", Place(str(file)))
        return
    if not same:
        yield Problem("croissant-differs", f"{croissant.FILE} is not what follows from lock and card", Place(str(file)))


def _croissant(seen: Evidence) -> str:
    licence = true_licence(seen.card, seen.lock)
    return croissant.croissant_text(seen.lock, expected_front(seen.card, seen.lock), licence)


def _line(card: Card, line: int) -> Place:
    return Place(card.file, card.body_line + line)


def _title(name: str) -> str:
    return SECTIONS[name].title or name if name in SECTIONS else name
