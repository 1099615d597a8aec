"""The page of a recipe's training: what its stages left and what they score, as they stand in their files."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.api.reports import report, report_of_training, view
from bezoar_data.config.errors import InputError
from bezoar_data.evaluation.record import Judged
from bezoar_data.reports.training_report import TrainingReport
from bezoar_data.runs.stage_record import StageRecord
from support.browser import Browser, browser, missing
from support.command import bezoar
from support.evaluations import Scored, leave_evaluation, leave_judged_pairs, leave_people
from support.opened_pages import calm, for_everybody, opened
from support.shown_texts import NASTY
from support.trained import data, leave_chain, merged, stage

ORCA = data("orca.md", "MIT", "yes", where="judge_status == 'Accept'", passed_over=7)
DRAWN = {"train": "train", "rows": 100, "validation": 0.2, "seed": None}
HH = data(
    "hh.md",
    "unknown",
    "unknown",
    demo=True,
    split=DRAWN,
    passed_over=5,
    licence={"attribution": ["Contains material from hh."]},
)
JUDGED = Judged(judge="gpt", date="2026-11-30", references=None)
MARGINS = {"rewards/margins": 0.5, "eval_rewards/margins": 0.25}
LOG = [
    {"eval_loss": 2.75, "step": 0},
    {"loss": 2.5, "learning_rate": 0.1, "step": 1},
    {"loss": float("nan"), "step": 2},
    {"loss": 1.25, "eval_loss": 2.5, "step": 3, **MARGINS},
    {"train_loss": 1.9, "step": 3},
]
QUESTION = "Why is the sky blue?"
SAID = {0: "la la la", 5: "Blue, blue.", 9: "Because air scatters blue light."}


def lines(values: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def samples(said: dict[int, str], question: str = QUESTION, number: int = 0) -> str:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
    return lines([{"step": step, "prompt": number, "turns": turns, "answer": answer} for step, answer in said.items()])


def measured(record: StageRecord, **more: Any) -> StageRecord:
    times = {"seconds": 240.0, "peak_memory_bytes": 3 * 2**30}
    return replace(record, times=times, metrics={**record.metrics, "best_eval_loss": 2.5}, **more)


SFT, DPO = measured(stage(ORCA)), measured(stage(ORCA, HH))
MERGED = replace(merged(DPO), times={"seconds": 7.0})


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A project with a chain of three stages, of which two and their base were evaluated."""
    folder = leave_chain(tmp_path / "trained" / "r", SFT, DPO, MERGED, log=lines(LOG), samples=samples(SAID))
    right = [float(i % 3 == 0) for i in range(120)]
    better = [float(i % 3 != 1) for i in range(120)]
    results = tmp_path / "evaluated" / "r" / "small"
    leave_evaluation(results, None, [Scored("qasc", right)])
    leave_evaluation(results, SFT, [Scored("qasc", right)])
    leave_evaluation(results, DPO, [Scored("qasc", better, leaked=range(12))])
    return folder


def rewrite(folder: Path, record: StageRecord) -> None:
    """Put another record in the place of a stage's."""
    (folder / record.stage / "stage.json").write_text(json.dumps(record.as_json()))


def pictures(page: str) -> dict[str, list[dict[str, Any]]]:
    """What the script draws, by title."""
    (found,) = re.findall(r'<script type="application/json" id="pictures">([^<]*)</script>', page)
    by_title: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(found, parse_constant=pytest.fail):
        by_title.setdefault(one["title"], []).append(one)
    return by_title


def shown(page: str) -> str:
    """What stands in the page as text, a space for each mark."""
    return html.unescape(re.sub(r"<[^>]*>", " ", page.partition("<header>")[2].partition("<script")[0]))


