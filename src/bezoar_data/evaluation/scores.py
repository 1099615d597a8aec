"""How answers are scored that the harness has no offline metric for: code by its tests, texts by their likeness.

The harness calls these for each item, as `process_results` of a task file (`suites/tasks/scores.py` names them there).
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

SECONDS = 10.0
"""How long a program may run."""
_LIMITS = """\
import resource as _r
for _kind, _most in ((_r.RLIMIT_AS, 4 << 30), (_r.RLIMIT_FSIZE, 16 << 20), (_r.RLIMIT_CORE, 0)):
    _r.setrlimit(_kind, (_most, _most))
del _r, _kind, _most
"""


def passes_tests(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """HumanEval's pass@1: whether the function that the model has completed passes the item's tests (arXiv 2107.03374).

    This runs what a model has written.
    """
    program = f"{doc['prompt']}{results[0]}\n\n{doc['test']}\n\ncheck({doc['entry_point']})\n"
    return {"pass@1": float(runs_through(program))}


def runs_through(program: str, seconds: float = SECONDS) -> bool:
    """Whether a Python program comes to its end, without an error, in time.

    It runs in a process and an empty folder of its own, without this process's environment, with bounds on time, memory
    and files. That keeps accidents away; it is not a wall against code that means harm.
    """
    done = secrets.token_hex(16)
    source = f"{_LIMITS}{program}\nprint({done!r})\n"
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-c", source],
            cwd=folder,
            env={"PATH": os.defpath, "HOME": folder, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            said, _ = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            said = b""
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # and what it has started
            child.wait()
            assert child.stdout is not None  # noqa: S101
            child.stdout.close()
    return child.returncode == 0 and said.decode("utf-8", "replace").endswith(f"{done}\n")


def likeness(target: str, answer: str) -> dict[str, Any]:
    """How like a text is to the one wanted: ROUGE-L's F1 of word stems (rouge-score), BLEU-4 of the sentence by itself,
    and the pair of both, of which the harness makes the BLEU-4 of all items together (sacrebleu, in its defaults)."""
    from sacrebleu import sentence_bleu

    rouge = _rouge().score(target, answer)["rougeL"].fmeasure
    return {"rougeL": rouge, "sentence_bleu": sentence_bleu(answer, [target]).score, "bleu": (target, answer)}


def explains(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """The likeness of an explanation to a row's of FLAN v2, where a line break stands as two characters."""
    return likeness(str(doc["rationale"]).replace("\\n", "\n").strip(), results[0].strip())


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=True)
