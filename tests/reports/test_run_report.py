"""What a person reads of a run whose endpoint says no: on the command line, with a real server."""

from __future__ import annotations

import json

from support.projects import STEPS, Project
from support.quirk_server import QuirkServer


def test_each_reason_stands_with_the_words_of_the_server(project: Project, quirks: QuirkServer) -> None:
    project.rows(8, {3: "Mind the ferry."})
    project.pipeline(STEPS, tolerate=0.5)
    project.models(quirks.url("azure_filter_one"))
    done = project.run()
    assert done.code == 0, done.err
    said = "1 content_filter: The response was filtered due to the prompt triggering Azure OpenAI's content"
    assert f"dropped by orca-explain: {said}" in done.out
    assert [row["reason"] for row in project.dropped()] == ["content_filter"]


def test_what_is_asked_otherwise_is_said_once_and_written_into_each_answer(
    project: Project, quirks: QuirkServer
) -> None:
    project.rows(8)
    project.pipeline(STEPS)
    project.models(quirks.url("no_temperature"), sampling={"temperature": 0.7})
    done = project.run()
    assert done.code == 0, done.err
    assert done.err.count("asked otherwise from now on") == 1
    assert "supports: {temperature: false}" in done.err
    exported = project.bezoar("journal", "export").out.splitlines()
    assert [json.loads(line)["extra"] for line in exported] == [{"sent_without": ["temperature"]}] * 8
    (project.folder / "answers.jsonl").write_text("\n".join(exported))
    models = project.folder / "models.yaml"
    models.write_text(f"{models.read_text()}answers: [answers.jsonl]\n")
    again = project.run("--out", "elsewhere/again", "--journal", "elsewhere/journal.sqlite")
    assert again.code == 0, again.err
    assert project.files("../elsewhere/again") == project.files(), "the recorded answers say so too"
    card = (project.folder / "runs" / "test" / "dataset" / "README.md").read_text()
    assert "temperature `0.7`; not sent, as its endpoint does not take it: `temperature`" in card


def test_a_wrong_parameter_ends_the_run_with_the_servers_words_and_is_mended_in_the_file(
    project: Project, quirks: QuirkServer
) -> None:
    project.rows(40)
    project.pipeline(STEPS)
    project.models(quirks.url("fastapi_422"))
    done = project.run()
    assert done.code == 2
    assert "Extra inputs are not permitted" in done.err
    assert quirks.asked("fastapi_422") <= 32 + 4, "those on their way, and few that took the places of the first"
    project.models(quirks.url("good"))
    assert project.run().code == 0
    assert len(project.kept()) == 40
