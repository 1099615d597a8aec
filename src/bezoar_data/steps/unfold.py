"""`unfold`: rows of one response each out of rows with several.

HelpSteer2 is released so (arXiv 2406.08673): one row a response, those of one prompt next to each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Child, Children, Dropped, RowStep, Verdict


class Unfold(RowStep):
    """Make a row for each response of a row; those of one prompt stand next to each other, in the order named.

    The new rows hold the prompt, one response, the name of the column it stood in, and the columns to `carry`. They
    have the same `parent_ids`, by which they are found again when one of them is dropped later. A response that is
    missing or empty makes a dropped row (`no_response`).
    """

    use: ClassVar[str] = "unfold"
    makes: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("{prompt}", "{responses}", "{carry}")
    writes: ClassVar[tuple[str, ...]] = ("prompt", "response", "response_source", "{carry}")
    types: ClassVar[Mapping[str, str]] = {"response_source": "text"}
    example: ClassVar[str] = "- use: unfold\n  with: {prompt: instruction, responses: [response_a, response_b]}\n"

    prompt: str = Field(default="prompt", min_length=1, description="The column that holds what was asked.")
    responses: Annotated[list[str], Field(min_length=2)] = Field(
        description="The columns that hold the responses, in the order the new rows take."
    )
    carry: list[str] = Field(default=[], description="Other columns to take along.")

    def run_row(self, row: Row) -> Verdict:
        children = []
        for column in self.responses:
            response = row.get(column)
            columns = {"prompt": row[self.prompt], "response": response, "response_source": column}
            columns |= {name: row.get(name) for name in self.carry}
            missing = response is None or (isinstance(response, str) and not response.strip())
            children.append(Child(columns, dropped=Dropped("no_response") if missing else None))
        return Children(children)
