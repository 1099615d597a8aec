"""The lock: everything a dataset depends on and everything that was counted, as one JSON value without times or paths.

The dataset folder is a pure function of the lock, the journal and what people said in review; the lock's hash names
the run on the Hub. The card is rendered from it, and checked against it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bezoar_data.config.files.models import Model
from bezoar_data.engine.counts import Counts
from bezoar_data.engine.judge_stats import Judging, judges_in
from bezoar_data.llms.gateway.fallbacks import fallback_chain
from bezoar_data.llms.providers.base import provider_class
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.runs.dataset import Written, sha256_of
from bezoar_data.runs.row import SOURCES, Row
from bezoar_data.runs.spool import Usage
from bezoar_data.steps.verdicts import name_of

FORMAT = 1
_SOFTWARE = ("bezoar-data", "distilabel", "pyarrow", "datasets")


class Seen:
    """What is counted from the finished rows themselves, while they are written: call it with each."""

    def __init__(self, compiled: Compiled) -> None:
        self.sources: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self.judges = [
            judge
            for node in compiled.nodes
            if not node.is_source
            for judge in judges_in(_written(node), node.id, asks=node.role is not None)
        ]
        self.judging = Judging(self.judges)

    def __call__(self, row: Row) -> None:
        sources = row.lineage.source.split(SOURCES)
        self.sources.update(sources)
        if row.lineage.drop is None:
            self.kept.update(sources)
            self.judging.add(row.columns, row.lineage.seed_ids, row.lineage.missed)


def build_lock(
    compiled: Compiled,
    counts: Counts,
    written: Written,
    dropped: int,
    seen: Seen,
    usage: tuple[Usage, ...],
    contamination: dict[str, Any] | None,
    *,
    limit: int | None,
    people: Mapping[str, Any],
) -> dict[str, Any]:
    """The lock of a finished run. See `cards.render` for how each part is shown.

    `people` is what was measured against labels that people gave (`runs.measured`).
    """
    file = compiled.loaded.file
    costs = [u.cost for u in usage]
    models = _models(compiled, usage)
    return {
        "format": FORMAT,
        "pipeline": {
            "name": file.name,
            "version": file.version,
            "description": file.description,
            "sha256": hashlib.sha256(compiled.resolved.encode()).hexdigest(),
            "seed": file.seed,
            "splits": dict(file.splits),
            "tolerate": file.tolerate,
            "limit": limit,
            **({"review": file.review.model_dump()} if file.review else {}),
        },
        "software": {name: _version(name) for name in _SOFTWARE},
        "steps": [{**_step(node), **counts.steps[node.id].as_json()} for node in compiled.nodes],
        "sources": _sources(compiled, seen),
        "models": models,
        "counts": {
            "source": sum(counts.steps[node.id].rows_in for node in compiled.sources),
            "kept": written.rows,
            "dropped": dropped,
        },
        "usage": [
            {
                "step": u.step,
                "model": u.model,
                "answers": u.answers,
                "prompt_tokens": u.prompt_tokens,
                "completion_tokens": u.completion_tokens,
                "cost": u.cost,
            }
            for u in usage
        ],
        "cost": None if None in costs else round(sum(c or 0.0 for c in costs), 6),
        "judges": seen.judging.judges(),
        "judging": {**seen.judging.measured(), "people": dict(people)},
        "contamination": contamination,
        "columns": dict(written.columns),
        "mixed_columns": list(written.mixed),
        "data": [
            {"path": f.path, "split": f.split, "rows": f.rows, "bytes": f.bytes, "sha256": f.sha256}
            for f in written.files
        ],
        "demo": any(model["demo"] for model in models),
    }


def _written(node: Node) -> list[str]:
    return list(getattr(node.step, "outputs", ()))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _step(node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "use": node.use,
        "version": node.version,
        "after": list(node.after),
        "settings": dict(node.settings),
        "files": _hashes(node),
        "role": node.role,
    }


def _hashes(node: Node) -> dict[str, Any]:
    """The hashes of the files a step reads, by setting; a folder or a pattern is hashed by the source itself."""
    hashes: dict[str, Any] = {}
    for name, path in node.files:
        if path.is_file():
            hashes.setdefault(name, []).append({"name": path.name, "sha256": sha256_of(path)})
    return hashes


def _sources(compiled: Compiled, seen: Seen) -> list[dict[str, Any]]:
    return [
        {
            "step": node.id,
            "name": fact.name,
            "revision": fact.revision or None,
            "sha256": fact.sha256,
            "url": fact.url,
            "licence": fact.licence,
            "rows": seen.sources[fact.name],
            "kept": seen.kept[fact.name],
        }
        for node in compiled.sources
        for fact in node.step.facts()
    ]


def _models(compiled: Compiled, usage: Sequence[Usage]) -> list[dict[str, Any]]:
    return [
        {
            "role": role,
            "fallback": model is not compiled.roles[role],
            "provider": model.provider,
            "model": model.model,
            "revision": model.revision,
            "sampling": model.sampling.model_dump(mode="json", exclude_defaults=True),
            "extra_body": dict(model.extra_body),
            "output_licence": model.output_licence.model_dump(),
            "carbon": model.carbon.model_dump() if model.carbon else None,
            "demo": provider_class(model.provider).demo,
            "steps": steps,
        }
        for role, model, steps in _answering(compiled, usage)
    ]


def _answering(compiled: Compiled, usage: Sequence[Usage]) -> Iterator[tuple[str, Model, list[str]]]:
    """The model of each role with the steps that ask it, and those of its fallbacks that answered: their terms hold for
    these answers."""
    answered = {(u.step, u.model) for u in usage}
    for role, first in compiled.roles.items():
        asking = [
            (node.id, name_of(node.id, to)) for node in compiled.nodes for to, r in node.roles.items() if r == role
        ]
        yield role, first, list(dict.fromkeys(step for step, _ in asking))
        for model in fallback_chain(first)[1:]:
            steps = list(dict.fromkeys(step for step, name in asking if (name, model.model) in answered))
            if steps:
                yield role, model, steps
