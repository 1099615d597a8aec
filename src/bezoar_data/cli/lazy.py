"""Commands by name, in the order of work: a command's module is imported when the command is called, so that `--help`
answers at once."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typer.main import get_group

GROUPS = {
    "Start": {
        "init": ("init:init", "Start a project that runs offline."),
        "pipelines": ("shipped:pipelines", "List, show and copy the shipped pipelines."),
        "recipes": ("shipped:recipes", "List, show and copy the shipped recipes."),
        "suites": ("shipped:suites", "List, show and copy the shipped suites."),
        "ablations": ("shipped:ablations", "List, show and copy the shipped ablations."),
        "steps": ("steps:app", "List the steps and show how each is used."),
        "models": ("models:app", "List models, and ask each a small question."),
        "schema": ("schema:schema", "Write the JSON schemas for your editor."),
        "context": ("context:context", "Print what a coding agent needs to know."),
    },
    "Make": {
        "validate": ("validate:validate", "Check your files; run and send nothing."),
        "plan": ("plan:plan", "Show what a run would ask, cost and write."),
        "preview": ("preview:preview", "Take a few rows through the whole pipeline."),
        "run": ("run:run", "Make and judge rows; write data and card."),
        "merge-shards": ("merge_shards:merge_shards", "Merge a run's shards: data or next phase."),
        "undo": ("undo:undo", "Bring back the dataset that was replaced."),
    },
    "Look": {
        "view": ("report:view", "Open the page of a run or a training."),
        "report": ("report:report", "Rewrite the page of a run or training."),
        "status": ("status:status", "Show a run's rows, rates, requests, cost."),
        "head": ("look:head", "Show the first rows, kept or dropped."),
        "sample": ("look:sample", "Show rows of a run drawn evenly."),
        "show": ("look:show", "Show rows whole, by number or id."),
        "trace": ("trace:trace", "Show all that happened to a row."),
        "diff": ("diff:diff", "Show how two runs differ."),
        "expect": ("expect:expect", "Hold a dataset to what you expect of it."),
        "card": ("card:app", "Show a dataset's card and check its claims."),
        "review": ("review:app", "Let people review a sample of the rows."),
        "judge": ("judge:app", "Measure judges against people, each other."),
        "journal": ("journal:app", "Count, export, compact and redact answers."),
    },
    "Use and share": {
        "export": ("export:export", "Write a run's rows in a trainer's format."),
        "train": ("train:train", "Train from a recipe and the cards it names."),
        "chat": ("chat:chat", "Talk to a trained model, or to any other."),
        "generate": ("chat:generate", "Answer a file of prompts with a model."),
        "evaluate": ("evaluate:evaluate", "Test models on a suite of tasks."),
        "compare": ("compare:compare", "Compare two evaluations item by item."),
        "people": ("people:app", "Let people compare two models, blind."),
        "ablate": ("ablate:ablate", "Find out what each step is worth."),
        "publish": ("publish:publish", "Publish a dataset or a model to the Hub."),
        "pull": ("publish:pull", "Fetch a published dataset and check it."),
    },
}
"""Name → (module of this folder:function or group of commands, one line of help), in groups."""
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}


class Group(TyperGroup):
    """Commands with their lines of help whole, and all of them for a name that none has."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except TyperException as error:
            if args[0] not in self.commands:
                error.message += f"\n\n{self.listed()}"
            raise

    def listed(self) -> str:
        """The names of all commands, for a person who mistook one."""
        return f"Commands: {', '.join(self.commands)}"

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        lines = [(name, _first_sentence(command.help or "")) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(lines)


class LazyGroup(Group):
    """The group of `COMMANDS`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # names alone; see `get_command`

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        found = getattr(import_module(f"{__package__}.{module}"), attribute)
        app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=cmd_name, cls=Group)
        else:
            app.command(cmd_name)(found)
        return get_group(app).commands[cmd_name]

    def listed(self) -> str:
        width = max(map(len, GROUPS))
        return "\n".join(f"{title:<{width}}  {', '.join(group)}" for title, group in GROUPS.items())

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, COMMANDS))
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", line) for name, (_, line) in group.items()])


def _first_sentence(text: str) -> str:
    line = text.strip().partition("\n\n")[0].replace("\n", " ")
    return line.partition(". ")[0].rstrip(".") + "." if line else ""
