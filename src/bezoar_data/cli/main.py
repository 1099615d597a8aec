"""The entry point: the one place that turns errors into text and exit codes. Commands are in `lazy.py`."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from bezoar_data._version import __version__
from bezoar_data.cli.asking import allowed_now
from bezoar_data.cli.lazy import LazyGroup
from bezoar_data.config.errors import INPUT_WRONG, INTERRUPTED, BezoarError, InputError, ProblemsError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.render import in_order, render_problems
from bezoar_data.llms.redact import redact, register_environment

INTERNAL_ERROR = 70

app = typer.Typer(
    cls=LazyGroup,
    name="bezoar-data",
    help="Make instruction and preference data with a card that proves where every row came from.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Start with: bezoar-data init my-data",
)


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
    # distilabel and its dependencies warn of their own code; a user cannot act on it.
    warnings.simplefilter("default" if os.environ.get("BEZOAR_DEBUG") else "ignore")
    register_environment()
    try:
        code = _run(arguments, ask=True)
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except TyperException as error:
        show = getattr(error, "show", None)  # with usage, where it is one of a command's options
        show() if show is not None else typer.echo(error.format_message(), err=True)
        code = INPUT_WRONG
    except BezoarError as error:
        code = _report(error, as_json="--json" in arguments)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if os.environ.get("BEZOAR_DEBUG"):
            raise
        if isinstance(error, OSError) and error.filename is not None:
            # A file or folder that may not be read or written, wherever that was noticed.
            problem = Problem("unusable-file", f"cannot be used: {error.strerror}", Place(str(error.filename)))
            code = _report(InputError(problem), as_json="--json" in arguments)
        else:
            message = f"bezoar-data: internal error: {type(error).__name__}: {error}"
            typer.echo(redact(message), err=True)
            typer.echo("No answer is lost: all are in the journal. Set BEZOAR_DEBUG=1 for the traceback.", err=True)
            code = INTERNAL_ERROR
    sys.exit(code if isinstance(code, int) else 0)


def _run(arguments: list[str], *, ask: bool = False) -> object:
    try:
        return app(arguments, standalone_mode=False)
    except InputError as error:
        if not ask or not allowed_now(error.problems):
            raise
        return _run(arguments, ask=True)
    except typer.Abort as error:
        # typer takes any EOFError for the end of what a person types; those of libraries are of files cut short.
        if isinstance(error.__cause__, EOFError):
            raise error.__cause__ from None
        raise


def _report(error: BezoarError, *, as_json: bool) -> int:
    """Show an error; its exit code."""
    problems = error.problems if isinstance(error, ProblemsError) else ()
    if as_json:
        value = {
            "ok": False,
            "exit_code": error.exit_code,
            "error": str(error),
            "problems": [p.as_json() for p in in_order(problems)],
        }
        typer.echo(redact(json.dumps(value, ensure_ascii=False)))
    else:
        typer.echo(redact(render_problems(problems) if problems else f"bezoar-data: {error}"), err=True)
    return error.exit_code


if __name__ == "__main__":
    main()
