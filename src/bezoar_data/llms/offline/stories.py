"""Word problems of one or two moves, computed only where the wording leaves one reading."""

# ruff: noqa: E501, SIM905 - a sentence the model says stays on one line; a row of words is easier to read

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from .numbers import Computed, spell
from .text import NUMBER

_SMALL = {
    w: str(i) for i, w in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())
}
SMALL_WORD = re.compile(r"\b(" + "|".join(list(_SMALL)[2:]) + r")\b", re.I)


def story(text: str) -> Computed | None:
    """Word problems of one or two moves: sums, what is left, equal groups, sharing out, a price per piece."""
    digits = SMALL_WORD.sub(lambda m: _SMALL[m.group(1).lower()], text)
    question = re.search(r"(?i)\bhow (?:many|much)\b[^?]*\?", digits)
    if not question:
        return None
    facts = digits[: question.start()] + digits[question.end() :]
    if re.search(
        r"(?i)%|percent|ratio|average|twice|half|double|third|quarter|times as|more than|fewer than|less than|older|faster|per hour|\d/\d|\d:\d",
        digits,
    ):
        return None
    raw = NUMBER.findall(facts)
    asked_numbers = NUMBER.findall(question.group(0))
    numbers = [Fraction(n.replace("$", "").replace(",", "")) for n in raw + asked_numbers]
    if not 2 <= len(numbers) <= 4:
        return None
    unit = (
        "$"
        if "$" in "".join(raw + asked_numbers)
        or (re.search(r"(?i)dollar", digits) and "how much" in question.group(0).lower())
        else ""
    )
    low, ask = facts.lower(), question.group(0).lower()
    noun = re.search(
        r"how many ((?:[a-z]+ )??[a-z]+?(?: of [a-z]+)?)(?: (?:are|is|does|do|did|will|can|has|have|were|in|left|remain|must|would|should)\b|\?)",
        ask,
    )
    name = unit or (noun.group(1) if noun else "")
    two = len(numbers) == 2
    groups = re.search(r"\beach\b|\bper\b|\bapiece\b|\bevery\b|\ba piece\b", low + " " + ask)
    shared = re.search(
        r"\b(?:shared?|divide[ds]?|split|equally|evenly|distribut\w+|packs? (?:them )?into)\b", low + " " + ask
    )
    gone = re.search(
        r"\b(?:gives?|gave|eats?|ate|loses?|lost|sells?|sold|spends?|spent|uses?|used|breaks?|broke|leave|took|takes?|flew|fl(?:y|ies)|removed?|remov\w+|lends?|lent)\b",
        low,
    )
    gained = re.search(
        r"\b(?:buys?|bought|finds?|found|gets?|got|picks?|picked|receives?|received|adds?|added|more|another|arrives?|arrived|joins?|joined|come|came)\b",
        low,
    )
    left = re.search(r"\bleft\b|\bremain|\bstill\b|\bnow\b", ask)
    together = re.search(r"\btotal\b|\baltogether\b|\bin all\b|\bcombined\b|\bsum\b|\ball together\b|\btogether\b", ask)
    if (
        two
        and len(asked_numbers) == 1
        and re.search(r"\b(?:holds?|contains?|has|have|needs?|takes?|uses?|lays?|makes?|costs?)\b", low)
    ):
        product = numbers[0] * numbers[1]
        if re.search(r"\b(?:in|for|do|does|will|would|are in)\b (?:\w+ ){0,2}\d+ [a-z]+", ask) and re.search(
            r"^(?:each|every|one|an?)\b", low.strip()
        ):
            return (
                product,
                name,
                (
                    "What holds for one holds for each of them, so we multiply.",
                    f"{spell(numbers[0])} × {spell(numbers[1])} = {spell(product)}.",
                ),
            )
    if two and shared and not gone and numbers[1] != 0:
        big, small = max(numbers), min(numbers)
        if small and (big / small).denominator == 1:
            return (
                big / small,
                name,
                (
                    f"The {spell(big)} are shared out into {spell(small)} equal parts, so we divide.",
                    f"{spell(big)} ÷ {spell(small)} = {spell(big / small)}.",
                ),
            )
        return None
    if two and groups and not (gone and left):
        if re.search(
            r"how many (?:boxes|bags|tables|buses|teams|groups|rows|shelves|packets|baskets|jars|trips|cars|tents)", ask
        ) and not re.search(r"there are \d+ (?:boxes|bags|tables|buses|teams|groups|rows|shelves)", low):
            return None
        product = numbers[0] * numbers[1]
        return (
            product,
            name,
            (
                "The same amount comes again and again, so we multiply.",
                f"{spell(numbers[0])} × {spell(numbers[1])} = {spell(product)}.",
            ),
        )
    if groups or shared:
        return None
    if gone and left and not gained:
        rest = numbers[0] - sum(numbers[1:], Fraction(0))
        if rest < 0:
            return None
        taken = " and ".join(spell(n) for n in numbers[1:])
        line = f"{spell(numbers[0])} - {' - '.join(spell(n) for n in numbers[1:])} = {spell(rest)}."
        return (
            rest,
            name,
            (
                f"We start with {spell(numbers[0])} and {taken} {'is' if len(numbers) == 2 and numbers[1] == 1 else 'are'} taken away, so we subtract.",
                line,
            ),
        )
    if gone and gained and len(numbers) == 3 and (left or together):
        return _gone_and_gained(low, numbers, name, gone, gained)
    if (together or left) and not gone and (gained or together):
        total = sum(numbers, Fraction(0))
        return (
            total,
            name,
            (
                "All the amounts belong to one whole, so we add them up.",
                f"{' + '.join(spell(n) for n in numbers)} = {spell(total)}.",
            ),
        )
    return None


def _gone_and_gained(
    low: str, numbers: list[Fraction], name: str, gone: re.Match[str], gained: re.Match[str]
) -> Computed | None:
    """One amount leaves and one arrives; the order of the verbs tells which number is which."""
    sign: Callable[[int], int] = (
        (lambda i: -1 if i == 1 else 1) if gone.start() < gained.start() else (lambda i: 1 if i == 1 else -1)
    )
    value = numbers[0] + sign(1) * numbers[1] + sign(2) * numbers[2]
    if value < 0:
        return None
    first, second = ("taken away", "added") if sign(1) < 0 else ("added", "taken away")
    middle = numbers[0] + sign(1) * numbers[1]
    return (
        value,
        name,
        (
            f"We start with {spell(numbers[0])}. First {spell(numbers[1])} is {first}, which makes {spell(middle)}.",
            f"Then {spell(numbers[2])} is {second}, which makes {spell(value)}.",
        ),
    )
