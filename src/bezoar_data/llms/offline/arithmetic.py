"""Arithmetic the offline teacher can really do: expressions, percentages, one-letter equations, simple word problems.

A word problem is only computed where its wording leaves one reading; anything else is left to other skills, because a
wrong number stated with confidence would be worse than none.
"""

# ruff: noqa: E501 - a sentence the model says stays on one line

from __future__ import annotations

import re
from fractions import Fraction

from .compose import Solution
from .numbers import Computed, evaluate, spell
from .prompt import Option, Prompt
from .stories import SMALL_WORD, story
from .text import NUMBER, Pick, listed, quoted

_EXPRESSION = re.compile(
    r"(?<![\w.])[-(]*\$?\d[\d,.]*[)]*(?:\s*(?:\*\*|[-+*/x×÷^−–])\s*[-(]*\$?\d[\d,.]*[)]*)+(?![\w/])"
)
_PERCENT = re.compile(
    r"(\d[\d,]*(?:\.\d+)?)\s*(?:%|percent|per cent)\s+of\s+(?:the\s+|these\s+)?(\$?\d[\d,]*(?:\.\d+)?)", re.I
)
_EQUATION = re.compile(
    r"(?<![\w.])(-?\d*(?:\.\d+)?)\s*\*?\s*([a-z])\s*(?:([-+])\s*(\d+(?:\.\d+)?))?\s*=\s*(-?\d+(?:\.\d+)?)(?![\w.]*[a-z*/^(])"
)
_SPEED = re.compile(
    r"(\d+(?:\.\d+)?)\s*(miles?|km|kilomet(?:er|re)s?|met(?:er|re)s?)\b[^.?]*?\bin\s+(\d+(?:\.\d+)?)\s*(hours?|minutes?|seconds?)",
    re.I,
)
_DISTANCE = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:(miles?|km|kilomet(?:er|re)s?)\s*(?:per|an|/)\s*h(?:our|r)?|(mph|kmph|km/h|kph))[^.?]*?\bfor\s+(\d+(?:\.\d+)?)\s*hours?",
    re.I,
)

_DIGIT = re.compile(r"\d")


def arithmetic(prompt: Prompt, pick: Pick) -> Solution | None:
    text = prompt.question if not prompt.passage else f"{prompt.passage} {prompt.question}"
    if not _DIGIT.search(text) and not SMALL_WORD.search(text):
        return None
    if len(text) > 700 or _not_a_sum(prompt):
        return None
    computed = _compute(text)
    if computed is None:
        return None
    value, unit, steps = computed
    shown = f"{unit if unit == '$' else ''}{spell(value)}{'' if unit in ('', '$') else ' ' + unit}"
    task = pick.one(
        (
            f"The problem is: {quoted(prompt.question, 220)}",
            f"We are asked to work out the following: {quoted(prompt.question, 220)}",
            f"This is a small calculation: {quoted(prompt.question, 220)}",
        )
    )
    note = pick.one(
        (
            "The numbers come straight from the text of the problem, so the result can be checked with a calculator.",
            "Working the sum backwards from this result leads to the numbers we started with.",
            "Each number used here stands in the problem itself.",
        )
    )
    if not prompt.options:
        return Solution(
            task,
            steps,
            pick.one((f"The answer is {shown}.", f"So the result is {shown}.", f"Therefore the answer is {shown}.")),
            note,
        )
    matches = [o for o in prompt.options if _same_number(o, value)]
    if len(matches) != 1:
        return None
    best = matches[0]
    rest = listed([o.name for o in prompt.options if o is not best], "or")
    others = (f"None of the others, {rest}, states the {shown} that we worked out.",)
    return Solution(
        task,
        (*steps, f"Among the options, {best.name} is the one that states this value."),
        f"The answer is {best.name}.",
        note,
        others,
    )


def _not_a_sum(prompt: Prompt) -> bool:
    low = prompt.low
    return bool(prompt.definition) and not re.search(
        r"calculat|arithmetic|add|subtract|multipl|divid|sum|number|math", low
    )


def _same_number(option: Option, value: Fraction) -> bool:
    numbers = NUMBER.findall(option.text)
    if len(numbers) != 1:
        return False
    return Fraction(numbers[0].replace("$", "").replace(",", "")) == value


def _compute(text: str) -> Computed | None:
    for reader in (_percent, _equation, _expression, _speed, _distance, story):
        found = reader(text)
        if found:
            return found
    return None


