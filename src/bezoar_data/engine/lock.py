"""The lock of a finished run, from what it ran and counted; and the finished dataset put in its place."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bezoar_data.config.files.models import Model
from bezoar_data.engine.counts import Counts, StepCount
from bezoar_data.engine.judge_stats import Judging, judges_in
from bezoar_data.engine.observer import Observer
from bezoar_data.llms.providers.base import provider_class
from bezoar_data.pipeline.compile import Compiled, Node
from bezoar_data.runs.dataset import Written
from bezoar_data.runs.folder import RunFolder, replace_folder, write_json, write_text
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.judged import AcceptCounts, HumanReview, LockedJudging, PeopleMeasures
from bezoar_data.runs.lock import (
    Contamination,
    Lock,
    LockedFile,
    LockedModel,
    LockedPipeline,
    LockedSource,
    LockedStep,
    ModelUsage,
    RenderCard,
    RowCounts,
)
from bezoar_data.runs.record import parse
from bezoar_data.runs.row import SOURCES, Row
from bezoar_data.runs.signed import carry_over
from bezoar_data.steps.driver import Outcome
from bezoar_data.steps.verdicts import answer_name

_SOFTWARE = ("bezoar-data", "distilabel", "pyarrow", "datasets")


class RowTotals(Observer):
    """What is counted from the rows themselves: verdicts when a judge has given them, as the engine's observer, and the
    rest from the finished rows, while they are written. Call it with each of those."""

    def __init__(self, compiled: Compiled) -> None:
        self.sources: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self.demo_sources: set[str] = set()
        """Sources of rows that are known for demo rows by what they hold."""
        asked = (model for first in compiled.roles.values() for model in _as_asked(first))
        self._demo_models = {model.model for model in asked if _is_demo(model)}
        self.judges = [
            judge
            for node in compiled.nodes
            if not node.is_source
            for judge in judges_in(_written(node), node.id, asks=node.role is not None)
        ]
        self.judging = Judging(self.judges)

    def decided(self, node: Node, row: Row, outcome: Outcome) -> None:
        for kept in outcome.kept:
            self.judging.judged(node.id, kept)

    def __call__(self, row: Row) -> None:
        sources = row.lineage.source.split(SOURCES)
        self.sources.update(sources)
        if row.lineage.demo and not self._demo_models.intersection(row.lineage.models.values()):
            self.demo_sources.update(sources)
        if row.lineage.drop is None:
            self.kept.update(sources)
            self.judging.kept(row.columns, row.lineage.seed_ids, row.lineage.order)


def build_lock(
    compiled: Compiled,
    counts: Counts,
    written: Written,
    dropped: int,
    seen: RowTotals,
    usage: tuple[ModelUsage, ...],
    contamination: Mapping[str, Any] | None,
    *,
    limit: int | None,
    people: PeopleMeasures,
    review: HumanReview | None,
) -> Lock:
    """The lock of a finished run. `people` is what was measured of its judges against labels that people gave."""
    file = compiled.loaded.file
    costs = [u.cost for u in usage]
    models, sources = tuple(_models(compiled, usage)), tuple(_sources(compiled, seen))
    judging: LockedJudging = parse(LockedJudging, seen.judging.measured())
    return Lock(
        pipeline=LockedPipeline(
            name=file.name,
            version=file.version,
            description=file.description,
            sha256=hashlib.sha256(compiled.resolved.encode()).hexdigest(),
            seed=file.seed,
            splits=dict(file.splits),
            tolerate=file.tolerate,
            limit=limit,
            review=file.review,
        ),
        software={name: _version(name) for name in _SOFTWARE},
        steps=tuple(_step(node, counts.steps[node.id]) for node in compiled.nodes),
        sources=sources,
        models=models,
        counts=RowCounts(
            source=sum(counts.steps[node.id].rows_in for node in compiled.sources), kept=written.rows, dropped=dropped
        ),
        usage=usage,
        cost=None if None in costs else round(sum((c or 0.0 for c in costs), 0.0), 6),
        judges=parse(tuple[AcceptCounts, ...], seen.judging.judges()),
        judging=replace(judging, people=people),
        contamination=parse(Contamination, contamination) if contamination is not None else None,
        columns=dict(written.columns),
        mixed_columns=written.mixed,
        values=written.values,
        lengths=written.lengths,
        data=written.files,
        demo=any(model.demo for model in models) or any(source.demo for source in sources),
        review=review,
    )


def put_in_place(
    building: Path, folder: RunFolder, lock: Lock, example: Mapping[str, Any] | None, render: RenderCard
) -> bool:
    """Finish the dataset in `building`: card and lock are written into it, and it takes the place of the dataset that
    was there. Gives whether a signature of that one is lost by it; one of the same files stays."""
    previous = folder.dataset / "README.md"
    texts = render(lock, example, previous.read_text("utf-8") if previous.exists() else None)
    write_json(building / "lock.json", lock.as_json())
    for name, text in texts.items():
        write_text(building / name, text)
    lost = carry_over(folder.dataset, building, lock.pipeline.sha256)
    replace_folder(building, folder.dataset)
    return lost


def _written(node: Node) -> list[str]:
    return list(getattr(node.step, "outputs", ()))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _step(node: Node, count: StepCount) -> LockedStep:
    return LockedStep(
        id=node.id,
        use=node.use,
        version=node.version,
        after=tuple(node.after),
        settings=dict(node.settings),
        files=_hashes(node),
        role=node.role,
        rows_in=count.rows_in,
        rows_out=count.rows_out,
        dropped=dict(sorted(count.dropped.items())),
        missed=dict(sorted(count.soft_failures.items())),
        noted=dict(sorted(count.flags.items())),
        texts=dict(node.step.said_to_models()),
    )


def _hashes(node: Node) -> dict[str, tuple[LockedFile, ...]]:
    """The hashes of the files a step reads, by setting; a folder or a pattern is hashed by the source itself."""
    hashes: dict[str, tuple[LockedFile, ...]] = {}
    for name, path in node.files:
        if path.is_file():
            hashes[name] = (*hashes.get(name, ()), LockedFile(name=path.name, sha256=sha256_of(path)))
    return hashes


def _sources(compiled: Compiled, seen: RowTotals) -> Iterator[LockedSource]:
    for node in compiled.sources:
        for fact in node.step.facts():
            yield LockedSource(
                step=node.id,
                name=fact.name,
                revision=fact.revision or None,
                sha256=fact.sha256,
                url=fact.url,
                licence=fact.licence,
                demo=fact.demo or fact.name in seen.demo_sources,
                as_text=fact.as_text,
                rows=seen.sources[fact.name],
                kept=seen.kept[fact.name],
            )


def _models(compiled: Compiled, usage: Sequence[ModelUsage]) -> Iterator[LockedModel]:
    for role, model, fallback, steps in _answering(compiled, usage):
        yield LockedModel(
            role=role,
            fallback=fallback,
            provider=model.provider,
            model=model.model,
            revision=model.revision,
            sampling=model.sampling.model_dump(mode="json", exclude_defaults=True),
            extra_body=dict(model.extra_body),
            output_licence=model.output_licence,
            carbon=model.carbon,
            demo=_is_demo(model),
            rules=provider_class(model.provider).rules,
            thinking=model.thinking,
            steps=tuple(steps),
        )


def _is_demo(model: Model) -> bool:
    return model.demo or provider_class(model.provider).demo


def _as_asked(first: Model) -> Iterator[Model]:
    """A role's model and its fallbacks, as their providers ask them."""
    return (provider_class(model.provider).as_asked(model) for model in first.fallback_chain())


def _answering(compiled: Compiled, usage: Sequence[ModelUsage]) -> Iterator[tuple[str, Model, bool, list[str]]]:
    """The model of each role with the steps that ask it, and those of its fallbacks (True) that answered: their terms
    hold for these answers."""
    answered = {(u.step, u.model) for u in usage}
    for role, first in compiled.roles.items():
        asked, *fallbacks = _as_asked(first)
        asking = [
            (node.id, answer_name(node.id, to)) for node in compiled.nodes for to, r in node.roles.items() if r == role
        ]
        yield role, asked, False, list(dict.fromkeys(step for step, _ in asking))
        for model in fallbacks:
            steps = list(dict.fromkeys(step for step, name in asking if (name, model.model) in answered))
            if steps:
                yield role, model, True, steps
