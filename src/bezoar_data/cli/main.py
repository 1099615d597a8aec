"""The entry point: gathers the groups of commands, and is the one place that turns errors into text and exit codes.

Nothing heavy is imported here or at the top of a command's file, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from bezoar_data._version import __version__
from bezoar_data.cli import (
    card,
    export,
    init,
    journal,
    judge,
    plan,
    preview,
    publish,
    review,
    run,
    schema,
    shipped,
    status,
    steps,
    train,
    validate,
)
from bezoar_data.config.errors import INPUT_WRONG, INTERRUPTED, BezoarError, InputError, ProblemsError
from bezoar_data.config.problems import Place, Problem

app = typer.Typer(
    name="bezoar-data",
    help="Make instruction and preference data with a card that proves where every row came from.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Start with: bezoar-data init my-data",
)
app.command("export")(export.export)
app.command("init")(init.init)
app.command("plan")(plan.plan)
app.command("preview")(preview.preview)
app.command("publish")(publish.publish)
app.command("pull")(publish.pull)
app.command("run")(run.run)
app.command("schema")(schema.schema)
app.command("status")(status.status)
app.command("train")(train.train)
app.command("validate")(validate.validate)
app.add_typer(shipped.group("pipelines"), name="pipelines")
app.add_typer(shipped.group("recipes"), name="recipes")
app.add_typer(card.app, name="card")
app.add_typer(steps.app, name="steps")
app.add_typer(journal.app, name="journal")
app.add_typer(judge.app, name="judge")
app.add_typer(review.app, name="review")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bezoar-data {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit. A user's mistake ends in one message and its exit code, never in a traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # distilabel and what it uses warn of their own code; nobody here can act on it.
    warnings.simplefilter("default" if os.environ.get("BEZOAR_DEBUG") else "ignore")
    try:
        code = app(arguments, standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except TyperException as error:
        show = getattr(error, "show", None)  # with usage, where it is one of a command's options
        show() if show is not None else typer.echo(error.format_message(), err=True)
        code = INPUT_WRONG
    except BezoarError as error:
        code = _tell(error, as_json="--json" in arguments)
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if os.environ.get("BEZOAR_DEBUG"):
            raise
        if isinstance(error, OSError) and error.filename is not None:
            code = _tell(_unusable(error), as_json="--json" in arguments)
        else:
            code = _tell_fault(error)
    sys.exit(code if isinstance(code, int) else 0)


def _tell(error: BezoarError, *, as_json: bool) -> int:
    from bezoar_data.config.render import in_order, render_problems
    from bezoar_data.llms.redact import redact

    problems = error.problems if isinstance(error, ProblemsError) else ()
    if as_json:
        value = {
            "ok": False,
            "exit_code": error.exit_code,
            "error": str(error),
            "problems": [p.as_json() for p in in_order(problems)],
        }
        typer.echo(redact(json.dumps(value, ensure_ascii=False)))
    elif problems:
        typer.echo(redact(render_problems(problems)), err=True)
    else:
        typer.echo(redact(f"bezoar-data: {error}"), err=True)
    return error.exit_code


def _unusable(error: OSError) -> InputError:
    """A file or folder that may not be read or written, wherever that was noticed."""
    return InputError(Problem("unusable-file", f"cannot be used: {error.strerror}", Place(str(error.filename))))


def _tell_fault(error: Exception) -> int:
    from bezoar_data.llms.redact import redact

    typer.echo(
        redact(f"bezoar-data: a fault of ours: {type(error).__name__}: {error}\n")
        + "Nothing paid for is lost: answers are in the journal. Set BEZOAR_DEBUG=1 to see where it happened.",
        err=True,
    )
    return 70


if __name__ == "__main__":
    main()
