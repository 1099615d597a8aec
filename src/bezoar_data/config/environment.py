"""The keys that this machine's environment holds, whether or not a models file names their variables.

Libraries read them by themselves, a step may echo them, a person may paste one into a file: what is known here is taken
out of all that is written, and refused in the files of a project.
"""

from __future__ import annotations

import os
import re

_NAMES = re.compile(r"(API_?KEY|TOKEN|SECRET|ACCESS_KEY|ACCESS_KEY_ID|PASSWORD)$", re.IGNORECASE)
_KEYS = re.compile(r"(?=.*\d)[!-~]{16,}|[!-~]{24,}")
"""Long and without blanks, not short words: ordinary text must not vanish from answers because it is a password. What
is published is searched for more (`cards/hub/secrets.py`): there a mistake costs a look."""


def environment_keys() -> frozenset[str]:
    """The values of all variables whose name is a key's and whose value can be one. Paths are none."""
    found = (value.strip() for name, value in os.environ.items() if _NAMES.search(name))
    return frozenset(value for value in found if _KEYS.fullmatch(value) and not value.startswith(("/", "~", ".")))
