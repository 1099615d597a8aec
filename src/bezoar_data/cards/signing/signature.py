"""A dataset's signature: made over all of its files, and held against them and whom a reader trusts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bezoar_data.cards.signing import ssh
from bezoar_data.cards.signing.signers import Signers
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.runs.folder import write_text
from bezoar_data.runs.signed import SIGNATURE, SIGNED, SUMS, files_to_sign, hashes_of, read_sums, sums_text

_ANEW = "if you changed it, sign it again: `card sign` in the folder, `publish --sign` for what goes up"


@dataclass(frozen=True, slots=True)
class Signature:
    """`key` is its kind and fingerprint; None where no ssh-keygen is here to read it. `who` is None where nobody said
    whom to trust, and empty where the trusted key has no name."""

    key: str | None
    who: str | None = None

    def as_json(self) -> dict[str, str | None]:
        return {"key": self.key, "signed_by": self.who}

    def __str__(self) -> str:
        key = f"the key {self.key}" if self.key else "a key that ssh-keygen can identify: it is missing here"
        if self.who is None:
            return f"signed with {key}; --signed-by checks whose it is"
        by = f"by {self.who} with {key}" if self.who else f"with the trusted key {self.key}"
        return f"signed {by}: all of its files are as they were signed, prose and pipeline too"


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """The signature beside a dataset, None where there is none or it does not hold; and what is wrong with it."""

    signature: Signature | None
    problems: tuple[Problem, ...] = ()


def sign_files(files: Mapping[str, Path | bytes], key: Path) -> tuple[dict[str, bytes], Signature]:
    """The list of these files and its signature, by their paths in a repository. Raises `InputError`."""
    sums = sums_text(hashes_of(files))
    try:
        read_sums(sums)
    except ValueError:
        message = "a file's name holds a backslash or a control character, which a list of hashes cannot name"
        raise InputError(Problem("name-unsignable", message, Place(SUMS), "name it otherwise")) from None
    signature = ssh.sign(sums, key)
    return {SUMS: sums, SIGNATURE: signature}, Signature(ssh.key_of(sums, signature))


def sign_folder(dataset: Path, key: Path) -> Signature:
    """Sign a dataset's folder as it lies here. Raises `InputError`."""
    made, signature = sign_files(files_to_sign(dataset), key)
    (dataset / SIGNATURE).unlink(missing_ok=True)
    for name, data in made.items():
        write_text(dataset / name, data.decode())
    return signature


def check_signature(dataset: Path, signers: Signers | None = None) -> SignatureCheck:
    """The signature of a dataset's folder, held against its files and, where given, against whom a reader trusts: it
    must then be there. Raises `InputError` where there is no ssh-keygen."""
    there = [name for name in SIGNED if (dataset / name).is_file()]
    if not there and signers is None:
        return SignatureCheck(None)
    if len(there) < len(SIGNED):
        missing = " and ".join(name for name in SIGNED if name not in there)
        message = f"it is not signed: there is no {missing}"
        hint = "its maker signs it with `publish --sign KEY`; without that, its maker is unknown"
        return SignatureCheck(None, (Problem("not-signed", message, Place(str(dataset)), hint),))
    sums, signature = ((dataset / name).read_bytes() for name in SIGNED)
    found = _signer(dataset, sums, signature, signers)
    files = files_to_sign(dataset)
    wrong = tuple(_differences(sums, hashes_of(files), {name: str(path) for name, path in files.items()}, dataset))
    if isinstance(found, Problem):
        return SignatureCheck(None, (found, *wrong))
    return SignatureCheck(None if wrong else found, wrong)


def unsound(files: Mapping[str, Path | bytes]) -> list[Problem]:
    """Why the signature among files that are to be published is none of these files."""
    there = {
        name: file if isinstance(file, bytes) else file.read_bytes() for name in SIGNED if (file := files.get(name))
    }
    if not there:
        return []
    hint = f"sign what goes up with --sign KEY, or remove {SUMS} and {SIGNATURE} from the folder"
    if missing := [name for name in SIGNED if name not in there]:
        return [Problem("not-signed", f"there is no {missing[0]} beside {next(iter(there))}", Place(missing[0]), hint)]
    sums, signature = there[SUMS], there[SIGNATURE]
    found = _signer(Path(), sums, signature, None)
    wrong = [found] if isinstance(found, Problem) else []
    wrong += _differences(sums, hashes_of(files), {name: name for name in files}, Path())
    return [replace(one, hint=hint) for one in wrong]


def _signer(dataset: Path, sums: bytes, signature: bytes, signers: Signers | None) -> Signature | Problem:
    place = Place(str(dataset / SIGNATURE))
    try:
        key = ssh.key_of(sums, signature)
    except InputError:
        if signers is not None:
            raise
        return Signature(None)
    except ssh.SshError:
        message = f"this is not a signature of {SUMS}: one of the two was changed, or made for something else"
        return Problem("signature-wrong", message, place, _ANEW)
    if signers is None:
        return Signature(key)
    try:
        who = ssh.signer(sums, signature, signers.allowed)
    except ssh.SshError as error:
        said = next((one for one in ("expired", "not yet valid", "namespace") if one in str(error)), "")
        why = {
            "": f"{signers.file} names no such key",
            "namespace": f"{signers.file} allows this key for other things than {ssh.NAMESPACE}",
        }.get(said, f"by {signers.file} it is {said}")
        hint = "ask its maker for their public key, by another way than the dataset came"
        return Problem("signed-by-another", f"it is signed with the key {key}, and {why}", place, hint)
    return Signature(key, "" if who == "*" else printable(who))


def _differences(sums: bytes, hashes: Mapping[str, str], places: Mapping[str, str], dataset: Path) -> Iterator[Problem]:
    try:
        listed = read_sums(sums)
    except ValueError:
        yield Problem("sums-malformed", f"{SUMS} is not a list of files", Place(str(dataset / SUMS)), _ANEW)
        return
    for name in sorted({*listed, *hashes}):
        if name not in hashes:
            message = "it was signed with this file, which is not here"
            yield Problem("signed-missing", message, Place(str(dataset / name)), _ANEW)
        elif name not in listed:
            message = "this file came after the signature: nobody signed it"
            yield Problem("signed-added", message, Place(places[name]), _ANEW)
        elif hashes[name] != listed[name]:
            message = "the file was changed after it was signed"
            yield Problem("signed-changed", message, Place(places[name]), _ANEW)
