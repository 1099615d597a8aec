"""The page of a run in a real browser, opened from the disk: rows, search, filters, stories, and nothing that obeys."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bezoar_data.api.reports import report
from bezoar_data.runs.row import Drop
from support.browser import Browser, browser, missing
from support.fault_server import FaultServer
from support.made_runs import made_run
from support.opened_pages import calm, for_everybody, opened
from support.projects import JUDGED, Project
from support.shown_texts import NASTY

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

ROWS = "#box tbody tr:not(.space)"


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


def found(window: Browser, rows: str) -> None:
    """Wait until so many rows are said to be found."""
    window.wait(lambda: window.run("return document.getElementById('found').textContent") == rows)


def lines(window: Browser) -> list[str]:
    said: list[str] = window.run(f"return [...document.querySelectorAll({json.dumps(ROWS)})].map((r) => r.innerText)")
    return said


def story(window: Browser) -> str:
    said: str = window.wait(
        lambda: window.run(
            "return document.querySelector('#story section, #story .bad') && document.getElementById('row').innerText"
        )
    )
    return said


def test_a_run_leaves_its_page_and_every_row_tells_its_story(
    project: Project, server: FaultServer, window: Browser
) -> None:
    project.rows(30, {4: "[[400]]"})
    project.pipeline(JUDGED, tolerate=0.5)
    project.models(server.url, price={"input": 1.0, "output": 2.0, "read": "2026-11-01"})
    done = project.run("--json")
    assert done.code == 0, done.err
    page = project.folder / done.json["page"]
    first = page.read_bytes()
    assert project.bezoar("report", "runs/test").out == "page: runs/test/report.html\n"
    assert page.read_bytes() == first, "the same run gives the same bytes"

    opened(window, page)
    found(window, "30 rows")
    window.click("#fates button:last-child")
    found(window, "1 of 30 rows")
    assert "dropped: orca-explain, http_400" in lines(window)[0]
    window.click(ROWS)
    said = story(window)
    assert "What is special about the number 4?" in said
    assert "http_400" in said
    window.click("#close")
    window.click("#clear")
    found(window, "30 rows")
    window.type("#search", "NUMBER 17?")
    found(window, "1 of 30 rows")
    window.click(ROWS)
    said = story(window)
    kept = next(row for row in project.kept() if "number 17?" in row["inputs"])
    assert kept["id"] in said
    assert said.count("what was asked") == 2, "the teacher's answer and the judge's"
    assert kept["judge_reason"] in said
    assert "answered" in said
    window.click("#close")
    window.click("#clear")
    window.run("document.getElementById('pictures-head').scrollIntoView()")
    window.wait(lambda: window.run("return document.querySelector('.picture canvas') !== null"))
    window.run("document.querySelector('.figure tbody button').click()")
    found(window, "1 of 30 rows")  # the refused one, from the table under the picture of the flow
    calm(window)


def test_hostile_rows_are_texts_and_nothing_else(tmp_path: Path, window: Browser) -> None:
    texts = (*NASTY, "<b>1 MB</b>" * 100_000)
    drop = Drop("<i>step</i>", "<img src=x onerror='window.ran=1'>", NASTY[4], raw=NASTY[7])
    made_run(tmp_path / "run", ({"text": t, "<script>": t[:99]} for t in texts), lambda n: drop if n % 3 == 0 else None)
    opened(window, report(tmp_path / "run"))
    found(window, f"{len(texts)} rows")
    for place in range(len(texts)):
        window.run(f"openRow({place})")
        window.wait(lambda: window.run("return document.querySelector('#story section, #story .bad') !== null"))
    window.run("document.getElementById('close').click()")
    window.type("#search", NASTY[4].upper())
    holding = [n for n, text in enumerate(texts) if n % 3 == 0 or NASTY[4] in text]
    found(window, f"{len(holding)} of {len(texts)} rows")
    calm(window)


def test_by_keyboard_alone(tmp_path: Path, window: Browser) -> None:
    made_run(tmp_path / "run", ({"text": f"row number {i}", "kind": "ab"[i % 2]} for i in range(2_500)))
    opened(window, report(tmp_path / "run"))
    window.run("document.getElementById('box').focus()")
    window.press("Down", "Down", "Enter")
    assert "row number 2\n" in story(window) + "\n"
    window.press("Right")
    window.wait(lambda: "row number 3" in story(window))
    window.press("Escape")
    window.press("End")
    window.wait(lambda: any("row number 2499" in line for line in lines(window)))
    assert len(lines(window)) < 60, "only the rows in sight are drawn"
    active = window.run("return document.activeElement.getAttribute('aria-activedescendant')")
    assert active == "row-2499"
    window.press("/", *"number 77")
    found(window, "11 of 2,500 rows")  # 77, and 770 to 779
    calm(window)


def test_stories_of_many_rows_lie_beside_the_page(
    tmp_path: Path, window: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bezoar_data.reports.run_page.report.MOST_INSIDE", 1_000)
    made_run(tmp_path / "run", ({"text": f"row number {i}"} for i in range(1_500)))
    page = report(tmp_path / "run")
    assert sorted(p.name for p in (tmp_path / "run" / "report-stories").iterdir()) == ["00000.js", "00001.js"]
    opened(window, page)
    window.run("openRow(1200)")
    assert "from source" in story(window)
    assert window.complaints() == []


def test_nobody_is_kept_out(tmp_path: Path, window: Browser) -> None:
    """By axe, light and dark, wide and at 390 pixels, the table and a row."""
    made_run(tmp_path / "run", ({"text": f"row number {i}", "kind": "ab"[i % 2]} for i in range(100)))
    opened(window, report(tmp_path / "run"))
    for show in ("dialog.close()", "openRow(3)"):
        window.run(show)
        for_everybody(window)


def test_view_opens_the_page_and_writes_it_anew_where_rows_came_after_it(tmp_path: Path, project: Project) -> None:
    made_run(project.folder / "runs" / "r", ({"text": f"row number {i}"} for i in range(3)))
    seen = tmp_path / "seen"
    opener = tmp_path / "opener"
    opener.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    opener.chmod(0o755)
    done = project.bezoar("view", "runs/r", env={"BROWSER": f"{opener} %s"}, process=True)
    assert (done.code, done.out) == (0, "page: runs/r/report.html\n"), done.err
    page = project.folder / "runs" / "r" / "report.html"
    assert seen.read_text().strip() == page.resolve().as_uri()
    page.write_text("old")
    os.utime(page, ns=(0, 0))
    assert project.bezoar("view", "runs/r", env={"BROWSER": f"{opener} %s"}, process=True).code == 0
    assert re.match("<!doctype html>", page.read_text("latin-1"))
