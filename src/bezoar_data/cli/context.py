"""`bezoar-data context`: what a coding agent needs to know, on one page."""

from __future__ import annotations

from typing import Annotated

import typer

from bezoar_data.project.context import context_text, skill_text


def context(
    skill: Annotated[bool, typer.Option("--skill", help="Print the skill instead: how to work, step by step.")] = False,
) -> None:
    """Print what a coding agent needs to know: the files, the steps, the rules, an example.

    It is made from this version's schemas and steps, and has at most 4,000 tokens.

    Examples: bezoar-data context > CONTEXT.md; bezoar-data context --skill > SKILL.md
    """
    typer.echo((skill_text() if skill else context_text()).rstrip("\n"))
