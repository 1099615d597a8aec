"""Files that a person writes, spoiled in the ways that hands, editors, merges and other programs spoil them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

VALUES = (
    "", "~", "[]", "{}", "0", "-1", "1.5", "1e999", ".nan", ".inf", "true", "2026-13-45", "2026-01-01", "0x", "1_000",
    "9" * 5000, "'", '"', "[", "{", "]", "}", "a: b", "- a", "- [", "&a", "*a", "&a [*a]", "!!python/object:os.system",
    "!!binary '*'", "!!timestamp x", "!x y", "|", ">-", "|9", "\t", "%TAG ! x", "@at", "`tick", "? ", "{{ a }}",
    "{% for %}", "\x07", "\u200b\u202e", "é" * 300, "[" * 400, "{a: " * 200, "../" * 50, "/dev/zero", "/proc/self/mem",
    "file:///etc", "~root", "http://[::1", "${HOME}", "null: null", "{[]: 1}", "{{}: {}}", "[a, [b, {c: [d]}]]",
    "length(a) ==", "a == 'b' and (", "(" * 300, "hf://a/b", "openai:", ":@", "a@b@c", "name", "steps", "\x00",
)  # fmt: skip
"""What stands in the place of a value."""


def bytes_flipped(text: str, draw: random.Random) -> bytes:
    content = bytearray(text.encode())
    for _ in range(draw.choice([1, 3, 20])):
        content[draw.randrange(len(content))] = draw.randrange(256)
    return bytes(content)


def cut_short(text: str, draw: random.Random) -> bytes:
    return text.encode()[: draw.randrange(len(text))]


def value_replaced(text: str, draw: random.Random) -> bytes:
    values = list(re.finditer(r"(?<=: )[^\n]+", text)) or [re.compile(".*").match(text)]
    at = draw.choice(values)
    assert at is not None
    return (text[: at.start()] + draw.choice(VALUES) + text[at.end() :]).encode()


def key_replaced(text: str, draw: random.Random) -> bytes:
    keys = list(re.finditer(r"[\w-]+(?=:)", text)) or [re.compile(".*").match(text)]
    at = draw.choice(keys)
    assert at is not None
    return (text[: at.start()] + draw.choice(VALUES) + text[at.end() :]).encode()


def word_from_elsewhere(text: str, draw: random.Random) -> bytes:
    words = list(re.finditer(r"\w+", text))
    at, other = draw.choice(words), draw.choice(words)
    return (text[: at.start()] + other[0] + text[at.end() :]).encode()


def line_lost(text: str, draw: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    del lines[draw.randrange(len(lines))]
    return "".join(lines).encode()


def lines_doubled(text: str, draw: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    at = draw.randrange(len(lines))
    return "".join([*lines[: at + 1], *lines[max(0, at - draw.randrange(5)) :]]).encode()


def lines_mixed(text: str, draw: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    draw.shuffle(lines)
    return "".join(lines).encode()


def indented(text: str, draw: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    for i in range(draw.randrange(len(lines)), min(len(lines), draw.randrange(1, len(lines) + 1))):
        lines[i] = draw.choice([" ", "  ", "\t", "- "]) + lines[i]
    return "".join(lines).encode()


def written_twice(text: str, draw: random.Random) -> bytes:
    return (text + draw.choice(["", "---\n", "...\n", "\n<<<<<<< HEAD\n"]) + text).encode()


def in_another_encoding(text: str, draw: random.Random) -> bytes:
    return text.encode(draw.choice(["utf-16", "utf-32", "utf-8-sig", "utf-16-le"]))


def of_another_kind(text: str, draw: random.Random) -> bytes:
    return draw.choice(
        ["", "\n", "- a\n", "7\n", "null\n", "name: x\n", "---\n", "---\n---\n", "{}", "\x00" * 9]
    ).encode()


WAYS: tuple[Callable[[str, random.Random], bytes], ...] = (
    bytes_flipped, cut_short, value_replaced, key_replaced, word_from_elsewhere, line_lost, lines_doubled, lines_mixed,
    indented, written_twice, in_another_encoding, of_another_kind, value_replaced, key_replaced, value_replaced,
)  # fmt: skip


def spoiled(text: str, number: int) -> tuple[str, bytes]:
    """The way, and the file's content: the same for the same number."""
    draw = random.Random(number)
    way = WAYS[number % len(WAYS)]
    content = way(text, draw)
    if draw.random() < 0.2:
        content = bytes_flipped(content.decode("utf-8", "replace") or "x", draw)
    return way.__name__, content
