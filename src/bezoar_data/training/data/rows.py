"""A row of a dataset as the conversation that a stage trains on, read by the view of its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bezoar_data.runs.conversations.turns import Unread
from bezoar_data.runs.conversations.views import Example, kind_of, read_view
from bezoar_data.training.data.template import Unusable


def read_row(view: Mapping[str, str], row: Mapping[str, Any]) -> Example:
    """The row by a view, the columns by what they are to it. Raises `Unusable`."""
    found = read_view(kind_of(view), {part: row[column] for part, column in view.items()})
    if isinstance(found, Unread):
        raise Unusable(found.reason)
    return found
