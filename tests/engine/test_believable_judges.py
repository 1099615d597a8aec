"""Judges that only seem to judge, over a real server: what they say is refused, or told on terminal and card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.engine.judge_stats import Judge, Judging
from bezoar_data.runs.row import Drop, Lineage, Row
from bezoar_data.steps.judges.rubric import Rubric, load_rubric
from support.command import bezoar
from support.projects import Project
from support.quirk_server import QuirkServer
from support.quirks.base import chat

ROWS = 12
SHOWN = load_rubric("answer-quality", Rubric).examples[0].reason
JUDGED = """\
  - use: load_flan
    with: {path: rows.jsonl}
  - use: judge.accept
    with: {model: judge, response: targets, system: "", reference: ""}
"""


def verdict(reason: str, rating: int = 5) -> str:
    return json.dumps({"reason": reason, "rating": rating, "status": "Accept" if rating > 2 else "Reject"})


def judging(project: Project, quirks: QuirkServer, answer: Any, more: str = "") -> Any:
    """A run of twelve rows whose judge answers (last message, whole conversation) as `answer` says."""
    project.rows(ROWS)

    def quirk(body: dict[str, Any], _count: int) -> dict[str, Any]:
        return chat(answer(body["messages"][-1]["content"], body["messages"]))

    quirks.quirks["scripted"] = quirk
    quirks.forget()
    project.models(quirks.url("scripted"))
    project.pipeline(JUDGED + more, tolerate=1.0)
    return project.run()


def number_in(talk: list[dict[str, str]]) -> int:
    """The row that a conversation is about."""
    return int(talk[1]["content"].split("the number ")[1].split("?")[0])


def lock(project: Project, run: str = "test") -> dict[str, Any]:
    return json.loads((project.folder / "runs" / run / "dataset" / "lock.json").read_text())


def without_two_words(last: str, _talk: Any) -> str:
    words = SHOWN.split()
    at = len(last) % (len(words) - 2)  # others for each row
    return verdict(" ".join(words[:at] + words[at + 2 :]))


def with_two_words_changed(last: str, _talk: Any) -> str:
    words = SHOWN.split()
    words[len(last) % len(words)], words[-1] = "pencil", "barn"
    return verdict(" ".join(words))


def repeating_the_correction(_last: str, talk: list[dict[str, str]]) -> str:
    if len(talk) < 4:
        return '{"reason": "It is '
    return verdict(f"The JSON object is broken and cannot be used ({len(talk)}).", 1)


@pytest.mark.parametrize(
    "answer",
    [lambda *_: verdict(SHOWN), without_two_words, with_two_words_changed, repeating_the_correction],
    ids=["example", "two-missing", "two-changed", "correction"],
)
def test_a_judge_that_repeats_what_it_was_shown_judges_nothing(
    project: Project, quirks: QuirkServer, answer: Any
) -> None:
    done = judging(project, quirks, answer)
    assert done.code == 0, done.err
    (judge,) = lock(project)["judges"]
    assert (judge["accepted"], judge["rejected"], judge["unjudged"]) == (0, 0, {"parroted_verdict": ROWS})
    assert {row["judge_status"] for row in project.kept()} == {None}
    assert quirks.asked("scripted") <= 3 * ROWS


def test_one_sentence_for_all_rows_is_told_on_terminal_and_card(project: Project, quirks: QuirkServer) -> None:
    done = judging(project, quirks, lambda *_: verdict("Well said by all accounts.", 4))
    assert done.code == 0, done.err
    assert "judged by judge (tester): 12 accepted" in done.out
    assert "judge gives one reason in 12 of 12 verdicts, “Well said by all accounts.”" in done.out
    assert "judge gives rating 4 in 12 of 12 verdicts" in done.out
    card = (project.folder / "runs/test/dataset/README.md").read_text()
    assert "**12 of 12 verdicts give the same reason**, “Well said by all accounts.” (1 different ones in all)" in card
    assert "12 of 12 verdicts give rating 4." in card
    assert quirks.asked("scripted") == ROWS
    sent = quirks.bodies["scripted"]["response_format"]["json_schema"]["schema"]
    assert sent["properties"]["reason"] == {"type": "string", "maxLength": 600}
    assert project.bezoar("card", "check", "runs/test").code == 0


def test_a_judge_with_reasons_of_its_own_is_not_told_off(project: Project, quirks: QuirkServer) -> None:
    def own(_last: str, talk: Any) -> str:
        number = number_in(talk)
        return verdict(f"{number} is spoken of, and nothing else.", 1 + number % 4)

    done = judging(project, quirks, own)
    (judge,) = lock(project)["judges"]
    assert judge["alike"] == {
        "verdicts": 12, "reasons": 12, "commonest_reason": 1, "reason": None, "commonest_rating": 3, "rating": None,
    }  # fmt: skip
    assert "verdicts" not in done.out


def test_verdicts_are_counted_where_the_judge_stands(project: Project, quirks: QuirkServer) -> None:
    def picky(_last: str, talk: Any) -> str:
        number = number_in(talk)
        if number == 7:
            return "no verdict"
        return verdict(f"{number} is spoken of, and nothing else.", 4 if number % 3 else 2)

    where = "  - {use: where, with: {expression: 'judge_status == \"Accept\"'}}\n"
    done = judging(project, quirks, picky, where)
    assert done.code == 0, done.err
    found = lock(project)
    (judge,) = found["judges"]
    assert (judge["accepted"], judge["rejected"], judge["unjudged"]) == (7, 4, {"unparsable_verdict": 1})
    assert found["counts"]["kept"] == 7
    card = (project.folder / "runs/test/dataset/README.md").read_text()
    assert "It accepted 7 and rejected 4 of 11 rows" in card
    assert "Counted where the judge stands" in card
    assert "Rejected rows" not in card
    assert project.bezoar("card", "check", "runs/test").code == 0
    first = project.files()
    assert project.run().code == 0
    assert project.files() == first, "the same rows, the same counts"
    assert quirks.asked("scripted") == ROWS + 1, "the unclear one was asked again once: it said the same"


def test_a_verdict_that_made_rows_inherit_is_counted_once() -> None:
    def row(place: int, name: str, *parents: str, drop: str = "", failure: str = "", **columns: Any) -> Row:
        mark = Drop("later", drop) if drop else None
        failures = (Drop("j", failure, failed=True),) if failure else ()
        lineage = Lineage(name, (place,), parent_ids=parents, drop=mark, soft_failures=failures)
        return Row(columns, lineage)

    said = {"judge_status": "Accept", "judge_rating": "4", "judge_reason": "It is so."}
    judging = Judging([Judge("judge", "j", "accept")])
    judging.all_judged(
        [
            row(0, "seed", inputs="?"),
            row(1, "kept", "seed", **said),
            row(2, "of-a-kept-one", "kept", **said),
            row(3, "taken", "seed", drop="taken_in", **said),
            row(4, "failed", "seed", drop="taken_in", failure="http_400", **dict.fromkeys(said)),
            row(6, "made-again", "made", **said),
            row(5, "made", "taken", "failed", **said),
        ]
    )
    (told,) = judging.judges()
    assert (told["accepted"], told["ratings"], told["unjudged"]) == (3, {"4": 3}, {"http_400": 1})


@pytest.mark.parametrize(
    ("name", "model", "warned"),
    [
        ("gpt4", "gpt-4o-mini", False),
        ("gpt4", "gpt-4-0613", False),
        ("gpt4", "SmolLM2-135M", True),
        ("gpt4_strict", "gpt-3.5-turbo", True),
        ("falcon", "tiiuae/falcon-7b-instruct", False),
        ("llama3", "meta-llama/Llama-2-7b", True),
        ("claude", "qwen", True),
        ("judge", "anything", False),
        ("commander", "anything", False),
    ],
)
def test_a_judge_called_after_a_model_that_it_is_not_is_warned_of(
    project: Project, name: str, model: str, warned: bool
) -> None:
    project.rows(1)
    project.models("http://127.0.0.1:9/v1", model=model)
    project.pipeline(JUDGED.replace("model: judge,", f"model: judge, as: {name},"))
    done = project.bezoar("validate", "pipeline.yaml")
    assert done.code == 0
    assert ("the judge is called" in done.err) == warned


def test_one_flag_makes_the_shipped_orca_a_gpt_4_judge(
    tmp_path: Path, quirks: QuirkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    quirks.quirks["gpt"] = lambda body, _count: chat(verdict(f"Said of {body['messages'][-1]['content'][40:90]!r}."))
    monkeypatch.setenv("OPENAI_API_KEY", "planted-0123456789")
    shipped = Path(__file__).parents[2] / "pipelines"
    flag = f"openai:gpt-4o@{quirks.url('gpt')}"
    more = ("--models", shipped / "models" / "offline.yaml", "--limit", "3", "--out", "run")
    done = bezoar("run", shipped / "orca.yaml", "--judge", flag, *more, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "judged by judge (gpt-4o): 3 accepted" in done.out
    assert "no model judged" not in done.out
    assert quirks.bodies["gpt"]["model"] == "gpt-4o"
