"""What a licence or terms of use say: the words of the shipped table, and of what a card adds to it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal

from pydantic import Field

from bezoar_data.config.base import Strict

Permission = Literal["yes", "no", "unknown"]
_WORSE: dict[Permission, int] = {"yes": 0, "unknown": 1, "no": 2}


def worst(verdicts: Iterable[Permission]) -> Permission:
    """The least permissive of some verdicts on commercial use; `yes` where nothing was said against it."""
    return max(verdicts, key=_WORSE.__getitem__, default="yes")


def best(verdicts: Iterable[Permission]) -> Permission:
    """The most permissive of some verdicts; `unknown` where there is none."""
    return min(verdicts, key=_WORSE.__getitem__, default="unknown")


class LicenceTerms(Strict):
    """One licence. What is not said is unknown, or not asked for."""

    commercial: Permission = Field(
        default="unknown", description="Whether commercial use is allowed.", examples=["yes", "no"]
    )
    attribution: bool = Field(default=False, description="Whether the maker must be named.", examples=[True])
    share_alike: tuple[str, ...] = Field(
        default=(),
        description="The licences under which what is made of it may be shared; empty: anyone's choice.",
        examples=[["CC-BY-SA-4.0"]],
    )
    changes: bool = Field(
        default=True, description="Whether what is made of it may be shared at all.", examples=[False]
    )
    duties: bool = Field(default=True, description="Whether anything has to be kept, a notice even.", examples=[False])
    apart: tuple[str, ...] = Field(
        default=(),
        description="Licences under which nothing can be shared that it is a part of.",
        examples=[["GPL-2.0-only"]],
    )
    notice: str = Field(default="", description="Words that have to be shown.", examples=["Built with Llama"])
    limit: str = Field(
        default="",
        description="What else the owner forbids, as the end of a sentence that begins with `Its terms`.",
        examples=["forbid using outputs to develop competing models"],
    )
    url: str | None = Field(default=None, description="Where the terms stand.", examples=["https://example.org/terms"])
    read: date | None = Field(default=None, description="The day on which they were read.", examples=["2026-01-31"])
    copy_read: str | None = Field(
        default=None, description="Which copy was read, if not the page itself.", examples=["the terms of 2024-01-31"]
    )
