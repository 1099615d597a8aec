"""How answers are scored: programs that pass, fail, hang or cheat, and likenesses worked by hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from bezoar_data.evaluation.scores import explains, likeness, passes_tests, runs_through
from support.waiting import wait_until

ITEM = {
    "prompt": 'def double(x):\n    """Twice x."""\n',
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-1) == -2\n",
    "entry_point": "double",
}


@pytest.mark.parametrize(
    ("completion", "passed"),
    [
        ("    return x + x", 1.0),
        ("    return x ** 2", 0.0),
        ("    return x +", 0.0),
        ("    import sys; sys.exit(0)", 0.0),
        ("    import os; os._exit(0)", 0.0),
        ("    return bytearray(8 << 30)", 0.0),
        ("    open('big', 'wb').write(bytes(32 << 20)); return x + x", 0.0),
        ("    open('small', 'w').write('x'); return x + x", 1.0),
        ("    input(); return x + x", 0.0),
    ],
)
def test_a_completion_passes_when_its_tests_do(completion: str, passed: float) -> None:
    assert passes_tests(ITEM, [completion]) == {"pass@1": passed}


def test_what_does_not_end_is_ended_and_so_is_what_it_started(tmp_path: Path) -> None:
    born = tmp_path / "born"
    child = f"import os, time; open({str(born)!r}, 'w').write(str(os.getpid())); time.sleep(1000)"
    program = f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\n"
    assert not runs_through(
        f"{program}while not __import__('os').path.exists({str(born)!r}): pass\nwhile True: pass\n", 2
    )
    if born.exists() and (pid := born.read_text()):  # on a machine too slow for it, it was ended before it was born
        process = Path("/proc", pid, "stat")
        wait_until(lambda: not process.exists() or process.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def test_a_program_sees_neither_this_environment_nor_this_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_API_KEY", "sk-secretsecretsecret")
    assert runs_through("import os\nassert 'TEST_API_KEY' not in os.environ\nassert os.listdir() == []\n")


def test_published_solutions_pass(real_data: Path) -> None:
    with gzip.open(real_data / "humaneval" / "HumanEval.jsonl.gz", "rt") as file:
        items = [json.loads(next(file)) for _ in range(4)]
    for item in items:
        assert passes_tests(item, [item["canonical_solution"]]) == {"pass@1": 1.0}
        assert passes_tests(item, ["    return None"]) == {"pass@1": 0.0}


def test_likeness_is_as_worked_by_hand() -> None:
    # Stems: "the cats sat" and "a cat sat down" share "cat sat": precision 2/4, recall 2/3.
    found = likeness("the cats sat", "a cat sat down")
    assert found["rougeL"] == pytest.approx(2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3))
    assert found["bleu"] == ("the cats sat", "a cat sat down")
    same = likeness("one two three four five", "one two three four five")
    assert (same["rougeL"], same["sentence_bleu"]) == (1.0, pytest.approx(100.0))
    assert likeness("one two", "")["rougeL"] == 0.0
    assert explains({"rationale": r"one\ntwo "}, [" one two"])["rougeL"] == 1.0
