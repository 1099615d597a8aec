"""Asks a person, once for each pair, whether a key may go to a host."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import typer

from bezoar_data.config.allowed_keys import KeyNotAllowed, remember
from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import clean_text, mask_keys


def allowed_now(problems: Iterable[Problem]) -> bool:
    """Whether all that is wrong is keys that nobody has let go to a host, and a person who was asked now has."""
    wanted = {}
    for problem in problems:
        if problem.level == "error":
            if not isinstance(problem, KeyNotAllowed) or problem.code != "key-not-allowed":
                return False
            wanted[problem.variable, problem.recipient] = problem
    if not wanted or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    for (variable, recipient), problem in wanted.items():
        where = f" ({problem.place})" if problem.place else ""
        shown = clean_text(mask_keys(f"The key in {variable} would go to {recipient}{where}."), one_line=True)
        if not typer.confirm(f"{shown} Allow it from now on?", err=True):
            return False
        remember(variable, recipient)
    return True
