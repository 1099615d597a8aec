"""The base of everything a person writes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Unknown keys are refused, values never change, and numbers are finite: JSON, and so a lock, holds no others. What
    checks a class is built when it is first used: most commands use few of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)
