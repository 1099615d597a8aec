"""The whole way: two people review in the real pages, in a real browser, and what they clicked reaches the dataset, the
card and the gate. The server is killed in between. Before that, they compare two models on it, blind."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bezoar_data.evaluation.mt_bench.record import write_rows
from bezoar_data.measures.words import is_blank
from support.browser import Browser, browser, missing
from support.fault_server import FaultServer
from support.hub_server import TOKEN, hub_server
from support.projects import Project
from support.review_server import ReviewServer
from support.shown_texts import NASTY
from support.tiny_model import save_tiny_model
from support.two_models import CODE, FIRST, FOLDER, IMAGE, SECOND, people, say, two_models

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

RUN = "runs/test"
SPY = """
if (!window.posted) {
  window.posted = [];
  const send = XMLHttpRequest.prototype.send, open = XMLHttpRequest.prototype.open;
  XMLHttpRequest.prototype.open = function (method, url) {
    this.told = [method, url]; return open.apply(this, arguments);
  };
  XMLHttpRequest.prototype.send = function (body) {
    if (/responses/.test(this.told[1]) && typeof body === "string") {
      const entry = {url: this.told[1], body: JSON.parse(body), done: false};
      window.posted.push(entry);
      this.addEventListener("load", () => { entry.done = this.status; });
    }
    return send.apply(this, arguments);
  };
}
"""
TEXTS = """
return [...document.querySelectorAll('.text_field_component')].map(shown => {
  const field = shown.cloneNode(true);
  field.querySelectorAll('style').forEach(own => own.remove());  // the page's, for what is searched
  const title = field.querySelector('.text_field_component__title-content') || field.firstElementChild;
  return field.textContent.trim().slice(title.textContent.trim().length).trim();
})
"""
SHOWN = "return [...document.querySelectorAll('.text_field_component')].map(e => e.innerText.trim())"


@dataclass(frozen=True)
class Intent:
    """What a person is to answer: submit, draft or discard."""

    how: str
    verdict: str | None = None
    corrected: str = ""
    helpfulness: int | None = None

    @property
    def values(self) -> dict[str, Any]:
        said = {"verdict": self.verdict, "corrected_response": self.corrected, "helpfulness": self.helpfulness}
        return {name: value for name, value in said.items() if value not in (None, "")}


def sign_in(
    page: Browser, server: ReviewServer, person: str, dataset: str = "test", form: str = "#verdict_accept"
) -> None:
    page.open(f"{server.url}/sign-in")
    page.type("input[name=Username]", person)
    page.type("input[name=Password]", server.password(person))
    page.click("button[type=submit]:not([disabled])")
    page.wait(lambda: page.run("return !location.pathname.includes('sign-in')"))
    to_pending(page, server, dataset, form)


def to_pending(page: Browser, server: ReviewServer, dataset: str = "test", form: str = "#verdict_accept") -> None:
    """The first record that this person has not answered, freshly loaded."""
    page.open(f"{server.url}/dataset/{server.dataset(dataset)}/annotation-mode?page=1&status=pending")
    page.find(form)
    page.run(SPY)


def settled(page: Browser) -> list[str]:
    """The record's texts, once page and form have stood still: the form is drawn anew when its record arrives."""
    seen: list[Any] = []

    def still() -> bool:
        seen.append((page.run(SHOWN), page.run("return document.querySelectorAll('input:checked').length")))
        return len(seen) >= 6 and all(one == seen[-1] for one in seen[-6:]) and bool(seen[-1][0])

    page.wait(still)
    texts: list[str] = seen[-1][0]
    return texts


def shown(page: Browser, records: dict[str, dict[str, Any]]) -> str:
    """The row on the page, found by the text of its instruction."""
    texts = {" ".join(text.split()) for text in settled(page)}
    (row,) = [
        row
        for row, record in records.items()
        if f"Instruction {' '.join(unescape(record['fields']['instruction']).split())}" in texts
    ]
    return row


def answer(page: Browser, intent: Intent) -> dict[str, Any]:
    """Answer the record on the page; what the page posted, and to where."""
    before = page.run("return window.posted.length")
    chosen = [f"verdict_{intent.verdict}"] if intent.verdict else []
    chosen += [f"helpfulness_{intent.helpfulness}"] if intent.helpfulness is not None else []
    button = f"button.button--{intent.how}:not([disabled])"

    def filled() -> bool:
        # On a slow machine the form may be drawn anew after it was filled in: what is lost is given again.
        for option in chosen:
            if not page.run(f"return document.querySelector('#{option}').checked"):
                page.click(f"label[for={option}]")
                return False
        if intent.corrected and not page.run("return document.querySelector('.content__text').innerText.trim()"):
            page.type(".content__text", intent.corrected)
            return False
        return bool(page.run(f"return document.querySelector('{button}') !== null"))

    page.wait(filled)
    page.click(button)
    page.wait(lambda: page.run("return (window.posted[arguments[0]] || {}).done", before))
    posted: dict[str, Any] = page.run("return window.posted[arguments[0]]", before)
    return posted


