"""The one error model: what is wrong, where, and what to do about it.

A mistake in what a person wrote is a `Problem`: data, not an exception. Whoever checks something collects
problems and raises them together as one `InputError`; the command line alone turns errors into text and exit
codes. Errors raised here never carry a traceback to the user.
"""

from __future__ import annotations

from collections.abc import Iterable

from bezoar_data.config.problems import Problem
from bezoar_data.config.render import render_problems
from bezoar_data.config.sanitize import clean_text, mask_keys

DONE = 0
TOO_MANY_FAILED = 1
INPUT_WRONG = 2
BUDGET_STOPPED = 3
POLICY_REFUSED = 4
PROVIDER_AWAY = 5
INTERNAL_ERROR = 70
INTERRUPTED = 130


class BezoarError(Exception):
    """An ending the user reads as one message. `exit_code` is what the command line ends with."""

    exit_code = TOO_MANY_FAILED

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback."""
        return [clean_text(mask_keys(f"bezoar-data: {self}"))]


class ProblemsError(BezoarError):
    """An error that holds every problem found, not the first."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(_in_a_line(p) for p in self.problems))

    def _render_traceback_(self) -> list[str]:
        return render_problems(self.problems).split("\n")


def _in_a_line(problem: Problem) -> str:
    """A problem with place and remedy, for who catches the error in a script."""
    at = f"{problem.place}: " if problem.place is not None and not problem.secret else ""
    return f"{at}{problem.in_a_line()}"


class InputError(ProblemsError):
    """What was given is wrong: a file, an option, a key, a source."""

    exit_code = INPUT_WRONG


class PolicyRefused(ProblemsError):
    """A policy forbids it, for each of these reasons."""

    exit_code = POLICY_REFUSED


def raise_errors(problems: Iterable[Problem]) -> None:
    """Raise `InputError` with all of these if one is an error; warnings alone stop nothing."""
    found = tuple(problems)
    if any(p.level == "error" for p in found):
        raise InputError(found)


class NothingLeft(BezoarError):
    """No row was kept, and there is a dataset that has some: it is not replaced. `cost` was spent, in US dollars."""

    exit_code = TOO_MANY_FAILED

    def __init__(self, message: str, cost: float = 0.0) -> None:
        super().__init__(message)
        self.cost = cost


class BudgetStop(BezoarError):
    """The next request could pass the budget. The same command with a larger one goes on."""

    exit_code = BUDGET_STOPPED


class ProviderAway(BezoarError):
    """A provider did not answer for longer than `max_outage`. The same command goes on."""

    exit_code = PROVIDER_AWAY
