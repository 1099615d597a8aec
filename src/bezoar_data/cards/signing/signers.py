"""Whom a reader trusts: the file that `--signed-by` names.

It is one of three, as people have them: somebody's public key (`id_ed25519.pub`), several of them one below the other
(as `github.com/NAME.keys` gives them), or an allowed signers file, which names who holds which key (ssh-keygen(1)).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bezoar_data.cards.signing.ssh import NAMESPACE
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem

_KEY = re.compile(r"(?:^|\s)((?:ssh|ecdsa-sha2|sk-ssh|sk-ecdsa-sha2)-[\w@.-]+)\s+(\S+)(?:\s+(.*))?$")
_NAME = re.compile(r"[\w.+-]+(@[\w.-]+)?")
_HINT = (
    "a line is a public key (ssh-ed25519 AAAA… comment), or WHO and a public key (anna@example.org ssh-ed25519 AAAA…)"
)


@dataclass(frozen=True, slots=True)
class Signers:
    """Where they are named, and the same as an allowed signers file."""

    file: Path
    allowed: str

    @classmethod
    def read(cls, file: Path) -> Signers:
        """Raises `InputError` with every line that cannot be read."""
        place = Place(str(file))
        public = file.with_name(f"{file.name}.pub")
        if file.suffix != ".pub" and public.is_file():
            message = "this seems to be a private key: keep it to yourself"
            raise InputError(Problem("signers-private", message, place, f"name {public}"))
        try:
            text = file.read_text("utf-8")
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is not text"
            message = f"the file that names whom you trust cannot be read: {said}"
            raise InputError(
                Problem("no-signers", message, place, "name a public key or an allowed signers file")
            ) from None
        if "PRIVATE KEY-----" in text.partition("\n")[0]:
            message = "this is a private key: keep it to yourself"
            raise InputError(Problem("signers-private", message, place, "name its public half, the file with .pub"))
        lines: list[str] = []
        problems: list[Problem] = []
        for found in _lines(file, text):
            (problems if isinstance(found, Problem) else lines).append(found)  # type: ignore[arg-type]
        if not lines and not problems:
            problems.append(Problem("signers-empty", "this file has no key", place, _HINT))
        if problems:
            raise InputError(problems)
        return cls(file, "".join(f"{line}\n" for line in lines))


def _lines(file: Path, text: str) -> Iterator[str | Problem]:
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _KEY.search(line)
        if match is None or not _is_key(match[1], match[2]):
            place = Place(str(file), number)
            yield Problem("signers-malformed", "no public key can be read in this line", place, _HINT, secret=True)
        elif line[: match.start(1)].strip():
            yield line
        else:
            # Alone, a key has no name but its comment.
            comment = match[3] or ""
            who = comment if _NAME.fullmatch(comment) else "*"
            yield f'{who} namespaces="{NAMESPACE}" {match[1]} {match[2]}'


def _is_key(kind: str, encoded: str) -> bool:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return data[4 : 4 + int.from_bytes(data[:4])] == kind.encode()