STATUS = {"submit": "submitted", "draft": "draft", "discard": "discarded"}


def review(page: Browser, server: ReviewServer, plan: dict[str, Intent], left: int = 0, dataset: str = "test") -> None:
    """Answer as planned whatever the page shows, until only `left` of the plan are; the posted bodies are asserted."""
    records = server.records(dataset)
    while len(plan) > left:
        row = shown(page, records)
        intent = plan.pop(row)
        before = page.run(SHOWN)
        posted = answer(page, intent)
        assert posted["done"] in (200, 201)
        assert f"records/{records[row]['id']}/responses" in posted["url"]
        assert posted["body"]["status"] == STATUS[intent.how]
        assert {k: v["value"] for k, v in (posted["body"].get("values") or {}).items()} == intent.values
        if intent.how == "draft":
            to_pending(page, server)  # a draft stays on the page
        else:
            page.wait(lambda before=before: page.run(SHOWN) != before)


def test_two_people_compare_two_models_blind(server: ReviewServer, tmp_path: Path):
    project = two_models(tmp_path / "project")
    push = ("push", f"{FIRST}.jsonl", f"{SECOND}.jsonl", "--prompts", "prompts.txt", "--overlap", "2", "--json")
    pushed = people(server, project, *push)
    assert (pushed["added"], pushed["models"], pushed["folder"]) == (8, [FIRST, SECOND], FOLDER)
    again = people(server, project, *push)
    assert (again["added"], again["updated"], again["same"]) == (0, 0, 8)

    # Nothing that the server holds names a model; and neither always stands first.
    for file in server.home.glob("argilla.db*"):
        assert not any(name.encode() in file.read_bytes() for name in (FIRST, SECOND, "alpaca", "beluga"))
    records = server.records(pushed["dataset"])
    assert {name for one in records.values() for name in one["metadata"]} == {"content_hash", "fields_hash"}
    stands_first = {record["fields"]["first"].startswith("&lt;img") for record in records.values()}
    assert stands_first == {True, False}
    _what_people_see(server, pushed["dataset"])
    assert [_found(server, pushed["dataset"], text) for text in ('"1 && 2"', "iostream", "amp")] == [8, 8, 0]

    assert "0 of 8 records are done, 2 answers each" in people(server, project, "status", FOLDER)
    assert people(server, project, "pull", FOLDER) == "Nobody has answered yet.\n"
    say(server, project, pushed["dataset"])
    assert people(server, project, "status", FOLDER, "--json")["completed"] == 8
    found = people(server, project, "pull", FOLDER, "--json")
    # Of 16 judgments each, 9 and 12 say acceptable. A pair's preference is 1, 1, 3/4, 0, 1, 3/4, 1/2, 1/2; five pairs
    # are won, one is lost: 2 (1/64 + 6/64) - 6/64 = 1/8.
    assert [one["value"] for one in found["acceptable"]] == [9 / 16, 12 / 16]
    assert found["acceptable_difference"]["value"] == 3 / 16
    assert found["levels"] == {"-2": 1, "-1": 2, "0": 4, "1": 5, "2": 4}
    preference = found["preference"]
    assert (preference["wins"], preference["ties"], preference["losses"]) == (5, 2, 1)
    assert (preference["win_rate"]["value"], round(preference["p"], 9), preference["verdict"]) == (
        5.5 / 8,
        1 / 8,
        "tied",
    )
    # Anna says a, tie, b 1, 2, 5 times, Ben 2, 2, 4 times, five times the same: (5/8 - 26/64) / (1 - 26/64).
    agreed = found["agreement"]
    assert agreed["choice"]["agreement"]["value"] == 5 / 8
    assert agreed["choice"]["kappa"]["value"] == pytest.approx(14 / 38, abs=1e-4)
    assert agreed["acceptance"]["agreement"]["value"] == 15 / 16
    assert agreed["levels"]["agreement"]["value"] == 3 / 8
    text = people(server, project, "pull", FOLDER)
    assert "2 people, 8 of 8 pairs, 16 judgments" in text
    left = {path: path.read_bytes() for path in (project.folder / FOLDER).iterdir()}
    people(server, project, "pull", FOLDER)
    assert {path: path.read_bytes() for path in (project.folder / FOLDER).iterdir()} == left

    # A prompt more is a pair more; nothing that was said is lost.
    with (project.folder / "prompts.txt").open("a") as prompts:
        prompts.write("\nOne more?")
    for name in (FIRST, SECOND):
        with (project.folder / f"{name}.jsonl").open("a") as lines:
            lines.write(
                "\n" + json.dumps({"prompt": "One more?", "model": name, "answer": f"{name[0]}, by all means."})
            )
    assert people(server, project, *push)["added"] == 1
    assert people(server, project, "pull", FOLDER, "--json")["judged"] == 8
    other = project.bezoar("people", *push, "--seed", "7", env=server.env)
    assert (other.code, "this folder is of another comparison" in other.out) == (2, True)
    file = project.folder / f"{FIRST}.jsonl"
    file.write_text(file.read_text().replace("by all means", "by no means"))
    other = project.bezoar("people", *push, env=server.env)
    assert (other.code, "another answer than the one that was pushed: 1 of 9 prompts" in other.out) == (2, True)


