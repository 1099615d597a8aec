"""The entry point: the one place that turns errors into text and exit codes. Commands are in `lazy.py`."""

from __future__ import annotations

import errno
import json
import os
import select
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import typer
from typer.exceptions import TyperException

from bezoar_data._version import __version__
from bezoar_data.cli.asking import allowed_now
from bezoar_data.cli.lazy import LazyGroup
from bezoar_data.cli.this_machine import of_this_machine
from bezoar_data.config.errors import INPUT_WRONG, INTERNAL_ERROR, INTERRUPTED, BezoarError, InputError, ProblemsError
from bezoar_data.config.render import in_order, render_problems
from bezoar_data.config.signals import lost_terminals, say_no_more, signals_as_ctrl_c
from bezoar_data.llms.redact import redact, register_environment
from bezoar_data.runs.events import Events

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
    as_json = "--json" in arguments
    events = Events(arguments, redact)
    _open_output()
    try:
        with signals_as_ctrl_c():
            code = _ended(arguments, events, as_json)
    except KeyboardInterrupt:
        code = INTERRUPTED
    events.end(code)
    _close_output()
    sys.exit(code)


def _ended(arguments: list[str], events: Events, as_json: bool) -> int:
    """Run the command and tell its ending; its exit code."""
    try:
        code = _run(arguments, events)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except TyperException as error:
        events.because(error.format_message())
        show = getattr(error, "show", None)  # with usage, where it is one of a command's options
        with suppress(OSError):
            show() if show is not None else typer.echo(error.format_message(), err=True)
        return INPUT_WRONG
    except BezoarError as error:
        return _report(error, events, as_json=as_json)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            return 0  # `| head` has seen enough
        if isinstance(error, OSError) and error.errno == errno.EIO and lost_terminals():
            return INTERRUPTED  # its signal may come later than the first word that is lost
        if os.environ.get("BEZOAR_DEBUG"):
            raise
        problem = of_this_machine(error)
        if problem is not None:
            return _report(InputError(problem), events, as_json=as_json)
        message = f"bezoar-data: internal error: {type(error).__name__}: {error}"
        events.because(message)
        _say(redact(message))
        _say("No answer is lost: all are in the journal. Set BEZOAR_DEBUG=1 for the traceback.")
        return INTERNAL_ERROR


def _open_output() -> None:
    """A process may be started without either (`>&-`): the first file opened would take its place."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115


def _close_output() -> None:
    """Leave nothing to be said that would fail as Python ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                say_no_more(stream.fileno())


def _reader_is_gone() -> bool:
    """Whether what we say goes to a pipe that nobody reads any more; not a broken connection to somewhere else."""
    said = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            said.register(stream.fileno(), 0)
    return any(event & select.POLLERR for _, event in said.poll(0))


def _run(arguments: list[str], events: Events) -> object:
    try:
        return app(arguments, standalone_mode=False, obj=events)
    except InputError as error:
        if not allowed_now(error.problems):
            raise
        return _run(arguments, events)
    except typer.Abort as error:
        # typer takes any EOFError for the end of what a person types; those of libraries are of files cut short.
        if isinstance(error.__cause__, EOFError):
            raise error.__cause__ from None
        raise
    except SystemExit as error:
        # and any broken pipe for the end of who reads what we say.
        if isinstance(error.__context__, BrokenPipeError):
            raise error.__context__ from None
        raise


def _report(error: BezoarError, events: Events, *, as_json: bool) -> int:
    """Show an error; its exit code."""
    problems = error.problems if isinstance(error, ProblemsError) else ()
    events.failed(error)
    if as_json:
        value = {
            "ok": False,
            "exit_code": error.exit_code,
            "error": str(error),
            "problems": [p.as_json() for p in in_order(problems)],
        }
        try:
            typer.echo(redact(json.dumps(value, ensure_ascii=False)))
            return error.exit_code
        except OSError:
            pass  # it cannot be said there: perhaps this is the error
    _say(redact(render_problems(problems) if problems else f"bezoar-data: {error}"))
    return error.exit_code


def _say(text: str) -> None:
    """On standard error; where that can no longer be written, the exit code has to do."""
    with suppress(OSError):
        typer.echo(text, err=True)


if __name__ == "__main__":
    main()
