"""The last step of every pipeline under distilabel's runners, and how rows come to it: each as one JSON text.

Their writer, and their files of rows that wait for a global step, cast all rows to one type a column, one that Arrow
and JSON have (1.5.3). So no column travels through a pipeline that ends here but the one that is text.
"""

# No `from __future__ import annotations`: distilabel reads the annotations of `process` as objects, not as text.

from collections.abc import Iterator
from typing import Any

from distilabel.constants import STEP_ATTR_NAME
from distilabel.steps.base import Step, StepInput

from bezoar_data.runs.row import RESERVED

PACKED = "row"
"""The one column."""


class Pack(Step):
    """Each row as one JSON text, kept and dropped ones alike. Made last, it tells the steps of its pipeline to hand
    their rows on so: all of them are ours. In a script of a person's own, distilabel's steps see columns."""

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        for name in self.pipeline.dag if self.pipeline is not None else ():
            if name != self.name:
                self.pipeline.dag.get_step(name)[STEP_ATTR_NAME]._packed = True

    @property
    def outputs(self) -> list[str]:
        return [PACKED]

    def process(self, inputs: StepInput) -> Iterator[list[dict[str, Any]]]:
        yield [{PACKED: row[RESERVED]} for row in inputs]
