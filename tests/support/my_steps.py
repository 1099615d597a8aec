"""Steps as a person writes them against distilabel alone: tests copy this file into a project."""

import random

from distilabel.mixins.runtime_parameters import RuntimeParameter
from distilabel.steps import GeneratorStep, GlobalStep, Step, StepInput, step
from distilabel.steps.tasks.base import GlobalTask, Task
from pydantic import Field


class Headline(Task):
    """A task of one's own, in distilabel's usual way."""

    words: int = Field(default=3, gt=0)

    @property
    def inputs(self):
        return ["text"]

    @property
    def outputs(self):
        return ["headline", "model_name"]

    def format_input(self, input):
        return [{"role": "user", "content": f"A headline of {self.words} words: {input['text']}"}]

    def format_output(self, output, input=None):
        return {"headline": " ".join(output.split()[: self.words])}


class Twice(Headline):
    """One that asks in a process of its own, the same question twice."""

    @property
    def outputs(self):
        return ["first", "second", "drawn"]

    def process(self, inputs: StepInput):
        for row in inputs:
            said = [self.llm.generate([self.format_input(row)])[0]["generations"][0] for _ in range(2)]
            yield [{**row, "first": said[0], "second": said[1], "drawn": random.random()}]


class OddOnly(Step):
    """Leaves rows out, and raises for one."""

    @property
    def inputs(self):
        return ["text"]

    def process(self, inputs: StepInput):
        if any("7" in row["text"] for row in inputs):
            raise RuntimeError("seven")
        yield [row for row in inputs if int(row["text"].split()[1].rstrip(".")) % 2]


class Rank(GlobalStep):
    """Sees all rows, gives them back turned round and without the last."""

    @property
    def inputs(self):
        return ["text"]

    @property
    def outputs(self):
        return ["rank"]

    def process(self, inputs: StepInput):
        for rank, row in enumerate(sorted(inputs, key=lambda r: r["text"])):
            row["rank"] = rank
        yield inputs[::-1][1:]


class Forgetful(Rank):
    def process(self, inputs: StepInput):
        yield [{"rank": 1} for _ in inputs]


class Sum(GlobalTask):
    """A question for each row, and one for all."""

    @property
    def inputs(self):
        return ["text"]

    @property
    def outputs(self):
        return ["one", "all"]

    def format_input(self, input):
        return [{"role": "user", "content": input["text"]}]

    def format_output(self, output, input=None):
        return {"one": output}

    def process(self, inputs: StepInput):
        outputs = self.llm.generate_outputs([self.format_input(row) for row in inputs])
        whole = self.llm.generate_outputs([self.format_input({"text": " ".join(row["text"] for row in inputs)})])
        for row, output in zip(inputs, outputs, strict=True):
            row.update(self.format_output(output["generations"][0]))
            row["all"] = whole[0]["generations"][0]
        yield inputs


@step(inputs=["text"], outputs=["loud"])
def Loud(inputs: StepInput, mark: RuntimeParameter[str] = "!"):
    yield [{**row, "loud": row["text"].upper() + mark} for row in inputs]


class Count(GeneratorStep):
    upto: int

    @property
    def outputs(self):
        return ["text"]

    def process(self, offset: int = 0):
        rows = [{"text": f"Say {i}."} for i in range(self.upto)]
        yield rows[offset:3], False
        yield rows[3:], True


class Ours:
    pass
