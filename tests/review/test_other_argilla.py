"""Review from Python, of pairs, in an Argilla that is not ours."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import pytest

from bezoar_data import pull_review, push_review, review_status
from bezoar_data.config.errors import InputError, ProviderAway
from bezoar_data.review.client import ArgillaClient
from support.fault_server import FaultServer
from support.plain_argilla import KEY, plain_argilla
from support.ports import free_port
from support.projects import STEPS, Project, run_here

# The first of these tests on a machine installs the server's environment.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

RUN = "runs/test"
PAIRS = """\
  - use: judge.compare
    with: {model: judge, as: pairs, instruction: inputs, a: explained_targets, b: targets}
"""


def test_pairs_are_reviewed_from_python_in_an_argilla_that_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project = Project(tmp_path / "project")
    shipped = Path(__file__).parents[2] / "pipelines"
    lines = (shipped / "seeds" / "flan.jsonl").read_text().splitlines(keepends=True)
    (project.folder / "rows.jsonl").write_text("".join(lines[:12]))
    project.pipeline(STEPS + PAIRS)
    monkeypatch.chdir(project.folder)
    with FaultServer(scripted=True) as answering:
        project.models(answering.url)
        run_here(project)
    port = free_port()
    monkeypatch.setenv("ARGILLA_API_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("ARGILLA_API_KEY", KEY)
    with pytest.raises(ProviderAway, match="does not answer"):
        push_review(RUN)
    with plain_argilla(tmp_path / "argilla", port) as own:
        monkeypatch.setenv("ARGILLA_API_URL", own["ARGILLA_API_URL"])
        assert push_review(RUN, sample=12).added == 12
        assert push_review(RUN, sample=12).same == 12
        argilla = ArgillaClient(own["ARGILLA_API_URL"], KEY)
        dataset = argilla.dataset("review", "test")
        assert dataset is not None
        assert "**What counts**" in dataset["guidelines"]  # the judge's rubric
        rows = {row["id"]: row for row in project.kept()}
        chosen = {}
        for record in argilla.records(dataset["id"]):
            row = rows[record["external_id"]]
            assert {unescape(record["fields"][place]) for place in ("first", "second")} == {
                row["explained_targets"],
                row["targets"],
            }
            if row["pairs_preference"] in ("a", "b"):
                # This person is of the judge's mind, but for the first row.
                chosen[row["id"]] = row["pairs_preference"] if chosen else "ba"["ab".index(row["pairs_preference"])]
                wanted = row["explained_targets" if chosen[row["id"]] == "a" else "targets"]
                place = "first" if unescape(record["fields"]["first"]) == wanted else "second"
                body = {"status": "submitted", "values": {"preference": {"value": place}}}
                argilla.ask("POST", f"records/{record['id']}/responses", json=body)
        assert len(chosen) > 2
        assert push_review(RUN, sample=12, blind=False, dataset="shown").added == 12
        shown = argilla.dataset("review", "shown")
        assert shown is not None
        for record in argilla.records(shown["id"], include="suggestions"):
            row, fields = rows[record["external_id"]], record["fields"]
            assert unescape(fields["judge_reason"]) == row["pairs_preference_reason"]
            if row["pairs_preference"] in ("a", "b"):
                (suggested,) = record["suggestions"]
                better = row["explained_targets" if row["pairs_preference"] == "a" else "targets"]
                assert (suggested["agent"], unescape(fields[suggested["value"]])) == ("pairs", better)
        status = review_status(RUN)
        assert status.as_json()["people"] == {"argilla": {"submitted": len(chosen), "draft": 0, "discarded": 0}}
        assert f"{len(chosen)} of 12 records are done" in str(status)
        report = pull_review(RUN)
        assert report.merged
        assert {row["id"]: row["review_preference"] for row in project.kept() if row["review_people"]} == chosen
        (measured,) = report.lock.judging.people.agreement
        assert measured.columns == ("pairs_preference", "review_preference")
        assert measured.agreement.value == pytest.approx((len(chosen) - 1) / len(chosen), abs=1e-4)
        assert "`pairs_preference` and `review_preference`" in report.card
        assert "pairs_preference against review_preference" in str(report)
        assert "1 person reviewed" in report._repr_html_()
        assert not pull_review(RUN).merged
        monkeypatch.setenv("ARGILLA_API_KEY", "another")
        with pytest.raises(InputError, match="authentication failed"):
            pull_review(RUN)
