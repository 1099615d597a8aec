"""Numbers: exact evaluation of a written sum, and numbers spelled as people write them."""

# ruff: noqa: S105 - a token is a piece of a sum here

from __future__ import annotations

import re
from fractions import Fraction

_TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|[-+*/^()]")

Computed = tuple[Fraction, str, tuple[str, ...]]
"""Value, unit, steps."""


def evaluate(expression: str) -> Fraction | None:
    """The exact value of a sum of numbers with + - * / ^ and brackets, or None when it is not one."""
    text = (
        expression.replace("**", "^")
        .replace("x", "*")
        .replace("×", "*")
        .replace("÷", "/")
        .replace("−", "-")
        .replace("–", "-")
    )
    tokens: list[str] = _TOKEN.findall(text.replace("$", ""))
    if len(tokens) > 60:
        return None
    position = 0

    def peek() -> str:
        return tokens[position] if position < len(tokens) else ""

    def take() -> str:
        nonlocal position
        position += 1
        return tokens[position - 1]

    def total() -> Fraction:
        value = product()
        while peek() in ("+", "-"):
            value = value + product() if take() == "+" else value - product()
        return value

    def product() -> Fraction:
        value = power()
        while peek() in ("*", "/"):
            value = value * power() if take() == "*" else value / power()
        return value

    def power() -> Fraction:
        base = atom()
        if peek() == "^":
            take()
            exponent = power()
            if exponent.denominator != 1 or abs(exponent) > 64 or abs(base) > 10**6:
                raise ValueError
            return base ** int(exponent)
        return base

    def atom() -> Fraction:
        token = take() if position < len(tokens) else ""
        if token == "-":
            return -power()
        if token == "(":
            value = total()
            if (take() if position < len(tokens) else "") != ")":
                raise ValueError
            return value
        return Fraction(token.replace(",", ""))

    try:
        value = total()
    except (ValueError, ZeroDivisionError):
        return None
    return value if position == len(tokens) else None


def spell(value: Fraction) -> str:
    """A number as people write it: whole, with up to four decimals, or as a fraction when those are not exact."""
    if value.denominator == 1:
        return f"{value.numerator:,}" if abs(value) >= 10_000 else str(value.numerator)
    decimal = f"{float(value):.4f}".rstrip("0").rstrip(".")
    return (
        decimal if Fraction(decimal) == value else f"{value.numerator}/{value.denominator} (about {float(value):.2f})"
    )
