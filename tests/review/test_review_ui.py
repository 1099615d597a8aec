"""Two people review in the real pages, in a real browser; what is pulled is what they clicked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from support.browser import Browser, browser, missing
from support.projects import Project
from support.review_server import ReviewServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
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
      const entry = {body: JSON.parse(body), done: false};
      window.posted.push(entry);
      this.addEventListener("load", () => { entry.done = this.status; });
    }
    return send.apply(this, arguments);
  };
}
"""
SHOWN = "return [...document.querySelectorAll('.text_field_component')].map(e => e.innerText.trim())"


def sign_in(page: Browser, server: ReviewServer, person: str) -> None:
    page.open(f"{server.url}/sign-in")
    page.type("input[name=Username]", person)
    page.type("input[name=Password]", server.secrets["annotators"][person])
    page.click("button[type=submit]:not([disabled])")
    page.wait(lambda: page.run("return !location.pathname.includes('sign-in')"))
    page.open(f"{server.url}/dataset/{server.dataset()}/annotation-mode")
    page.find("#verdict_accept")
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


def answer(page: Browser, how: str, verdict: str | None = None, corrected: str = "") -> dict[str, Any]:
    """Answer the record that is shown; what the page sent."""
    settled(page)
    before = page.run("return window.posted.length")
    if verdict:
        page.click(f"label[for=verdict_{verdict}]")
        page.wait(lambda: page.run(f"return document.querySelector('#verdict_{verdict}').checked"))
    if corrected:
        page.type(".content__text", corrected)
    page.click(f"button.button--{how}:not([disabled])")
    page.wait(lambda: page.run("return (window.posted[arguments[0]] || {}).done", before))
    sent: dict[str, Any] = page.run("return window.posted[arguments[0]].body", before)
    return sent


def test_what_is_clicked_in_the_pages_is_what_is_pulled(project: Project, server: ReviewServer, tmp_path: Path):
    pictures = Path(os.environ.get("BEZOAR_TEST_PICTURES") or tmp_path)
    assert server.review(project, "push", RUN, "--sample", "8", "--overlap", "2").code == 0
    assert len(server.records()) >= 5
    with browser() as page:
        sign_in(page, server, "anna")
        texts = settled(page)
        assert not any("gpt4" in text for text in texts)  # the judge is hidden
        page.picture(pictures / "review.png")
        first = answer(page, "submit", "accept", "Put right by Anna.")
        assert first["status"] == "submitted"
        assert first["values"]["verdict"] == {"value": "accept"}
        assert first["values"]["corrected_response"] == {"value": "Put right by Anna."}
        draft = answer(page, "draft", "reject")
        assert (draft["status"], draft["values"]["verdict"]) == ("draft", {"value": "reject"})
        # A draft stays where it is; the next pending record is one further.
        page.open(f"{server.url}/dataset/{server.dataset()}/annotation-mode?page=1&status=pending")
        page.find("#verdict_accept")
        page.run(SPY)
        assert answer(page, "discard")["status"] == "discarded"
        for verdict in ("reject", "accept"):
            assert answer(page, "submit", verdict)["values"]["verdict"] == {"value": verdict}
    with browser() as page:
        sign_in(page, server, "ben")
        for verdict in ("accept", "reject", "accept"):
            sent = answer(page, "submit", verdict)
            assert (sent["status"], sent["values"]["verdict"]) == ("submitted", {"value": verdict})
        page.picture(pictures / "review-ben.png")
    told = server.review(project, "pull", RUN, "--json").json
    assert (told["submitted"], told["drafts"], told["discarded"]) == (6, 1, 1)
    answers = pq.read_table(project.folder / RUN / "review.parquet").to_pylist()
    anna = sorted(
        (a["status"], a["verdict"]) for a in answers if a["annotator"] == "anna" and a["status"] != "discarded"
    )
    assert anna == [("draft", "reject"), ("submitted", "accept"), ("submitted", "accept"), ("submitted", "reject")]
    assert [a["corrected_response"] for a in answers if a["corrected_response"]] == ["Put right by Anna."]
    assert sorted(a["verdict"] for a in answers if a["annotator"] == "ben") == ["accept", "accept", "reject"]
