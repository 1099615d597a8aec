"""The table of distilabel's steps in the documentation says what was seen of each when it was run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.steps.external.refused import REFUSED
from bezoar_data.steps.external.registry import distilabel_steps
from support.fault_server import FaultServer
from support.projects import Project, run_here, with_writer

DOCS = Path(__file__).parents[2] / "docs" / "external-steps.md"

ROW = {
    "instruction": "Say A.", "text": "A text.", "generations": ["One.", "Two."], "generation": "One.",
    "instructions": ["Say A.", "Say B."], "responses": ["One.", "Two."], "response": "One.", "anchor": "An anchor.",
    "task": "A task.", "student_solution": "One.", "title": "A title", "content": "A content.", "input": "A context.",
    "structured_output": {"format": "json", "schema": {"type": "object"}}, "ratings": [4, 2],
    "messages": [{"role": "user", "content": "Hello"}], "func_desc": "f(x)", "func_name": "f", "query": "What is f?",
    "examples": "None.", "execution_result": ["1"], "keep_row_after_execution_check": True, "reference": "One.",
    "answers": '[{"name": "f", "arguments": {"x": 1}}]',
    "solutions": [["Step 1: One.", "Step 2: Two.", "Step 3: Three.", "The answer is: 3"]],
    "golden_solution": ["Step 1: One.", "The answer is: 3"], "evol_instruction_score": 0.5, "evol_response_score": 0.5,
    "embedding": [0.1, 0.9], "nn_scores": [0.1], "nn_indices": [0], "candidates": ["One.", "Two."],
    "projection": [0.1, 0.9], "cluster_label": 0, "listed": ["One.", "Two."],
}  # fmt: skip
ROWS = {"FormatPRM": {"solutions": ["Step 1: One. +", "Step 2: Two. -", "The answer is: 3 +"]}}
"""Columns that one step wants otherwise than others."""
SETTINGS: dict[str, dict[str, Any]] = {
    "DataSampler": {"data": [ROW], "size": 1, "samples": 2},
    "EvolComplexity": {"num_evolutions": 1},
    "EvolInstruct": {"num_evolutions": 1},
    "EvolQuality": {"num_evolutions": 1},
    "ExpandColumns": {"columns": {"listed": "item"}},
    "GenerateSentencePair": {"action": "paraphrase", "triplet": True},
    "KeepColumns": {"columns": ["instruction"]},
    "LoadDataFromDicts": {"data": [ROW]},
    "MergeColumns": {"columns": ["text", "title"]},
    "PrometheusEval": {"mode": "absolute", "rubric": "factual-validity"},
    "TruncateTextColumn": {"column": "text", "max_length": 3},
    "DeitaFiltering": {"data_budget": 2},
}
UNSEEN = {
    "APIGenExecutionChecker": "wants a library of functions",
    "DBSCAN": "wants scikit-learn",
    "FaissNearestNeighbour": "wants faiss",
    "PairRM": "wants llm-blender",
    "RewardModelScore": "wants a reward model's weights",
    "TextClustering": "wants scikit-learn",
    "UMAP": "wants umap-learn",
}
"""Steps that were not run here, and why."""


def seen_of(project: Project, name: str) -> str:
    """Run one step over two rows, and say how it ran."""
    entry = distilabel_steps()[f"distilabel:{name}"]
    if name in UNSEEN:
        return f"{HOW[entry.way]}; not run here: {UNSEEN[name]}"
    settings = dict(SETTINGS.get(name, {}))
    if entry.role_settings:
        settings["model"] = "writer" if name == "Magpie" else "teacher"
    reads, writes = entry.columns(settings)
    row = {c: v for c, v in {**ROW, **ROWS.get(name, {})}.items() if c not in writes or c in reads}
    rows = [{**row, "text": f"Text {i}."} for i in range(2)]
    steps = (
        ""
        if entry.kind == "source"
        else f"  - use: distilabel:LoadDataFromDicts\n    with: {json.dumps({'data': rows})}\n"
    )
    steps += f"  - use: distilabel:{name}\n    id: it\n    with: {json.dumps(settings)}\n"
    report = run_here(project, steps, trust_code=True, out=f"runs/{name}")
    last = report["steps"][-1]
    assert last["rows_out"] or last["dropped"] == {"left_out": 2}, (name, last)
    return HOW[entry.way] + ("; wants `--trust-code`" if entry.trusts else "")


HOW = {
    "fast": "fast",
    "task": "slower",
    "row": "fast",
    "global": "all rows at once",
    "global task": "all rows at once",
    "source": "a source",
}


@pytest.mark.slow
def test_the_table_of_distilabels_steps_is_what_they_do(mine: Project, answering: FaultServer) -> None:
    """Run with BEZOAR_WRITE_DOCS=1 to write the table."""
    with_writer(mine, answering.url)
    names = [name.partition(":")[2] for name in distilabel_steps()]
    lines = ["| step | here |", "|---|---|", *(f"| `{name}` | {seen_of(mine, name)} |" for name in names)]
    lines += [f"| `{name}` | refused: {reason.why}; {reason.instead} |" for name, reason in sorted(REFUSED.items())]
    table = "\n".join(lines)
    begin, end = "<!-- begin table -->\n", "\n<!-- end table -->"
    text = DOCS.read_text()
    before, rest = text.split(begin)
    written, after = rest.split(end) if end in rest else ("", rest.removeprefix(end[1:]))
    if os.environ.get("BEZOAR_WRITE_DOCS"):
        DOCS.write_text(f"{before}{begin}{table}{end}{after}")
    else:
        assert written == table
