"""The journal of answers: nothing is paid twice."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bezoar_data.llms.journal.journal import Journal

__all__ = ["Journal"]


def __getattr__(name: str) -> Any:
    # On first use: who only reads of it needs nothing of writing, which is asyncio's.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.journal").Journal
