"""Whether an answer gives the answer of the reference: a number, an option, yes or no, or a few words.

References are those of public data: FLAN's `targets`, GSM8K's `#### 18`, options by letter or by text. What the answer
settles on is read where it says so ("The answer is (B).", the last time it does), else where answers stand: at the
beginning, and in the concluding sentence. A reference that is a text of its own cannot be compared like this.

Not seen: units (2.5 km is not 2500 m), sums left undone, synonyms, and a right answer for wrong reasons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bezoar_data.measures.checks.claims import Claims, claims, concludes, lead, plain, sentences
from bezoar_data.measures.checks.dates import Date, dates_in, only_date
from bezoar_data.measures.checks.numbers import Number, numbers_in
from bezoar_data.measures.checks.options import Option, options_in
from bezoar_data.measures.words import bare, words_of

Outcome = Literal["agrees", "differs", "unstated", "not_comparable"]
Kind = Literal["number", "date", "option", "yes_no", "short", "text"]

_MOST_WORDS = 4
"""A reference of more words is a text: another one may be as good."""

_SHORT_CLAIM = 8
"""Words of a claim that is taken at its word: a longer one may speak of the answer without giving it."""

_YES_NO = {"yes": "yes", "no": "no", "true": "yes", "false": "no"}
_ARTICLES = frozenset(("a", "an", "the"))


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of holding an answer against its reference: `wanted` and `found` as a person would write them."""

    outcome: Outcome
    kind: Kind
    wanted: str
    found: str = ""


def compare(response: str, reference: str, asked: str = "") -> Compared:
    """The answer held against its reference. `asked` is the question, which may offer options."""
    wanted = _final(reference)
    said = plain(response)
    options = options_in(asked)
    if options and (option := _option_named(wanted, options)):
        return _as_option(said, option, options, asked)
    if wanted.lower().strip(" .!") in _YES_NO:
        return _as_yes_no(said, wanted)
    if date := only_date(wanted):
        return _as_date(said, date, wanted)
    number = _only_number(wanted)
    if number is not None:
        return _as_number(said, number, asked)
    if 0 < len(words_of(wanted)) <= _MOST_WORDS and not wanted.rstrip().endswith("?"):
        return _as_words(said, wanted, asked)
    return Compared("not_comparable", "text", wanted)


def _final(reference: str) -> str:
    """What a reference comes to: itself, or what a worked solution claims at its end."""
    text = plain(reference).strip()
    if "####" in text:
        return text.rpartition("####")[2].strip()
    if len(words_of(text)) > _MOST_WORDS:
        return claims(text).last.strip(" .") or text
    return text


# Numbers


def _only_number(text: str) -> Number | None:
    """The number that a text is, with a unit at most."""
    found = numbers_in(text)
    if len(found) != 1:
        return None
    number = found[0]
    before, after = text[: number.start], text[number.end :]
    return number if len(words_of(before)) <= 1 and len(words_of(after)) <= 2 and len(before) < 15 else None


def _as_number(said: str, wanted: Number, asked: str) -> Compared:
    read = claims(said)
    found = _claimed_number(read) or _only_number(lead(read.rest)) or _concluding_number(read.rest, wanted, asked)
    if found is None:
        return Compared("unstated", "number", wanted.written)
    return Compared("agrees" if found.equals(wanted) else "differs", "number", wanted.written, found.written)


def _claimed_number(read: Claims) -> Number | None:
    for claim in reversed(read.said):
        if found := numbers_in(claim.rpartition("=")[2]) or numbers_in(claim):
            return found[0]
    return None


def _concluding_number(said: str, wanted: Number, asked: str) -> Number | None:
    """The number that the last sentence with numbers comes to: behind its last "=", and not one of the question."""
    given = numbers_in(asked)
    for sentence in reversed(sentences(said)):
        found = numbers_in(sentence.rpartition("=")[2]) or numbers_in(sentence)
        if found:
            new = [n for n in found if not any(n.equals(g) for g in given)] or found
            return next((n for n in new if n.equals(wanted)), new[-1]) if len(new) <= 2 else new[-1]
    return None


# Dates


def _as_date(said: str, wanted: Date, written: str) -> Compared:
    read = claims(said)
    for text in (*reversed(read.said), *reversed(sentences(read.rest))):
        if found := dates_in(text):
            outcome: Outcome = "agrees" if found[-1] & wanted else "differs"
            return Compared(outcome, "date", written, text.strip())
    return Compared("unstated", "date", written)


# Options

_LABEL = re.compile(
    r"\A[\s\"'“*]*(?:(?:option|choice|answer|letter)\s+)?(?:\(([A-Za-z])\)|([A-Za-z])(?=[).:]|\W*\Z))", re.IGNORECASE
)
"""A label where an answer begins: "(B) 12", "B) 12", "Option B."; a letter before anything else may be a name."""