@pytest.mark.nightly
def test_a_model_here_and_one_behind_an_endpoint_answer_once(server: ReviewServer, tmp_path: Path):
    project = Project(tmp_path / "project")
    save_tiny_model(project.folder / "here")
    (project.folder / "prompts.txt").write_text("One?\nTwo?\nOne?\n")
    with FaultServer() as answering:
        push = (
            "push",
            "here",
            f"openai:far@{answering.url}",
            "--prompts",
            "prompts.txt",
            "--max-tokens",
            "8",
            "--json",
        )
        assert people(server, project, *push)["added"] == 2
        with (project.folder / "prompts.txt").open("a") as prompts:
            prompts.write("Three?\n")
        pushed = people(server, project, *push)
        assert (pushed["added"], pushed["same"], pushed["models"]) == (1, 2, ["here", "far"])
        assert answering.stats()["requests"] == 3
    pairs = json.loads((project.folder / pushed["folder"] / "pairs.json").read_text())
    assert [pair["prompt"] for pair in pairs["pairs"]] == ["One?", "Two?", "Three?"]
    assert [side["model"]["weights"] for side in pairs["sides"]] == ["here", "openai:far"]
    for pair in pairs["pairs"]:
        fields = server.records(pushed["dataset"])[pair["id"]]["fields"]
        placed = pair["second" if pair["swapped"] else "first"].replace("\x00", "")
        assert unescape(fields["first"]) == (placed if not is_blank(placed) else "(The answer is empty.)")


@pytest.mark.nightly
def test_people_are_held_against_the_judge_of_the_same_pairs(server: ReviewServer, tmp_path: Path):
    project = two_models(tmp_path / "project")
    row: dict[str, Any] = {"judge": ["gpt", "pair-v2"], "model_1": FIRST, "model_2": SECOND}
    rows = [
        {
            **row,
            "question_id": str(n),
            "turns": [f"Question {n}?"],
            "verdict": verdict,
            "answer_1": f"{n}",
            "answer_2": "?",
        }
        for n, verdict in enumerate(["b", "b", "tie", "a", "a", None, "tie", "b"])
    ]
    write_rows(project.folder / "judged.jsonl", [*rows, {**rows[0], "turns": ["Question 0?", "And then?"]}])
    pushed = people(server, project, "push", "--judged", "judged.jsonl", "--overlap", "2", "--json")
    assert (pushed["added"], pushed["folder"]) == (8, FOLDER)
    say(server, project, pushed["dataset"])
    # Most people: b, b, divided, a, b, divided, tie, divided; the judge of these: b, b, a, a, tie.
    found = people(server, project, "pull", FOLDER, "--json")["judge"]
    assert (found["rows"], found["agreement"]["value"]) == (5, 4 / 5)
    assert "judge and most people" in people(server, project, "pull", FOLDER)
    refused = project.bezoar("people", "push", FIRST, "--prompts", "prompts.txt", env=server.env)
    assert (refused.code, "people push A B --prompts FILE" in refused.err) == (2, True)


def _found(server: ReviewServer, dataset: str, text: str) -> int:
    """How many records a search for this text finds."""
    body = {"query": {"text": {"q": text}}}
    path = f"me/datasets/{server.dataset(dataset)}/records/search"
    return int(server.api("POST", path, "anna", json=body)["total"])


