"""The last step of every pipeline under distilabel's runners: each row as one JSON text.

Their writer casts all batches to the first one's columns and types (1.5.3); so it has one column of one type to write.
"""

# No `from __future__ import annotations`: distilabel reads the annotations of `process` as objects, not as text.

import json
from collections.abc import Iterator
from typing import Any

from distilabel.steps.base import Step, StepInput

from bezoar_data.runs.values import plain

PACKED = "row"
"""The one column."""


class Pack(Step):
    """Each row as one JSON text, kept and dropped ones alike."""

    @property
    def outputs(self) -> list[str]:
        return [PACKED]

    def process(self, inputs: StepInput) -> Iterator[list[dict[str, Any]]]:
        plain_rows = ({name: plain(name, value) for name, value in row.items()} for row in inputs)
        yield [{PACKED: json.dumps(row, ensure_ascii=False)} for row in plain_rows]
