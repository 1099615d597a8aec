"""What `--help` shows, and that the command line starts as a process."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from bezoar_data.cli.lazy import COMMANDS, GROUPS, LazyGroup
from support.command import bezoar, bezoar_process

LINES = [name for name, (place, _) in COMMANDS.items() if place.endswith(("app", "pipelines", "recipes", "suites"))]


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with what it is called by, those of groups too."""
    group = LazyGroup(name="bezoar-data")
    for name in COMMANDS:
        found = group.get_command(None, name)
        inner = getattr(found, "commands", None)
        yield from [(name, found)] if inner is None else [(f"{name} {one}", c) for one, c in inner.items()]


ALL = dict(commands())


def test_the_command_line_starts_as_a_process():
    done = bezoar_process("--version")
    assert done.code == 0
    assert re.fullmatch(r"bezoar-data \d+\.\d+\S*\n", done.out)


def test_a_version_is_told_before_a_library_is_imported():
    check = (
        "import sys\nfrom bezoar_data.cli.main import main\n"
        "try:\n    main(['--version'])\nexcept SystemExit:\n    print('pydantic' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == ["False"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_loaded_by_its_name_and_explains_itself(command: str):
    done = bezoar(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert f" {command} [OPTIONS]" in done.out


def test_the_commands_stand_in_groups_in_the_order_of_work():
    text = bezoar("--help").out
    places = [text.index(f"\n{title}:\n") for title in ("Start", "Make", "Look", "Use and share")]
    assert places == sorted(places)
    assert [*GROUPS] == ["Start", "Make", "Look", "Use and share"]
    for name, (_, line) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", text, re.MULTILINE), name


@pytest.mark.parametrize("group", [None, *LINES])
def test_each_command_has_one_whole_line_of_help(group: str | None):
    text = bezoar(*([group] if group else []), "--help").out
    listed = [line for line in text.partition("\n\nOptions:")[2].splitlines() if re.match(r"  [a-z][\w-]*  +\S", line)]
    assert len(listed) == (len(COMMANDS) if group is None else sum(name.startswith(f"{group} ") for name in ALL))
    for line in listed:
        assert line.endswith("."), line
        assert not line.endswith("..."), line
        assert len(line) < 60, line


@pytest.mark.parametrize("command", ALL)
def test_each_command_shows_examples_that_it_takes(command: str):
    text = ALL[command].help or ""
    examples = [m[1] for m in re.finditer(rf"bezoar-data {command}((?: [^\n;`]*)?)(?=[\n;]|$)", text)]
    examples = [e for e in examples if not re.search(r"[a-z]{2,}: ", e)]
    assert examples, text
    for example in examples:
        words = shlex.split(example.split("   #")[0].split(" > ")[0].rstrip("."), comments=True)
        with ALL[command].make_context(command, words, resilient_parsing=True) as context:
            assert not context.args, example
        for option in (word.partition("=")[0] for word in words if word.startswith("-")):
            assert option in {name for p in ALL[command].params for name in (*p.opts, *p.secondary_opts)}, example


@pytest.mark.parametrize(
    ("mistyped", "meant", "among"),
    [
        (["jornal"], "journal", "Make           validate, plan, preview, run, merge-shards, undo\n"),
        (["journal", "sats"], "stats", "Commands: stats, export, import, prune, compact, redact\n"),
    ],
)
def test_a_mistyped_command_is_answered_with_the_nearest_and_with_all(mistyped: list[str], meant: str, among: str):
    done = bezoar(*mistyped)
    assert done.code == 2
    assert f"Did you mean '{meant}'?" in done.err
    assert among in done.err