def _what_people_see(server: ReviewServer, dataset: str) -> None:
    """The answers as they are, on the page: nothing of them is taken for HTML, and nothing runs."""
    with browser() as page:
        sign_in(page, server, "anna", dataset, "#preference_tie")
        texts = settled(page)
        assert [sum(text in one for one in texts) for text in (IMAGE, CODE)] == [1, 1], texts
        assert page.run("return window.ran") is None


def test_what_is_clicked_in_the_pages_reaches_the_dataset_the_card_and_the_gate(
    gated: Project, server: ReviewServer, tmp_path: Path
):
    pictures = Path(os.environ.get("BEZOAR_TEST_PICTURES") or tmp_path)
    options = ("--overlap", "2", "--attribute", "helpfulness", "--json")
    assert server.review(gated, "push", RUN, *options).json["added"] == 10
    questions = server.api("GET", f"datasets/{server.dataset()}/questions")["items"]
    assert [question["name"] for question in questions if question["required"]] == ["verdict"]
    assert [question["name"] for question in questions] == ["verdict", "helpfulness", "corrected_response", "comment"]
    judged = {row["id"]: row for row in gated.kept()}
    accepted = sorted(i for i, row in judged.items() if row["judge_status"] == "Accept")
    rejected = sorted(i for i, row in judged.items() if row["judge_status"] == "Reject")
    assert (len(accepted), len(rejected)) == (5, 5)
    drafted, discarded = accepted.pop(), rejected.pop()
    accept, reject = Intent("submit", "accept"), Intent("submit", "reject")
    anna = dict(zip(accepted + rejected, [accept, accept, reject, accept, reject, reject, reject, accept], strict=True))
    corrected, overruled, divided = accepted[0], accepted[2], accepted[3]
    anna[corrected] = Intent("submit", "accept", "Put right by Anna.", 3)
    ben = {**anna, corrected: accept, divided: reject}
    leave = Intent("discard")

    with browser() as page:
        sign_in(page, server, "anna")
        assert not any("judge's reason" in text.casefold() for text in settled(page))  # the judge is hidden
        page.picture(pictures / "review.png")
        plan = {**anna, drafted: Intent("draft", "reject"), discarded: leave}
        review(page, server, plan, left=5)
        # Killed in the midst of work: server, Redis and worker go with it, and no answer does.
        server.stop(signal.SIGKILL)
        server.start()
        to_pending(page, server)
        review(page, server, plan, left=0)
    told = server.review(gated, "status", RUN, "--json").json
    assert (told["records"], told["completed"], told["agreement"]) == (10, 0, None)
    assert told["people"]["anna"] == {"submitted": 8, "draft": 1, "discarded": 1}
    assert told["seconds_each"] > 0
    assert told["seconds_left"] > 0
    assert "minutes of work left" in server.review(gated, "status", RUN).out
    with browser() as page:
        sign_in(page, server, "ben")
        review(page, server, {**ben, drafted: leave, discarded: leave}, left=0)
        page.picture(pictures / "review-ben.png")
    told = server.review(gated, "status", RUN, "--json").json
    # They differ in one of eight; chance gives 4/8 * 3/8 + 4/8 * 5/8 = 1/2: kappa = (7/8 - 1/2) / (1 - 1/2).
    assert (told["completed"], told["agreement"]["kappa"]["value"]) == (8, 0.75)

    allowed = [part for concern in ("demo", "unknown-licence") for part in ("--allow", concern)]
    refused = gated.bezoar("publish", RUN, "--to", "tester/test", *allowed)
    assert refused.code == 4
    assert "asks for 8 reviewed rows; there are 0" in refused.err

    pulled = server.review(gated, "pull", RUN, "--json").json
    assert (pulled["submitted"], pulled["drafts"], pulled["discarded"], pulled["merged"]) == (16, 1, 3, True)
    answers = pq.read_table(gated.folder / RUN / "review.parquet").to_pylist()
    found = {(a["annotator"], a["id"]): (a["status"], a["verdict"], a["corrected_response"]) for a in answers}
    for person, plan in (("anna", anna), ("ben", ben)):
        assert {row: found.pop((person, row)) for row in plan} == {
            row: ("submitted", intent.verdict, intent.corrected or None) for row, intent in plan.items()
        }
    assert found.pop(("anna", drafted)) == ("draft", "reject", None)
    assert {key: status for key, (status, *_) in found.items()} == {
        ("anna", discarded): "discarded", ("ben", drafted): "discarded", ("ben", discarded): "discarded",
    }  # fmt: skip
    (first,) = [a for a in answers if a["corrected_response"]]
    assert (first["annotator"], first["ratings"], first["weight"], first["even"]) == (
        "anna", '{"helpfulness": 3}', 1.0, True,
    )  # fmt: skip

    rows = {row["id"]: row for row in gated.kept()}
    assert (rows[corrected]["review_response"], rows[corrected]["review_corrects"]) == (
        "Put right by Anna.", "explained_targets",
    )  # fmt: skip
    assert rows[corrected]["explained_targets"] == judged[corrected]["explained_targets"]
    assert (rows[overruled]["judge_status"], rows[overruled]["final_status"]) == ("Accept", "Reject")
    assert (rows[divided]["review_status"], rows[divided]["final_status"]) == (None, "Accept")
    assert (rows[discarded]["review_people"], rows[discarded]["final_status"]) == (0, "Reject")
    # On the seven rows where people are not divided, five verdicts are the judge's. Both accept 3 of 7: chance gives
    # (3/7)² + (4/7)² = 25/49, so kappa = (35/49 - 25/49) / (49/49 - 25/49) = 10/24.
    (measured,) = pulled["reliability"]["agreement"]
    assert (measured["rows"], measured["even"]["rows"]) == (7, 7)
    assert measured["kappa"]["value"] == pytest.approx(10 / 24, abs=1e-4)
    card = (gated.folder / RUN / "dataset" / "README.md").read_text()
    assert "2 people reviewed 8 of 10 rows" in card
    assert "Cohen's kappa 0.75 (" in card
    assert "| `judge_status` and `review_status`, drawn evenly | 7 | 71.4 % (" in card
    assert "| 0.42 (" in card
    assert "all reviewed" not in card
    checked = gated.bezoar("card", "check", RUN)
    assert checked.code == 0, checked.err
    with hub_server() as hub:
        env = hub.environment(gated.folder / "hf", TOKEN)
        published = gated.bezoar("publish", RUN, "--to", "tester/test", *allowed, process=True, env=env)
        assert published.code == 0, published.err

    files = gated.files()
    again = server.review(gated, "pull", RUN, "--json").json
    assert (again["changed"], again["merged"]) == (False, False)
    assert gated.files() == files
    assert server.review(gated, "push", RUN, *options).json == {
        "ok": True, "dataset": "test", "added": 0, "updated": 0, "same": 10, "asked_again": 0,
    }  # fmt: skip

    # The row on which they are divided goes to a third person, who decides.
    server.add("carla")
    given = server.review(gated, "push", RUN, "--ties", "--to", "carla", "--json").json
    assert [(tie["id"], tie["said"]) for tie in given["ties"]] == [(divided, {"anna": "accept", "ben": "reject"})]
    with browser() as page:
        sign_in(page, server, "carla", "test-ties")
        review(page, server, {divided: reject}, dataset="test-ties")
    told = server.review(gated, "pull", RUN, "--json").json
    assert (told["review"]["divided"], told["review"]["people"], told["submitted"]) == (0, 3, 17)
    (row,) = [row for row in gated.kept() if row["id"] == divided]
    assert (row["review_status"], row["review_people"], row["final_status"]) == ("Reject", 3, "Reject")
    assert gated.bezoar("card", "check", RUN).code == 0
    assert server.stop() == 0


