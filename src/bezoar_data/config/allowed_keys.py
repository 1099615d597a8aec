"""The pairs of a variable and a recipient that a person has allowed: a file of their own, outside of any project."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem


@dataclass(frozen=True, slots=True)
class KeyNotAllowed(Problem):
    """A key that a person has not let go to this recipient."""

    variable: str = ""
    recipient: str = ""

    @property
    def command(self) -> str:
        return f"bezoar-data models allow {self.variable} {shlex.quote(self.recipient)}"


def recipient_of(address: str) -> str:
    """Who gets a key that is sent to an address, as pairs name it: the host alone with HTTPS, `http://HOST` without.
    A library's word is its own. Raises `ValueError` for an address that cannot be read."""
    if "://" not in address:
        return address
    parts = urlsplit(address)
    host = (parts.hostname or "").rstrip(".").lower()
    return host if parts.scheme == "https" else f"http://{host}"


def allowed_file() -> Path:
    """The file of pairs that this person has allowed: a line for each, variable and recipient."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "bezoar-data" / "allowed-keys.txt"


def allowed_pairs() -> frozenset[tuple[str, str]]:
    """What `allowed_file` holds. Raises `InputError` when it cannot be read."""
    try:
        lines = allowed_file().read_text("utf-8").splitlines()
    except FileNotFoundError:
        return frozenset()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(error) from None
    words = (line.split() for line in lines if not line.lstrip().startswith("#"))
    return frozenset((pair[0], pair[1]) for pair in words if len(pair) == 2)


def remember(variable: str, recipient: str, *, forget: bool = False) -> None:
    """Allow a pair from now on, or no more. Raises `InputError` when the file cannot be written."""
    change = {(variable, recipient)}
    pairs = allowed_pairs() - change if forget else allowed_pairs() | change
    file = allowed_file()
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text("".join(f"{' '.join(pair)}\n" for pair in sorted(pairs)), "utf-8")
        beside.replace(file)
    except OSError as error:
        raise _unusable(error) from None


def _unusable(error: OSError | UnicodeDecodeError) -> InputError:
    said = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
    hint = "it holds the keys that may go to hosts; XDG_CONFIG_HOME names another folder for it"
    return InputError(Problem("allowed-keys", f"cannot be used: {said}", Place(str(allowed_file())), hint))
