"""Locks of what datasets are made of: sources, models, corrections."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bezoar_data.cards.sample_lock import SAMPLE
from bezoar_data.config.files.models import OutputLicence
from bezoar_data.config.files.pipeline import ReviewGate
from bezoar_data.runs.judged import HumanReview
from bezoar_data.runs.lock import Lock, LockedModel, LockedSource

OPENAI = {"id": "LicenseRef-OpenAI-terms", "commercial": "unknown"}
APACHE = {"id": "Apache-2.0", "commercial": "yes"}
NOBODY = {"id": "unknown", "commercial": "unknown"}
HUB = "https://huggingface.co/datasets/"


def source(licence: str | None, name: str = "rows.jsonl", hub: bool = False, kept: int = 10) -> LockedSource:
    url = f"{HUB}{name}" if hub else None
    return replace(SAMPLE.sources[0], name=name, licence=licence, url=url, rows=10, kept=kept)


def model(terms: dict[str, Any], name: str = "the-model", step: str = "explain") -> LockedModel:
    terms_of_outputs = OutputLicence.model_validate(terms)
    return replace(SAMPLE.models[0], model=name, output_licence=terms_of_outputs, steps=(step,) if step else ())


def lock(*parts: LockedSource | LockedModel, corrected: int = 0, told: str = "unknown") -> Lock:
    sources = tuple(part for part in parts if isinstance(part, LockedSource))
    review = HumanReview(
        answers_sha256="0",
        rows=9, even=9, people=1, answers=9, discarded=0, drafts=0, status={}, preference={}, divided=0,
        corrected=corrected, licences={told: corrected} if corrected else {}, between_people=None,
    )  # fmt: skip
    return replace(
        SAMPLE,
        sources=sources,
        models=tuple(part for part in parts if isinstance(part, LockedModel)),
        judges=(),
        counts=replace(SAMPLE.counts, kept=sum(part.kept for part in sources)),
        review=review if corrected else None,
    )


def by_pipeline(made: Lock, licence: str) -> Lock:
    """The same of a pipeline that says under what corrections may be used."""
    return replace(made, pipeline=replace(made.pipeline, review=ReviewGate(licence=licence)))


def sources(*licences: str | None) -> Lock:
    return lock(*(source(licence, f"part{i}.jsonl") for i, licence in enumerate(licences)))
