"""Finding personal data and keys in a text, by their shapes and, where they have them, their check digits."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from bezoar_data.config.secret_patterns import FLAGS, IN_ROWS

KINDS = ("email", "phone", "card", "iban", "ip", "key")
OF_PEOPLE = KINDS[:-1]
"""Without keys, which are nobody's data, and may stand anywhere."""


@dataclass(frozen=True, slots=True)
class PersonalSpan:
    kind: str
    start: int
    end: int


def find_personal(text: str, kinds: Collection[str] = KINDS) -> list[PersonalSpan]:
    """What was found, in the text's order, none overlapping another; of two at one place the surer kind counts."""
    taken: list[PersonalSpan] = []
    for kind in ("key", "email", "iban", "card", "ip", "phone"):
        if kind in kinds:
            for start, end in _FINDERS[kind](text):
                if all(end <= f.start or start >= f.end for f in taken):
                    taken.append(PersonalSpan(kind, start, end))
    return sorted(taken, key=lambda f: f.start)


def luhn(digits: str) -> bool:
    """Whether a card number's check digit is right (ISO/IEC 7812-1)."""
    total = 0
    for i, d in enumerate(reversed(digits)):
        n = int(d) * (1 + i % 2)
        total += n - 9 if n > 9 else n
    return total % 10 == 0


def iban_valid(text: str) -> bool:
    """Whether an IBAN's check digits are right (ISO 13616: the number, its head moved to its end, is 1 modulo 97)."""
    moved = text[4:] + text[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9](?:[\w.+%-]{0,62}[\w+%-])?@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}(?![\w-])", re.ASCII
)
_CARD = re.compile(r"(?<![\w.+-])(?:\d[ -]?){12,18}\d(?![\w-]|\.\d)", re.A)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)", re.A)
_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)", re.A)
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])", re.A)
_PHONE = re.compile(
    r"""(?<![\w.+/=-])(?:
        \+\d{1,3}[ .-]?(?:\(\d{1,5}\)[ .-]?)?\d(?:[ .-]?\d){5,12}
      | (?:1[ .-])?(?:\(\d{3}\)[ ]?|\d{3}[.-])\d{3}[.-]\d{4}
      | (?<=[Tt]el\ )\d(?:[ /.-]?\d){5,13} | (?<=[Tt]el:\ )\d(?:[ /.-]?\d){5,13} | (?<=[Tt]el\.\ )\d(?:[ /.-]?\d){5,13}
      | (?<=[Pp]hone:\ )\d(?:[ /.-]?\d){5,13} | (?<=[Mm]obile:\ )\d(?:[ /.-]?\d){5,13}
    )(?![\w-]|\.\d)""",
    re.VERBOSE | re.ASCII,
)


def _spans(pattern: re.Pattern[str], good: Callable[[str], bool]) -> Callable[[str], Iterator[tuple[int, int]]]:
    return lambda text: (m.span() for m in pattern.finditer(text) if good(m.group()))


def _card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    # The first digit of payment cards; one digit over and over passes Luhn's test and is nobody's.
    return digits[0] in "3456" and len(set(digits)) > 1 and luhn(digits)


def _iban(text: str) -> bool:
    plain = text.replace(" ", "")
    return 15 <= len(plain) <= 34 and iban_valid(plain)


def _ip(text: str) -> bool:
    """A public address: local ones and examples name nobody, and one of single digits is as often a version."""
    try:
        return ipaddress.ip_address(text).is_global and re.search(r"[0-9a-fA-F]{2}", text) is not None
    except ValueError:
        return False


def _phone(text: str) -> bool:
    return 7 <= sum(c.isdigit() for c in text) <= 15 and len(set(re.sub(r"\D", "", text))) > 2


_FINDERS: dict[str, Callable[[str], Iterator[tuple[int, int]]]] = {
    "email": _spans(_EMAIL, lambda t: ".." not in t),
    "phone": _spans(_PHONE, _phone),
    "card": _spans(_CARD, _card),
    "iban": _spans(_IBAN, _iban),
    "ip": lambda text: (m.span() for p in (_IPV4, _IPV6) for m in p.finditer(text) if _ip(m.group())),
    "key": _spans(re.compile(IN_ROWS, FLAGS), lambda t: True),
}
