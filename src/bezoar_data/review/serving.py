"""`review serve`: start, create the users, tell how to sign in, wait, stop."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from bezoar_data.config.errors import TOO_MANY_FAILED, InputError
from bezoar_data.config.problems import Problem
from bezoar_data.review.client import Argilla
from bezoar_data.review.data_dir import OWNER, WORKSPACE, Home, default_cache, default_home
from bezoar_data.review.environment import environment
from bezoar_data.review.server import Server, running

Tell = Callable[[str], None]


def serve(annotators: Sequence[str], port: int, open_page: bool, progress: Tell, tell: Tell) -> int:
    """Run until told to stop by Ctrl-C or a signal; the exit code. Raises `InputError`."""
    if wrong := [name for name in annotators if not name.strip() or name == OWNER]:
        raise InputError(Problem("bad-annotator", f"'{wrong[0]}' is no name for an annotator"))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _as_ctrl_c)
    home = Home(default_home())
    ended = ""
    try:
        env = environment(default_cache(), progress)
        progress("starting Argilla: 10 to 20 seconds")
        with running(home, env, port) as server:
            tell(welcome(server, create_users(server, annotators)))
            if open_page:
                import webbrowser

                if not webbrowser.open(server.url):
                    progress(f"no browser could be opened from here: go to {server.url}")
            ended = server.wait()
    except KeyboardInterrupt:
        progress(f"stopped; all answers are in {home.path}")
        return 0
    progress(f"the review server's {ended} has ended by itself, so all was stopped; see {home.log}")
    progress("all answers are kept: start it again")
    return TOO_MANY_FAILED


def create_users(server: Server, annotators: Sequence[str]) -> dict[str, Any]:
    """The workspace and those who review; the secrets with their passwords."""
    known = server.home.read_secrets()
    argilla = Argilla(server.url, known["owner"]["api_key"])
    workspace = argilla.workspace(WORKSPACE, create=True)
    assert workspace is not None  # noqa: S101 (just created)
    for name in annotators:
        # Written down first: killed in between, the password of someone who exists would be known to nobody.
        password = known["annotators"].setdefault(name, secrets.token_urlsafe(12))
        server.home.write_secrets(known)
        argilla.annotator(workspace, name, password)
    return known


def welcome(server: Server, known: dict[str, Any]) -> str:
    signs = [(known["owner"]["username"], known["owner"]["password"]), *known["annotators"].items()]
    width = max(len(name) for name, _ in signs)
    return "\n".join(
        [
            f"Argilla is at {server.url}",
            "Sign in as:",
            *(f"  {name:{width}}  {password}" for name, password in signs),
            f"Answers and sign-ins are kept in {server.home.path}. Ctrl-C stops it; nothing is lost.",
        ]
    )


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
