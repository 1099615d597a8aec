"""What `--help` shows, and that the command line starts as a process."""

from __future__ import annotations

import re

import pytest

from bezoar_data.cli.lazy import COMMANDS
from support.command import bezoar, bezoar_process

GROUPS = [name for name, (place, _) in COMMANDS.items() if place.endswith(("app", "pipelines", "recipes"))]


def test_the_command_line_starts_as_a_process():
    done = bezoar_process("--version")
    assert done.code == 0
    assert re.fullmatch(r"bezoar-data \d+\.\d+\S*\n", done.out)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_loaded_by_its_name_and_explains_itself(command: str):
    done = bezoar(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert f" {command} [OPTIONS]" in done.out


@pytest.mark.parametrize("group", [None, *GROUPS])
def test_each_command_has_one_whole_line_of_help(group: str | None):
    text = bezoar(*([group] if group else []), "--help").out
    listed = text.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert listed
    for line in listed:
        assert re.match(r"  \S+  +\S", line), line
        assert not line.endswith("..."), line
        assert len(line) <= 80


def test_a_mistyped_command_is_answered_with_the_nearest():
    done = bezoar("jornal")
    assert done.code == 2
    assert "Did you mean 'journal'?" in done.err
