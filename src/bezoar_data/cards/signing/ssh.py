"""Signing and verifying by `ssh-keygen -Y` (OpenSSH's PROTOCOL.sshsig): the keys that people have already.

A private key is neither opened nor seen here: its path is handed to ssh-keygen, which asks an agent or the terminal for
what it needs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable

NAMESPACE = "bezoar-data"
"""A signature that the same key gave for something else, such as a commit, is none of a dataset."""
_GOOD = re.compile(r'^Good "[^"]+" signature .*with (\S+) key (SHA256:\S+)$', re.MULTILINE)


class SshError(Exception):
    """ssh-keygen's own words."""


def sign(data: bytes, key: Path) -> bytes:
    """An armoured signature. `key` is a private key, or a public one whose private half an agent holds. Raises
    `InputError`."""
    keygen = ready_to_sign(key)
    with _laid_out(data=data) as folder:
        try:
            _run(keygen, "sign", "-n", NAMESPACE, "-f", str(key), f"{folder}/data")
            return (folder / "data.sig").read_bytes()
        except SshError as error:
            raise InputError(_why_not(str(error), key)) from None


def ready_to_sign(key: Path) -> str:
    """The ssh-keygen to sign with. Raises `InputError` where there is none, or no such key: before all else is done."""
    if not key.is_file():
        message = "a folder, not a key" if key.is_dir() else "there is no such key"
        hint = "name an SSH key such as ~/.ssh/id_ed25519; `ssh-keygen -t ed25519` makes one"
        raise InputError(Problem("key-missing", message, Place(str(key)), hint))
    return ssh_keygen()


def key_of(data: bytes, signature: bytes) -> str:
    """The key that signed the data: its kind and fingerprint. Raises `SshError` where the signature is none of them."""
    with _laid_out(data=data, sig=signature) as folder:
        said = _run(ssh_keygen(), "check-novalidate", "-n", NAMESPACE, "-s", f"{folder}/sig", given=folder / "data")
    if (good := _GOOD.search(said)) is None:
        raise SshError(said)
    return f"{good[1]} {good[2]}"


def signer(data: bytes, signature: bytes, allowed_signers: str) -> str:
    """Who of the allowed signers signed the data. Raises `SshError` where none of them did."""
    with _laid_out(data=data, sig=signature, allowed=allowed_signers.encode()) as folder:
        files, said = ("-f", f"{folder}/allowed", "-s", f"{folder}/sig"), ""
        for who in _run(ssh_keygen(), "find-principals", *files).splitlines():
            try:
                _run(ssh_keygen(), "verify", *files, "-n", NAMESPACE, "-I", who, given=folder / "data")
            except SshError as error:
                said = str(error)
            else:
                return who
    raise SshError(said)


@contextmanager
def _laid_out(**files: bytes) -> Iterator[Path]:
    with TemporaryDirectory(prefix="bezoar-sign-") as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        yield Path(folder)


def ssh_keygen() -> str:
    """Raises `InputError` where there is none."""
    found = shutil.which("ssh-keygen")
    if found is None:
        hint = "install OpenSSH; on Debian: apt install openssh-client"
        raise InputError(
            Problem("no-ssh-keygen", "there is no ssh-keygen here, which makes and reads signatures", None, hint)
        )
    return found


def _run(keygen: str, verb: str, *arguments: str, given: Path | None = None) -> str:
    """What it prints. Without a file for its input, it may ask for a passphrase where somebody is there to answer."""
    stdin = None if given is None and os.isatty(0) else (given or Path(os.devnull)).open("rb")
    try:
        command = [keygen, "-Y", verb, *arguments]
        done = subprocess.run(command, stdin=stdin, capture_output=True, check=False)  # noqa: S603 (a fixed command)
    except OSError as error:
        raise SshError(str(error.strerror)) from None
    finally:
        if stdin is not None:
            stdin.close()
    out, said = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    if "unknown option" in said or "illegal option" in said or "Unsupported operation for -Y" in said:
        message = "this ssh-keygen is too old to sign files"
        raise InputError(Problem("ssh-keygen-old", message, Place(keygen), "OpenSSH 8.2 or newer does"))
    if done.returncode:
        raise SshError(said)
    return out


def _why_not(said: str, key: Path) -> Problem:
    place, low = Place(str(key)), said.lower()
    if "too open" in low:
        return Problem("key-open", "others may read this private key, so it is not used", place, f"chmod 600 {key}")
    if "incorrect passphrase" in low:
        hint = "in a script, let an agent hold it: `ssh-add KEY` once, then name the key or its .pub"
        return Problem("key-locked", "the key is encrypted, and its passphrase was not given or is wrong", place, hint)
    if "agent refused" in low or "agent returned" in low or "signing failed: agent" in low:
        return Problem("agent-refused", f"the agent did not sign: {_last(said)}", place, "`ssh-add -l` lists its keys")
    if "no private key found" in low:
        message = "this is a public key, and no agent here holds its private one"
        return Problem(
            "key-not-held", message, place, "`ssh-add KEY` hands it to the agent, `ssh-add -l` lists what it holds"
        )
    if "permission denied" in low:
        return Problem("key-unreadable", "you may not read this key", place)
    if "couldn't load public key" in low or "invalid format" in low or "error in libcrypto" in low:
        hint = "name a private SSH key, or its .pub where an agent holds it"
        return Problem("no-key", "this is not a key that ssh-keygen can read", place, hint)
    return Problem("not-signed", f"ssh-keygen did not sign: {_last(said)}", place)


def _last(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    return printable(lines[-1], 200) if lines else "it gave no reason"