_CLAIMED_LABEL = re.compile(
    r"\A[\s\"'“*]*(?:(?i:option|choice|answer|letter)\s+)?([B-HJ-Z]|[AI](?!\s+(?!because|since|as\b|is\b)[a-z]))(?=[,;!\s\"'”])"
)
_NAMED_LABEL = re.compile(
    r"(?<!\w)\(([A-Z])\)|\b(?:is|be|it's|think|say)\s+(?:(?i:option|choice|answer)\s+)?([A-Z])(?=[.,;!]|\s*\Z)"
)
_RULED_OUT = re.compile(
    r"\W*\w*\W(?:(?!because|since|as\b)[^.,;:\n]){0,60}?\b"
    r"(?:(?:is|are|was|were|would be|can|could|does|do)\s?(?:not|n't|wrong|incorrect|false|out)\b|isn't|aren't|can't)",
    re.IGNORECASE,
)
"""A label that is named to be ruled out: "(A) is wrong"."""
_DENYING = re.compile(
    r"\b(?:not|n't|nor|never|neither|rather than|instead of|than|unlike)\b(?:\W+\w+){0,2}\W*\Z", re.IGNORECASE
)


def _option_named(text: str, options: Sequence[Option]) -> Option | None:
    """The option that a short text names, by its own text or by letter."""
    written = _written(text)
    exact = next((o for o in options if _written(o.text) == written), None)
    return exact or _labelled(_LABEL.match(text), options)


def _labelled(match: re.Match[str] | None, options: Sequence[Option]) -> Option | None:
    letter = next(filter(None, match.groups())).upper() if match else None
    return next((o for o in options if o.letter == letter), None)


def _written(text: str) -> str:
    """The text as options are compared: by its words, or sign by sign where signs mean something."""
    if re.search(r"[-−–+*/^=<>|√]", text):
        return "".join(text.lower().split()).strip(".")
    return " ".join(words_of(text))


def _as_option(said: str, wanted: Option, options: Sequence[Option], asked: str) -> Compared:
    found = _chosen(said, options, asked)
    if found is None:
        return Compared("unstated", "option", str(wanted))
    agrees = isinstance(found, Option) and (found == wanted or _written(found.text) == _written(wanted.text))
    return Compared("agrees" if agrees else "differs", "option", str(wanted), str(found))


def _chosen(said: str, options: Sequence[Option], asked: str) -> Option | str | None:
    """The option that an answer settles on; the words of its last claim if those are of no option."""
    read = claims(said)
    if read.last:
        found = _in_claim(read.last, options)
        if found is not None or len(words_of(read.last)) <= _SHORT_CLAIM:
            return found or read.last.strip(" .")
    if option := next((o for d in read.denied for o in options if _written(o.text) == _written(d)), None):
        return option  # "The answer is not noticeable.", where that is an option
    said = read.rest
    if above := lead(said):
        return _in_claim(above, options) or above.strip(" .")
    if (parts := sentences(said)) and (found := _option_named(parts[0], options)) and not _RULED_OUT.match(parts[0]):
        return found
    labels = [m for m in _NAMED_LABEL.finditer(said) if not _RULED_OUT.match(said[m.start() :])]
    if named := [option for match in labels if (option := _labelled(match, options))]:
        return named[-1]
    if found := _by_date(said, options):
        return found
    numeric = [option for option in options if len(numbers_in(option.text)) == 1]
    if len(numeric) >= max(2, len(options) - 1):
        others = [option for option in options if option not in numeric]
        return _by_number(said, numeric) or (_mentioned(said, others, asked) if others else None)
    return _mentioned(said, options, asked)


def _in_claim(claim: str, options: Sequence[Option]) -> Option | None:
    if found := _option_named(claim, options) or _labelled(_CLAIMED_LABEL.match(claim), options):
        return found
    mentions = [*_mentions(claim, options)]
    if mentions:
        return mentions[0]
    if found := _by_date(claim, options) or _by_number(claim, options):
        return found
    words = set(words_of(claim)) - _ARTICLES
    shares = [
        (len(words & own) / max(len(own), 1), option)
        for option in options
        if (own := set(words_of(option.text)) - _ARTICLES)
    ]
    share, option = max(shares, key=lambda pair: pair[0], default=(0.0, None))
    return option if share >= 0.6 else None


def _by_date(said: str, options: Sequence[Option]) -> Option | None:
    """The option whose date is the last one named."""
    found = dates_in(said)
    return next((o for o in options if found and (own := only_date(o.text)) and own & found[-1]), None)


def _by_number(said: str, options: Sequence[Option]) -> Option | None:
    """The option whose number the last sentence with numbers comes to."""
    values = [(option, own[0]) for option in options if len(own := numbers_in(option.text)) == 1]
    for sentence in reversed(sentences(said) if values else []):
        found = numbers_in(sentence.rpartition("=")[2]) or numbers_in(sentence)
        for number in reversed(found):
            if option := next((option for option, own in values if number.equals(own)), None):
                return option
        if found:
            return None
    return None


