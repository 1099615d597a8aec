"""`orca.system_message`: which system message a FLAN row's question is asked under (arXiv 2306.02707, section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Kept, RowStep, Verdict
from bezoar_data.steps.flan import Submix, submix_of
from bezoar_data.steps.orca.messages import SHIPPED, MessagesFile, load_messages


class OrcaSystemMessage(RowStep):
    """Give each FLAN row a system message that asks the teacher to explain.

    One of sixteen messages is drawn at random among those its sub-mix gets (`task_source`); questions of Flan 2021
    that offer options get their own. The draw depends on the seed and the row alone. Message 1 is empty.
    """

    use: ClassVar[str] = "orca.system_message"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("{instruction}", "{task_source}")
    writes: ClassVar[tuple[str, ...]] = ("system_message",)
    optional_writes: ClassVar[tuple[str, ...]] = ("system_message_id",)
    types: ClassVar[Mapping[str, str]] = {
        "system_message": "text",
        "system_message_id": "integer",
    }
    example: ClassVar[str] = "- use: orca.system_message\n"

    instruction: str = Field(default="inputs", min_length=1, description="The column that holds the question.")
    task_source: str = Field(default="task_source", description='The column that names the sub-mix; "" for none.')
    messages: str | None = Field(
        default=None,
        description="A file of system messages and their assignment, in place of the shipped one.",
        examples=["messages.yaml"],
        json_schema_extra={"path": "input", "form": "bezoar_data.steps.orca.messages:load_messages"},
    )
    other: Submix = Field(
        default="T0", description="Rows of a sub-mix that has no messages of its own get those of this one."
    )
    write_id: bool = Field(
        default=False, description="Also write `system_message_id`, a column the published Orca data does not have."
    )

    def load(self) -> None:
        super().load()
        _ = self._file

    def run_row(self, row: Row) -> Verdict:
        file = self._file
        submix = submix_of(row[self.task_source]) if self.task_source else None
        ids = file.ids(submix, self.other, row[self.instruction])
        number = ids[0] if len(ids) == 1 else self.random(row).choice(ids)
        written: dict[str, object] = {"system_message": file.text(number)}
        if self.write_id:
            written["system_message_id"] = number
        return Kept(row.with_columns(**written))

    def said_to_models(self) -> dict[str, str]:
        return {f"system message {m.id}": m.text for m in self._file.messages if m.text.strip()}

    @cached_property
    def _file(self) -> MessagesFile:
        return load_messages(Path(self.messages) if self.messages else SHIPPED, self.other)