def test_the_page_says_what_the_stages_left(trained: Path) -> None:
    path = report(trained)
    page = path.read_text("latin-1")
    assert path == trained / "report.html"
    assert report(trained).read_text("latin-1") == page, "the same files give the same bytes"
    said = re.sub(r"\s+", " ", shown(page))
    assert "3 stages on open/base, apache-2.0, 8 min of training and merging" in said
    assert "For demonstration only: it was trained on demo rows: hh.md." in said
    assert "s0 sft adapter, rank 16 9 steps, 4 min 3.0 GiB" in said
    assert "merged merge adapter put into the weights, float16 7 s" in said
    assert "s1 sft s0 adapter, rank 16 9 2.500 → 1.250 2.500 – 4 min 3.0 GiB" in said
    assert re.findall(r'href="([^"]*)"', page) == ["#stage-0", "#stage-1", "#stage-2"]

    drawn = pictures(page)
    assert drawn["loss"][0]["head"] == ["step", "training", "held out"]
    assert drawn["loss"][0]["rows"] == [[0, None, 2.75], [1, 2.5, None], [3, 1.25, 2.5]]
    assert drawn["margin of the rewards"][1]["rows"] == [[3, 0.5, 0.25]]
    assert len(drawn["loss"]) == 2, "a merge has no curves"
    assert [row[1:] for row in drawn["What became of the rows"][0]["rows"]] == [[80, 20, 2, 7], [80, 20, 2, 5]]

    assert f"system Be brief. user {QUESTION} answered before la la la answered after step 9 {SAID[9]}" in said
    assert "1 between answered after step 5 Blue, blue." in said
    assert "s0 orca.md lock-orca judge_status == 'Accept' 4" in said
    assert "s1 hh.md lock-hh.m 100 drawn 4" in said
    assert "s1 held out no_reply 1" in said
    assert "unknown. Commercial use: unknown. May be published: no." in said
    assert "Against publishing: it was trained on demo rows: hh.md." in said
    assert "Contains material from hh." in said


def test_it_says_what_the_stages_score(trained: Path) -> None:
    page = report(trained).read_text("latin-1")
    said = re.sub(r"\s+", " ", shown(page))
    (score,) = pictures(page)["score, with its 95 % interval"]
    assert [(row[1], round(row[2], 3)) for row in score["rows"]] == [("base", 0.333), ("s0", 0.333), ("s1", 0.667)]
    assert all(row[3] < row[2] < row[4] for row in score["rows"])
    assert re.search(r"qasc s1 \+?0\.333 \(.*?\) \S+ better", said)
    assert "12 of 120 items (10.0%) are in its training data, orca.md (12)" in said
    assert "qasc, clean items s1" in said
    # Trained again since: its figures are another model's.
    rewrite(trained, replace(DPO, key="f" * 32))
    said = re.sub(r"\s+", " ", shown(report(trained).read_text("latin-1")))
    assert "Not shown: r/small/s1: it is of the stage of key" in said
    assert "s1 was trained again since: this stage goes on from the earlier one" in said


@pytest.fixture
def preferred(trained: Path) -> Path:
    """The same, compared: by a judge, and by people, the stages with each other, and one with the base."""
    evaluated = trained.parents[1] / "evaluated"
    ratings = [
        Scored("mt-bench", [5.0, 6.0, 8.0, 9.0], metric="rating,gpt", judged=JUDGED),
        Scored("mt-bench-writing", [8.0, 9.0], "writing", "rating,gpt", judged=JUDGED),
    ]
    for record in (SFT, DPO):
        leave_evaluation(evaluated / "r" / "judged", record, ratings, suite="judged")
    leave_judged_pairs(evaluated / "r" / "judged", "s0", "s1")
    leave_people(evaluated / "people" / "a", DPO, SFT)
    leave_people(evaluated / "people" / "b", None, DPO)
    return trained