@pytest.mark.nightly
def test_forty_nasty_texts_are_seen_as_they_are_and_no_script_of_theirs_runs(server: ReviewServer, tmp_path: Path):
    if server.process is None or server.process.poll() is not None:
        server.start()
    project = Project(tmp_path / "project")
    rows = [{"inputs": f"Row {i}.", "targets": text, "task_name": "t"} for i, text in enumerate(NASTY)]
    (project.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    steps = "steps:\n  - use: load_flan\n    with: {path: rows.jsonl}\n"
    (project.folder / "pipeline.yaml").write_text(f"name: test\nversion: 1\n{steps}")
    assert project.run().code == 0
    columns = ("--instruction", "inputs", "--response", "targets", "--licence", "CC0-1.0")
    assert server.review(project, "push", RUN, "--dataset", "nasty", *columns, "--json").json["added"] == len(NASTY)
    dataset = server.dataset("nasty")
    seen: dict[str, str] = {}
    with browser() as page:
        sign_in(page, server, "anna", "nasty")
        for number in range(1, len(NASTY) + 1):
            page.open(f"{server.url}/dataset/{dataset}/annotation-mode?page={number}&status=pending")
            page.find("#verdict_accept")
            settled(page)
            asked, answered = page.run(TEXTS)
            seen[asked] = answered
            assert page.run("return window.ran") is None, answered[:200]
            assert page.run("return location.pathname").endswith("annotation-mode")
    assert seen == {row["inputs"]: row["targets"].strip() for row in rows}
