"""What a run found out about overlap with evaluation sets: for the lock, the card, and a report of each row found."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from bezoar_data.engine.counts import Counts, Finding
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.row import canonical
from bezoar_data.steps.curation.decontaminate import ALLOWED, FOUND, Decontaminate

REPORT = "contamination.jsonl"


def contamination(compiled: Compiled, counts: Counts, folder: Path) -> dict[str, Any] | None:
    """The lock's part: each search, against what, and what came of it. None where no step searched.

    Leaves the report in the dataset's folder if any row was found: a line for each, with its id, what became of it,
    and the test items with the words both have.
    """
    steps = [node for node in compiled.nodes if isinstance(node.step, Decontaminate)]
    if not steps:
        return None
    found = {node.id: counts.findings(node.id) for node in steps}
    lines = [_line(finding) for node in steps for finding in found[node.id]]
    report = None
    if lines:
        path = folder / REPORT
        path.write_text("".join(canonical(line) + "\n" for line in lines), encoding="utf-8")
        report = {"path": REPORT, "rows": len(lines), "sha256": sha256_of(path)}
    return {"steps": [_search(compiled, node, counts, found[node.id]) for node in steps], "report": report}


def _search(compiled: Compiled, node: Node, counts: Counts, found: list[Finding]) -> dict[str, Any]:
    step: Decontaminate = node.step
    count = counts.steps[node.id]
    per_set = Counter(name for finding in found for name in (finding.mark.facts or {})["sets"])
    outcomes = {"dropped": count.dropped[FOUND], "marked": count.flags[FOUND], "kept_on_appeal": count.flags[ALLOWED]}
    return {
        "step": node.id,
        "columns": step.inputs,
        "ngram": step.ngram,
        "coverage": step.coverage,
        "shortest": step.shortest,
        "sets": [
            {
                "name": one.facts.name,
                "revision": one.facts.revision or None,
                "sha256": one.facts.sha256,
                "url": one.facts.url,
                "items": one.rows,
                "texts": len(one.items),
                "rows_found": per_set[one.facts.name],
            }
            for one in step.sets
        ],
        "rows": count.rows_in,
        "flagged": sum(outcomes.values()),
        **outcomes,
        "every_row": _every_row_passes(compiled, node),
        "changed_after": _changed_after(compiled, node, step.inputs),
    }


def _every_row_passes(compiled: Compiled, node: Node) -> bool:
    """Whether no row can come from a source to the end without passing the step."""
    after = compiled.descendants(node.id)
    return all(before in after or before == node.id for name in after for before in compiled.node(name).after)


def _changed_after(compiled: Compiled, node: Node, columns: list[str]) -> list[str]:
    """The steps after it that write what was searched anew, or make rows of their own."""
    after = compiled.descendants(node.id)
    return [
        one.id
        for one in compiled.nodes
        if one.id in after and (getattr(one.step, "makes", False) or set(columns).intersection(one.step.outputs))
    ]


def _line(finding: Finding) -> dict[str, Any]:
    mark = finding.mark
    outcome = "dropped" if not finding.kept else "marked" if mark.reason == FOUND else ALLOWED
    return {"row": finding.row, "step": mark.step, "outcome": outcome, **(mark.facts or {})}
