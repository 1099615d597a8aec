"""Watchdog, kills and orphans: what a figure may be trusted to say about a process that misbehaves."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import measure

CORE = max(os.sched_getaffinity(0))


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_process_that_ends_is_timed_and_its_json_read(tmp_path: Path) -> None:
    code = "import time, os; time.sleep(0.2); print('noise'); print('{\"core\": %d}' % min(os.sched_getaffinity(0)))"
    outcome = measure.run(_python(code), CORE, tmp_path, timeout=20)
    assert outcome.code == 0
    assert 0.2 <= outcome.seconds < 5
    assert measure.json_line(outcome) == {"core": CORE}


def test_a_process_that_hangs_is_ended_by_the_watchdog(tmp_path: Path) -> None:
    outcome = measure.run(_python("import time; time.sleep(60)"), CORE, tmp_path, timeout=0.5)
    assert outcome.hung
    assert outcome.seconds < 10


def test_children_left_alive_are_counted_and_ended(tmp_path: Path) -> None:
    child = tmp_path / "child"
    code = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(child)!r}, "w").write(str(child.pid))
"""
    outcome = measure.run(_python(code), CORE, tmp_path / "work", timeout=20, settle=0.2)
    assert outcome.orphans == 1
    stat = Path(f"/proc/{child.read_text()}/stat")
    deadline = time.monotonic() + 5
    while stat.exists() and " Z " not in stat.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not stat.exists() or " Z " in stat.read_text()


def test_kill_when_kills_at_its_moment(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    code = f"import time; open({str(begun)!r}, 'w'); time.sleep(60)"
    outcome = measure.run(_python(code), CORE, tmp_path / "work", timeout=30, kill_when=begun.exists)
    assert outcome.code == -9
    assert not outcome.hung


def test_no_key_or_proxy_of_ours_reaches_a_measured_process(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("OPENAI_API_KEY", "planted-key")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    outcome = measure.run(_python("import os; print(sorted(os.environ.items()))"), CORE, tmp_path, timeout=20)
    assert "planted-key" not in outcome.stdout
    assert "proxy.example" not in outcome.stdout
    assert "('HF_HUB_OFFLINE', '1')" in outcome.stdout
