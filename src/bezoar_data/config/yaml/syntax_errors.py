"""What a YAML parser's error means, for people: where, what is wrong, and what to write instead."""

from __future__ import annotations

import re

from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable

# (part of the parser's words, our message, our hint), first match wins.
_MESSAGES = (
    (
        "mapping values are not allowed",
        "a ':' where no key can be",
        "check the indentation; quote a text that holds ': '",
    ),
    (
        "could not find expected ':'",
        "this line should be 'key: value'",
        "add a ': ', or check the indentation",
    ),
    ("found character '\\t'", "a tab where spaces are expected", "indent with spaces"),
    ("found a tab", "a tab where spaces are expected", "indent with spaces"),
    ("expected ',' or '}'", "a ',' or '}' is missing before this", "check the braces"),
    ("expected ',' or ']'", "a ',' or ']' is missing before this", "check the brackets"),
    (
        "expected <block end>",
        "this does not fit the lines above it",
        "check the indentation: keys of one mapping, or '-' of one list, start in the same column",
    ),
    ("unknown escape character", "unknown escape in a text in double quotes", "write '\\\\', or use single quotes"),
    ("expected escape sequence", "unfinished escape in a text in double quotes", "write '\\\\', or use single quotes"),
    ("undefined tag handle", "tags are refused", "remove the tag; to make a value text, write it in quotes"),
    ("expected the node content", "a value is expected here", "quote a text that starts with this character"),
)


def syntax_problem(error: Exception, text: str, file: str, opened: Place | None) -> Problem:
    """A problem for an error that ruamel.yaml's scanner or parser raised on `text`.

    `opened` is where the innermost mapping or list starts that had not ended.
    """
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = str(getattr(error, "problem", None) or "")
    position = getattr(error, "position", None)
    if mark is not None:
        place = Place(file, mark.line + 1, mark.column + 1)
    elif isinstance(position, int):
        # The reader refuses a character before any line is counted.
        before = text[:position]
        place = Place(file, before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
        code = ord(text[position]) if position < len(text) else 0
        message = f"the character U+{code:04X} is not allowed in a YAML file"
        return Problem("bad-character", message, place, "remove it")
    else:
        return Problem("yaml-syntax", "this is not YAML that can be read", Place(file))
    # The place of what never ends is its start: the end of the file says nothing.
    start = getattr(error, "context_mark", None)
    if "unexpected end of stream" in said and start is not None:
        place = Place(file, start.line + 1, start.column + 1)
        return Problem("yaml-syntax", "this quoted text never ends", place, "add the closing quote")
    if "'<stream end>'" in said and opened is not None:
        return Problem("yaml-syntax", "this is never closed", opened, "add the closing bracket or brace")
    for part, message, hint in _MESSAGES:
        if part in said:
            if (line := _quoted_from(text, mark.line)) is not None:
                hint = f"is the quote of line {line} closed? Else {hint}"
            return Problem("yaml-syntax", message, place, hint)
    if "cannot start any token" in said:
        char = text.split("\n")[mark.line][mark.column : mark.column + 1]
        message = f"a value cannot start with '{printable(char)}'" if char else "a value cannot start here"
        return Problem("yaml-syntax", message, place, "write the value in quotes")
    return Problem("yaml-syntax", f"this is not YAML: {printable(said, 120)}" if said else "this is not YAML", place)


def _quoted_from(text: str, line: int) -> int | None:
    """The line of the last quote before the error that is not closed in its own line."""
    opened = None
    for number, written in enumerate(text.split("\n")[: line + 1], 1):
        bare = re.sub(r"\\.|''", "", written.partition(" #")[0])
        if bare.count('"') % 2 or re.search(r":\s+'[^']*$", bare):
            opened = opened or number
    return opened if opened is not None and opened <= line else None
