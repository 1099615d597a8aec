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

from bezoar_data.measures.checks.claims import claims, concludes, plain, sentences
from bezoar_data.measures.checks.numbers import Number, numbers_in
from bezoar_data.measures.checks.options import Option, options_in
from bezoar_data.measures.words import bare, words_of

Outcome = Literal["agrees", "differs", "unstated", "not_comparable"]
Kind = Literal["number", "option", "yes_no", "short", "text"]

_MOST_WORDS = 4
"""A reference of more words is a text: another one may be as good."""

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
        return _as_option(said, option, options)
    if wanted.lower().strip(" .!") in _YES_NO:
        return _as_yes_no(said, wanted)
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
        *_, last = ["", *claims(text)]
        return last.strip(" .") or text
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
    found = _claimed_number(said) or _concluding_number(said, wanted, asked)
    if found is None:
        return Compared("unstated", "number", wanted.written)
    return Compared("agrees" if found.equals(wanted) else "differs", "number", wanted.written, found.written)


def _claimed_number(said: str) -> Number | None:
    for claim in reversed([*claims(said)]):
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


# Options

_LABEL = re.compile(
    r"\A[\s\"'“*]*(?:(?:option|choice|answer|letter)\s+)?(?:\(([A-Za-z])\)|([A-Z])(?=[).:,;!\s\"'”]|\Z)|([a-z])(?=[).:]|\Z))",
    re.IGNORECASE,
)
_ANY_LABEL = re.compile(r"\(([A-Z])\)")
_DENYING = re.compile(
    r"\b(?:not|n't|nor|never|neither|rather than|instead of|than|unlike)\b(?:\W+\w+){0,2}\W*\Z", re.IGNORECASE
)


def _option_named(text: str, options: Sequence[Option]) -> Option | None:
    """The option that a short text names, by letter or by its own text."""
    by_letter = _by_letter(text, options)
    words = words_of(text)
    exact = next((o for o in options if words_of(o.text) == words), None)
    return exact or by_letter


def _by_letter(text: str, options: Sequence[Option]) -> Option | None:
    match = _LABEL.match(text)
    if not match:
        return None
    letter = next(filter(None, match.groups())).upper()
    # "A dog" begins with an article.
    if letter in "AI" and match[2] and re.match(r"\s+[a-z]", text[match.end() :]):
        return None
    return next((o for o in options if o.letter == letter), None)


def _as_option(said: str, wanted: Option, options: Sequence[Option]) -> Compared:
    found = _chosen(said, options)
    if found is None:
        return Compared("unstated", "option", str(wanted))
    agrees = isinstance(found, Option) and (found == wanted or words_of(found.text) == words_of(wanted.text))
    return Compared("agrees" if agrees else "differs", "option", str(wanted), str(found))


def _chosen(said: str, options: Sequence[Option]) -> Option | str | None:
    """The option that an answer settles on; the words of its last claim if those are of no option."""
    if claim := next(iter(reversed([*claims(said)])), None):
        found = _in_claim(claim, options)
        if found is not None or len(words_of(claim)) <= 8:
            return found or claim.strip(" .")
    if found := _option_named(sentences(said)[0] if said.strip() else "", options):
        return found
    if labels := [o for m in _ANY_LABEL.finditer(said) if (o := _by_letter(m[0], options))]:
        return labels[-1]
    if numeric := _numeric(said, options):
        return numeric
    return _mentioned(said, options)


def _in_claim(claim: str, options: Sequence[Option]) -> Option | None:
    if found := _option_named(claim, options):
        return found
    mentions = [*_mentions(claim, options)]
    if mentions:
        return mentions[0]
    if found := _numeric(claim, options):
        return found
    words = set(words_of(claim)) - _ARTICLES
    shares = [
        (len(words & own) / max(len(own), 1), option)
        for option in options
        if (own := set(words_of(option.text)) - _ARTICLES)
    ]
    share, option = max(shares, key=lambda pair: pair[0], default=(0.0, None))
    return option if share >= 0.6 else None


def _numeric(said: str, options: Sequence[Option]) -> Option | None:
    """The option whose number the answer comes to, where all options are numbers."""
    values = [(option, numbers_in(option.text)) for option in options]
    if not all(len(found) == 1 for _, found in values):
        return None
    for sentence in reversed(sentences(said)):
        found = numbers_in(sentence.rpartition("=")[2]) or numbers_in(sentence)
        for number in reversed(found):
            if option := next((o for o, own in values if number.equals(own[0])), None):
                return option
        if found:
            return None
    return None


def _mentioned(said: str, options: Sequence[Option]) -> Option | None:
    """The option named in the conclusion, else the only one of the first sentence that names any, else the last."""
    named = [(s, found) for s in sentences(said) if (found := [*_mentions(s, options)])]
    if not named:
        return None
    first, last = named[0], named[-1]
    if concludes(last[0]) or len(set(first[1])) > 1:
        return last[1][-1]
    return first[1][0] if len(named) > 1 and first[0] == sentences(said)[0] else last[1][-1]


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
    for claim in reversed([*claims(said)]):
        if found := _yes_no_in(claim.strip()):
            return found[0][1].lower()
    parts = sentences(said)
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
    if claim := next(iter(reversed([*claims(said)])), ""):
        own = _bare(claim)
        if _holds(own, words) or (own and len(own) < len(words) and _holds(words, own)):
            return Compared("agrees", "short", wanted, claim.strip(" ."))
        if len(own) <= max(8, 2 * len(words)):
            return Compared("differs", "short", wanted, claim.strip(" ."))
    parts = sentences(said)
    # What the question names already proves nothing by being named.
    where = [parts[0], parts[-1]] if parts and _holds(_bare(asked), words) else parts
    holding = next((part for part in where if _affirms(part, words)), None)
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