def test_it_says_whose_answers_judges_and_people_prefer(preferred: Path) -> None:
    page = report(preferred).read_text("latin-1")
    said = re.sub(r"\s+", " ", shown(page))
    (judged,) = pictures(page)["preferred, with its 95 % interval"]
    assert [row[:3] for row in judged["rows"]] == [
        ["mt-bench, overall", "s1 against s0, gpt", 0.625],
        ["mt-bench, writing", "s1 against s0, gpt", 0.5],
    ]
    assert "mt-bench s1 against s0 gpt 2026-11-30 1 of 5 62.50 %" in said
    (rating,) = pictures(page)["rating,gpt, with its 95 % interval"]
    assert [row[:3] for row in rating["rows"][1:3]] == [["mt-bench", "s1", 7.0], ["mt-bench-writing", "s0", 8.5]]
    assert all(row[3] < row[2] < row[4] for row in rating["rows"])
    (levels,) = pictures(page)["which answer is better"]
    assert levels["rows"] == [["s1 against s0", 2, 2, 0, 2, 0], ["s1 against base", 0, 2, 0, 2, 2]]
    assert "s1 against s0 2 3 6 33.33 %" in said, "once, the later stage against the earlier"
    assert "s1 against base 2 3 6 66.67 %" in said
    assert "s0 against s1" not in said
    assert "anna" not in page


def test_damaged_comparisons_are_said_and_the_rest_is_shown(preferred: Path) -> None:
    path = leave_judged_pairs(preferred.parents[1] / "evaluated" / "r" / "judged", "s0", "s1")
    path.write_text("{")
    said = re.sub(r"\s+", " ", shown(report(preferred).read_text("latin-1")))
    assert "Not shown: judged/s1/judged:" in said
    assert "s1 against base 2 3 6 66.67 %" in said


def test_view_writes_it_anew_where_people_answered_after_it(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: True)
    path, _ = view(trained)
    leave_people(trained.parents[1] / "evaluated" / "people" / "b", None, DPO)
    view(trained)
    assert "s1 against base" in path.read_text("latin-1")


def test_a_long_training_is_drawn_from_fewer_points(tmp_path: Path) -> None:
    log = [{"loss": 1.0 + step, "step": step} for step in range(2_500)] + [{"eval_loss": 3.0, "step": 7}]
    page = report(leave_chain(tmp_path / "trained" / "r", SFT, log=lines(log))).read_text("latin-1")
    (loss,) = pictures(page)["loss"]
    assert 500 < len(loss["rows"]) <= 1_000
    assert [7, 8.0, 3.0] in loss["rows"]
    assert loss["rows"][-1] == [2_499, 2_500.0, None]
    assert f"{len(loss['rows'])} of 2,500 points" in shown(page)


def test_a_page_obeys_nobody(tmp_path: Path) -> None:
    """Its policy lets our own scripts run, and nothing be loaded; figures that are none are shown as they are."""
    evil = NASTY[4]
    folder = leave_chain(tmp_path / "trained" / "r", SFT)
    odd = {"steps": evil, "first_loss": evil, "last_loss": None, "best_eval_loss": [1]}
    rewrite(folder, replace(SFT, metrics=odd, times={"seconds": "soon"}, machine={"name": evil}, notes=(evil,)))
    page = report(folder).read_text("latin-1")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert re.fullmatch(
        r"default-src 'none'; script-src ('sha256-[^']+' ?){2}; style-src 'sha256-[^']+'; base-uri 'none'; "
        r"form-action 'none'",
        policy,
    )
    assert evil not in page
    assert page.count("&lt;script&gt;") >= 4


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_in_a_browser(preferred: Path, window: Browser) -> None:
    opened(window, report(preferred))
    drawn = window.run(
        "return [...document.querySelectorAll('.picture')].map((o) => o.querySelector('canvas') !== null)"
    )
    assert drawn == [True] * 9, "two losses, two margins, rows, scores, ratings, judges, people"
    for_everybody(window)
    window.devtools("Emulation.setEmulatedMedia", media="print")
    window.devtools("Emulation.setDeviceMetricsOverride", width=720, height=900, deviceScaleFactor=1, mobile=False)
    assert window.run("return document.documentElement.scrollWidth") <= 720, "on paper nothing is cut off"
    window.devtools("Emulation.clearDeviceMetricsOverride")
    window.devtools("Emulation.setEmulatedMedia", media="")
    window.run("document.activeElement.blur()")
    reached = [focused(window) for _ in range(4)]
    assert reached == ["A", "A", "A", "DIV"], "by keyboard: each stage, and the table that may be wide"
    calm(window)


