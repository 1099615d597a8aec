"""What keys look like: the shapes in which providers hand them out, and what follows `Bearer`.

How sure one must be that a word is a key depends on what a mistake costs, so there are three nets: a wide one for what
is shown, a narrow one for what is stored for good, and one for rows, which people look through themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

FLAGS = re.VERBOSE | re.ASCII
"""What each pattern is to be compiled with, at its first use: together they take a tenth of the time of `--help`."""

_UNDERSCORED = "hf|gh[opsru]|github_pat|gsk|r8"
_DASHED = "xai|nvapi|glpat|pplx"
_START = "(?<![A-Za-z0-9])"

WIDE = rf"""{_START}(?:
        (?:sk|pk|rk)[-_](?:(?=[\w\-]*[0-9])[\w\-]{{8,}}|[\w\-]{{16,}})
      | (?:{_UNDERSCORED}|fw)_[A-Za-z0-9_]{{10,}}
      | (?:{_DASHED}|csk|tgp)-[A-Za-z0-9_\-]{{20,}}
      | xox[abeprs]-[A-Za-z0-9\-]{{8,}}
      | AIza[A-Za-z0-9_\-]{{20,}}
      | A[KS]IA[A-Z0-9]{{12,}}
      | eyJ[A-Za-z0-9_\-]{{10,}}\.[A-Za-z0-9_\-.]{{10,}}
      | (?i:bearer)\s+[A-Za-z0-9_\-.=+/]{{8,}}
    )"""
"""For screens, where a word hidden by mistake costs little. Names of models and their owners begin likewise
(hf-internal-testing, pplx-70b-online, xai-org): hence the lengths."""

NARROW = rf"""
      {_START} (?:sk|{_DASHED})- (?=[\w*-]{{16}}) (?=[\w*-]*[0-9*]) [\w*-]+
    | {_START} (?:{_UNDERSCORED})_ \w{{20,}}
    | {_START} AIza [\w-]{{35}}
    | {_START} A[KS]IA [A-Z0-9]{{16}} (?![A-Za-z0-9])
    | (?<=(?:earer|EARER)\ ) (?=[\w.~+/=-]*[0-9]) [\w.~+/=-]{{16,}}
    """
"""For answers and errors that are kept as they are without it. Stars: error bodies quote keys masked so. Long, and most
with a digit: `sk-learn` and the bearer of bad news are ordinary text."""

_HINTED = ("hf", "gsk", "r8", "ghp", "gho", "ghs", "ghr", "ghu", "github_pat")
NARROW_HINTS = (
    ("-", ("sk-", *(f"{name}-" for name in _DASHED.split("|")))),
    ("_", tuple(f"{name}_" for name in _HINTED)),
    ("A", ("AIza", "AKIA", "ASIA")),
    ("e", ("earer ",)),
    ("E", ("EARER ",)),
)
"""One of these stands in whatever `NARROW` finds. A substring search costs a tenth of a regular expression's, one for a
letter a tenth of that."""

WIDE_HINTS = (
    ("-", (*(f"{name}-" for name in ("sk", "pk", "rk", "csk", "tgp", *_DASHED.split("|"))), "xox")),
    ("_", tuple(f"{name}_" for name in ("sk", "pk", "rk", "fw", *_HINTED))),
    ("A", ("AIza", "AKIA", "ASIA")),
    ("y", ("eyJ",)),
)
"""The same for `WIDE`, but for what follows `Bearer`."""


def holds_hint(text: str, hints: Iterable[tuple[str, Iterable[str]]]) -> bool:
    """Whether one of the hints stands in the text. Without one there is nothing for their pattern to find."""
    for letter, words in hints:
        if letter in text:
            for word in words:
                if word in text:
                    return True
    return False


IN_ROWS = rf"""{_START}(?:
        (?:sk|pk|rk)[-_](?=[\w-]*\d)[\w-]{{16,}}
      | (?:{_UNDERSCORED})_[A-Za-z0-9_]{{20,}}
      | (?:{_DASHED})-[\w-]{{20,}}
      | xox[abeprs]-[A-Za-z0-9-]{{10,}}
      | AIza[\w-]{{35}}
      | A[KS]IA[A-Z0-9]{{16}}(?![A-Za-z0-9])
      | eyJ[\w-]{{10,}}\.eyJ[\w-]{{10,}}\.[\w-]{{10,}}
      | -----BEGIN\ (?:[A-Z]+\ )?PRIVATE\ KEY-----[^-]+-----END\ (?:[A-Z]+\ )?PRIVATE\ KEY-----
    )"""
"""For personal data in rows: private keys in full, no bearer tokens, which are written about more often than leaked."""

STARTS = (
    *(hint for letter, hints in NARROW_HINTS if letter not in "eE" for hint in hints),
    *("pk-", "rk-", "sk_", "pk_", "rk_", "xox", "eyJ", "-----BEGIN "),
)
BEFORE = ("earer ", "EARER ")
"""What `NARROW` and `IN_ROWS` find begins with one of the first, or stands after one of the second: weights of many
gigabytes are looked through for these, and for the patterns there alone."""
