"""`lamini.respond`, and the file of prompts that both LaMini steps read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from distilabel.pipeline import Pipeline

from bezoar_data.config.errors import InputError
from bezoar_data.steps.base import Dropped, Kept
from bezoar_data.steps.lamini.prompts import SHIPPED, load_prompts
from bezoar_data.steps.lamini.respond import LaminiRespond
from support.drive import answer, drive, row
from support.scripted_llm import ScriptedLLM


def make(**settings: Any) -> LaminiRespond:
    with Pipeline(name="test"):
        return LaminiRespond(name="respond", llm=ScriptedLLM(answer=lambda messages: "x"), **settings)


def test_the_instruction_is_answered_under_a_message_that_asks_for_concise_answers():
    driven = drive(make(), row(instruction="Name a river.", source="example_guided"), [" The Po.\n"])
    assert driven.verdict == Kept({"instruction": "Name a river.", "source": "example_guided", "response": "The Po."})
    (ask,) = driven.asks
    assert [m["role"] for m in ask.messages] == ["system", "user"]
    assert "concise" in ask.messages[0]["content"]
    assert ask.messages[1]["content"] == "Name a river."


def test_the_system_message_can_be_ones_own_or_none():
    assert drive(make(system="One word."), row(instruction="Hi"), ["x"]).asks[0].messages[0]["content"] == "One word."
    assert [m["role"] for m in drive(make(system=""), row(instruction="Hi"), ["x"]).asks[0].messages] == ["user"]


def test_an_unusable_response_is_asked_for_again_and_then_dropped_with_its_reason():
    driven = drive(make(), row(instruction="Hi"), ["", answer("half", "length"), "whole"])
    assert [ask.attempt for ask in driven.asks] == [0, 1, 2]
    assert isinstance(driven.verdict, Kept)
    cut = answer("half an ans", "length")
    dropped = drive(make(retries=1), row(instruction="Hi"), [cut, cut]).verdict
    assert dropped == Dropped("truncated", "asked 2 times", raw="half an ans", failed=True)
    assert isinstance(drive(make(keep_truncated=True), row(instruction="Hi"), [cut]).verdict, Kept)


def test_an_empty_instruction_is_dropped_without_asking():
    driven = drive(make(), row(instruction=" "))
    assert isinstance(driven.verdict, Dropped)
    assert driven.verdict.reason == "empty_instruction"
    assert not driven.asks


def test_a_request_shows_all_examples_in_tags_and_all_topics_in_one_quoted_list():
    prompts = load_prompts(None)
    said = prompts.ask_for_instructions(["A {{ b }}?", "<b>c</b>."], ["Jazz", "Cold War"], 7)
    assert "<example>A {{ b }}?</example>" in said
    assert "<example><b>c</b>.</example>" in said
    assert '"Jazz, Cold War"' in said
    assert "7 new ones" in said
    assert "Jazz" not in prompts.ask_for_instructions(["a", "b"], [], 7)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{{ count }}", "{{ cuont }}", "cuont"),
        ('{{ topics | join(", ") }}', "some topics", "leaves out its topics"),
        ("<example>", "<request>", "does not ask for <example> tags"),
        ("{% endfor %}", "", "cannot be filled in"),
        ("{{ count }}", "{{ examples.append(1) }}", "cannot be filled in"),
        ("version: 1", "version: 2", ""),
    ],
)
def test_a_bad_prompts_file_is_told_before_anyone_is_asked(tmp_path: Path, old: str, new: str, message: str):
    file = tmp_path / "prompts.yaml"
    text = SHIPPED.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(InputError) as error:
        load_prompts(str(file))
    assert any(message in p.message for p in error.value.problems), error.value
    assert all(p.place and p.place.line for p in error.value.problems)