def focused(window: Browser) -> str:
    window.press("Tab")
    name: str = window.run("return document.activeElement.tagName")
    return name


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_hostile_texts_are_texts_and_nothing_else(tmp_path: Path, window: Browser) -> None:
    texts = (*NASTY, "<b>1 MB</b>" * 90_000)
    said = "".join(samples({0: text, 1: text, 2: text}, text, number) for number, text in enumerate(texts))
    folder = leave_chain(tmp_path / "trained" / "r", SFT, log=lines(LOG), samples=said)
    card = data(NASTY[5], NASTY[7], NASTY[9], where=NASTY[4], licence={"attribution": list(NASTY[:20])})
    odd = replace(stage(card), notes=NASTY[:30], settings={text: text for text in NASTY[:20]}, start=NASTY[6])
    recipe = {"name": NASTY[7], "description": NASTY[4], "sha256": NASTY[5]}
    rewrite(folder, replace(odd, recipe=recipe, machine={"name": NASTY[8]}, software={NASTY[4]: NASTY[5]}))
    opened(window, report(folder))
    assert window.run("return document.querySelector('h1').textContent") == NASTY[7]
    calm(window)


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


def test_the_commands_know_a_training(trained: Path) -> None:
    project = trained.parents[1]
    done = bezoar("report", "trained/r", cwd=project)
    assert (done.code, done.out) == (0, "page: trained/r/report.html\n"), done.err
    one = bezoar("report", "trained/r/s0", cwd=project)
    assert one.code == 2
    assert "this is one stage" in one.err
    assert "trained/r" in one.err
    other = bezoar("report", "trained/r", "--out", "trained/r/s0/stage.json", cwd=project)
    assert (other.code, "this file holds no page" in other.err) == (2, True)
    (trained / "s0" / "log.jsonl").write_text('{"step": 1,\n')
    damaged = bezoar("report", "trained/r", cwd=project)
    assert damaged.code == 2
    assert "s0/log.jsonl" in damaged.err
    assert "Traceback" not in damaged.err


def test_view_writes_it_anew_where_an_evaluation_came_after_it(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: bool(seen.append(url)) or True)
    path, found = view(trained)
    assert (path, found, seen) == (trained / "report.html", True, [path.resolve().as_uri()])
    leave_evaluation(
        trained.parents[1] / "evaluated" / "r" / "other", SFT, [Scored("boolq", [1.0, 0.0])], suite="other"
    )
    view(trained)
    assert "boolq" in path.read_text("latin-1")


def test_nothing_about_the_page_makes_a_training_fail(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert report_of_training(trained) == (trained / "report.html", "")

    def broken(*_: Any) -> str:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("bezoar_data.reports.chain_page.report.chain_page", broken)
    page, why = report_of_training(trained)
    assert page is None
    assert why == (f"no page was written (RuntimeError: a mistake of ours); bezoar-data report {trained} tries again")
    with pytest.raises(RuntimeError):
        report(trained)


def test_a_notebook_shows_the_stages(trained: Path) -> None:
    done = TrainingReport(trained, [SFT, DPO, MERGED], trained / "report.html")
    said = re.sub(r"<style>.*?</style>", "", done._repr_html_(), flags=re.DOTALL)
    assert "<script" not in said
    assert "href" not in said
    assert "adapter put into the weights, float16" in said
    assert "For demonstration only" in said
    assert str(done).splitlines() == [
        "r: 3 stages done",
        f"  the last stage: {trained}/merged",
        f"  model card: {trained}/merged/README.md",
        f"  page: {trained}/report.html",
    ]
    assert str(replace(done, page=None, no_page="no page was written")).endswith("\n  no page was written")


def test_without_a_finished_stage_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no dataset in this folder"):
        report(tmp_path)
    (tmp_path / ".work" / "sft").mkdir(parents=True)
    with pytest.raises(InputError, match="there is no finished stage here"):
        report(tmp_path)