def _percent(text: str) -> Computed | None:
    match = _PERCENT.search(text)
    if not match or len(NUMBER.findall(text)) > 2:
        return None
    share, whole = (Fraction(g.replace(",", "").replace("$", "")) for g in match.groups())
    value = share * whole / 100
    unit = "$" if "$" in match.group(2) else ""
    return (
        value,
        unit,
        (
            f"A percentage is a part of a hundred, so {spell(share)}% is {spell(share)} divided by 100, that is {spell(share / 100)}.",
            f"Multiplying the whole by that share gives {spell(whole)} × {spell(share / 100)} = {spell(value)}.",
        ),
    )


def _equation(text: str) -> Computed | None:
    match = _EQUATION.search(text)
    if not match or len(_EQUATION.findall(text)) > 1:
        return None
    factor_text, letter, sign, constant_text, right_text = match.groups()
    if not re.search(r"(?i)\b(?:solve|what is|find|value of|determine|calculate)\b", text) or f"{letter}^" in text:
        return None
    factor = Fraction({"": "1", "-": "-1"}.get(factor_text, factor_text))
    constant = Fraction(constant_text or 0) * (-1 if sign == "-" else 1)
    right = Fraction(right_text)
    if factor == 0:
        return None
    asked = re.search(rf"(?i)value of\s+(-?\d*)\s*{letter}\s*([-+])?\s*(\d+)?|what is\s+(-?\d*)\s*{letter}\b", text)
    if asked and (asked.group(1) or asked.group(2) or asked.group(4)):
        return None
    value = (right - constant) / factor
    steps = [f"The equation is {match.group(0).strip()}, and {letter} has to stand alone on one side."]
    if constant:
        verb = "Subtracting" if constant > 0 else "Adding"
        way = "from" if constant > 0 else "to"
        steps.append(
            f"{verb} {spell(abs(constant))} {way} both sides leaves {spell(factor) if factor != 1 else ''}{letter} = {spell(right - constant)}."
        )
    if factor != 1:
        steps.append(f"Dividing both sides by {spell(factor)} gives {letter} = {spell(value)}.")
    return value, "", tuple(steps)


def _expression(text: str) -> Computed | None:
    spelled = re.sub(
        r"(?i)(?<=\d)\s+(plus|minus|times|multiplied by|divided by)\s+(?=\d)",
        lambda m: f" {_VERBS[m.group(1).lower()]} ",
        text,
    )
    found = list(_EXPRESSION.finditer(spelled))
    if len(found) != 1 or len(NUMBER.findall(spelled.replace(found[0].group(0), ""))) > 0:
        return None
    expression = found[0].group(0).strip()
    if re.fullmatch(r"[\d]{1,4}[-/][\d]{1,2}(?:[-/][\d]{1,4})?", expression) or not re.search(
        r"(?i)what is|calculate|compute|evaluate|solve|work out|how much|result|value|sum|=|simplify|add up", text
    ):
        return None
    value = evaluate(expression)
    if value is None:
        return None
    steps = [f"The expression to work out is {expression}."]
    if re.search(r"[*/x×÷^]", expression) and re.search(r"[-+−]", expression):
        steps.append("Brackets come first, then multiplication and division, and addition and subtraction last.")
    steps.append(
        f"Following that order, {expression} = {spell(value)}."
        if len(steps) > 1
        else f"Working from left to right, {expression} = {spell(value)}."
    )
    return value, "", tuple(steps)


_VERBS = {"plus": "+", "minus": "-", "times": "*", "multiplied by": "*", "divided by": "/"}


def _speed(text: str) -> Computed | None:
    match = _SPEED.search(text)
    if not match or not re.search(r"(?i)speed|how fast|rate", text) or len(NUMBER.findall(text)) != 2:
        return None
    way, unit, time, clock = Fraction(match.group(1)), match.group(2), Fraction(match.group(3)), match.group(4)
    clock = clock.rstrip("s")
    per = f"{unit if unit.endswith(('s', 'm')) else unit + 's'} per {clock}"
    return (
        way / time,
        per,
        (
            "Speed is the distance covered divided by the time it takes.",
            f"Here that is {spell(way)} {unit} divided by {spell(time)} {match.group(4)}, which gives {spell(way / time)} {per}.",
        ),
    )


def _distance(text: str) -> Computed | None:
    match = _DISTANCE.search(text)
    if (
        not match
        or not re.search(r"(?i)how far|distance|how many (?:miles|kilomet|km)", text)
        or len(NUMBER.findall(text)) != 2
    ):
        return None
    speed, time = Fraction(match.group(1)), Fraction(match.group(4))
    unit = match.group(2) or {"mph": "miles"}.get(match.group(3).lower(), "kilometres")
    unit = unit if unit.endswith(("s", "m")) else unit + "s"
    return (
        speed * time,
        unit,
        (
            "Distance is the speed multiplied by the time spent travelling.",
            f"That makes {spell(speed)} × {spell(time)} = {spell(speed * time)} {unit}.",
        ),
    )