def _mentioned(said: str, options: Sequence[Option], asked: str) -> Option | None:
    """The option named in the conclusion, else in the first sentence if that names one, else the last one named.

    Options that the question itself speaks of count only where no other is named.
    """
    stem = asked.partition(options[0].text)[0] if options[0].text else ""
    spoken_of = {*_mentions(stem, options)}
    parts = sentences(said)
    named = [(part, [*_mentions(part, options)]) for part in parts]
    told = [(part, own) for part, found in named if (own := [o for o in found if o not in spoken_of])]
    told = told or [(part, found) for part, found in named if found]
    if not told:
        return None
    (first, firsts), (last, lasts) = told[0], told[-1]
    leads = first == parts[0] and len(set(firsts)) == 1 and not concludes(last)
    return firsts[0] if leads else lasts[-1]


def _mentions(text: str, options: Sequence[Option]) -> Iterator[Option]:
    """The options whose text stands in this text, in order, none inside a longer one and none denied."""
    taken: list[tuple[int, int, Option]] = []
    for option in sorted(options, key=lambda o: -len(o.text)):
        if option.text.lower().strip(" .") in _YES_NO:
            taken += [
                (m.start(), m.end(), option)
                for m in _yes_no_in(text)
                if m[1].lower() == option.text.lower().strip(" .")
            ]
            continue
        words = r"\W+".join(map(re.escape, words_of(option.text)))
        for match in re.finditer(rf"(?<!\w){words}(?:s|es)?(?!\w)" if words else "(?!)", text, re.IGNORECASE):
            if not any(start < match.end() and match.start() < end for start, end, _ in taken):
                taken.append((match.start(), match.end(), option))
    for start, _, option in sorted(taken, key=lambda t: t[0]):
        if not _DENYING.search(text[:start]):
            yield option


# Yes or no

_LEADING = re.compile(
    r"\A\W*(yes|no|true|false)\b(?=\s*(?:[,.;:!)\n–—-]|\Z|because\b|since\b|as\b|it\b|they\b|the\b|you\b))",
    re.IGNORECASE,
)
_STANDING = re.compile(
    r"(?:\A|[,.;:(\"'“]\s*|\b(?:so|therefore|thus|hence|is|be|say|answer)\s+)(yes|no|true|false)(?=\W*\Z|\s*[,.;:)\"'”])",
    re.IGNORECASE,
)


def _yes_no_in(text: str) -> list[re.Match[str]]:
    leading = _LEADING.match(text)
    return [leading] if leading else [*_STANDING.finditer(text)]


def _as_yes_no(said: str, wanted: str) -> Compared:
    wanted = wanted.strip(" .!").lower()
    found = _said_yes_or_no(said)
    if not found:
        return Compared("unstated", "yes_no", wanted)
    return Compared("agrees" if _YES_NO[found] == _YES_NO[wanted] else "differs", "yes_no", wanted, found)


def _said_yes_or_no(said: str) -> str:
    read = claims(said)
    for claim in reversed(read.said):
        if found := _yes_no_in(claim.strip()):
            return found[0][1].lower()
    parts = sentences(read.rest)
    for part in (*parts[:1], *parts[-1:]):
        if found := _yes_no_in(part):
            return found[-1][1].lower()
    return ""


# A few words


def _bare(text: str) -> list[str]:
    return [bare(word) for word in words_of(text) if word not in _ARTICLES]


def _as_words(said: str, wanted: str, asked: str) -> Compared:
    words = _bare(wanted) or words_of(wanted)
    if _bare(said) == words:
        return Compared("agrees", "short", wanted, said.strip())
    read = claims(said)
    if read.last:
        own = _bare(read.last)
        if _affirms(read.last, words) or (own and len(own) < len(words) and _holds(words, own)):
            return Compared("agrees", "short", wanted, read.last.strip(" ."))
        if len(own) <= _SHORT_CLAIM:
            return Compared("differs", "short", wanted, read.last.strip(" ."))
    parts = sentences(read.rest)
    # What the question names already proves nothing by being named.
    where = [parts[0], parts[-1]] if parts and _holds(_bare(asked), words) else parts
    # What stands behind a colon is not denied by what stands before it.
    pieces = (piece for part in where for piece in re.split(r"[:;]\s+", part))
    holding = next((piece for piece in pieces if _affirms(piece, words)), None)
    return Compared("agrees" if holding else "unstated", "short", wanted, holding or "")


def _affirms(part: str, words: Sequence[str]) -> bool:
    own = _bare(part)
    for i in range(len(own) - len(words) + 1):
        if own[i : i + len(words)] == list(words):
            return not _DENYING.search(" ".join(own[max(0, i - 3) : i]) + " ")
    return False


def _holds(text: Sequence[str], words: Sequence[str]) -> bool:
    """Whether these words stand in the text, in a row."""
    return any(list(text[i : i + len(words)]) == list(words) for i in range(len(text) - len(words) + 1))
