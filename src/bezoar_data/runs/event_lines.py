"""The lines of the file that `--events` names: their schema, and what writes each."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, RootModel

from bezoar_data.config.base import Strict

Command = Literal["run", "merge-shards", "train", "evaluate"]
Outcome = Literal[
    "done", "too_many_failed", "input_wrong", "budget", "policy", "provider_away", "interrupted", "internal_error"
]


class _Event(Strict):
    """What all lines have."""

    version: Literal[1] = Field(1, description="Of this format.")
    time: str = Field(description="When, in UTC (ISO 8601).")
    command: Command = Field(description="The command that writes it.")
    pid: int = Field(description="Its process: lines of several commands in one file are told apart by it.")


class Start(_Event):
    """A command begins."""

    model_config = ConfigDict(title="start")

    event: Literal["start"] = "start"
    bezoar_data: str = Field(description="The version of bezoar-data.")
    arguments: tuple[str, ...] = Field(description="What was typed after `bezoar-data`; keys are taken out.")


class Progress(_Event):
    """How far it is, at most every five seconds, and once more at its end."""

    model_config = ConfigDict(title="progress")

    event: Literal["progress"] = "progress"
    part: str = Field(description="The pipeline, stage or model that is worked on.")
    unit: Literal["rows", "steps", "tasks"] = Field(description="What is counted: rows of a run, steps of training.")
    done: int = Field(description="How many are done.")
    expected: int | None = Field(description="The total; null if it is unknown.")
    seconds_left: float | None = Field(description="An estimate; null where there is none.")


class Failure(_Event):
    """Something failed for a cause. One line for each cause whenever its count has grown; the command goes on."""

    model_config = ConfigDict(title="failure")

    event: Literal["failure"] = "failure"
    what: Literal["request", "row", "endpoint"] = Field(
        description="request: it is tried again. row: it was dropped or left undone. endpoint: it is away."
    )
    cause: str = Field(description="rate_limited, timeout, no_usable_answer, ...; of an endpoint what it last said.")
    where: str = Field(description="The step of a row, the address of an endpoint; empty for requests.")
    count: int = Field(description="How many so far, in this process.")


class Spend(_Event):
    """What it asked and paid so far, in this process, whenever that has changed; answers of the journal are free."""

    model_config = ConfigDict(title="spend")

    event: Literal["spend"] = "spend"
    cost: float = Field(description="US dollars.")
    unpriced: int = Field(description="Answers without a price: while above 0, `cost` is a part of the truth.")
    requests: int = Field(description="Sent, tries among them.")
    cached: int = Field(description="Answers found in the journal.")
    prompt_tokens: int
    completion_tokens: int


class End(_Event):
    """How it ended. The last line of a command."""

    model_config = ConfigDict(title="end")

    event: Literal["end"] = "end"
    exit_code: int = Field(description="0 done, 1 too many rows failed, 2 the input is wrong, 3 budget, 4 policy, ...")
    outcome: Outcome = Field(description="The exit code in a word.")
    goes_on: bool = Field(description="Whether the same command continues from here, and pays for nothing twice.")
    seconds: float = Field(description="From `start` to here.")
    reason: str = Field(description="Why it is not done, in words; empty where it is.")
    problems: tuple[dict[str, Any], ...] = Field(description="The mistakes, as `--json` has them.")
    result: dict[str, Any] = Field(
        description="What it left. run, merge-shards: folder, lock, kept, dropped; of shards folder, phase, rows. "
        "train: folder, stages. evaluate: folder, models; empty where it left nothing new."
    )


class Line(RootModel[Annotated[Start | Progress | Failure | Spend | End, Field(discriminator="event")]]):
    """A line of the file that `--events` names."""

    model_config = ConfigDict(title="A line of --events")
