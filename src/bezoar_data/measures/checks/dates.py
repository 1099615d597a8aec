"""Dates as people write them: 5 May 2021, May 5th, 2021, 2021-05-05, 05/05/2021."""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMES = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_NAMES},? (?P<year>\d{{4}})\b",
        rf"\b{_NAMES} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})\b",
        r"\b(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})\b",
        r"\b(?P<month>\d{1,2})(?P<s>[/.])(?P<day>\d{1,2})(?P=s)(?P<year>\d{4})\b",
    )
)

Date = frozenset[tuple[int, int, int]]
"""Year, month and day; two readings where the order of month and day is not known."""


def dates_in(text: str) -> list[Date]:
    """The dates of a text, in order."""
    found = [(match.start(), _date(match)) for form in _FORMS for match in form.finditer(text)]
    return [date for _, date in sorted(found, key=lambda pair: pair[0])]


def only_date(text: str) -> Date | None:
    """The date that a text is, and nothing else."""
    match = next((m for form in _FORMS if (m := form.fullmatch(text.strip(" .")))), None)
    return _date(match) if match else None


def _date(match: re.Match[str]) -> Date:
    name = match["month"].lower()
    year, day = int(match["year"]), int(match["day"])
    if name.isdigit():
        month = int(name)
        return frozenset({(year, month, day), (year, day, month)} if match.re is _FORMS[-1] else {(year, month, day)})
    return frozenset({(year, _MONTHS.index(name[:3]) + 1, day)})
