"""`@value_class`: a dataclass with slots that nothing changes, which mypy sees to and Python does not.

Python's frozen dataclasses set each field by a call, which makes one of ten fields take four times as long; rows and
answers are made of millions of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["value_class"]

if TYPE_CHECKING:
    from dataclasses import dataclass as value_class
else:
    from dataclasses import dataclass

    def value_class(*, frozen: bool, **options: Any) -> Any:
        """As `dataclass`. `frozen` is to be true: so mypy knows it."""
        return dataclass(unsafe_hash=frozen, **options)
