"""Commands by name: a command's module is imported when the command is called, so that `--help` answers at once."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

COMMANDS = {
    "init": ("init:init", "Start a project that runs offline."),
    "validate": ("validate:validate", "Check pipelines, models, recipes, suites, ablations, cards."),
    "plan": ("plan:plan", "Show what a run would ask, cost and write. Sends nothing."),
    "preview": ("preview:preview", "Take a few rows through the whole pipeline and show each step."),
    "run": ("run:run", "Run a pipeline: make rows, judge them, write dataset and card."),
    "view": ("report:view", "Open the page of a run: its rows, their stories, pictures."),
    "report": ("report:report", "Write the page of a run anew: one file, opens offline."),
    "status": ("status:status", "Show the state of a run: rows, rates, requests, cost."),
    "undo": ("undo:undo", "Bring back the dataset that a run or pull replaced."),
    "head": ("look:head", "Show the first rows of a run, kept or dropped."),
    "sample": ("look:sample", "Show rows of a run drawn evenly."),
    "show": ("look:show", "Show rows of a run whole, by number or id."),
    "trace": ("trace:trace", "Tell all that happened to a row: prompts, answers, verdicts."),
    "diff": ("diff:diff", "Tell how two runs differ: settings, prompts, counts, rows."),
    "export": ("export:export", "Write a run's rows as Alpaca, ShareGPT, messages or JSON Lines."),
    "publish": ("publish:publish", "Publish a dataset or a trained model to the Hub."),
    "pull": ("publish:pull", "Fetch a published dataset and check it against card and lock."),
    "train": ("train:train", "Train from a recipe, each stage on the card it names."),
    "chat": ("chat:chat", "Talk to a trained stage, its base, or any model here."),
    "generate": ("chat:generate", "Answer a file of prompts with a stage or any model."),
    "evaluate": ("evaluate:evaluate", "Test models on a suite of the LM Evaluation Harness."),
    "compare": ("compare:compare", "Compare two evaluations item by item: better, worse, tied."),
    "people": ("people:app", "Let people compare two models, blind, in Argilla."),
    "ablate": ("ablate:ablate", "Find out what each step is worth: leave out, train, evaluate."),
    "card": ("card:app", "Show a dataset's card; check its claims against rows and lock."),
    "judge": ("judge:app", "Measure judges against people, each other and themselves."),
    "review": ("review:app", "Let people review a sample of the rows, in Argilla."),
    "journal": ("journal:app", "Count, export, import, prune and redact the journal of answers."),
    "models": ("models:app", "List models, and ask each one small question."),
    "steps": ("steps:app", "List the steps and show how each is used."),
    "pipelines": ("shipped:pipelines", "List, show and copy the pipelines that come with bezoar-data."),
    "recipes": ("shipped:recipes", "List, show and copy the recipes that come with bezoar-data."),
    "suites": ("shipped:suites", "List, show and copy the suites that come with bezoar-data."),
    "ablations": ("shipped:ablations", "List, show and copy the ablations that come with bezoar-data."),
    "schema": ("schema:schema", "Write the JSON schemas with which editors check your files."),
}
"""Name → (module of this folder:function or group of commands, one line of help)."""


class LazyGroup(TyperGroup):
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
            app.add_typer(found, name=cmd_name)
        else:
            app.command(cmd_name)(found)
        return get_group(app).commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])
