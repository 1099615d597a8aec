"""The Python API, in this process: also where a loop is running already, as in a notebook."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bezoar_data import load_pipeline
from bezoar_data.config.errors import InputError
from bezoar_data.engine.stream import Interrupted, StreamEngine
from support.fault_server import FaultServer
from support.projects import STEPS, Project
from support.shipped import OFFLINE, ORCA
from support.waiting import PATIENCE, wait_until


def test_a_pipeline_is_run_from_python_and_its_result_shows_itself(tmp_path: Path):
    run = load_pipeline(
        ORCA, models=OFFLINE, limit=6, out=tmp_path / "runs" / "orca", journal=tmp_path / "journal.sqlite"
    ).run(quiet=True)
    assert run.exit_code == 0
    assert run.lock.counts.kept == 6
    assert run.card.startswith("---\n")
    assert str(run).startswith("orca: 6 rows kept")
    shown = run._repr_html_()
    assert "orca-explain" in shown
    assert "<script" not in shown


async def test_a_plan_tells_what_a_run_will_ask_and_shows_itself(tmp_path: Path):
    pipeline = load_pipeline(
        ORCA, models=OFFLINE, limit=6, out=tmp_path / "runs" / "orca", journal=tmp_path / "journal.sqlite"
    )
    plan = pipeline.plan()
    assert "orca-explain" in str(plan)
    assert {step.id for step in plan.steps} == {step["id"] for step in plan.as_json()["steps"]}
    assert "orca-explain" in plan._repr_html_()
    assert not (tmp_path / "runs").exists()
    pipeline.preview(2, quiet=True)
    assert str(pipeline.plan()) != str(plan)  # less is left to ask


def test_settings_are_given_as_a_mapping_or_as_on_the_command_line(tmp_path: Path):
    for given in ({"steps.load_flan.path": "rows.jsonl", "seed": 7}, ["steps.load_flan.path=rows.jsonl", "seed=7"]):
        with pytest.raises(InputError, match=r"no file rows\.jsonl|rows\.jsonl"):
            load_pipeline(
                ORCA, models=OFFLINE, set=given, out=tmp_path / "x", journal=tmp_path / "journal.sqlite"
            ).run()


def test_mistakes_are_values_to_validate_and_one_error_to_run(tmp_path: Path):
    path = tmp_path / "wrong.yaml"
    path.write_text("name: wrong\nversion: 1\nsteps:\n  - use: load_flam\n    with: {path: <b>x</b>}\n")
    found = load_pipeline(path).validate()
    assert not found
    assert [(p.code, p.place.line) for p in found.problems if p.place] == [("unknown-step", 4)]
    assert "wrong.yaml:4:10" in str(found)
    assert "<b>" not in found._repr_html_()
    with pytest.raises(InputError) as error:
        load_pipeline(path).run()
    assert any("wrong.yaml:4:10" in line for line in error.value._render_traceback_())
    assert load_pipeline(ORCA).validate()


async def test_a_run_inside_a_running_loop_goes_to_its_end(tmp_path: Path):
    run = load_pipeline(
        ORCA, models=OFFLINE, limit=4, out=tmp_path / "runs" / "orca", journal=tmp_path / "journal.sqlite"
    ).run(quiet=True)
    assert run.lock.counts.kept == 4


async def test_ctrl_c_in_a_running_loop_stops_cleanly_and_the_same_call_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    project = Project(tmp_path)
    project.rows(300)
    stop, stopping = StreamEngine.stop, threading.Event()
    monkeypatch.setattr(StreamEngine, "stop", lambda engine: (stop(engine), stopping.set()))
    with FaultServer(hold_from=20) as server:
        project.models(server.url, limits={"concurrency": 4})
        pipeline = load_pipeline(
            project.pipeline(STEPS), out=tmp_path / "runs" / "test", journal=tmp_path / "runs" / "journal.sqlite"
        )

        def interrupt() -> None:
            wait_until(lambda: server.stats()["requests"] >= 24)
            os.kill(os.getpid(), signal.SIGINT)
            stopping.wait(PATIENCE)
            server.turn()

        before = signal.getsignal(signal.SIGINT)
        watcher = threading.Thread(target=interrupt)
        watcher.start()
        with pytest.raises(Interrupted):
            pipeline.run(quiet=True)
        watcher.join()
        assert signal.getsignal(signal.SIGINT) is before
        assert "stopping: waiting for answers in flight" in capsys.readouterr().err
        journalled = project.journalled()
        # Those on their way were awaited; those that waited for their turn were not begun.
        assert 20 <= journalled < 120
        run = pipeline.run(quiet=True)
        assert run.lock.counts.kept == 300
        assert run.as_json()["asked"]["requests"] == 300 - journalled
        assert server.stats()["requests"] == 300


def test_importing_distilabel_changes_neither_the_traceback_nor_warns(tmp_path: Path):
    probe = (
        "import sys, warnings\n"
        "from bezoar_data import load_pipeline\n"
        f"pipeline = load_pipeline({ORCA!r}, models={OFFLINE!r}, limit=1, journal={str(tmp_path / 'x.sqlite')!r})\n"
        "pipeline.preview(1, quiet=True)\n"
        "assert 'distilabel' in sys.modules\n"
        "assert sys.excepthook is sys.__excepthook__\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
