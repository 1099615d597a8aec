"""The last step of every pipeline under distilabel's runners: each row as one JSON text.

Their writer casts all batches to the first one's columns and types (1.5.3); so it has one column of one type to write.
"""

# No `from __future__ import annotations`: distilabel reads the annotations of `process` as objects, not as text.

from collections.abc import Iterator
from typing import Any

import orjson
from distilabel.steps.base import Step, StepInput

PACKED = "row"
"""The one column."""


class Pack(Step):
    """Each row as one JSON text, kept and dropped ones alike."""

    @property
    def outputs(self) -> list[str]:
        return [PACKED]

    def process(self, inputs: StepInput) -> Iterator[list[dict[str, Any]]]:
        yield [{PACKED: orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY).decode()} for row in inputs]
